"""The way back: maps of the standard face as maps of the picture they came from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from xai_compare.faces.warp import origins


def ways_back(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """For each pixel of pictures, the pixel of the standard face that came from nearest to it.

    The standard face is finer than a network's input nearly everywhere, so that nearest is near enough; and no value
    is made up, which keeps the plateaus of superpixel maps level.

    Args:
        landmarks: float ``(n, 68, 2)`` in pixels of the pictures.
        size: height and width of the pictures.

    Returns:
        int ``(n, h, w)``, indices into a flattened standard face.
    """
    y, x = np.mgrid[: size[0], : size[1]]
    pixels = np.stack([x, y], -1).reshape(-1, 2)
    trees = [cKDTree(origins(points, size).reshape(-1, 2)) for points in landmarks]
    found = [np.asarray(tree.query(pixels)[1]).reshape(size) for tree in trees]
    return np.stack(found) if found else np.zeros((0, *size), np.intp)


def returned(maps: np.ndarray | Sequence[np.ndarray], ways: np.ndarray) -> np.ndarray:
    """Standardized maps ``(n, 275, 224)`` as seen by the network, float32 ``(n, h, w)``."""
    return np.stack([np.asarray(one, np.float32).ravel()[way] for one, way in zip(maps, ways, strict=True)])
