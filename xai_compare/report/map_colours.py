"""Maps as colours: alone, and over a picture. Signed maps in two ramps that meet in white at 0."""

from __future__ import annotations

import numpy as np

from xai_compare.comparison import to_8bit
from xai_compare.report import style

_LEAST, _MOST = 0.06, 0.8
_SHARES = (_LEAST + (_MOST - _LEAST) * (np.arange(256) / 255.0) ** 0.8).astype(np.float32)
_STRENGTH = np.abs(2 * np.arange(256) - 255).astype(np.uint8)
"""How far a level of a signed map is from 0, as a level of an unsigned one."""
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_HEAT, _DIVERGING = (
    (colours(np.arange(256))[:, :3] * 255).round().astype(np.uint8) for colours in (style.HEAT, style.DIVERGING)
)
_NOISE = 0.01


def is_signed(values: np.ndarray) -> bool:
    """Whether a map ``(h, w)`` has negative values of at least a hundredth of its greatest absolute value."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() < -_NOISE * np.abs(finite).max())


def levels_of(values: np.ndarray, signed: bool | None = None) -> np.ndarray:
    """The levels, uint8 ``(h, w)``, that a map is drawn in.

    Args:
        values: real ``(h, w)``.
        signed: whether it is drawn around 0; by default if `is_signed`.

    Returns:
        From the least to the greatest value, 0 to 255; of a signed map from minus to plus its greatest absolute
        value, so that 0 lies in the middle.
    """
    if not (is_signed(values) if signed is None else signed):
        return to_8bit(values)
    most = np.abs(values).max()
    if not (np.isfinite(most) and most > 0):
        return np.full(values.shape, 128, np.uint8)
    return np.rint(127.5 + 127.5 * (values / most)).astype(np.uint8)


def heat(values: np.ndarray) -> np.ndarray:
    """Colour a map ``(h, w)`` as uint8 ``(h, w, 3)``, see `levels_of`."""
    signed = is_signed(values)
    return heat_of_levels(levels_of(values, signed), signed)


def heat_of_levels(levels: np.ndarray, signed: bool = False) -> np.ndarray:
    """Colour levels, uint8 ``(h, w)``, as uint8 ``(h, w, 3)``."""
    return (_DIVERGING if signed else _HEAT)[levels]


def overlay(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay a map over a picture: the picture in light grey, coloured the more the higher the map is.

    Args:
        image: uint8 ``(h, w, 3)`` or ``(h, w)``.
        values: real ``(h, w)``, drawn as `levels_of` says: a signed map colours what speaks for and against; where it
            is not finite the picture is left grey.

    Returns:
        uint8 ``(h, w, 3)``.

    Raises:
        ValueError: if the sizes differ.
    """
    if image.shape[:2] != values.shape:
        raise ValueError(f"the picture is {image.shape[:2]}, the map {values.shape}")
    finite = np.isfinite(values)
    filled = np.where(finite, values, values[finite].min() if finite.any() else 0)
    signed = is_signed(filled)
    return overlay_of_levels(image, levels_of(filled, signed), finite, signed=signed)


def overlay_of_levels(
    image: np.ndarray, levels: np.ndarray, coloured: np.ndarray | None = None, *, signed: bool = False
) -> np.ndarray:
    """The same for levels, uint8 ``(h, w)``; where ``coloured``, bool ``(h, w)``, is false the picture is left grey."""
    grey = image if image.ndim == 2 else image[..., :3] @ _GREY
    ground = (95 + grey * np.float32(160 / 255))[..., None]
    share = _SHARES[_STRENGTH[levels] if signed else levels]
    share = (share if coloured is None else np.where(coloured, share, np.float32(0)))[..., None]
    return (ground * (1 - share) + heat_of_levels(levels, signed) * share).round().astype(np.uint8)
