"""Alignment by the eye line and the square crop that networks are shown (Gaya-Morey et al. 2024, section 3.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
MARGIN = 1.3
"""Side of the crop, in multiples of the larger extent of the upright landmarks."""
MAX_SIDE = 512
"""Larger crops are scaled down to this many pixels: no network here is shown more."""


@dataclass(frozen=True)
class Frame:
    """Where a face is cut out of its picture: upright and square.

    Attributes:
        landmarks: float64 ``(68, 2)``, x and y in pixels of the crop.
        matrix: float64 ``(2, 3)``: pixel coordinates of the picture to those of the crop.
        side: height and width of the crop in pixels.
    """

    landmarks: np.ndarray
    matrix: np.ndarray
    side: int

    def cut(self, values: np.ndarray) -> np.ndarray:
        """Cut a map ``(h, w)`` of the whole picture as the picture was cut; float32 ``(side, side)``, 0 beyond it."""
        return np.array(_transform(Image.fromarray(np.asarray(values, np.float32)), self.matrix, self.side))

    def points(self, xy: np.ndarray) -> np.ndarray:
        """Map points ``(n, 2)`` of the picture into the crop."""
        return np.asarray(xy, np.float64) @ self.matrix[:, :2].T + self.matrix[:, 2]


@dataclass(frozen=True)
class Crop(Frame):
    """An upright, square cut-out of a face.

    Attributes:
        image: uint8 ``(side, side, 3)`` RGB; where the picture ends, its border goes on.
    """

    image: np.ndarray

    def resized(self, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
        """The crop at ``size`` (height, width), antialiased, and its landmarks there.

        >>> crop = Crop(np.zeros((68, 2)), np.eye(2, 3), 100, np.zeros((100, 100, 3), np.uint8))
        >>> image, landmarks = crop.resized((50, 50))
        >>> image.shape, landmarks[0].tolist()
        ((50, 50, 3), [-0.25, -0.25])
        """
        height, width = size
        if self.image.shape[:2] == (height, width):
            return self.image, self.landmarks
        picture = Image.fromarray(self.image).resize((width, height), Image.Resampling.BILINEAR)
        scale = np.array([width / self.image.shape[1], height / self.image.shape[0]])
        return np.array(picture), (self.landmarks + 0.5) * scale - 0.5


def frame(landmarks: np.ndarray, margin: float = MARGIN) -> Frame:
    """The upright square around a face, by its eye line.

    Args:
        landmarks: float ``(68, 2)``, x and y in pixels of the picture.
        margin: side of the square, in multiples of the larger extent of the landmarks.
    """
    points = np.asarray(landmarks, np.float64)
    dx, dy = points[LEFT_EYE].mean(0) - points[RIGHT_EYE].mean(0)
    angle = np.arctan2(dy, dx)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    upright = points @ turn.T
    low, high = upright.min(0), upright.max(0)
    extent = max(margin * float((high - low).max()), 1.0)
    side = max(round(min(extent, MAX_SIDE)), 1)
    scale = side / extent
    corner = (low + high) / 2 - extent / 2
    # The crop's corner lies at -0.5 in its own pixels, whose centres are at integers.
    matrix = np.column_stack([turn * scale, -corner * scale - 0.5])
    return Frame(points @ matrix[:, :2].T + matrix[:, 2], matrix, side)


def align(image: np.ndarray, landmarks: np.ndarray, margin: float = MARGIN) -> Crop:
    """Turn a face upright by its eye line and cut a square around its landmarks.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        landmarks: float ``(68, 2)``, x and y in pixels.
        margin: side of the square, in multiples of the larger extent of the landmarks.

    The square is centred on the box of the upright landmarks. Beyond the picture's border the crop goes on
    with the border's pixels: black wedges beside a face mislead networks (a trained one lost a fifth of its accuracy).

    >>> from xai_compare.faces import CANONICAL
    >>> picture = np.full((300, 300, 3), 128, np.uint8)
    >>> crop = align(picture, CANONICAL[:68] + 20)
    >>> crop.side, crop.image.shape
    (286, (286, 286, 3))
    """
    placed = frame(landmarks, margin)
    padded, shift = _continued(np.asarray(image), placed.matrix, placed.side)
    moved = placed.matrix - [[0, 0, 1]] * (placed.matrix[:, :2] @ shift)[:, None]
    crop = _transform(Image.fromarray(padded), moved, placed.side)
    return Crop(placed.landmarks, placed.matrix, placed.side, np.array(crop))


def _continued(image: np.ndarray, matrix: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Repeat the border of ``image`` as far as the crop reaches beyond it; also the shift of its pixels, x and y."""
    corners = np.array([(x, y) for x in (-1, side) for y in (-1, side)], np.float64)
    reach = (corners - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T
    left, top = np.ceil(np.maximum(-reach.min(0), 0)).astype(int)
    height, width = image.shape[:2]
    right, bottom = np.ceil(np.maximum(reach.max(0) - (width - 1, height - 1), 0)).astype(int)
    return np.pad(image, ((top, bottom), (left, right), (0, 0)), mode="edge"), np.array([left, top], np.float64)


def _transform(image: Image.Image, matrix: np.ndarray, side: int) -> Image.Image:
    """Resample ``image`` so that picture coordinates mapped by ``matrix`` become pixels of a ``side`` square."""
    scale = float(np.hypot(*matrix[:, 0]))
    factors = np.ones(2)
    if scale < 1:  # An affine transform alone would alias: shrink first, with a proper filter.
        width, height = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        factors = np.array([width / image.width, height / image.height])
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    linear = np.linalg.inv(matrix[:, :2])
    origin = -linear @ matrix[:, 2]
    # Pillow counts from pixel corners, we from pixel centres: half a pixel on either side.
    linear = factors[:, None] * linear
    origin = factors * (origin + 0.5) - linear @ (0.5, 0.5)
    coefficients = (*linear[0], origin[0], *linear[1], origin[1])
    return image.transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
