"""Brushes: smooth bumps, strokes and bands on a grid of face coordinates, each touching only its own window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.interpolate import CubicHermiteSpline, CubicSpline, PchipInterpolator

Window = tuple[slice, slice]
Points = Sequence[tuple[float, float]] | np.ndarray


@dataclass
class Canvas:
    """A picture being painted in linear light.

    Face coordinates ``u`` (right) and ``v`` (down) are in half outer-eye distances from the point between the eyes.

    Attributes:
        height, width: of the picture in pixels.
        origin: where face coordinate (0, 0) lies, x and y in pixels (pixel centres at integers).
        scale: pixels per half outer-eye distance.
        roll: clockwise rotation of the head in radians.
    """

    height: int
    width: int
    origin: tuple[float, float]
    scale: float
    roll: float = 0.0

    def __post_init__(self) -> None:
        x = (np.arange(self.width, dtype=np.float32) - np.float32(self.origin[0])) / np.float32(self.scale)
        y = (np.arange(self.height, dtype=np.float32) - np.float32(self.origin[1])) / np.float32(self.scale)
        c, s = np.float32(np.cos(self.roll)), np.float32(np.sin(self.roll))
        self.u = c * x[None, :] + s * y[:, None]
        self.v = -s * x[None, :] + c * y[:, None]
        self.rgb = np.zeros((self.height, self.width, 3), np.float32)

    @cached_property
    def px(self) -> float:
        """The size of a pixel in face coordinates."""
        return 1 / self.scale

    def to_pixels(self, points: np.ndarray) -> np.ndarray:
        """Face coordinates ``(n, 2)`` to pixels ``(n, 2)``."""
        c, s = np.cos(self.roll), np.sin(self.roll)
        return np.asarray(points) @ np.array([[c, s], [-s, c]]) * self.scale + self.origin

    def window(self, left: float, top: float, right: float, bottom: float) -> Window:
        """The smallest slices of the picture that hold a rectangle of face coordinates."""
        corners = self.to_pixels(np.array([(left, top), (right, top), (left, bottom), (right, bottom)]))
        x0, y0 = np.maximum(np.floor(corners.min(0)).astype(int), 0)
        x1, y1 = np.maximum(np.ceil(corners.max(0)).astype(int) + 1, 0)
        return slice(y0, min(y1, self.height)), slice(x0, min(x1, self.width))

    def around(self, points: Points, margin: float) -> Window:
        """The window that holds ``points`` with ``margin`` on every side."""
        low, high = np.min(points, 0) - margin, np.max(points, 0) + margin
        return self.window(low[0], low[1], high[0], high[1])

    def cover(self, distance: np.ndarray) -> np.ndarray:
        """Antialiased coverage in [0, 1] of what lies where the signed ``distance`` is negative."""
        return np.clip(0.5 - distance * np.float32(self.scale), 0, 1)

    def over(self, where: Window, alpha: np.ndarray, colour: np.ndarray | Sequence[float]) -> None:
        """Paint linear ``colour`` (one, or one per pixel) with opacity ``alpha`` (h, w)."""
        under = self.rgb[where]
        under += alpha[..., None] * (np.asarray(colour, np.float32) - under)

    def bump(self, field: np.ndarray, centre: tuple[float, float], radii: tuple[float, float], height: float) -> None:
        """Add to ``field`` a smooth bump of compact support: ``height`` at ``centre``, 0 beyond ``radii``."""
        (cu, cv), (ru, rv) = centre, radii
        where = self.window(cu - ru, cv - rv, cu + ru, cv + rv)
        q = ((self.u[where] - np.float32(cu)) / np.float32(ru)) ** 2
        q += ((self.v[where] - np.float32(cv)) / np.float32(rv)) ** 2
        field[where] += np.float32(height) * np.clip(1 - q, 0, None) ** 2

    def stroke(self, points: Points, width: float, ends: tuple[float, float] = (0, 0)) -> tuple[Window, np.ndarray]:
        """A soft stroke along ``points``: its window and its strength in [0, 1].

        The strength falls from 1 on the line to 0 at ``width``, and along the line it rises from ``ends[0]`` to 1 in
        the middle and falls to ``ends[1]``.
        """
        path = np.asarray(points, np.float32)
        where = self.around(path, width)
        distance, along = nearest_on(path, self.u[where], self.v[where])
        taper = np.clip(np.sin(np.pi * along), 0, 1) ** np.float32(0.7)
        taper += np.where(along < 0.5, np.float32(ends[0]), np.float32(ends[1])) * (1 - taper)
        return where, np.clip(1 - (distance / np.float32(width)) ** 2, 0, None) ** 2 * taper


def nearest_on(path: np.ndarray, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distance ``(h, w)`` to the polyline ``path`` (n, 2), and how far along it (0 to 1) its nearest point lies."""
    start, step = path[:-1], np.diff(path, axis=0)
    length = np.maximum(np.hypot(step[:, 0], step[:, 1]), np.float32(1e-6))
    du, dv = u[..., None] - start[:, 0], v[..., None] - start[:, 1]
    share = np.clip((du * step[:, 0] + dv * step[:, 1]) / length**2, 0, 1)
    squared = (du - share * step[:, 0]) ** 2 + (dv - share * step[:, 1]) ** 2
    best = squared.argmin(-1)[..., None]
    reached = np.concatenate([[0], np.cumsum(length)[:-1]]).astype(np.float32)
    along = (reached[best[..., 0]] + length[best[..., 0]] * np.take_along_axis(share, best, -1)[..., 0]) / length.sum()
    return np.sqrt(np.take_along_axis(squared, best, -1)[..., 0]), along.astype(np.float32)


@lru_cache(maxsize=64)
def _basis(points: int, samples: int) -> np.ndarray:
    """The matrix that turns ``points`` evenly spaced knots into ``samples`` points of their cubic spline."""
    knots = np.arange(points)
    at = np.linspace(0, points - 1, samples)
    if points == 2:
        return np.stack([1 - at, at], 1)
    return np.asarray(CubicSpline(knots, np.eye(points))(at))


def curve(points: Points, samples: int = 10) -> np.ndarray:
    """A smooth curve through ``points``, float32 ``(samples, 2)``."""
    path = np.asarray(points, float)
    return (_basis(len(path), samples) @ path).astype(np.float32)


def monotone(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Piecewise cubic through ``(x, y)`` that never overshoots (Fritsch & Butland, 1984), at increasing ``at``.

    SciPy's, but for the tangents at the ends, where the curve is bent as a natural spline is.
    """
    slope, tangent = np.diff(y) / np.diff(x), PchipInterpolator(x, y)(x, nu=1)
    tangent[[0, -1]] = 1.5 * slope[[0, -1]] - 0.5 * tangent[[1, -2]]
    return np.asarray(CubicHermiteSpline(x, y, tangent)(at))


class Profile:
    """A smooth height ``v`` as a function of ``u`` through points given from left to right, tabulated."""

    def __init__(self, points: Points, *, cubic: bool = False) -> None:
        path = np.asarray(points, float)
        u = np.maximum.accumulate(path[:, 0] + np.arange(len(path)) * 1e-6)
        self.at = np.linspace(u[0], u[-1], 64)
        if cubic:
            fine = _basis(len(path), 64) @ path
            self.table = np.interp(self.at, fine[:, 0], fine[:, 1])
        else:
            self.table = monotone(u, path[:, 1], self.at)
        self.slope = np.gradient(self.table, self.at)

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """The height at ``u`` (any shape), constant beyond the ends; float32."""
        return np.interp(u, self.at, self.table).astype(np.float32)

    def below(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Approximate signed distance of ``(u, v)`` below the curve (negative above)."""
        steep = np.interp(u, self.at, np.sqrt(1 + np.minimum(self.slope**2, 9)))
        return ((v - self(u)) / steep).astype(np.float32)


def linear(colour: Sequence[float]) -> np.ndarray:
    """sRGB in [0, 1] to linear light (gamma 2), float32."""
    return np.asarray(colour, np.float32) ** 2


def smooth(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 at ``low`` and before, 1 at ``high`` and beyond, smooth between; float32."""
    t = np.clip((np.asarray(x, np.float32) - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)
