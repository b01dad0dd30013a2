"""What stands out from the skin: lips, teeth, nostrils, brows."""

from __future__ import annotations

import numpy as np

from xai_compare.synthetic.anatomy import Pose
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, Profile, curve, linear, nearest_on, smooth
from xai_compare.synthetic.skin import Skin

_PART, _CLOSE = [48, 60, 61, 62, 63, 64, 54], [48, 60, 67, 66, 65, 64, 54]
"""The landmarks of the upper and the lower edge of the opening between the lips, corner to corner."""


def lips(skin: Skin) -> None:
    """Give the lips their colour, fullness and gloss (before the skin is lit)."""
    c, identity, p = skin.canvas, skin.identity, skin.pose.points
    where = c.around(p[48:60], 0.12)
    u, v = c.u[where], c.v[where]
    top, bottom = Profile(p[[48, 49, 50, 51, 52, 53, 54]]), Profile(p[[48, 59, 58, 57, 56, 55, 54]])
    part, close = Profile(p[_PART]), Profile(p[_CLOSE])
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
    part, close = Profile(p[_PART]), Profile(p[_CLOSE])
    gap = np.maximum(-part.below(u, v), close.below(u, v))
    hole = canvas.cover(gap) * ((u > p[60, 0]) & (u < p[64, 0]))
    opened = p[66, 1] - p[62, 1]
    inside = linear((0.34, 0.13, 0.12)) * (1 - 0.75 * np.clip(-gap / 0.2, 0, 1)[..., None])
    tongue = 1 - smooth(np.hypot(u / 0.36, (v - p[66, 1] - 0.03) / (0.10 + 0.35 * opened)), 0.75, 1.05)
    inside = inside + (tongue * 0.8)[..., None] * (linear((0.66, 0.32, 0.31)) - inside)
    # The upper teeth belong to the skull: they follow the upper lip only by a third, and the jaw not at all.
    edge = 1.785 + (p[62, 1] - 1.785) * 0.35 + 0.13 - 0.10 * u**2
    teeth = canvas.cover(v - edge) * (np.abs(u) < 0.6)
    lit = 0.55 + 0.45 * np.clip((v - part(u)) / 0.06, 0, 1)
    gaps = 1 - 0.10 * np.clip(1 - np.abs(u / 0.135 - np.round(u / 0.135)) / 0.10, 0, 1)
    enamel = linear((0.93, 0.90, 0.84)) * (lit * gaps * (1 - 0.45 * (u / 0.6) ** 2))[..., None]
    canvas.over(where, hole, inside + teeth[..., None] * (enamel - inside))
    if opened >= 0.06:
        spot, soft = canvas.stroke(np.stack([part.at, part.table], 1)[::3], 0.06, (0.2, 0.2))
        canvas.over(spot, 0.55 * soft, linear((0.22, 0.09, 0.08)))
    spot, soft = canvas.stroke(curve(0.5 * (p[_PART] + p[_CLOSE]), 24), 0.055, (0.5, 0.5))
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


def brows(canvas: Canvas, identity: Identity, pose: Pose) -> None:
    """Brows of short hairs along the five points of each."""
    colour = linear(identity.hair) * 0.45 + linear((0.16, 0.10, 0.08)) * 0.35
    for side, points in ((-1, pose.points[[21, 20, 19, 18, 17]]), (1, pose.points[22:27])):
        path = curve(points, 14)
        where = canvas.around(path, 0.2)
        u, v = canvas.u[where], canvas.v[where]
        distance, along = nearest_on(path, u, v)
        swell = 0.72 + 0.55 * np.sin(np.pi * np.clip(along * 0.8 + 0.1, 0, 1)) - 0.62 * along**2
        half = 0.105 * identity.brow_thickness * swell
        body = 1 - smooth(distance / np.maximum(half, 0.02), 0.45, 1.25)
        ends = smooth(along, -0.02, 0.12) * 0.55 + 0.45
        slant = side * u * (0.9 + 0.3 * along) + 0.6 * v
        hairs = 0.90 + 0.07 * np.sin(83 * slant + 5 * np.sin(9 * along))
        hairs += 0.05 * np.sin(37 * slant + 3 * np.sin(17 * u))
        canvas.over(where, 0.88 * body * ends * hairs, colour)
