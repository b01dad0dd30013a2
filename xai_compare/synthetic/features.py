"""What is not skin: eyes, brows, nostrils, lips, teeth."""

from __future__ import annotations

import numpy as np

from xai_compare.synthetic.anatomy import Pose
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, Profile, curve, linear, nearest_on, smooth
from xai_compare.synthetic.skin import Skin

_LASH = linear((0.10, 0.07, 0.06))


def lips(skin: Skin) -> None:
    """Give the lips their colour, fullness and gloss (before the skin is lit)."""
    c, identity, p = skin.canvas, skin.identity, skin.pose.points
    where = c.around(p[48:60], 0.12)
    u, v = c.u[where], c.v[where]
    top, bottom = Profile(p[[48, 49, 50, 51, 52, 53, 54]]), Profile(p[[48, 59, 58, 57, 56, 55, 54]])
    part, close = Profile(p[[48, 60, 61, 62, 63, 64, 54]]), Profile(p[[48, 60, 67, 66, 65, 64, 54]])
    inside = np.clip(0.5 - np.maximum(top.below(u, v) * -1, bottom.below(u, v)) / (2.2 * c.px), 0, 1)
    inside *= (u > p[48, 0]) & (u < p[54, 0])
    upper = v < (part(u) + close(u)) / 2
    thick_upper, thick_lower = part(u) - top(u), bottom(u) - close(u)
    across = np.where(
        upper, (v - top(u)) / np.maximum(thick_upper, 0.02), (v - close(u)) / np.maximum(thick_lower, 0.02)
    )
    round_ = np.clip(4 * across * (1 - across), 0, 1)
    full = np.where(upper, 0.45 * thick_upper, 0.60 * thick_lower) * round_
    skin.height[where] += (full * inside).astype(np.float32)
    colour = linear(identity.lips) * np.where(upper, 0.86, 1.0)[..., None].astype(np.float32)
    grain = 1 + 0.05 * np.sin(u * 75 + 3 * np.sin(u * 21))
    skin.albedo[where] += (0.9 * inside)[..., None] * (colour * grain[..., None] - skin.albedo[where])
    skin.gloss[where] += 0.05 * inside * ~upper
    skin.shade[where] *= 1 - 0.18 * inside * upper


def mouth(canvas: Canvas, identity: Identity, pose: Pose) -> None:
    """The opening between the lips, with teeth and tongue; the dark line where they meet."""
    p = pose.points
    where = canvas.around(p[60:68], 0.12)
    u, v = canvas.u[where], canvas.v[where]
    part, close = Profile(p[[48, 60, 61, 62, 63, 64, 54]]), Profile(p[[48, 60, 67, 66, 65, 64, 54]])
    gap = np.maximum(-part.below(u, v), close.below(u, v))
    hole = canvas.cover(gap) * ((u > p[60, 0]) & (u < p[64, 0]))
    depth = np.clip(-gap / 0.2, 0, 1)
    inside = linear((0.34, 0.13, 0.12)) * (1 - 0.75 * depth[..., None])
    opened = p[66, 1] - p[62, 1]
    tongue = 1 - smooth(np.hypot(u / 0.36, (v - p[66, 1] - 0.03) / (0.10 + 0.35 * opened)), 0.75, 1.05)
    inside = inside + (tongue * 0.8)[..., None] * (linear((0.66, 0.32, 0.31)) - inside)
    rest_teeth = 1.785 + (p[62, 1] - 1.785) * 0.35 + 0.13
    lower_edge = rest_teeth - 0.10 * u**2
    teeth = canvas.cover((v - lower_edge) * 1.0) * (np.abs(u) < 0.6)
    rise = np.clip((v - part(u)) / 0.06, 0, 1)
    gaps = 1 - 0.10 * np.clip(1 - np.abs((u / 0.135 + 0.0) - np.round(u / 0.135)) / 0.10, 0, 1)
    enamel = linear((0.93, 0.90, 0.84)) * ((0.55 + 0.45 * rise) * gaps * (1 - 0.45 * (u / 0.6) ** 2))[..., None]
    inside = inside + teeth[..., None] * (enamel - inside)
    canvas.over(where, hole, inside)
    seam = curve(0.5 * (p[[48, 60, 61, 62, 63, 64, 54]] + p[[48, 60, 67, 66, 65, 64, 54]]), 24)
    for line, strength in ((part, 0.55), (close, 0.0)):
        if opened < 0.06 or strength == 0:
            continue
        path = np.stack([line.at, line.table], 1)[::3]
        spot, soft = canvas.stroke(path, 0.06, (0.2, 0.2))
        canvas.over(spot, strength * soft, linear((0.22, 0.09, 0.08)))
    spot, soft = canvas.stroke(seam, 0.055, (0.5, 0.5))
    canvas.over(spot, np.clip(1 - opened / 0.12, 0, 1) * 0.85 * soft, linear(identity.lips) * 0.10)


def nostrils(canvas: Canvas, pose: Pose) -> None:
    """Nostrils, and the crease around the wings."""
    p = pose.points
    for side, wing, inner in ((-1, 31, 32), (1, 35, 34)):
        u, v = 0.62 * p[inner] + 0.38 * p[wing]
        path = curve([(u - side * 0.09, v - 0.015), (u, v - 0.055), (u + side * 0.09, v - 0.01)], 6)
        where, soft = canvas.stroke(path, 0.085, (0.6, 0.5))
        canvas.over(where, 0.85 * soft, linear((0.16, 0.07, 0.06)))
        u, v = p[wing]
        path = curve([(u - side * 0.02, v - 0.27), (u + side * 0.045, v - 0.12), (u - side * 0.03, v + 0.0)], 8)
        where, soft = canvas.stroke(path, 0.07, (0, 0.3))
        canvas.over(where, 0.38 * soft, linear((0.26, 0.13, 0.10)))


def eyes(canvas: Canvas, identity: Identity, pose: Pose) -> None:
    """Eyeballs in the opening of the lids, lashes and the crease of the upper lid."""
    for side, points in ((-1, pose.points[36:42]), (1, pose.points[42:48])):
        if side < 0:
            outer, inner = points[0], points[3]
            top, bottom = points[[0, 1, 2, 3]], points[[0, 5, 4, 3]]
        else:
            outer, inner = points[3], points[0]
            top, bottom = points[[0, 1, 2, 3]], points[[0, 5, 4, 3]]
        _eye(
            canvas,
            identity,
            pose,
            side,
            np.array([inner, outer]),
            Profile(top, cubic=True),
            Profile(bottom, cubic=True),
        )


def _eye(
    canvas: Canvas, identity: Identity, pose: Pose, side: int, ends: np.ndarray, top: Profile, low: Profile
) -> None:
    centre, size = ends.mean(0), identity.eye_size
    where = canvas.window(centre[0] - 0.5, centre[1] - 0.4, centre[0] + 0.5, centre[1] + 0.35)
    u, v = canvas.u[where], canvas.v[where]
    left, right = ends[:, 0].min(), ends[:, 0].max()
    opening = canvas.cover(np.maximum(-top.below(u, v), low.below(u, v))) * ((u > left) & (u < right))
    across = np.abs(u - centre[0]) / (right - left) * 2
    below_lid = np.clip(top.below(u, v) / 0.13, 0, 1)
    white = linear((0.93, 0.91, 0.90)) * ((0.50 + 0.50 * below_lid) * (1 - 0.38 * across**2.5))[..., None]
    pink = np.clip(1 - np.hypot(u - ends[0, 0] - side * 0.02, v - ends[0, 1]) / 0.09, 0, 1)
    white += (0.8 * pink)[..., None] * (linear((0.72, 0.44, 0.41)) - white)
    # The gaze is fixed: the iris stays where it is at rest while the lids move around it.
    iris_at = centre[0], -0.008
    radius = 0.185 * (0.5 + 0.5 * size)
    d = np.hypot(u - iris_at[0], v - iris_at[1]) / radius
    angle = np.arctan2(v - iris_at[1], u - iris_at[0])
    fibres = 1 + 0.10 * np.sin(23 * angle + identity.seed % 7) + 0.06 * np.sin(41 * angle)
    glow = 0.75 + 0.65 * smooth(v, iris_at[1] - radius, iris_at[1] + radius)
    iris = linear(identity.iris) * (glow * fibres * (1 - 0.72 * smooth(d, 0.72, 1.0)))[..., None]
    iris *= (0.40 + 0.60 * below_lid)[..., None]
    ball = white + canvas.cover((d - 1) * radius)[..., None] * (iris - white)
    ball += canvas.cover((d - 0.42) * radius)[..., None] * (0.004 - ball)
    lx = 0.055 if identity.light[0] > 0 else -0.055
    glint = canvas.cover(np.hypot(u - iris_at[0] - lx, v - iris_at[1] + 0.06) - 0.042)
    ball += (0.9 * glint)[..., None] * (np.float32(0.95) - ball)
    canvas.over(where, opening, ball)
    _lids(canvas, identity, pose, side, ends, top, low)


def _lids(
    canvas: Canvas, identity: Identity, pose: Pose, side: int, ends: np.ndarray, top: Profile, low: Profile
) -> None:
    upper = np.stack([top.at, top.table], 1)[::5]
    upper = upper[::side]  # from the inner corner outwards
    dark = linear(identity.skin) * 0.10 + _LASH * 0.6
    tip = (upper[-1, 0] + side * 0.05, upper[-1, 1] - 0.015)
    where, soft = canvas.stroke(np.vstack([upper, [tip]]), 0.062, (0.3, 0.35))
    canvas.over(where, 0.92 * soft, dark)
    under = np.stack([low.at, low.table + 0.008], 1)[::7][::side]
    where, soft = canvas.stroke(under, 0.042, (0.0, 0.6))
    canvas.over(where, 0.42 * soft, linear(identity.skin) * 0.22)
    # The crease: nearer to the lashes the wider the eye is open (5), hidden by a lowered brow (4).
    wide, frown = pose.strength(5, side), pose.units[4]
    gap = 0.115 - 0.05 * wide - 0.02 * frown
    middle = (ends[:, 0].mean(), float(top(ends[:, 0].mean())) - gap)
    path = curve(
        [(ends[0, 0] + side * 0.03, ends[0, 1] - 0.08), middle, (ends[1, 0] + side * 0.03, ends[1, 1] - 0.05)], 12
    )
    where, soft = canvas.stroke(path, 0.055, (0.1, 0.2))
    canvas.over(where, 0.5 * soft, linear(identity.skin) * 0.25)


def brows(canvas: Canvas, identity: Identity, pose: Pose) -> None:
    """Brows of short hairs along the five points of each."""
    colour = linear(identity.hair) * 0.45 + linear((0.16, 0.10, 0.08)) * 0.35
    for side, points in ((-1, pose.points[[21, 20, 19, 18, 17]]), (1, pose.points[22:27])):
        path = curve(points, 14)
        where = canvas.around(path, 0.2)
        u, v = canvas.u[where], canvas.v[where]
        distance, along = nearest_on(path, u, v)
        half = (
            0.105
            * identity.brow_thickness
            * (0.72 + 0.55 * np.sin(np.pi * np.clip(along * 0.8 + 0.1, 0, 1)) - 0.62 * along**2)
        )
        body = 1 - smooth(distance / np.maximum(half, 0.02), 0.45, 1.25)
        ends = smooth(along, -0.02, 0.12) * 0.55 + 0.45
        slant = side * u * (0.9 + 0.3 * along) + 0.6 * v
        hairs = (
            0.90 + 0.07 * np.sin(83 * slant + 5 * np.sin(9 * along)) + 0.05 * np.sin(37 * slant + 3 * np.sin(17 * u))
        )
        canvas.over(where, 0.88 * body * ends * hairs, colour)
