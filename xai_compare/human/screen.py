"""The screen on which pictures were shown: pixels, degrees of visual angle, and where a picture lay."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from xai_compare.errors import InputError
from xai_compare.human.settings import Length, ScreenGeometry, settings


def pixels_per_degree(size_cm: tuple[float, float], distance_cm: float, resolution: tuple[int, int]) -> float:
    """Return how many screen pixels one degree of visual angle covers at the middle of the screen.

    One degree covers ``2 d tan(0.5 deg)`` cm of a screen at a distance of ``d`` cm. These are pixels of the screen: for
    a picture that was shown enlarged, divide by the enlargement to get pixels of the picture.

    Args:
        size_cm: width and height of the visible screen, in cm.
        distance_cm: from the eyes to the screen, in cm.
        resolution: width and height of the screen, in pixels.

    Raises:
        InputError: if a length is not positive, or pixels are not square (by more than 5 %), as when width and height
            are swapped in one of the two.

    >>> round(pixels_per_degree((38.0, 30.4), 60.0, (1280, 1024)), 2)
    35.27
    """
    if not all(math.isfinite(length) and length > 0 for length in (*size_cm, distance_cm, *resolution)):
        raise InputError(f"screen {tuple(size_cm)} cm at {distance_cm} cm, {tuple(resolution)} px: all must be above 0")
    across, down = (pixels / cm for pixels, cm in zip(resolution, size_cm, strict=True))
    if not 0.95 <= across / down <= 1.05:
        density = f"{across:.1f} px per cm across and {down:.1f} down"
        what = f"a screen of {tuple(size_cm)} cm and {tuple(resolution)} px has {density}"
        raise InputError(what, hint="give width before height in both, or pixels_per_degree itself")
    return 2 * distance_cm * math.tan(math.radians(0.5)) * (across + down) / 2


@settings
class Screen(ScreenGeometry):
    """A screen, as far as it is known: resolution, size and distance, or pixels per degree in their place.

    >>> screen = Screen(resolution=(1280, 1024), size_cm=(38.0, 30.4), distance_cm=60.0)
    >>> round(screen.pixels_in_degree(), 2)
    35.27
    """

    pixels_per_degree: Annotated[Length | None, Field(description="instead of size and distance")] = None

    @classmethod
    def of(cls, description: Screen | Mapping[str, Any] | None) -> Screen:
        """A screen from its own description as a mapping, as ``attrs`` of tables hold it."""
        return description if isinstance(description, Screen) else cls(**description or {})

    def completed(self, other: Screen | None) -> Screen:
        """This screen, with what it does not say taken from ``other``."""
        if other is None:
            return self
        return replace(self, **{key: value for key, value in vars(other).items() if getattr(self, key) is None})

    @property
    def known(self) -> bool:
        """Whether degrees can be computed."""
        return bool(self.pixels_per_degree or self._geometry)

    def pixels_in_degree(self) -> float:
        """Pixels of the screen in a degree of visual angle, the mean of those across and down.

        This is the reciprocal of `degrees_per_pixel`, which is taken over one pixel; `pixels_per_degree` is taken over
        a whole degree, as a Gaussian of that width is. They differ by 0.0025 %: what is measured from samples uses this
        one, points that come in pixels of the pictures the other, so that neither's maps ever change.

        Raises:
            InputError: as `degrees_per_pixel`.
        """
        across, down = self.degrees_per_pixel()
        return (1 / across + 1 / down) / 2

    def degrees_per_pixel(self) -> tuple[float, float]:
        """Degrees of visual angle that a pixel covers across and down, at the middle of the screen.

        Raises:
            InputError: if neither ``pixels_per_degree`` nor size, distance and resolution are known.
        """
        if self._flat():
            return (1 / float(self.pixels_per_degree or 0),) * 2
        resolution, size, distance = self._lengths()
        across, down = (
            2 * math.degrees(math.atan(cm / pixels / 2 / distance)) for cm, pixels in zip(size, resolution, strict=True)
        )
        return across, down

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
        if self._flat():
            return points / float(self.pixels_per_degree or 0)
        from pymovements.transforms.numpy import pix2deg

        resolution, size, distance = self._lengths()
        return np.asarray(pix2deg(points, resolution, size, distance, origin="upper left"))

    def angle(self, x0: np.ndarray, y0: np.ndarray, x1: np.ndarray, y1: np.ndarray) -> np.ndarray:
        """Visual angle between two places on the screen in degrees: float64 (n,), the angle at the eye.

        Raises:
            InputError: as `degrees_per_pixel`.

        >>> screen = Screen(resolution=(1000, 500), size_cm=(100.0, 50.0), distance_cm=50.0)
        >>> screen.angle(np.array([-0.5]), np.array([249.5]), np.array([999.5]), np.array([249.5])).round(6).tolist()
        [90.0]
        """
        if self._flat():
            return np.hypot(np.subtract(x1, x0), np.subtract(y1, y0)) / float(self.pixels_per_degree or 0)
        a, b = self._from_eye(x0, y0), self._from_eye(x1, y1)
        # atan2 of cross and dot product stays exact for the small angles at which arccos loses half its digits.
        return np.degrees(np.arctan2(np.linalg.norm(np.cross(a, b), axis=-1), (a * b).sum(-1)))

    @property
    def _geometry(self) -> bool:
        return bool(self.resolution and self.size_cm and self.distance_cm)

    def _flat(self) -> bool:
        """Whether there is nothing but pixels per degree to go by."""
        if not self.known:
            raise InputError(
                "how many pixels a degree of visual angle has is not known",
                hint="give the screen's size_cm, distance_cm and resolution, or pixels_per_degree",
            )
        return not self._geometry

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
