"""The canonical face on which all maps meet: 89 points and their triangles (Gaya-Morey et al. 2024, section 4.2)."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from scipy.spatial import Delaunay

from xai_compare.errors import InputError
from xai_compare.faces.size import SHAPE

JAW = slice(0, 17)
"""The landmarks of the jaw line, those repeated at the top border."""

MIRRORED = np.concatenate(
    [
        np.arange(16, -1, -1),  # jaw
        np.arange(26, 16, -1),  # brows
        np.arange(27, 31),  # bridge of the nose
        np.arange(35, 30, -1),  # nostrils
        [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40],  # eyes
        [54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65],  # lips
    ]
)
"""The landmark on the other side of the face, of each of the 68."""


def complete(landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Complete 68 landmarks to the 89 points of the warp: 17 jaw points moved to the top border, 4 corners.

    Args:
        landmarks: float ``(n, 68, 2)`` or ``(68, 2)``, x and y in pixels.
        shape: height and width of the picture they lie in.

    Returns:
        float64 ``(n, 89, 2)`` or ``(89, 2)``.

    Raises:
        InputError: if there are not 68 landmarks or one of them is not finite.

    Source: Gaya-Morey et al. 2024, section 4.2.
    """
    points = np.asarray(landmarks, np.float64)
    if points.shape[-2:] != (68, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks must be finite (..., 68, 2), not {points.shape}")
    height, width = shape
    top = points[..., JAW, :] * (1.0, 0.0)
    corners = np.array([(0, 0), (0, height), (width, 0), (width, height)], np.float64)
    return np.concatenate([points, top, np.broadcast_to(corners, (*points.shape[:-2], 4, 2))], axis=-2)


def _landmarks() -> np.ndarray:
    lines = files("xai_compare.faces").joinpath("canonical.csv").read_text("utf-8").splitlines()
    rows = [line.split(",") for line in lines if line and line[0].isdigit()]
    return np.array(rows, np.float64)[:, 1:]


CANONICAL = complete(_landmarks(), SHAPE)
"""The 89 points of the canonical face, float64 ``(89, 2)``, x and y in pixels."""

TRIANGLES = Delaunay(CANONICAL).simplices
"""The Delaunay triangles of the canonical face, int ``(t, 3)``, indices into ``CANONICAL``."""

CANONICAL.setflags(write=False)
TRIANGLES.setflags(write=False)
