"""What frames a face: backdrop, shoulders, neck, ears and hair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, linear, monotone, smooth

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
    return at, monotone(a, r, at)


def outline(jaw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The skin's outline from the 17 jaw landmarks, float64 ``(17, 2)``, closed over a hidden skull."""
    wide = jaw[16, 0]
    skull = np.array(
        [(s * wide * x, y) for s in (-1, 1) for x, y in ((0.99, -0.5), (0.90, -1.15), (0.62, -1.75))] + [(0, -2.05)]
    )
    points = np.vstack([jaw, skull])
    return ring(np.arctan2(points[:, 0], -(points[:, 1] - CENTRE)), np.hypot(points[:, 0], points[:, 1] - CENTRE))


def behind(canvas: Canvas, identity: Identity, jaw: np.ndarray) -> None:
    """Backdrop, the hair behind the head, neck, shoulders and ears."""
    grade = np.float32(1.04) - np.float32(0.032) * canvas.v - np.float32(0.05 * identity.light[0]) * canvas.u
    canvas.rgb[:] = linear(identity.backdrop) * np.clip(grade, 0.3, 1.6)[..., None]
    if identity.hair_style in ("long", "bob"):
        _curtain(canvas, identity)
    skin = linear(identity.skin)
    side = np.float32(identity.light[0])
    wide = np.float32(0.92 * identity.face_width * (0.5 + 0.5 * identity.jaw_width))
    where = canvas.window(-9, 1.2, 9, 9)
    u, v = canvas.u[where], canvas.v[where]
    neck = wide + np.float32(0.5) * np.clip((v - np.float32(3.0)) / np.float32(1.0), 0, 1) ** 2
    chin = jaw[8, 1]
    shadow = np.float32(0.34) + np.float32(0.36) * smooth(v, chin + 0.05, chin + 0.9)
    tube = np.sqrt(np.clip(1 - (u / (neck + np.float32(0.1))) ** 2, 0.05, 1)) * (1 + np.float32(0.5) * side * u)
    tint = (skin * (1.03, 0.97, 0.95)).astype(np.float32)
    canvas.over(where, canvas.cover(np.abs(u) - neck) * (v > 1.2), (shadow * tube)[..., None] * tint)
    beside = np.clip(np.abs(u) - np.float32(0.92), 0, None)
    dip = np.clip(1 - (u / np.float32(0.92)) ** 2, 0, 1)
    collar = np.float32(3.60) + np.float32(0.26) * dip + np.float32(0.24) * beside + np.float32(0.10) * beside**2
    fold = np.clip(np.float32(0.85) + np.float32(0.15) * side * u - np.float32(0.10) * (v - np.float32(3.6)), 0, 2)
    canvas.over(where, canvas.cover(collar - v), fold[..., None] * linear(identity.clothes))
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
        canvas.over(
            where, canvas.cover((d - 1) * 0.24), skin * light[..., None] * np.array([1.08, 0.93, 0.9], np.float32)
        )


class Strands:
    """Irregular strands that fan out from the crown: random brightness by angle, with a little swirl."""

    def __init__(self, seed: int, size: int = 1024) -> None:
        rng = np.random.default_rng([seed, 5])
        fine = gaussian_filter1d(rng.normal(0, 1, size), 1.2, mode="wrap")
        coarse = gaussian_filter1d(rng.normal(0, 1, size), 7, mode="wrap")
        self.table = (0.5 * fine / fine.std() + 0.5 * coarse / coarse.std()).astype(np.float32)
        self.swirl = float(rng.uniform(-0.12, 0.12))

    def __call__(self, angle: np.ndarray, radius: np.ndarray) -> np.ndarray:
        """Brightness about 0 with a spread of about 0.7, float32 ``(h, w)``."""
        at = (angle + np.float32(self.swirl) * radius) * np.float32(len(self.table) / (2 * np.pi))
        low = np.floor(at)
        share = at - low
        first = low.astype(np.int64) % len(self.table)
        return self.table[first] * (1 - share) + self.table[(first + 1) % len(self.table)] * share


def _curtain(canvas: Canvas, identity: Identity) -> None:
    """Hair that falls beside and behind the face."""
    length = 4.6 if identity.hair_style == "long" else 2.45
    wide = 1.68 * identity.face_width + 0.08 + 0.9 * 0.95 * identity.hair_volume
    where = canvas.window(-2.6, -0.4, 2.6, length + 0.2)
    u, v = canvas.u[where], canvas.v[where]
    wave = 0.05 * np.sin(1.8 * (v - 2.2)) * smooth(v, 2.0, 2.6)
    half = np.float32(wide) + wave - 0.5 * smooth(v, length - 0.8, length + 0.1) ** 2
    body = np.maximum(np.maximum(np.abs(u) - half, v - length), -0.3 - v)
    strands = Strands(identity.seed + 1)(0.45 * u + 0.05 * np.sin(1.7 * v + identity.seed % 3), 0.1 * v)
    fall = (0.62 + 0.10 * strands) * (0.42 + 0.58 * smooth(np.abs(u), 1.0, wide - 0.25))
    canvas.over(where, canvas.cover(body), linear(identity.hair) * fall[..., None])


def front(canvas: Canvas, identity: Identity, polar: Polar) -> None:
    """The hair over the skull, down to the hairline."""
    style, wide = identity.hair_style, 1.68 * identity.face_width
    falls = style in ("bob", "long")
    down = {"cropped": 0.0, "short": 0.12, "parted": 0.2, "bob": 2.1, "long": 2.2, "tied": -0.05}[style]
    where = canvas.window(-2.6, -3.3, 2.6, down + 0.3)
    angle, radius, v = polar.angle[where], polar.radius[where], canvas.v[where]
    if style in ("bob", "long", "parted"):
        # Combed hair runs along the head, then straight down.
        run = np.hypot(canvas.u[where], np.minimum(v - np.float32(CENTRE), 0))
        strands = 0.6 * Strands(identity.seed)(0.75 * run + 0.12 * np.abs(angle), run)
    else:
        strands = Strands(identity.seed)(angle, radius)
    rough = 0.035 if style in ("short", "cropped") else 0.012
    r_out = _radius(angle, _crown(identity, wide, falls, down)) + np.float32(rough) * strands
    r_in = _radius(angle, _hairline(identity, wide, falls, down))
    cover = canvas.cover(radius - r_out) * smooth(radius - r_in + 0.045 * strands, -0.09, 0.09)
    cover *= 1 - smooth(v, down - (0.9 if falls else 0.14), down + 0.10)
    lean = np.float32(0.9 * identity.light[0])
    band = np.clip(1 - ((radius - 2.45) / 0.5) ** 2, 0, 1) * np.clip(np.cos(angle - lean), 0, 1) ** 2
    roots = 0.60 + 0.40 * smooth(radius - r_in, 0.0, 0.45)
    rim = 1 - 0.35 * smooth(radius - r_out, -0.45, 0.0)
    light = (1 + 0.16 * strands) * roots * rim * (1 + (0.9 + 0.3 * strands) * band)
    canvas.over(where, cover, linear(identity.hair) * light[..., None])


def _crown(identity: Identity, wide: float, falls: bool, down: float) -> np.ndarray:
    """The outer edge of the hair, from the picture's left to its right, ``(n, 2)``."""
    share = {"cropped": 0.30, "short": 0.80, "tied": 0.45}.get(identity.hair_style, 0.95)
    volume = share * identity.hair_volume
    t = np.linspace(-np.pi / 2, np.pi / 2, 15)
    side = wide + 0.08 + (0.9 if falls else 0.75) * volume
    arc = np.stack([side * np.sin(t), -0.25 - (2.12 + volume) * np.cos(t) ** 0.92], 1)
    drop = side if falls else wide + 0.08 + 0.2 * volume
    fall = [(drop, v) for v in np.linspace(-0.05, down + 0.3, 8 if falls else 2)]
    return np.vstack([[(-u, v) for u, v in fall[::-1]], arc, fall])


def _hairline(identity: Identity, wide: float, falls: bool, down: float) -> np.ndarray:
    """The inner edge of the hair, from the picture's left to its right, ``(n, 2)``."""
    high, side = identity.hairline, 1 if identity.seed % 2 else -1
    sweep = {"parted": 0.14, "long": 0.10, "bob": 0.10}.get(identity.hair_style, 0.0)
    edge = 0.94 if falls else 1.0
    line: list[tuple[float, float]] = [(0.0, -high - 0.5 * sweep)]
    for s in (-1, 1):
        lift = sweep if s == side else -0.6 * sweep
        line += [
            (s * 0.62, -high + 0.02 - lift),
            (s * wide * 0.70, -high + 0.26 - 0.6 * lift),
            (s * wide * 0.87, -0.80),
            (s * wide * 0.93 * edge, -0.35),
        ]
        line += [(s * wide * edge, v) for v in np.linspace(0.1, down + 0.3, 8 if falls else 2)]
    return np.array(line)


def _radius(angle: np.ndarray, line: np.ndarray) -> np.ndarray:
    """The radius at each ``angle`` of an open line around the head, constant beyond its ends; float32."""
    angles = np.arctan2(line[:, 0], -(line[:, 1] - CENTRE))
    radii = np.hypot(line[:, 0], line[:, 1] - CENTRE)
    order = np.argsort(angles)
    at = np.linspace(angles.min(), angles.max(), 181)
    return np.interp(angle, at, monotone(angles[order], radii[order], at)).astype(np.float32)
