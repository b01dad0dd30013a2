"""What coordinates and clocks count in. Another unit than was said is recognised and refused, never guessed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from xai_compare.errors import InputError
from xai_compare.human.screen import Screen
from xai_compare.human.settings import Clock, Unit

MS: dict[str, float] = {"ms": 1.0, "s": 1000.0, "us": 0.001}
"""How many ms a unit of the clock has."""

_LOST_PAIRS, _LOST = (0.0, -1.0), (-32768.0, 1e8)
_WORDS = {"fraction": "fractions", "height": "heights of the window", "norm": "halves of the window",
          "deg": "degrees or cm", "pix": "pixels from the middle", "percent": "percent"}  # fmt: skip
_CLOCKS = {"s": "seconds", "us": "microseconds"}
_STEP_MS = (0.5, 50.0)


class Units(NamedTuple):
    """What a file counts in, where its user says so.

    Attributes:
        place: of x and y; None for pixels that are refused where they look like another unit.
        clock: of times; None for ms, likewise.
    """

    place: Unit | None = None
    clock: Clock | None = None


ASSUMED = Units()
"""What a file counts in where nobody says."""


def coded_as_lost(x: np.ndarray, y: np.ndarray, pupil: np.ndarray | None = None) -> np.ndarray:
    """Which samples are codes for an eye that was not found, not places: bool (n,).

    0, 0 and -1, -1; -32768; and the last place once more with a pupil of 0, where pupils are recorded.

    >>> coded_as_lost(np.array([5.0, 0, -1, -32768, 0]), np.array([5.0, 0, -1, 3, 7])).tolist()
    [False, True, True, True, False]
    """
    lost = ((x == y) & np.isin(x, _LOST_PAIRS)) | np.isin(x, _LOST) | np.isin(y, _LOST)
    if pupil is not None and (pupil > 0).any():
        again = np.concatenate([[False], (np.diff(x) == 0) & (np.diff(y) == 0)])
        lost = lost | ((pupil == 0) & again)
    return np.asarray(lost)


@dataclass
class Extent:
    """Between which numbers coordinates lie: what tells their unit. Filled trial by trial."""

    n: int = 0
    left: int = 0
    above: int = 0
    lowest: float = np.inf
    highest: float = -np.inf
    highest_y: float = 0.0
    fractional: bool = False

    def add(self, x: np.ndarray, y: np.ndarray) -> Extent:
        """Take in places; those that are not finite do not count."""
        known = np.isfinite(x) & np.isfinite(y)
        x, y = x[known], y[known]
        if len(x):
            self.n, self.left, self.above = (
                self.n + len(x),
                self.left + int((x < 0).sum()),
                self.above + int((y < 0).sum()),
            )
            self.lowest, self.highest = min(self.lowest, x.min(), y.min()), max(self.highest, x.max(), y.max())
            self.highest_y = max(self.highest_y, float(np.abs(y).max()))
            self.fractional = self.fractional or bool((x % 1 != 0).any() or (y % 1 != 0).any())
        return self

    def likely(self, smallest: float = 0.0) -> str:
        """The unit that these can only be in, or ``""`` if they may be pixels.

        Args:
            smallest: the shorter side of the smallest picture in pixels, 0 if that is not known.
        """
        if self.lowest >= 0 and self.n >= 3 and self.fractional:
            # All in a corner of every picture: nobody looks or clicks so.
            corner = self.n >= 20 and self.highest <= 100 and smallest > 200
            return "fraction" if self.highest <= 1 else "percent" if corner else ""
        if self.n < 6 or max(self.left, self.above) <= self.n / 4:
            return ""
        reach = max(-self.lowest, self.highest)
        if self.fractional and reach <= 1:
            return "height" if self.highest_y <= 0.5 else "norm"
        if self.fractional and reach <= 40:
            return "deg"
        # Somebody may look beside a picture much of the time, but hardly to the left of it and above it too.
        return "pix" if min(self.left, self.above) > self.n / 20 else ""

    def refuse_others(self, units: Units, where: object, smallest: float = 0.0) -> None:
        """Refuse coordinates that cannot be pixels, unless their unit was said.

        Raises:
            InputError: naming the likely unit.
        """
        unit = self.likely(smallest) if units.place is None else ""
        if unit:
            span = f"all its coordinates lie between {self.lowest:.4g} and {self.highest:.4g}"
            if unit not in ("fraction", "percent"):
                span = f"{max(self.left, self.above) / self.n:.0%} of its x or y are negative and {span[4:]}"
            named = "cm or deg" if unit == "deg" else unit
            raise InputError(
                f"{span}: {_WORDS[unit]}, not pixels from the top left corner",
                where=where,
                hint=f"give units: {named} (or units: pixels, if they are)",
            )


def to_screen(x: np.ndarray, y: np.ndarray, unit: Unit, screen: Screen, where: object) -> tuple[np.ndarray, np.ndarray]:
    """From another unit to pixels of the screen.

    Raises:
        InputError: if the screen's resolution, or what else the unit needs, is not known.
    """
    if unit == "pixels":
        return x, y
    if screen.resolution is None:
        what = f"the screen's resolution is not known, which units: {unit} needs"
        raise InputError(what, where=where, hint="give screen: {resolution: [w, h]}")
    width, height = screen.resolution
    if unit in ("fraction", "percent"):
        whole = 100.0 if unit == "percent" else 1.0
        return x / whole * width - 0.5, y / whole * height - 0.5
    if unit == "cm":
        if screen.size_cm is None:
            raise InputError("the screen's size is not known", where=where, hint="give screen: {size_cm: [w, h]}")
        across, down = width / screen.size_cm[0], height / screen.size_cm[1]
    elif unit == "deg":
        across, down = (1 / degrees for degrees in screen.degrees_per_pixel())
    else:
        across, down = {"pix": (1.0, 1.0), "height": (height, height), "norm": (width / 2, height / 2)}[unit]
    return (width - 1) / 2 + x * across, (height - 1) / 2 - y * down


def in_ms(time: np.ndarray, units: Units, where: object) -> np.ndarray:
    """The times of a trial's samples in ms.

    Raises:
        InputError: if their steps are a tracker's (20 to 2000 Hz) only in another unit than was said.
    """
    time = time * MS[units.clock] if units.clock else time
    steps = np.diff(time)
    steps = steps[steps > 0]
    if units.clock == "ms" or len(steps) < 10:
        return time
    step = float(np.median(steps))
    for unit, words in _CLOCKS.items():
        if _STEP_MS[0] <= step * MS[unit] <= _STEP_MS[1]:
            rate = 1000 / (step * MS[unit])
            what = f"its clock steps by {step:g}, as one of {words} does at {rate:.0f} Hz, not by ms"
            raise InputError(what, where=where, hint=f"give clock: {unit} (or clock: ms, if it is)")
    return time


def durations_in_ms(durations: np.ndarray, units: Units, where: object) -> np.ndarray:
    """The durations of fixations in ms.

    Raises:
        InputError: if they can be those of fixations only in another unit than was said.
    """
    durations = durations * MS[units.clock] if units.clock else durations
    median = float(np.nanmedian(durations)) if np.isfinite(durations).any() else np.nan
    unit = "s" if 0.02 <= median <= 5 else "us" if median >= 20_000 else ""
    if unit and units.clock != "ms":
        what = f"its fixations last {median:g} in the middle, which can only be {_CLOCKS[unit]}, not ms"
        raise InputError(what, where=where, hint=f"give clock: {unit} (or clock: ms, if it is)")
    return durations
