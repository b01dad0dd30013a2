"""Eyes: the eyeball in the opening of the lids, lashes, and the crease of the upper lid."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xai_compare.synthetic.anatomy import Pose
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, Profile, curve, linear, smooth

_LASH = linear((0.10, 0.07, 0.06))
_GAZE = -0.008
"""Height of the iris: the gaze is fixed, the lids move around it."""


@dataclass(frozen=True)
class _Eye:
    """One eye: its side (-1 the picture's left), corners (2,), and the edges of its lids."""

    side: int
    inner: np.ndarray
    outer: np.ndarray
    top: Profile
    low: Profile

    @classmethod
    def of(cls, side: int, points: np.ndarray) -> _Eye:
        inner, outer = (points[3], points[0]) if side < 0 else (points[0], points[3])
        top, low = Profile(points[[0, 1, 2, 3]], cubic=True), Profile(points[[0, 5, 4, 3]], cubic=True)
        return cls(side, inner, outer, top, low)


def eyes(canvas: Canvas, identity: Identity, pose: Pose) -> None:
    """Paint both eyes over the skin."""
    for side, points in ((-1, pose.points[36:42]), (1, pose.points[42:48])):
        eye = _Eye.of(side, points)
        _ball(canvas, identity, eye)
        _lids(canvas, identity, pose, eye)


def _ball(canvas: Canvas, identity: Identity, eye: _Eye) -> None:
    ends = np.array([eye.inner, eye.outer])
    centre = ends.mean(0)
    where = canvas.window(centre[0] - 0.5, centre[1] - 0.4, centre[0] + 0.5, centre[1] + 0.35)
    u, v = canvas.u[where], canvas.v[where]
    left, right = ends[:, 0].min(), ends[:, 0].max()
    opening = canvas.cover(np.maximum(-eye.top.below(u, v), eye.low.below(u, v))) * ((u > left) & (u < right))
    across = np.abs(u - centre[0]) / (right - left) * 2
    below_lid = np.clip(eye.top.below(u, v) / 0.13, 0, 1)
    white = linear((0.93, 0.91, 0.90)) * ((0.50 + 0.50 * below_lid) * (1 - 0.38 * across**2.5))[..., None]
    pink = np.clip(1 - np.hypot(u - eye.inner[0] - eye.side * 0.02, v - eye.inner[1]) / 0.09, 0, 1)
    white += (0.8 * pink)[..., None] * (linear((0.72, 0.44, 0.41)) - white)
    radius = 0.185 * (0.5 + 0.5 * identity.eye_size)
    d = np.hypot(u - centre[0], v - _GAZE) / radius
    iris = _iris(identity, u - centre[0], v - _GAZE, d, radius) * (0.40 + 0.60 * below_lid)[..., None]
    ball = white + canvas.cover((d - 1) * radius)[..., None] * (iris - white)
    ball += canvas.cover((d - 0.42) * radius)[..., None] * (0.004 - ball)
    lx = 0.055 if identity.light[0] > 0 else -0.055
    glint = canvas.cover(np.hypot(u - centre[0] - lx, v - _GAZE + 0.06) - 0.042)
    ball += (0.9 * glint)[..., None] * (np.float32(0.95) - ball)
    canvas.over(where, opening, ball)


def _iris(identity: Identity, u: np.ndarray, v: np.ndarray, d: np.ndarray, radius: float) -> np.ndarray:
    """The iris with its fibres and dark rim; ``u`` and ``v`` from its centre, ``d`` in radii."""
    angle = np.arctan2(v, u)
    fibres = 1 + 0.10 * np.sin(23 * angle + identity.seed % 7) + 0.06 * np.sin(41 * angle)
    glow = 0.75 + 0.65 * smooth(v, -radius, radius)
    return linear(identity.iris) * (glow * fibres * (1 - 0.72 * smooth(d, 0.72, 1.0)))[..., None]


def _lids(canvas: Canvas, identity: Identity, pose: Pose, eye: _Eye) -> None:
    side, inner, outer = eye.side, eye.inner, eye.outer
    upper = np.stack([eye.top.at, eye.top.table], 1)[::5][::side]
    tip = (upper[-1, 0] + side * 0.05, upper[-1, 1] - 0.015)
    where, soft = canvas.stroke(np.vstack([upper, [tip]]), 0.062, (0.3, 0.35))
    canvas.over(where, 0.92 * soft, linear(identity.skin) * 0.10 + _LASH * 0.6)
    under = np.stack([eye.low.at, eye.low.table + 0.008], 1)[::7][::side]
    where, soft = canvas.stroke(under, 0.042, (0.0, 0.6))
    canvas.over(where, 0.42 * soft, linear(identity.skin) * 0.22)
    # The crease: nearer to the lashes the wider the eye is open (5), hidden by a lowered brow (4).
    gap = 0.115 - 0.05 * pose.strength(5, side) - 0.02 * pose.units[4]
    centre = (inner[0] + outer[0]) / 2
    middle = (centre, float(eye.top(centre)) - gap)
    crease = curve([(inner[0] + side * 0.03, inner[1] - 0.08), middle, (outer[0] + side * 0.03, outer[1] - 0.05)], 12)
    where, soft = canvas.stroke(crease, 0.055, (0.1, 0.2))
    canvas.over(where, 0.5 * soft, linear(identity.skin) * 0.25)
