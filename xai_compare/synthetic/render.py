"""One face, drawn: the picture, its exact landmarks, and the exact region each action unit changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from xai_compare.errors import InputError
from xai_compare.synthetic import eyes, features, hair
from xai_compare.synthetic.anatomy import Pose, known_units, pose
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.paint import Canvas
from xai_compare.synthetic.skin import Skin

VISIBLE = 3
"""By how many of 255 levels a pixel must change, in any channel, to belong to a region."""


@dataclass(frozen=True)
class RenderedFace:
    """A simulated photograph and everything known about it.

    Attributes:
        image: uint8 ``(h, w, 3)``, sRGB.
        landmarks: float64 ``(68, 2)``, x and y in pixels, in the order of iBUG 300-W.
        regions: for each active action unit, bool ``(h, w)``: the pixels that differ from the same face without it by
            the levels that :func:`render` was asked to count as visible.
        action_units: the intensities it was drawn with.
    """

    image: np.ndarray
    landmarks: np.ndarray
    regions: Mapping[int, np.ndarray] = field(default_factory=dict)
    action_units: Mapping[int, float] = field(default_factory=dict)


def render(
    identity: Identity,
    action_units: Mapping[int, float],
    *,
    size: tuple[int, int] = (224, 224),
    zoom: float = 1.0,
    shift: tuple[float, float] = (0.0, 0.0),
    roll: float = 0.0,
    regions: bool = True,
    visible: int = VISIBLE,
) -> RenderedFace:
    """Draw the frontal face of ``identity`` with the given action units.

    Args:
        identity: who.
        action_units: number (FACS) to intensity in [0, 1].
        size: height and width of the picture in pixels, at least 32 each.
        zoom: how large the head is; at 1 it fills most of the picture's height.
        shift: displacement of the head to the right and down, as a share of the picture's height.
        roll: clockwise tilt of the head in degrees.
        regions: whether to find the region of each active action unit (one more drawing for each).
        visible: by how many of 255 levels a pixel must change to count; 1 counts every change.

    Raises:
        InputError: if an action unit is unknown, an intensity outside [0, 1], or the size too small.
    """
    units = known_units(action_units)
    if min(size) < 32:
        raise InputError(f"cannot draw a face of {size[0]} by {size[1]} pixels", hint="use at least 32 by 32")
    view = (size, zoom, shift, roll)
    image, landmarks = _draw(identity, pose(identity, units), *view)
    changes: dict[int, np.ndarray] = {}
    if regions:
        for unit in (u for u, intensity in units.items() if intensity > 0):
            changes[unit] = changed(image, _draw(identity, pose(identity, {**units, unit: 0.0}), *view)[0], visible)
    return RenderedFace(image, landmarks, changes, {u: i for u, i in units.items() if i > 0})


def changed(image: np.ndarray, other: np.ndarray, visible: int = VISIBLE) -> np.ndarray:
    """The pixels, bool ``(h, w)``, in which two uint8 ``(h, w, 3)`` pictures differ by ``visible`` levels or more."""
    difference = np.abs(image.astype(np.int16) - other.astype(np.int16)).max(-1)
    return np.asarray(difference >= visible)


def _draw(
    identity: Identity, posed: Pose, size: tuple[int, int], zoom: float, shift: tuple[float, float], roll: float
) -> tuple[np.ndarray, np.ndarray]:
    height, width = size
    scale = 0.142 * min(height, 1.12 * width) * zoom
    middle = (width - 1) / 2 + shift[0] * height, (height - 1) / 2 - 0.36 * scale + shift[1] * height
    canvas = Canvas(height, width, middle, scale, float(np.deg2rad(roll)))
    jaw = posed.points[:17]
    polar = hair.Polar.of(canvas)
    hair.behind(canvas, identity, jaw)
    skin = Skin(canvas, identity, posed)
    features.lips(skin)
    _skin_over(canvas, skin, polar, jaw)
    features.nostrils(canvas, posed)
    features.mouth(canvas, identity, posed)
    eyes.eyes(canvas, identity, posed)
    features.brows(canvas, identity, posed)
    hair.front(canvas, identity, polar)
    image = np.sqrt(np.clip(canvas.rgb, 0, 1))
    return (image * 255 + 0.5).astype(np.uint8), canvas.to_pixels(posed.points)


def _skin_over(canvas: Canvas, skin: Skin, polar: hair.Polar, jaw: np.ndarray) -> None:
    where = canvas.window(-2.0, -2.4, 2.0, jaw[8, 1] + 0.2)
    edge = np.interp(polar.angle[where], *hair.outline(jaw)).astype(np.float32)
    canvas.over(where, canvas.cover(polar.radius[where] - edge), skin.lit(where))
