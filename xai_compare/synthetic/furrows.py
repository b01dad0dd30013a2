"""Furrows and wrinkles: faint at rest in the old, deep where an action unit folds the skin."""

from __future__ import annotations

import numpy as np

from xai_compare.synthetic.paint import curve
from xai_compare.synthetic.relief import Relief


def furrows(skin: Relief) -> None:
    """Cut every furrow of the pose into ``skin``."""
    _forehead(skin)
    _glabella(skin)
    for side in (-1, 1):
        _eye(skin, side)
        _cheek(skin, side)
        _mouth(skin, side)
    _lips_and_chin(skin)


def _forehead(skin: Relief) -> None:
    """Frontalis: lines across the brow, deep in the middle with AU 1, over the outer brows with AU 2."""
    rest = 0.12 * skin.identity.age
    inner, left, right = skin.pose.units[1], skin.pose.strength(2, -1), skin.pose.strength(2, 1)
    if max(rest, inner, left, right) < 0.01:
        return
    canvas = skin.canvas
    for row in range(3):
        v = -0.74 - 0.20 * row
        us, drops = (-1.25, -0.8, -0.3, 0, 0.3, 0.8, 1.25), (0.16, 0.0, 0.03, 0.05, 0.03, 0.0, 0.16)
        path = curve([(u, v + drop) for u, drop in zip(us, drops, strict=True)], 14)
        where, strength = canvas.stroke(path, 0.125, (0, 0))
        u = canvas.u[where]
        depth = rest + 0.95 * inner * np.clip(1 - (u / 0.75) ** 2, 0, None) ** 2
        for side, outer in ((-1, left), (1, right)):
            depth += 0.9 * outer * np.clip(1 - ((side * u - 0.82) / 0.62) ** 2, 0, None) ** 2
        skin.carve(where, strength, depth * (1 - 0.15 * row), 0.07)


def _glabella(skin: Relief) -> None:
    """Corrugator: upright folds between the brows (AU 4); procerus: cross folds on the nose's root (AU 9)."""
    frown, wrinkle = skin.pose.units[4], skin.pose.units[9]
    p = skin.pose.points
    for side, inner in ((-1, 21), (1, 22)):
        u, v = p[inner]
        path = [(side * 0.10, v - 0.24), (side * 0.13, v), (side * 0.10, v + 0.24)]
        skin.groove(curve(path), 0.065, 0.12 * skin.identity.age + 1.0 * frown)
        skin.canvas.bump(skin.height, (u + side * 0.06, v - 0.02), (0.24, 0.22), 0.07 * frown)
        for row in range(3):
            starts = ((0.03, 0.16, 0.13), (0.14, 0.10, 0.14), (0.27, 0.15, 0.17))
            path = [(side * out, down + step * row) for out, down, step in starts]
            skin.groove(curve(path), 0.055, 0.95 * wrinkle)
    for row in range(2):
        v = -0.06 + 0.15 * row
        skin.groove(curve([(-0.18, v - 0.03), (0, v + 0.02), (0.18, v - 0.03)]), 0.06, 0.9 * wrinkle)
    skin.canvas.bump(skin.height, (0, -0.15), (0.22, 0.22), 0.06 * wrinkle)


def _eye(skin: Relief, side: int) -> None:
    """Crow's feet and the lower lid's pouch (AU 6), the tight lower lid (AU 7)."""
    p, age = skin.pose.points, skin.identity.age
    outer, inner, low = (p[36], p[39], p[41]) if side < 0 else (p[45], p[42], p[46])
    cheek, tight = skin.pose.strength(6, side), skin.pose.strength(7, side)
    u, v = outer
    for k, angle in enumerate((-0.45, -0.05, 0.35)):
        du, dv = np.cos(angle), np.sin(angle)
        reach = [(u + side * r * du, v + 0.03 + r * dv + 0.25 * r * r) for r in (0.12, 0.29, 0.50)]
        skin.groove(curve(reach), 0.055, 0.10 * age + 0.65 * cheek * (1 - 0.12 * k), (0.3, 0))
    middle = (inner[0] + outer[0]) / 2
    depth = 0.18 + 0.25 * age + 0.75 * cheek + 0.5 * tight
    pouch = [(inner[0] + side * 0.0, inner[1] + 0.10), (middle, low[1] + 0.15), (u - side * 0.02, v + 0.19)]
    skin.groove(curve(pouch), 0.07, depth * 0.7)
    skin.canvas.bump(skin.height, (middle, low[1] + 0.07), (0.36, 0.10), 0.025 + 0.035 * (cheek + tight))


def _cheek(skin: Relief, side: int) -> None:
    """The nasolabial fold: deepened by AU 12, 10, 9 and 20, each shaping it in its own way."""
    s, p = skin.pose.strength, skin.pose.points
    wing, corner = (p[31], p[48]) if side < 0 else (p[35], p[54])
    smile, sneer, nose, stretch = s(12, side), s(10, side), s(9, side), s(20, side)
    depth = 0.16 + 0.35 * skin.identity.age + 0.50 * smile + 0.55 * sneer + 0.60 * nose + 0.30 * stretch
    start = (wing[0] + side * 0.13, wing[1] - 0.10)
    end_u = max(abs(corner[0]) + 0.17, 0.80)
    end = (side * end_u, min(corner[1] + 0.10, 1.80))
    bulge = 0.04 + 0.06 * smile
    middle = ((start[0] + end[0]) / 2 + side * bulge, (start[1] + end[1]) / 2 - bulge)
    skin.groove(curve([start, middle, end]), 0.085, min(depth, 1.2), (0.7, 0))


def _mouth(skin: Relief, side: int) -> None:
    """Around the mouth's corner: dimple (14), marionette line (15), stretch lines (20), tightness (23)."""
    s, p = skin.pose.strength, skin.pose.points
    u, v = p[48] if side < 0 else p[54]
    path = [(u + side * 0.13, v - 0.16), (u + side * 0.17, v), (u + side * 0.13, v + 0.16)]
    skin.groove(curve(path), 0.07, 0.9 * s(14, side))
    down = s(15, side)
    path = [(u + side * 0.05, v - 0.04), (u + side * 0.13, v + 0.13), (u + side * 0.10, v + 0.36)]
    skin.groove(curve(path), 0.075, 0.08 * skin.identity.age + 0.9 * down, (0.6, 0))
    skin.canvas.bump(skin.height, (u + side * 0.02, v + 0.22), (0.24, 0.22), 0.07 * down)
    stretch = s(20, side)
    path = [(u + side * 0.10, v - 0.20), (u + side * 0.19, v + 0.02), (u + side * 0.12, v + 0.30)]
    skin.groove(curve(path), 0.09, 0.55 * stretch)
    skin.canvas.bump(skin.height, (u + side * 0.03, v), (0.20, 0.20), 0.06 * s(23, side))


def _lips_and_chin(skin: Relief) -> None:
    """The bulge of pressed lips (AU 23), the dimpled chin (AU 17)."""
    p, units = skin.pose.points, skin.pose.units
    tight, chin = units[23], units[17]
    skin.canvas.bump(skin.height, (0, p[57, 1] + 0.13), (0.50, 0.16), 0.05 * tight)
    skin.canvas.bump(skin.height, (0, p[51, 1] - 0.12), (0.45, 0.16), 0.035 * tight)
    for side in (-1, 1):
        for k in range(3):
            top = side * (0.10 + 0.16 * k), p[51, 1] - 0.15 + 0.04 * k
            end = side * (0.09 + 0.15 * k), p[51, 1] - 0.02 + 0.05 * k
            skin.groove(curve([top, end]), 0.045, 0.30 * tight)
    fold = [(-0.42, p[57, 1] + 0.24), (0, p[57, 1] + 0.15), (0.42, p[57, 1] + 0.24)]
    skin.groove(curve(fold), 0.07, 0.10 + 0.15 * skin.identity.age + 0.7 * chin)
    if chin:
        rng = np.random.default_rng(17)
        for du, dv in rng.uniform(-1, 1, (14, 2)):
            skin.canvas.bump(skin.height, (0.36 * du, p[8, 1] - 0.40 + 0.22 * dv), (0.09, 0.09), -0.035 * chin)
