"""The skin: a height field that the muscles move, its colour, and the light on it."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import zoom

from xai_compare.synthetic.anatomy import Pose
from xai_compare.synthetic.furrows import furrows
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, Profile, Window, linear, smooth
from xai_compare.synthetic.relief import Relief

_RIDGE = Profile(
    np.transpose(
        [[-0.6, -0.3, 0.0, 0.45, 0.8, 0.95, 1.12, 1.26, 1.4], [0.0, 0.02, 0.10, 0.22, 0.36, 0.40, 0.26, 0.06, 0.0]]
    )
)
_RIDGE_WIDTH = Profile([(-0.6, 0.34), (0.0, 0.24), (0.45, 0.26), (0.95, 0.38), (1.3, 0.46)])


class Skin(Relief):
    """A face's skin: its relief and its colour.

    Attributes:
        albedo: float32 ``(h, w, 3)``, linear.
        gloss: float32 ``(h, w)``, strength of the highlights.
    """

    def __init__(self, canvas: Canvas, identity: Identity, pose: Pose) -> None:
        super().__init__(canvas, identity, pose)
        self.gloss = np.full(canvas.u.shape, 0.055, np.float32)
        self.albedo = np.empty((*canvas.u.shape, 3), np.float32)
        self._head()
        self._features()
        self._mouth()
        furrows(self)
        self._colour()

    def _head(self) -> None:
        """The head as an ellipsoid whose lower part stretches with the jaw."""
        c, chin = self.canvas, self.pose.points[8, 1]
        below = np.clip((c.v - 1) / np.float32(chin - 1), 0, None)
        v = c.v + np.float32(2.95 - chin) * below**2
        wide = np.float32(1.86 * self.identity.face_width)
        q = (c.u / wide) ** 2 + ((v - np.float32(0.35)) / np.float32(2.95)) ** 2
        self.height += 1.55 * np.sqrt(np.clip(1 - q, 0, None) + np.float32(0.02))

    def _features(self) -> None:
        c, h, p, pose = self.canvas, self.height, self.pose.points, self.pose
        where = c.window(-0.8, -0.7, 0.8, 1.5)
        u, v = c.u[where], c.v[where] / np.float32(self.identity.nose_length)
        width = _RIDGE_WIDTH(v) * np.float32(self.identity.nose_width)
        h[where] += _RIDGE(v) * np.clip(1 - (u / (1.75 * width)) ** 2, 0, None) ** 2
        c.bump(h, (0, p[30, 1]), (0.30, 0.30), 0.09)
        for side, wing, brow, outer in ((-1, 31, 20, 36), (1, 35, 23, 45)):
            c.bump(h, (p[wing, 0] * 0.88, p[wing, 1] - 0.10), (0.22, 0.22), 0.13)
            eye = p[outer] * 0.71
            c.bump(h, (eye[0], eye[1] - 0.05), (0.62, 0.45), -0.17)
            c.bump(h, (eye[0], eye[1] - 0.02), (0.44, 0.30), 0.10)
            c.bump(h, (side * 0.72, -0.52 + 0.6 * (p[brow, 1] + 0.45)), (0.85, 0.34), 0.07)
            lift = pose.strength(6, side) * 0.75 + pose.strength(12, side) * 0.55
            c.bump(h, (side * 1.02, 0.95), (0.66, 0.62), 0.13)
            c.bump(h, (side * 0.98, 0.72), (0.55, 0.50), 0.20 * lift)
            self.hollow((side * 0.45, 0.0), (0.30, 0.34), 0.16)
            self.hollow((eye[0], eye[1] - 0.1), (0.66, 0.42), 0.10)
        c.bump(h, (0, -1.0), (1.5, 0.9), 0.06)
        c.bump(h, (0, p[8, 1] - 0.42), (0.55, 0.50), 0.13)
        self.hollow((0, p[33, 1] + 0.12), (0.42, 0.22), 0.18)

    def _mouth(self) -> None:
        """The mound of the mouth, the philtrum, and the fullness of the two lips."""
        c, h, p = self.canvas, self.height, self.pose.points
        middle = (p[62, 1] + p[66, 1]) / 2
        c.bump(h, (0, middle), (1.0, 0.75), 0.10)
        c.bump(h, (0, (p[33, 1] + p[51, 1]) / 2), (0.11, 0.22), -0.035)
        lower = p[57, 1]
        c.bump(h, (0, lower + 0.17), (0.55, 0.19), -0.06)
        self.hollow((0, lower + 0.12), (0.48, 0.18), 0.16)
        for side, corner in ((-1, 48), (1, 54)):
            self.hollow((p[corner, 0] + side * 0.03, p[corner, 1]), (0.17, 0.17), 0.22)

    def _colour(self) -> None:
        c, identity, pose = self.canvas, self.identity, self.pose
        base = linear(identity.skin)
        self.albedo[:] = base
        face = c.window(-1.95, -2.3, 1.95, 3.6)
        flush = np.zeros_like(c.u)
        for side in (-1, 1):
            c.bump(flush, (side * 1.02, 0.95), (0.75, 0.65), 0.5)
        c.bump(flush, (0, 0.95), (0.42, 0.42), 0.45)
        self.albedo[face] *= 1 + flush[face][..., None] * np.array([0.02, -0.16, -0.14], np.float32)
        under = np.zeros_like(c.u)
        for outer in (36, 45):
            c.bump(under, (pose.points[outer, 0] * 0.68, 0.20), (0.42, 0.22), 0.35 + 0.3 * identity.age)
        self.albedo[face] *= 1 - under[face][..., None] * np.array([0.14, 0.20, 0.16], np.float32)
        rng = np.random.default_rng([identity.seed, 3])
        coarse = rng.normal(0, 0.022, (12, 12))
        mottle = zoom(coarse, (c.height / 12, c.width / 12), order=1, mode="nearest").astype(np.float32)
        self.albedo[face] *= 1 + mottle[face][..., None]
        for _ in range(int(45 * identity.freckles)):
            spot = rng.normal(0, 0.75), 0.75 + rng.normal(0, 0.3)
            c.bump(self.shade, spot, (0.04, 0.04), -0.16)

    def lit(self, where: Window) -> np.ndarray:
        """The skin in light, linear float32 ``(h, w, 3)``, in a window."""
        z = self.height[where]
        gu = np.empty_like(z)
        gv = np.empty_like(z)
        scale = np.float32(self.canvas.scale)
        gu[:, 1:-1] = (z[:, 2:] - z[:, :-2]) * (0.5 * scale)
        gu[:, 0], gu[:, -1] = gu[:, 1], gu[:, -2]
        gv[1:-1] = (z[2:] - z[:-2]) * (0.5 * scale)
        gv[0], gv[-1] = gv[1], gv[-2]
        norm = 1 / np.sqrt(1 + gu * gu + gv * gv)
        lx, ly, lz = (np.float32(x) for x in self.identity.light)
        facing = (lz - gu * lx - gv * ly) * norm
        diffuse = smooth(facing, -0.35, 1.25) * np.float32(1.25)
        sky = 0.80 + 0.20 * gv * norm
        hx, hy, hz = np.array([lx, ly, lz + 1]) / np.sqrt(lx**2 + ly**2 + (lz + 1) ** 2)
        shine = np.clip((np.float32(hz) - gu * np.float32(hx) - gv * np.float32(hy)) * norm, 0, 1)
        for _ in range(4):
            shine *= shine
        ambient = np.float32(self.identity.ambient)
        shade = self.shade[where]
        light = (ambient * sky + (1.22 - ambient) * diffuse) * shade
        # Light that has passed through skin is red: shadows keep their red longer than their blue.
        warm = np.array([1.0 + self.identity.warmth, 1.0, 1.0 - self.identity.warmth], np.float32)
        power = light[..., None] * np.array([1.0, 1.0, 1.0], np.float32) * warm
        power += (np.clip(light, 0, 1) * np.clip(1 - light, 0, 1))[..., None] * np.array([0.14, 0.0, -0.03], np.float32)
        return self.albedo[where] * power + (self.gloss[where] * shine * shade)[..., None]
