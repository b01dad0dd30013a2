"""The masks of expressions and the regions of action units, on the canonical face or any other."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from xai_compare import expressions
from xai_compare.ekman.definitions import ACTION_UNITS, DEFINITIONS, EXPRESSIONS, Expression, Polygon
from xai_compare.ekman.rendering import place, render
from xai_compare.errors import InputError


def _definition(expression: str) -> Expression:
    name = expressions.canonical(expression)
    if name not in DEFINITIONS:
        raise InputError(f"no Ekman mask for {name!r}", hint=f"masks exist for {', '.join(EXPRESSIONS)}")
    return DEFINITIONS[name]


@lru_cache(maxsize=64)
def _on_canonical_face(polygons: tuple[Polygon, ...]) -> np.ndarray:
    return render(polygons, *place(None, None))


def _draw(polygons: tuple[Polygon, ...], landmarks: np.ndarray | None, shape: tuple[int, int] | None) -> np.ndarray:
    if landmarks is None and shape is None:
        return _on_canonical_face(polygons).copy()
    return render(polygons, *place(landmarks, shape))


def action_units(expression: str) -> tuple[int, ...]:
    """Return the action units of an expression, by FACS number.

    Raises:
        InputError: if the expression is unknown or has no Ekman mask.

    Source: Gaya-Morey et al. 2024, Table 2 (EMFACS, Friesen & Ekman 1983).

    >>> action_units("Angry")
    (4, 5, 7, 23)
    """
    return _definition(expression).action_units


def mask(expression: str, landmarks: np.ndarray | None = None, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the Ekman mask of an expression, as Gaya-Morey et al. drew it.

    Args:
        expression: one of `EXPRESSIONS`, or an alias of it.
        landmarks: the face to draw it on, float ``(89, 2)`` or ``(68, 2)``, x and y in pixels (68 are completed with
            the top border and corners of the picture); by default the canonical face.
        shape: height and width of the picture; by default the canonical face's, or, for 89 landmarks, their corner's.

    Returns:
        bool ``(h, w)``, ``(275, 224)`` on the canonical face; True where the expression's action units are seen.

    Raises:
        InputError: if the expression is unknown or has no mask, or the landmarks or the shape do not fit.

    Source: Gaya-Morey et al. 2024, section 4.4 and Figure 4.

    >>> mask("anger").shape, round(float(mask("anger").mean()), 2)
    ((275, 224), 0.25)
    """
    return _draw(_definition(expression).polygons, landmarks, shape)


def region(au: int, landmarks: np.ndarray | None = None, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the region of the face that one action unit changes.

    Args:
        au: FACS number, one of `ACTION_UNITS`.
        landmarks, shape: the face to draw it on, as for `mask`.

    Returns:
        bool ``(h, w)``, ``(275, 224)`` on the canonical face.

    Raises:
        InputError: if the action unit has no region, or the landmarks or the shape do not fit.
    """
    if au not in ACTION_UNITS:
        known = ", ".join(map(str, ACTION_UNITS))
        raise InputError(f"no region for action unit {au!r}", hint=f"regions exist for {known}")
    return _draw(ACTION_UNITS[au].polygons, landmarks, shape)


def union(expression: str, landmarks: np.ndarray | None = None, shape: tuple[int, int] | None = None) -> np.ndarray:
    """Return the union of the regions of an expression's action units: bool ``(h, w)``.

    It is not the expression's `mask`; ``ekman_masks/README.md`` says where the two differ. Arguments and errors as
    for `mask`.
    """
    return np.logical_or.reduce([region(au, landmarks, shape) for au in action_units(expression)])


def masks() -> dict[str, np.ndarray]:
    """Return the masks of all `EXPRESSIONS` on the canonical face, bool ``(275, 224)`` each."""
    return {expression: mask(expression) for expression in EXPRESSIONS}
