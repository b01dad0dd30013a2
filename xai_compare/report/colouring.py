"""Maps as colours: alone, and over a picture."""

from __future__ import annotations

import numpy as np

from xai_compare.comparison import to_8bit
from xai_compare.report import style

_LEAST, _MOST = 0.06, 0.8
_SHARES = (_LEAST + (_MOST - _LEAST) * (np.arange(256) / 255.0) ** 0.8).astype(np.float32)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)
_HEAT = (style.HEAT(np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def heat(values: np.ndarray) -> np.ndarray:
    """Colour a map ``(h, w)``, stretched from its own least to its greatest value, as uint8 ``(h, w, 3)``."""
    return heat_of_levels(to_8bit(values))


def heat_of_levels(levels: np.ndarray) -> np.ndarray:
    """Colour levels, uint8 ``(h, w)``, as uint8 ``(h, w, 3)``."""
    return _HEAT[levels]


def overlay(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay a map over a picture: the picture in light grey, coloured the more the higher the map is.

    Args:
        image: uint8 ``(h, w, 3)`` or ``(h, w)``.
        values: real ``(h, w)``, stretched from its own least to its greatest value; where it is not finite
            the picture is left grey.

    Returns:
        uint8 ``(h, w, 3)``.

    Raises:
        ValueError: if the sizes differ.
    """
    if image.shape[:2] != values.shape:
        raise ValueError(f"the picture is {image.shape[:2]}, the map {values.shape}")
    finite = np.isfinite(values)
    filled = np.where(finite, values, values[finite].min() if finite.any() else 0)
    return overlay_of_levels(image, to_8bit(filled), finite)


def overlay_of_levels(image: np.ndarray, levels: np.ndarray, coloured: np.ndarray | None = None) -> np.ndarray:
    """The same for levels, uint8 ``(h, w)``; where ``coloured``, bool ``(h, w)``, is false the picture is left grey."""
    grey = image if image.ndim == 2 else image[..., :3] @ _GREY
    ground = (95 + grey * np.float32(160 / 255))[..., None]
    share = _SHARES[levels] if coloured is None else np.where(coloured, _SHARES[levels], np.float32(0))
    share = share[..., None]
    return (ground * (1 - share) + heat_of_levels(levels) * share).round().astype(np.uint8)
