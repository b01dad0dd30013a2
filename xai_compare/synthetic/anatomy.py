"""Where the 68 landmarks lie at rest, and where each action unit moves them (``anatomy.yaml``).

Lengths are in half outer-eye distances: an average face's outer eye corners lie at (-1, 0) and (1, 0), y downwards.
The action units are those of Ekman & Friesen's Facial Action Coding System (FACS, 1978; 2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import yaml

from xai_compare.errors import InputError
from xai_compare.faces.canonical import MIRRORED
from xai_compare.synthetic.identity import Identity

_DATA = yaml.safe_load(files("xai_compare.synthetic").joinpath("anatomy.yaml").read_text("utf-8"))

ACTION_UNITS: dict[int, str] = {unit: entry["name"] for unit, entry in _DATA["action_units"].items()}
"""The action units the renderer knows, with their FACS names."""

_OPPOSED: dict[int, tuple[int, float, tuple[int, ...]]] = {
    # The frontalis (1) carries the inner brow against the corrugator (4): the oblique brow of grief and fear.
    4: (1, 0.9, (22, 23)),
    2: (4, 0.3, (24, 25, 26)),
    # Lips stretched sideways (20) open less far than the jaw drops (26).
    26: (20, 0.35, (55, 56, 57, 65, 66)),
}
"""By which other action unit the downward move of a unit is held back, by what share, and at which landmarks."""


@dataclass(frozen=True)
class Pose:
    """A face about to be painted.

    Attributes:
        points: float64 ``(68, 2)``, the landmarks in half outer-eye distances.
        units: the intensity of every action unit in [0, 1] (0 where not given).
        sides: factor on the intensity for the picture's left and right side.
    """

    points: np.ndarray
    units: Mapping[int, float]
    sides: tuple[float, float]

    def strength(self, unit: int, side: int) -> float:
        """The intensity of ``unit`` on one side (-1 the picture's left, 1 its right)."""
        return self.units[unit] * self.sides[0 if side < 0 else 1]


def known_units(action_units: Mapping[int, float]) -> dict[int, float]:
    """Return the intensity of every known action unit, 0 where not given.

    Raises:
        InputError: if an action unit is unknown or an intensity lies outside [0, 1].
    """
    for unit, intensity in action_units.items():
        if unit not in ACTION_UNITS:
            raise InputError(f"unknown action unit {unit!r}", hint=f"known: {', '.join(map(str, ACTION_UNITS))}")
        if not 0 <= intensity <= 1:
            raise InputError(f"action unit {unit} has intensity {intensity!r}", hint="intensities lie in [0, 1]")
    return {unit: float(action_units.get(unit, 0.0)) for unit in ACTION_UNITS}


def rest(identity: Identity) -> np.ndarray:
    """The landmarks of ``identity`` at rest, float64 ``(68, 2)``, in half outer-eye distances."""
    points = np.zeros((68, 2))
    for number, (x, y) in _DATA["rest"].items():
        points[MIRRORED[number]] = -x, y
        points[number] = x, y
    jaw, brows, nose, mouth = slice(0, 17), slice(17, 27), slice(27, 36), slice(48, 68)
    depth = np.clip(points[jaw, 1] / 2.95, 0, 1)
    points[jaw, 0] *= identity.face_width * (1 + (identity.jaw_width - 1) * np.sin(np.pi * depth**0.8) ** 2)
    points[jaw, 1] *= 1 + (identity.chin_length - 1) * depth
    arch = np.array([0.0, 0.5, 1.0, 0.8, 0.2, 0.2, 0.8, 1.0, 0.5, 0.0])
    points[brows, 1] += identity.brow_height + identity.brow_arch * arch
    points[nose, 1] *= identity.nose_length
    points[31:36, 0] *= identity.nose_width
    points[mouth, 0] *= identity.mouth_width
    points[mouth, 1] += identity.mouth_height + 1.2 * (identity.nose_length - 1)
    fuller = identity.lip_fullness - 1
    points[48:60, 1] += fuller * (points[48:60, 1] - points[62, 1])
    for first, last in ((36, 42), (42, 48)):
        centre = points[first:last].mean(0)
        points[first:last] = centre * (identity.eye_distance, 1) + 1.06 * identity.eye_size * (
            points[first:last] - centre
        )
    return points


def pose(identity: Identity, action_units: Mapping[int, float]) -> Pose:
    """Move the landmarks of ``identity`` by ``action_units`` (number to intensity in [0, 1]).

    Raises:
        InputError: see :func:`known_units`.
    """
    units = known_units(action_units)
    sides = (1 + identity.asymmetry, 1 - identity.asymmetry)
    points = rest(identity)
    for unit, entry in _DATA["action_units"].items():
        if not units[unit]:
            continue
        against, share, of = _OPPOSED.get(unit, (unit, 0.0, ()))
        for number, (out, down) in entry["moves"].items():
            down *= 1 - share * units[against] if number in of else 1.0
            other = int(MIRRORED[number])
            if other == number:
                points[number, 1] += units[unit] * down
            else:
                points[number] += units[unit] * sides[1] * np.array([out, down])
                points[other] += units[unit] * sides[0] * np.array([-out, down])
    return Pose(_kept_apart(points), units, sides)


def _kept_apart(points: np.ndarray) -> np.ndarray:
    """Keep lids and lips from crossing: each lower point stays below its upper one by a little."""
    least = 0.05
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        _spread(points, upper, lower, 0.07)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        _spread(points, upper, lower, 0.005)
    for upper, lower in ((50, 61), (51, 62), (52, 63), (67, 58), (66, 57), (65, 56)):
        gap = points[lower, 1] - points[upper, 1]
        if gap < least:
            moved = upper if upper < 60 else lower
            points[moved, 1] += (gap - least) if moved == upper else (least - gap)
    return points


def _spread(points: np.ndarray, upper: int, lower: int, least: float) -> None:
    gap = points[lower, 1] - points[upper, 1]
    if gap < least:
        points[upper, 1] -= (least - gap) / 2
        points[lower, 1] += (least - gap) / 2
