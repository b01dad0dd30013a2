"""What frames a face: backdrop, shoulders, neck, ears and hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, linear, smooth

CENTRE = 0.35
"""Height of the head's centre, about which its outline is a radius per angle."""


@dataclass
class Polar:
    """The picture in polar coordinates about the head's centre; angle 0 is up, positive to the right."""

    angle: np.ndarray
    radius: np.ndarray

    @classmethod
    def of(cls, canvas: Canvas) -> Polar:
        """Polar coordinates of every pixel."""
        v = canvas.v - np.float32(CENTRE)
        return cls(np.arctan2(canvas.u, -v), np.hypot(canvas.u, v))


def ring(angles: np.ndarray, radii: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A closed outline: a table of radius by angle, smooth through the given (unordered) samples."""
    order = np.argsort(angles)
    a, r = angles[order], radii[order]
    a = np.concatenate([a[-3:] - 2 * np.pi, a, a[:3] + 2 * np.pi])
    r = np.concatenate([r[-3:], r, r[:3]])
    at = np.linspace(-np.pi, np.pi, 181)
    return at, PchipInterpolator(a, r)(at)


def outline(jaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The skin's outline from the 17 jaw landmarks, float64 ``(17, 2)``, closed over a hidden skull."""
    wide = jaw[16, 0]
    skull = np.array([(s * wide * x, y) for s in (-1, 1) for x, y in ((0.99, -0.5), (0.90, -1.15), (0.62, -1.75))] + [(0, -2.05)])
    points = np.vstack([jaw, skull])
    return ring(np.arctan2(points[:, 0], -(points[:, 1] - CENTRE)), np.hypot(points[:, 0], points[:, 1] - CENTRE))


def behind(canvas: Canvas, identity: Identity, polar: Polar, jaw: np.ndarray) -> None:
    """Backdrop, the hair behind the head, neck, shoulders and ears."""
    everywhere = (slice(None), slice(None))
    grade = 1.12 - 0.16 * (canvas.v + 2.5) / 5 - 0.10 * np.float32(identity.light[0]) * canvas.u / 2
    canvas.rgb[:] = linear(identity.backdrop) * np.clip(grade, 0.3, 1.6)[..., None]
    if identity.hair_style in ("long", "bob"):
        _curtain(canvas, identity, polar)
    skin = linear(identity.skin)
    side = np.float32(identity.light[0])
    wide = np.float32(0.92 * identity.face_width * (0.5 + 0.5 * identity.jaw_width))
    v = canvas.v
    neck = wide + 0.75 * np.clip((v - 3.1) / 1.2, 0, 1) ** 2
    cover = canvas.cover(np.abs(canvas.u) - neck) * (v > 1.2)
    chin = jaw[8, 1]
    shadow = 0.34 + 0.36 * smooth(v, chin + 0.05, chin + 0.9)
    tube = np.sqrt(np.clip(1 - (canvas.u / (neck + 0.1)) ** 2, 0.05, 1)) * (1 + 0.5 * side * canvas.u)
    canvas.over(everywhere, cover, skin * (shadow * tube)[..., None] * np.array([1.03, 0.97, 0.95], np.float32))
    collar = 3.55 - 0.30 * np.clip(1 - (canvas.u / 0.85) ** 2, -2.2, 0) + 0.28 * np.clip(1 - (canvas.u / 0.8) ** 2, 0, 1)
    cloth = linear(identity.clothes) * (0.85 + 0.30 * side * canvas.u / 2 - 0.10 * (canvas.v - 3.6))[..., None]
    canvas.over(everywhere, canvas.cover(collar - canvas.v), np.clip(cloth, 0, 1))
    _ears(canvas, identity, jaw)


def _ears(canvas: Canvas, identity: Identity, jaw: np.ndarray) -> None:
    if identity.hair_style in ("long", "bob"):
        return
    skin = linear(identity.skin)
    for side, edge in ((-1, jaw[0, 0]), (1, jaw[16, 0])):
        where = canvas.window(edge - 0.45, -0.5, edge + 0.45, 1.15)
        u, v = canvas.u[where] - edge - side * 0.04, canvas.v[where] - 0.28
        lean = u - side * 0.12 * -v
        d = np.hypot(lean / 0.24, v / (0.58 - 0.10 * smooth(v, 0, 0.6)))
        light = 0.74 + 0.22 * side * identity.light[0] - 0.30 * np.clip(1 - ((d - 0.62) / 0.18) ** 2, 0, 1)
        canvas.over(where, canvas.cover((d - 1) * 0.24), skin * light[..., None] * np.array([1.08, 0.93, 0.9], np.float32))


def _strands(canvas: Canvas, identity: Identity, polar: Polar) -> np.ndarray:
    """Brightness of the hair: strands that fan out from the crown, and a soft band of light."""
    rng = np.random.default_rng([identity.seed, 5])
    phase = rng.uniform(0, 2 * np.pi, 4)
    turn = polar.angle + 0.10 * np.sin(2.2 * polar.radius + phase[0])
    strands = 1 + 0.13 * np.sin(34 * turn + phase[1]) + 0.09 * np.sin(71 * turn + 2 * polar.radius + phase[2])
    strands += 0.06 * np.sin(133 * turn + phase[3])
    lean = np.float32(0.9 * identity.light[0])
    band = np.clip(1 - ((polar.radius - 2.35) / 0.42) ** 2, 0, 1) * np.clip(np.cos(polar.angle - lean), 0, 1) ** 2
    depth = 0.62 + 0.38 * smooth(polar.radius, 1.6, 2.4)
    return strands * depth * (1 + 0.9 * band)


def _curtain(canvas: Canvas, identity: Identity, polar: Polar) -> None:
    """Hair that falls beside and behind the face."""
    length = 4.4 if identity.hair_style == "long" else 2.35
    wide = 1.80 * identity.face_width + identity.hair_volume * 0.9
    v = canvas.v
    half = wide * (1 + 0.05 * np.sin(1.4 * v + identity.seed % 5)) - 0.35 * smooth(v, length - 0.9, length)
    body = np.maximum(np.abs(canvas.u) - half, v - length)
    body = np.maximum(body, -0.2 - v)
    fall = 0.55 + 0.20 * np.sin(19 * canvas.u + np.sin(1.3 * v + identity.seed % 7)) * np.cos(5 * canvas.u)
    fall *= 0.55 + 0.45 * smooth(np.abs(canvas.u), 1.2, wide)
    canvas.over((slice(None), slice(None)), canvas.cover(body), linear(identity.hair) * fall[..., None])


def front(canvas: Canvas, identity: Identity, polar: Polar) -> None:
    """The hair over the skull, down to the hairline."""
    style = identity.hair_style
    wide = 1.68 * identity.face_width
    volume = {"cropped": 0.35, "short": 0.85, "tied": 0.55}.get(style, 1.0) * identity.hair_volume
    part = 0.45 if identity.seed % 2 else -0.45
    down = {"cropped": -0.35, "short": -0.12, "parted": 0.05, "bob": 1.9, "long": 2.0, "tied": -0.25}[style]
    outer_points, inner_points = [], []
    top, line = 2.50 + volume, identity.hairline + CENTRE
    for s in (-1, 1):
        outer_points += [(s * (wide + 0.10 + volume), -0.3), (s * (wide * 0.93 + volume), -1.1), (s * (wide * 0.62 + 0.7 * volume), -1.8)]
        outer_points.append((s * (wide + 0.06 + (0.5 * volume if down > 1 else 0.0)), max(down, 0.1)))
        lift = {"parted": 0.16, "tied": 0.02, "bob": 0.05, "long": 0.05}.get(style, -0.02) * (1 if s * part > 0 else -0.4)
        inner_points += [(s * 0.55, -identity.hairline - lift), (s * wide * 0.72, -identity.hairline + 0.30 - lift)]
        temple = wide * (0.90 if down < 1 else 0.88)
        inner_points += [(s * temple, -0.62), (s * (wide * (0.99 if down < 1 else 0.93)), max(down, -0.3))]
    outer_points.append((0, CENTRE - top))
    inner_points.append((0.0, CENTRE - line))
    outer, inner = (np.array(x) for x in (outer_points, inner_points))
    r_out = np.interp(polar.angle, *_hood(outer, wide)).astype(np.float32)
    r_in = np.interp(polar.angle, *_hood(inner, wide)).astype(np.float32)
    rng = np.random.default_rng([identity.seed, 8])
    jag = 0.03 * np.sin(61 * polar.angle + rng.uniform(0, 6)) + 0.025 * np.sin(97 * polar.angle + rng.uniform(0, 6))
    cover = canvas.cover(np.maximum(polar.radius - r_out - 0.3 * jag, (r_in + jag - polar.radius) * 0.6))
    cover *= smooth(down + 0.06 + 0.0 * canvas.v - canvas.v, -0.12, 0.12)
    canvas.over((slice(None), slice(None)), cover, linear(identity.hair) * _strands(canvas, identity, polar)[..., None])


def _hood(points: np.ndarray, wide: float) -> tuple[np.ndarray, np.ndarray]:
    angles = np.arctan2(points[:, 0], -(points[:, 1] - CENTRE))
    radii = np.hypot(points[:, 0], points[:, 1] - CENTRE)
    order = np.argsort(angles)
    at = np.linspace(-np.pi, np.pi, 181)
    return at, np.clip(PchipInterpolator(angles[order], radii[order], extrapolate=False)(np.clip(at, angles.min(), angles.max())), 0, 6)
