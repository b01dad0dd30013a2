"""Piecewise-affine warp of maps onto the canonical face (Gaya-Morey et al. 2024, section 4.2).

The triangles are those of the canonical face, so each canonical pixel lies once and for all in one triangle with fixed
barycentric weights. Where it comes from in a picture is then a weighted sum of three of the picture's own points: one
small matrix product, finite for whatever the landmarks are (repeated points, folded triangles, points outside).

That direction never asks which triangle of the *picture* a pixel lies in. It could not be answered there: on a turned
head or with the mouth wide open, triangles of the picture fold over one another (a pixel lies in several) or lose their
area (their matrix has no inverse). Only `to_standard`, which must go from the picture to the face, has to choose.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from scipy.sparse import csr_array
from scipy.spatial import cKDTree

from xai_compare.errors import InputError
from xai_compare.faces.canonical import CANONICAL, SHAPE, TRIANGLES, complete

_EDGE = 1e-9
_POINTS = 4096


@cache
def weights() -> csr_array:
    """Barycentric weights of every canonical pixel, sparse float64 ``(275 * 224, 89)``; rows sum to 1."""
    height, width = SHAPE
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x, y], -1).reshape(-1, 2).astype(np.float64)
    depth = np.full(len(pixels), -np.inf)
    columns = np.zeros((len(pixels), 3), np.int32)
    values = np.zeros((len(pixels), 3))
    for triangle in TRIANGLES:
        a, b, c = CANONICAL[triangle]
        uv = np.linalg.solve(np.stack([b - a, c - a], 1), (pixels - a).T).T
        barycentric = np.column_stack([1 - uv.sum(1), uv])
        # A pixel on an edge belongs to two triangles, which agree there: the one it lies deeper in, up to rounding.
        deeper = barycentric.min(1) > depth
        depth[deeper] = barycentric[deeper].min(1)
        columns[deeper], values[deeper] = triangle, barycentric[deeper]
    rows = np.repeat(np.arange(len(pixels)), 3)
    return csr_array((values.ravel(), (rows, columns.ravel())), shape=(len(pixels), len(CANONICAL)))


def origins(landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Where each canonical pixel comes from, float64 ``(275, 224, 2)``, x and y in pixels of the picture.

    Args:
        landmarks: float ``(68, 2)``.
        shape: height and width of the picture.
    """
    return (weights() @ complete(landmarks, shape)).reshape(*SHAPE, 2)


def to_standard(points: np.ndarray, landmarks: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring points of a picture onto the canonical face: the inverse of `origins`, triangle by triangle.

    Args:
        points: float ``(n, 2)``, x and y in pixels of the picture, pixel centres at integers.
        landmarks: float ``(68, 2)``.
        shape: height and width of the picture.

    Returns:
        float64 ``(n, 2)``, x and y in pixels of the canonical face; NaN for a point outside all triangles. Where the
        landmarks fold the face over itself a point lies in several triangles; the one it lies deepest in counts.

    Raises:
        InputError: if points are not ``(n, 2)``, or landmarks are not finite.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise InputError(f"points are (n, 2) x, y; got shape {points.shape}")
    corners = complete(landmarks, shape)[TRIANGLES]
    # A triangle without area holds no point, and its inverse would be infinite. A folded one (negative area) stays:
    # its inverse is as good as any, and without it the part of the face that it covers would lose its points.
    whole = np.flatnonzero(_areas(*corners.transpose(1, 0, 2)))
    triangles, (a, b, c) = TRIANGLES[whole], corners[whole].transpose(1, 0, 2)
    sides = ([c[:, 1] - a[:, 1], a[:, 0] - c[:, 0]], [a[:, 1] - b[:, 1], b[:, 0] - a[:, 0]])
    inverse = np.stack([np.stack(side, -1) for side in sides], 1) / _areas(a, b, c)[:, None, None]
    moved = np.full(points.shape, np.nan)
    for start in range(0, len(points), _POINTS):
        part = slice(start, start + _POINTS)
        uv = np.einsum("tij,ntj->nti", inverse, points[part, None] - a)
        shares = np.concatenate([1 - uv.sum(-1, keepdims=True), uv], -1)
        # How deep a point lies in a triangle: its least barycentric weight, at most 1/3. Of several triangles that fold
        # over it the deepest counts; any other rule would let the order of the triangles decide.
        depth = shares.min(-1)
        best = depth.argmax(1)
        rows = np.arange(len(best))
        inside = depth[rows, best] >= -_EDGE
        places = np.einsum("ni,nij->nj", shares[rows, best], CANONICAL[triangles[best]])
        moved[part] = np.where(inside[:, None], places, np.nan)
    return moved


def _areas(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Twice the signed area of each triangle."""
    return (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])


def standardize(maps: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Warp maps (or pictures) onto the canonical face.

    Args:
        maps: ``(n, h, w)`` or ``(n, h, w, c)``, any real dtype; one map alone, ``(h, w)``, goes with ``(68, 2)``.
        landmarks: ``(n, 68, 2)``, x and y in pixels of the maps, pixel centres at integers.

    >>> heatmaps = np.random.default_rng(0).random((2, 96, 96))
    >>> landmarks = np.stack([CANONICAL[:68] * (96 / 224, 96 / 275)] * 2)
    >>> standardize(heatmaps, landmarks).shape
    (2, 275, 224)

    Returns:
        float32 ``(n, 275, 224)`` or ``(n, 275, 224, c)``, bilinearly interpolated; beyond its border a map continues
        with the border's value. A map that holds NaN gives NaN where it is touched.

    Raises:
        InputError: if the numbers of maps and landmarks differ, or landmarks are not finite.

    Source: Gaya-Morey et al. 2024, section 4.2; agrees with scikit-image's ``PiecewiseAffineTransform``
    to 1e-7 (float64 maps) or to 0.0001 of the step between neighbouring pixels (float32 maps).
    """
    maps, landmarks = np.asarray(maps), np.asarray(landmarks, np.float64)
    if maps.ndim == 2 and landmarks.ndim == 2:
        return standardize(maps[None], landmarks[None])[0]
    if maps.ndim not in (3, 4) or landmarks.ndim != 3 or len(maps) != len(landmarks):
        raise InputError(f"{maps.shape} maps do not go with {landmarks.shape} landmarks")
    channels = maps[..., None] if maps.ndim == 3 else maps
    out = np.empty((len(maps), channels.shape[3], *SHAPE), np.float32)
    for index, (picture, points) in enumerate(zip(channels, landmarks, strict=True)):
        out[index] = _warp(picture.transpose(2, 0, 1), points)
    return out[:, 0] if maps.ndim == 3 else out.transpose(0, 2, 3, 1)


def _warp(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Warp one ``(c, h, w)`` picture by its ``(68, 2)`` landmarks; picture by picture, so that all stays in cache."""
    # Here, for those that only look at maps (a report, a status) need no torch.
    import torch
    from torch.nn import functional

    height, width = picture.shape[1:]
    if min(height, width) == 1:  # grid_sample divides by size - 1; a row or column said twice changes no value.
        picture = np.pad(picture, ((0, 0), (0, int(height == 1)), (0, int(width == 1))), mode="edge")
    # grid_sample wants -1 to 1 between the outermost pixel centres: 89 points are scaled to that, not a whole grid.
    half = np.array([max(width, 2) - 1, max(height, 2) - 1]) / 2
    grid = (weights() @ (complete(landmarks, (height, width)) / half - 1)).reshape(1, *SHAPE, 2)
    # float32 maps are sampled in float32: a pixel's origin is exact to 0.00005 pixels, and half the memory is read.
    kind = np.float32 if picture.dtype == np.float32 else np.float64
    source = torch.from_numpy(np.ascontiguousarray(picture, kind))[None]
    return functional.grid_sample(
        source,
        torch.from_numpy(grid.astype(kind, copy=False)),
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )[0].numpy()


def inverse_warp(landmarks: np.ndarray, size: tuple[int, int]) -> np.ndarray:
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
    nearest = [np.asarray(tree.query(pixels)[1]).reshape(size) for tree in trees]
    return np.stack(nearest) if nearest else np.zeros((0, *size), np.intp)


def unwarp(maps: np.ndarray | Sequence[np.ndarray], inverse: np.ndarray) -> np.ndarray:
    """Standardized maps ``(n, 275, 224)`` as seen by the network, float32 ``(n, h, w)``; see `inverse_warp`."""
    return np.stack([np.asarray(face, np.float32).ravel()[own] for face, own in zip(maps, inverse, strict=True)])
