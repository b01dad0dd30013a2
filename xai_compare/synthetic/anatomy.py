"""Where the 68 landmarks lie at rest, and where each action unit moves them.

Lengths are in half outer-eye distances: an average face's outer eye corners lie at (-1, 0) and (1, 0), y downwards.
The action units are those of Ekman & Friesen's Facial Action Coding System (FACS, 1978; 2002).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xai_compare.errors import InputError
from xai_compare.faces.canonical import MIRRORED
from xai_compare.synthetic.identity import Identity

ACTION_UNITS: dict[int, str] = {
    1: "inner brow raiser", 2: "outer brow raiser", 4: "brow lowerer", 5: "upper lid raiser", 6: "cheek raiser",
    7: "lid tightener", 9: "nose wrinkler", 10: "upper lip raiser", 12: "lip corner puller", 14: "dimpler",
    15: "lip corner depressor", 17: "chin raiser", 20: "lip stretcher", 23: "lip tightener", 25: "lips part",
    26: "jaw drop", 27: "mouth stretch",
}  # fmt: skip
"""The action units the renderer knows, with their FACS names."""

# Half a face at rest (the picture's right half), by landmark number of the 68-point scheme (iBUG 300-W, from 0).
_REST: dict[int, tuple[float, float]] = {
    8: (0.0, 2.95), 9: (0.42, 2.89), 10: (0.79, 2.66), 11: (1.10, 2.31), 12: (1.35, 1.92), 13: (1.52, 1.48),
    14: (1.62, 1.03), 15: (1.67, 0.57), 16: (1.68, 0.11),
    22: (0.22, -0.30), 23: (0.47, -0.42), 24: (0.76, -0.48), 25: (1.03, -0.45), 26: (1.28, -0.31),
    27: (0.0, 0.0), 28: (0.0, 0.30), 29: (0.0, 0.60), 30: (0.0, 0.91),
    33: (0.0, 1.23), 34: (0.19, 1.18), 35: (0.37, 1.11),
    42: (0.42, 0.03), 43: (0.61, -0.10), 44: (0.82, -0.10), 45: (1.00, 0.0), 46: (0.82, 0.085), 47: (0.61, 0.09),
    51: (0.0, 1.635), 52: (0.18, 1.60), 53: (0.43, 1.655), 54: (0.68, 1.765), 55: (0.44, 1.965), 56: (0.20, 2.055),
    57: (0.0, 2.065), 62: (0.0, 1.785), 63: (0.20, 1.775), 64: (0.59, 1.77), 65: (0.20, 1.78), 66: (0.0, 1.79),
}  # fmt: skip

# What each action unit does at full intensity to the landmarks of the picture's right half: (outwards, downwards).
_MOVES: dict[int, dict[int, tuple[float, float]]] = {
    1: {22: (-0.01, -0.28), 23: (-0.01, -0.21), 24: (0.0, -0.07)},
    2: {23: (0.0, -0.05), 24: (0.0, -0.15), 25: (0.01, -0.23), 26: (0.02, -0.15)},
    4: {22: (-0.07, 0.16), 23: (-0.06, 0.14), 24: (-0.04, 0.10), 25: (-0.02, 0.05), 26: (0.0, 0.01)},
    5: {43: (0.0, -0.125), 44: (0.0, -0.115), 42: (0.0, -0.01)},
    6: {46: (0.0, -0.045), 47: (0.0, -0.035), 44: (0.0, 0.015), 45: (0.0, 0.01)},
    7: {43: (0.0, 0.035), 44: (0.0, 0.045), 46: (0.0, -0.035), 47: (0.0, -0.035)},
    9: {22: (-0.04, 0.09), 23: (-0.03, 0.06), 34: (0.01, -0.03), 35: (0.04, -0.07), 51: (0.0, -0.07), 52: (0.0, -0.09),
        53: (0.0, -0.07), 62: (0.0, -0.02), 65: (0.0, -0.02), 66: (0.0, -0.02), 63: (0.0, -0.02), 47: (0.0, -0.03),
        43: (0.0, 0.02)},
    10: {51: (0.0, -0.10), 52: (0.01, -0.13), 53: (0.03, -0.12), 54: (0.01, -0.02), 62: (0.0, -0.07), 63: (0.0, -0.08),
         35: (0.02, -0.03)},
    12: {54: (0.24, -0.23), 64: (0.24, -0.22), 53: (0.14, -0.09), 52: (0.04, 0.0), 51: (0.0, 0.02), 55: (0.16, -0.09),
         56: (0.06, -0.01), 57: (0.0, 0.03), 62: (0.0, 0.02), 63: (0.06, -0.01), 65: (0.09, 0.09), 66: (0.0, 0.14)},
    14: {54: (0.07, -0.02), 64: (0.06, -0.02), 53: (0.02, 0.01), 55: (0.02, -0.02)},
    15: {54: (0.0, 0.20), 64: (0.0, 0.18), 53: (0.0, 0.06), 55: (0.02, 0.06), 63: (0.0, 0.0), 65: (0.0, 0.0)},
    17: {57: (0.0, -0.09), 56: (0.0, -0.09), 55: (0.0, -0.06), 66: (0.0, -0.05), 65: (0.0, -0.05), 62: (0.0, -0.05),
         63: (0.0, -0.05), 51: (0.0, -0.03), 52: (0.0, -0.03), 54: (0.0, 0.03), 8: (0.0, -0.03), 9: (0.0, -0.02)},
    20: {54: (0.26, 0.10), 64: (0.27, 0.10), 53: (0.16, 0.05), 55: (0.17, 0.0), 52: (0.04, 0.02), 56: (0.05, -0.03),
         57: (0.0, -0.03), 51: (0.0, 0.02), 65: (0.07, 0.0), 63: (0.07, 0.0)},
    23: {54: (-0.09, 0.01), 64: (-0.07, 0.01), 51: (0.0, 0.09), 52: (-0.02, 0.11), 53: (-0.05, 0.07),
         55: (-0.05, -0.10), 56: (-0.02, -0.16), 57: (0.0, -0.16)},
    25: {62: (0.0, -0.03), 63: (0.01, -0.03), 51: (0.0, -0.02), 52: (0.0, -0.02), 66: (0.0, 0.11), 65: (0.01, 0.10),
         57: (0.0, 0.08), 56: (0.0, 0.08), 55: (0.0, 0.04)},
    26: {62: (0.0, -0.02), 63: (0.01, -0.02), 66: (0.0, 0.44), 65: (0.07, 0.41), 57: (0.0, 0.41), 56: (0.02, 0.41),
         55: (0.0, 0.28), 54: (-0.09, 0.07), 64: (-0.09, 0.10), 53: (-0.05, -0.01), 8: (0.0, 0.36), 9: (-0.01, 0.35),
         10: (-0.02, 0.30), 11: (-0.02, 0.21), 12: (-0.02, 0.10), 13: (-0.01, 0.03)},
    27: {62: (0.0, -0.05), 63: (0.02, -0.05), 66: (0.0, 0.66), 65: (0.10, 0.62), 57: (0.0, 0.62), 56: (0.02, 0.62),
         55: (0.02, 0.45), 54: (-0.11, 0.16), 64: (-0.11, 0.19), 53: (-0.06, -0.01), 51: (0.0, -0.04), 52: (0.0, -0.04),
         8: (0.0, 0.52), 9: (-0.02, 0.50), 10: (-0.03, 0.43), 11: (-0.03, 0.30), 12: (-0.03, 0.15), 13: (-0.01, 0.05)},
}  # fmt: skip

_YIELDS: dict[int, tuple[int, float, tuple[int, ...]]] = {
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


def checked(action_units: Mapping[int, float]) -> dict[int, float]:
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
    for number, (x, y) in _REST.items():
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
        InputError: see :func:`checked`.
    """
    units = checked(action_units)
    sides = (1 + identity.asymmetry, 1 - identity.asymmetry)
    points = rest(identity)
    for unit, moves in _MOVES.items():
        if not units[unit]:
            continue
        against, share, of = _YIELDS.get(unit, (unit, 0.0, ()))
        for number, (out, down) in moves.items():
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
