"""Where faces are on the standard face, whatever they express."""

from __future__ import annotations

import numpy as np
from scipy.spatial import Delaunay

from xai_compare.faces.canonical import CANONICAL, SHAPE


def face_prior(shape: tuple[int, int] = SHAPE) -> np.ndarray:
    """A Gaussian with the mean and covariance of the face: the pixels within the hull of the 68 landmarks.

    Args:
        shape: height and width; of another size than the standard face, the same Gaussian is stretched to it.

    Returns:
        float64 ``(h, w)``, 1 at its centre.
    """
    pixels = np.indices(SHAPE)[::-1].reshape(2, -1).T.astype(np.float64)
    inside = pixels[Delaunay(CANONICAL[:68]).find_simplex(pixels) >= 0]
    inverse = np.linalg.inv(np.cov(inside.T))
    y, x = (np.linspace(0, full - 1, side) for full, side in zip(SHAPE, shape, strict=True))
    away = np.stack(np.meshgrid(x, y), -1) - inside.mean(0)
    return np.exp(-0.5 * np.einsum("...i,ij,...j->...", away, inverse, away))
