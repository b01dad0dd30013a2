"""Pictures as people uncovered them: discs on a blurred grey picture (Park & Wallraven 2022, 4.2 and 5.1)."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

SHIFTS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if (dx, dy) != (0, 0))
"""The eight directions by one pixel in which the paper shifts the mask."""


def covered(image: np.ndarray, blur: int = 70) -> np.ndarray:
    """The picture in grey under a box blur ``blur`` pixels wide, uint8 ``(h, w, 3)``.

    As OpenCV's ``blur`` does it: the border is mirrored without repeating its pixel, and an even box reaches one pixel
    further to the left and top.
    """
    grey = (np.asarray(image, np.float64) @ (0.299, 0.587, 0.114)).round()
    soft = ndimage.uniform_filter(grey, blur, mode="mirror")
    return np.repeat(soft.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def reveal(
    image: np.ndarray, points: np.ndarray, radius: float, blur: int = 70, shift: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Uncover discs of a picture.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        points: float ``(n, 2)``, x and y of the clicks in pixels.
        radius: of the discs, in pixels.
        blur: width of the box blur of what stays covered, in pixels.
        shift: x and y by which the mask is moved against the picture.

    Returns:
        uint8 ``(h, w, 3)``.
    """
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w]
    open_ = np.zeros((h, w), bool)
    for px, py in np.asarray(points, float).reshape(-1, 2) + np.asarray(shift, float):
        open_ |= (x - px) ** 2 + (y - py) ** 2 <= radius**2
    return np.where(open_[..., None], image, covered(image, blur))


def shifted(image: np.ndarray, points: np.ndarray, radius: float, blur: int = 70) -> list[np.ndarray]:
    """The revealed picture and its eight shifts."""
    return [reveal(image, points, radius, blur, shift) for shift in ((0, 0), *SHIFTS)]
