"""From outlines in terms of landmarks to pixels.

A pixel belongs to a polygon when its centre (integer x, y) lies inside, or when the outline crosses the pixel's column
or row within half a pixel of the centre, whichever of the two it crosses more squarely. So the outline itself belongs,
as in OpenCV's ``fillPoly``, with which the published masks agree, but corners need not lie on whole pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.draw import polygon as fill

from xai_compare.ekman.definitions import POINTS, Polygon
from xai_compare.errors import InputError
from xai_compare.faces.canonical import CANONICAL, SHAPE, complete

# Ties must not hang on the rounding of coordinates: a face moved by whole pixels has the same mask, moved.
_HALF = 0.5 + 1e-6


def place(landmarks: np.ndarray | None, shape: tuple[int, int] | None) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the 89 points to draw on and the height and width of the picture.

    Args:
        landmarks: ``(89, 2)`` or ``(68, 2)`` x, y in pixels; None is the canonical face.
        shape: height and width; None takes those of the canonical face, or of the corner among 89 landmarks.

    Raises:
        InputError: if the landmarks have another shape or are not finite, if 68 come without a shape, or if the
            shape is not two positive whole numbers.
    """
    points = CANONICAL if landmarks is None else np.asarray(landmarks, np.float64)
    if points.shape not in ((68, 2), (POINTS, 2)) or not np.isfinite(points).all():
        raise InputError(f"landmarks must be finite (68, 2) or (89, 2), not {points.shape}")
    if shape is None:
        if len(points) != POINTS:
            raise InputError("68 landmarks do not tell the size of the picture", hint="give shape=(height, width)")
        shape = SHAPE if landmarks is None else (round(points[-1, 1]), round(points[-1, 0]))
    if len(shape) != 2 or not all(float(side).is_integer() and side > 0 for side in shape):
        raise InputError(f"shape must be a positive height and width, not {shape}")
    height, width = int(shape[0]), int(shape[1])
    return (points if len(points) == POINTS else complete(points, (height, width))), (height, width)


def render(polygons: Sequence[Polygon], points: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Draw the union of polygons.

    Args:
        polygons: outlines as weights of the 89 points.
        points: float ``(89, 2)``, x and y in pixels, pixel centres at integers; they may lie outside the picture.
        shape: height and width of the picture.

    Returns:
        bool ``(h, w)``, True inside or on the outline; what lies outside the picture is cut off.
    """
    canvas = np.zeros(shape, bool)
    for polygon in polygons:
        corners = np.array([sum(weight * points[index] for index, weight in corner) for corner in polygon])
        canvas[fill(corners[:, 1], corners[:, 0], shape)] = True
        for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
            _draw_edge(canvas, start, end)
    return canvas


def _draw_edge(canvas: np.ndarray, start: np.ndarray, end: np.ndarray) -> None:
    limit = np.array(canvas.shape[::-1])
    low = np.clip(np.floor(np.minimum(start, end) - 1), 0, limit).astype(int)
    high = np.clip(np.ceil(np.maximum(start, end) + 2), 0, limit).astype(int)
    y, x = np.mgrid[low[1] : high[1], low[0] : high[0]]
    step = end - start
    along, origin = (x, start[0]) if abs(step[0]) >= abs(step[1]) else (y, start[1])
    t = np.clip((along - origin) / (np.abs(step).max() * np.sign(step[np.abs(step).argmax()]) or 1), 0, 1)
    near = (np.abs(x - start[0] - t * step[0]) <= _HALF) & (np.abs(y - start[1] - t * step[1]) <= _HALF)
    canvas[low[1] : high[1], low[0] : high[0]] |= near
