"""The screen on which pictures were shown: pixels, degrees of visual angle, and where a picture lay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from xai_compare.errors import InputError


@dataclass(frozen=True)
class Screen:
    """A screen, as far as it is known.

    Attributes:
        resolution: width and height in pixels.
        size_cm: width and height of the visible screen in cm.
        distance_cm: from the eyes to the screen in cm.
        pixels_per_degree: instead of size and distance.
    """

    resolution: tuple[int, int] | None = None
    size_cm: tuple[float, float] | None = None
    distance_cm: float | None = None
    pixels_per_degree: float | None = None

    def __post_init__(self) -> None:
        numbers = [*(self.resolution or ()), *(self.size_cm or ()), self.distance_cm, self.pixels_per_degree]
        if any(value is not None and not (math.isfinite(value) and value > 0) for value in numbers):
            raise InputError(f"{self}: every length of a screen must be above 0")

    @classmethod
    def of(cls, given: Screen | Mapping[str, Any] | None) -> Screen:
        """A screen from its own description as a mapping, as ``attrs`` of tables hold it."""
        if given is None or isinstance(given, Screen):
            return given or cls()
        known: dict[str, Any] = {key: tuple(one) if isinstance(one, list) else one for key, one in given.items()}
        return cls(**known)

    def given(self, other: Screen | None) -> Screen:
        """This screen, with what it does not say taken from ``other``."""
        if other is None:
            return self
        missing = {key: value for key, value in vars(other).items() if getattr(self, key) is None}
        return replace(self, **missing)

    @property
    def known(self) -> bool:
        """Whether degrees can be computed."""
        return bool(self.pixels_per_degree or (self.resolution and self.size_cm and self.distance_cm))

    def degrees_per_pixel(self) -> tuple[float, float]:
        """Degrees of visual angle that a pixel covers across and down, at the middle of the screen.

        Raises:
            InputError: if neither ``pixels_per_degree`` nor size, distance and resolution are known.
        """
        self._check()
        if not self._geometry:
            return (1 / float(self.pixels_per_degree or 0),) * 2
        (w, h), (across, down), distance = self._lengths()
        one, other = (
            2 * math.degrees(math.atan(cm / pixels / 2 / distance)) for cm, pixels in ((across, w), (down, h))
        )
        return one, other

    def degrees(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Direction of gaze in degrees right of and below the middle of the screen: float64 (n, 2).

        Each axis on its own, as in pymovements: ``atan(cm from the middle / distance)``. With only pixels per degree
        known, pixels over that, from the top left corner.

        Args:
            x, y: (n,) pixels of the screen.

        Raises:
            InputError: as `degrees_per_pixel`.
        """
        points = np.column_stack([x, y]).astype(float)
        self._check()
        if not self._geometry:
            return points / float(self.pixels_per_degree or 0)
        from pymovements.transforms.numpy import pix2deg

        resolution, size, distance = self._lengths()
        return np.asarray(pix2deg(points, resolution, size, distance, origin="upper left"))

    def angle(self, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
        """Visual angle between two places on the screen in degrees: float64 (n,), the angle at the eye.

        Raises:
            InputError: as `degrees_per_pixel`.

        >>> import numpy as np
        >>> one = Screen((1000, 500), (100.0, 50.0), 50.0)
        >>> one.angle(np.array([-0.5]), np.array([249.5]), np.array([999.5]), np.array([249.5])).round(6).tolist()
        [90.0]
        """
        self._check()
        if not self._geometry:
            return np.hypot(np.subtract(x1, x0), np.subtract(y1, y0)) / float(self.pixels_per_degree or 0)
        a, b = self._from_eye(x0, y0), self._from_eye(x1, y1)
        # atan2 of cross and dot product stays exact for the small angles at which arccos loses half its digits.
        return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))

    @property
    def _geometry(self) -> bool:
        return bool(self.resolution and self.size_cm and self.distance_cm)

    def _lengths(self) -> tuple[tuple[int, int], tuple[float, float], float]:
        assert self.resolution is not None
        assert self.size_cm is not None
        assert self.distance_cm is not None
        return self.resolution, self.size_cm, self.distance_cm

    def _from_eye(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        (w, h), (across, down), distance = self._lengths()
        right = (np.asarray(x, float) - (w - 1) / 2) * across / w
        below = (np.asarray(y, float) - (h - 1) / 2) * down / h
        return np.stack([right, below, np.full_like(right, distance)], -1)

    def _check(self) -> None:
        if not self.known:
            raise InputError(
                "how many pixels a degree of visual angle has is not known",
                hint="give the screen's size_cm, distance_cm and resolution, or pixels_per_degree",
            )


@dataclass(frozen=True)
class Placement:
    """Where on the screen a picture was shown, in pixels of the screen: its top left corner and its size there."""

    left: float
    top: float
    width: float
    height: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.left + self.top) and self.width > 0 and self.height > 0):
            raise InputError(f"a picture placed at {self} covers nothing", hint="give left, top, width, height")

    def to_picture(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """From pixels of the screen to pixels of the picture as it was shown; nothing is clipped."""
        return x - self.left, y - self.top

    def holds(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether pixels of the picture as shown lie on it: bool (n,); pixel centres lie at integers."""
        return (x >= -0.5) & (y >= -0.5) & (x < self.width - 0.5) & (y < self.height - 0.5)
