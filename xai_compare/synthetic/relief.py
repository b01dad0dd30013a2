"""The skin's relief: how high it stands and how much light reaches it, and the tools that shape both."""

from __future__ import annotations

import numpy as np

from xai_compare.synthetic.anatomy import Pose
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas, Points, Window


class Relief:
    """Height and darkening of a face's skin, in the window that holds the face, and what shapes them.

    Attributes:
        height: float32 ``(h, w)``, towards the viewer, in half outer-eye distances.
        shade: float32 ``(h, w)``, the share of light that reaches creases and hollows.
    """

    def __init__(self, canvas: Canvas, identity: Identity, pose: Pose) -> None:
        self.canvas, self.identity, self.pose = canvas, identity, pose
        shape = canvas.u.shape
        self.height = np.zeros(shape, np.float32)
        self.shade = np.ones(shape, np.float32)

    def groove(self, points: Points, width: float, depth: float, ends: tuple[float, float] = (0, 0)) -> None:
        """A crease along ``points``: lower and darker."""
        if depth < 1e-3:
            return
        where, strength = self.canvas.stroke(points, 1.8 * width, ends)
        self.carve(where, strength, depth, width)

    def carve(self, where: Window, strength: np.ndarray, depth: float | np.ndarray, width: float) -> None:
        """Lower and darken the skin by a stroke of ``depth``, which may vary from pixel to pixel."""
        self.height[where] -= np.float32(width) * (depth * strength)
        self.shade[where] *= 1 - np.minimum(0.42 * np.asarray(depth, np.float32), np.float32(0.52)) * strength**2

    def hollow(self, centre: tuple[float, float], radii: tuple[float, float], darkness: float) -> None:
        """Let less light into a soft ellipse."""
        self.canvas.bump(self.shade, centre, radii, -darkness)
