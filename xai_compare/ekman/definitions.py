"""What `ekman_masks/` says: action units, expressions, and outlines in terms of the face's 89 points."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import yaml

from xai_compare.errors import InputError, nearest

POINTS = 89
"""Points of the completed face: 68 landmarks, 17 at the top border, 4 corners."""

Weights = tuple[tuple[int, float], ...]
"""A corner of an outline: indices into the 89 points (from 0) and their weights, which sum to 1."""

Polygon = tuple[Weights, ...]


@dataclass(frozen=True)
class ActionUnit:
    """One action unit: FACS number, name, muscles, and the polygons whose union is its region."""

    number: int
    name: str
    muscles: str
    polygons: tuple[Polygon, ...]


@dataclass(frozen=True)
class Expression:
    """One expression: its action units (EMFACS) and the polygons whose union is its mask."""

    name: str
    action_units: tuple[int, ...]
    polygons: tuple[Polygon, ...]


def data_folder() -> Path:
    """Return the folder of the definitions: inside the installed package, or beside it in a source checkout.

    Raises:
        InputError: if neither place has them.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "data", here.parents[1] / "ekman_masks"):
        if (folder / "expressions.yaml").is_file():
            return folder
    raise InputError("the definitions of the Ekman masks are missing", where=here, hint="install xai-compare again")


_TERM = re.compile(r"([+-]?)(?:(\d*\.?\d+)\*)?(?:(\d+)|\((\d+)-(\d+)\))")


def parse_point(text: str) -> Weights:
    """Return the weights of a point written as a sum of landmarks.

    Args:
        text: terms ``N``, ``a*N`` or ``a*(N - M)`` joined by ``+`` and ``-``, landmarks counted from 1.

    Returns:
        pairs of index (from 0) and weight, which sum to 1, so that the point follows every affine map of the face.

    Raises:
        InputError: if the text is no such sum, a landmark is not in 1..89, or the weights do not sum to 1.

    >>> parse_point("37 + 2*(31 - 30)")
    ((29, -2.0), (30, 2.0), (36, 1.0))
    """
    rest, weights = str(text).replace(" ", ""), dict[int, float]()
    while rest:
        term = _TERM.match(rest)
        if term is None or (weights and not term[1]):
            raise InputError(f"cannot read {text!r} as a sum of landmarks", hint="write it like 0.5*5 + 0.5*49")
        weight = float(term[2] or 1) * (-1 if term[1] == "-" else 1)
        for landmark, sign in ((term[3] or term[4], 1), (term[5], -1)):
            if landmark is not None:
                weights[int(landmark) - 1] = weights.get(int(landmark) - 1, 0.0) + sign * weight
        rest = rest[term.end() :]
    if not all(0 <= index < POINTS for index in weights):
        raise InputError(f"{text!r} names a landmark outside 1..{POINTS}")
    if not np.isclose(sum(weights.values()), 1):
        raise InputError(f"the weights of {text!r} sum to {sum(weights.values()):g}, not 1")
    return tuple(sorted(weights.items()))


def _polygons(outlines: list[list[Any]], points: dict[str, Weights], where: str) -> tuple[Polygon, ...]:
    def corner(name: Any) -> Weights:
        if str(name).isdigit():
            return parse_point(name)
        if name not in points:
            raise InputError(f"unknown point {name!r}", where=where, hint=nearest(str(name), points))
        return points[name]

    return tuple(tuple(corner(name) for name in outline) for outline in outlines)


def load(folder: Path) -> tuple[dict[int, ActionUnit], dict[str, Expression]]:
    """Read ``points.yaml``, ``action_units.yaml`` and ``expressions.yaml`` of a folder.

    Returns:
        action units by number, and expressions by name, both in the order of the files.

    Raises:
        InputError: if a polygon names an unknown point or an expression an unknown action unit.
    """

    def read(name: str) -> dict[Any, Any]:
        return yaml.safe_load((folder / name).read_text("utf-8"))

    points = {name: parse_point(text) for name, text in read("points.yaml").items()}
    units = {
        number: ActionUnit(
            number, entry["name"], entry["muscles"], _polygons(entry["polygons"], points, f"action unit {number}")
        )
        for number, entry in read("action_units.yaml").items()
    }
    expressions = {
        name: Expression(name, tuple(entry["action_units"]), _polygons(entry["polygons"], points, name))
        for name, entry in read("expressions.yaml").items()
    }
    for expression in expressions.values():
        for number in expression.action_units:
            if number not in units:
                raise InputError(f"unknown action unit {number}", where=expression.name)
    return units, expressions


_UNITS, _EXPRESSIONS = load(data_folder())

ACTION_UNITS: MappingProxyType[int, ActionUnit] = MappingProxyType(_UNITS)
"""The action units that have a region, by FACS number."""

DEFINITIONS: MappingProxyType[str, Expression] = MappingProxyType(_EXPRESSIONS)
"""The expressions that have a mask, by name."""

EXPRESSIONS: tuple[str, ...] = tuple(DEFINITIONS)
"""The expressions that have a mask: Ekman's six."""
