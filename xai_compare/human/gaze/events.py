"""Events: the fixations and saccades of a trial, what was removed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xai_compare.human.gaze import cleaning
from xai_compare.human.gaze.detectors import Intervals, detect
from xai_compare.human.gaze.trial import Trial, in_degrees
from xai_compare.human.settings import GazeSettings

LABELS = ("other", "fixation", "saccade", "blink", "loss")
"""What a sample can be, by its code in `Outcome.labels`."""


@dataclass
class Outcome:
    """What became of a trial.

    Attributes:
        trial: its samples, corrected and shifted if that was asked for.
        labels: uint8 (n,), what each sample is, an index into `LABELS`.
        fixations, saccades: columns as `xai_compare.human.COLUMNS` describes, without the trial's own.
        row: the trial's row of the table of trials, likewise.
    """

    trial: Trial
    labels: np.ndarray
    fixations: dict[str, np.ndarray]
    saccades: dict[str, np.ndarray]
    row: dict[str, Any]


def process(trial: Trial, settings: GazeSettings) -> Outcome:
    """Clean a trial and find its events. A trial that cannot be used has none, and its row says why.

    Raises:
        InputError: if degrees are needed and the screen's geometry is not known, or the detector is not.
    """
    row = _first_row(trial)
    problem = cleaning.problem_with_clock(trial.time)
    if problem:
        return _nothing(trial, row, problem)
    if trial.facts.get("validation") in ("POOR", "ABORTED") and not settings.keep_unvalidated:
        return _nothing(trial, row, "the tracker's validation before it failed")
    rate = cleaning.rate_of(trial.time)
    lost = cleaning.losses(trial, rate, settings.blink_ms)
    if settings.liu_correction:
        trial.x, trial.y, trial.pupil = cleaning.corrected(trial, lost)
        lost = cleaning.losses(trial, rate, settings.blink_ms)
    labels = np.zeros(len(trial), np.uint8)
    for start, stop, blink in zip(lost.starts, lost.stops, lost.blink, strict=True):
        labels[start:stop] = 3 if blink else 4
    _count_losses(row, trial, rate, lost, labels)
    if row["lost"] == 1:
        return _nothing(trial, row, "the eye was never found", labels)
    if row["lost"] > settings.max_lost:
        why = f"more than {settings.max_lost:.0%} of samples lost"
        return _nothing(trial, row, why, labels)
    degrees = in_degrees(trial.screen, trial.placement, trial.x, trial.y)
    degrees[labels > 2] = np.nan
    intervals = detect(settings.detector, degrees, trial.time, rate, **settings.options)
    fixations, removed = _fixations(trial, intervals, rate, settings.min_fixation_ms)
    row |= {"fixations": len(fixations["x"]), "too_short": removed}
    for start, stop in fixations.pop("spans"):
        labels[start:stop] = 1
    saccades, spans = _saccades(trial, fixations, labels, rate, settings.max_saccade_ms)
    for start, stop in spans:
        labels[start:stop] = 2
    row |= {"saccades": len(saccades["amplitude"]), "kept": True}
    if not len(fixations["x"]):
        row |= {"kept": False, "reason": "no fixation"}
    return Outcome(trial, labels, fixations, saccades, row)


def _first_row(trial: Trial) -> dict[str, Any]:
    place = trial.placement
    row: dict[str, Any] = {"participant": trial.participant, "image": trial.image, "trial": trial.number}
    row |= {"kept": False, "reason": "", "samples": len(trial), "rate": np.nan, "duration": np.nan, "lost": np.nan}
    row |= {"blinks": 0, "losses": 0, "missing": 0, "off_picture": np.nan, "fixations": 0, "too_short": 0}
    row |= {"saccades": 0, "offset_x": np.nan, "offset_y": np.nan} | ({"coded": trial.coded} if trial.coded else {})
    row["distance"] = trial.screen.distance_cm or np.nan
    row |= {"width": place.width if place else np.nan, "height": place.height if place else np.nan}
    return row | trial.facts


def _nothing(trial: Trial, row: dict[str, Any], why: str, labels: np.ndarray | None = None) -> Outcome:
    empty = np.zeros(0)
    if labels is None:
        labels = np.where(np.isnan(trial.x), 4, 0).astype(np.uint8)
    fixations = dict.fromkeys(("order", "x", "y", "onset", "duration", "samples", "on_picture"), empty)
    return Outcome(
        trial, labels, fixations, dict.fromkeys(SACCADE_COLUMNS, empty), row | {"kept": False, "reason": why}
    )


def _count_losses(row: dict[str, Any], trial: Trial, rate: float, lost: cleaning.Losses, labels: np.ndarray) -> None:
    missing = cleaning.missing_rows(trial.time, rate)
    valid = labels < 3
    row["rate"], row["duration"] = rate, trial.time[-1] - trial.time[0] + 1000 / rate
    row["lost"] = float((~valid).sum() + missing) / (len(trial) + missing)
    row["blinks"], row["losses"] = int(lost.blink.sum()), int((~lost.blink).sum())
    row["missing"] = missing
    if trial.placement is not None and valid.any():
        row["off_picture"] = float(1 - trial.placement.holds(trial.x[valid], trial.y[valid]).mean())


def _fixations(trial: Trial, intervals: Intervals, rate: float, shortest: float) -> tuple[dict[str, Any], int]:
    """The fixations long enough, each at the centre of mass of its samples, and how many were removed."""
    starts = np.array([start for start, _ in intervals], int)
    stops = np.array([stop for _, stop in intervals], int)
    lasting = trial.time[stops - 1] - trial.time[starts] + 1000 / rate if len(intervals) else np.zeros(0)
    # Times are those of a clock that may round to the millisecond: what is short by rounding is not too short.
    kept = lasting >= shortest - 0.5
    starts, stops, lasting = starts[kept], stops[kept], lasting[kept]
    x, y = _centres(trial.x, starts, stops), _centres(trial.y, starts, stops)
    inside = trial.placement.holds(x, y) if trial.placement else np.ones(len(x), bool)
    columns = {
        "order": np.arange(1, len(starts) + 1),
        "x": x,
        "y": y,
        "onset": trial.time[starts] - trial.time[0],
        "duration": lasting,
        "samples": stops - starts,
        "on_picture": inside,
        "spans": list(zip(starts.tolist(), stops.tolist(), strict=True)),
    }
    return columns, int((~kept).sum())


def _centres(values: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    sums = np.concatenate([[0.0], np.cumsum(np.where(known, values, 0.0))])
    counts = np.concatenate([[0], np.cumsum(known)])
    return (sums[stops] - sums[starts]) / np.maximum(counts[stops] - counts[starts], 1)


SACCADE_COLUMNS = (
    "order", "from_x", "from_y", "to_x", "to_y", "onset", "duration", "amplitude", "orientation", "turning_angle",
)  # fmt: skip


def _saccades(
    trial: Trial, fixations: dict[str, np.ndarray], labels: np.ndarray, rate: float, longest: float
) -> tuple[dict[str, np.ndarray], Intervals]:
    """What lies between two fixations at most ``longest`` ms apart with nothing lost between."""
    x, y, onset = fixations["x"], fixations["y"], fixations["onset"]
    n = len(x)
    if n < 2:
        return {name: np.zeros(0) for name in SACCADE_COLUMNS}, []
    end = onset + fixations["duration"]
    gap = onset[1:] - end[:-1]
    first = np.searchsorted(trial.time - trial.time[0], end[:-1] - 500 / rate)
    last = np.searchsorted(trial.time - trial.time[0], onset[1:])
    lost = np.concatenate([[0], np.cumsum(labels > 2)])
    clean = lost[last] == lost[np.minimum(first, last)]
    # A clock that skips rows between the two fixations has lost what happened there.
    whole = (last - first + 1.5) * 1000 / rate >= gap
    good = (gap <= longest) & clean & whole
    orientation, turning = directions(in_degrees(trial.screen, trial.placement, x, y), good)
    place = trial.placement
    left, top = (place.left, place.top) if place else (0.0, 0.0)
    if place is not None:
        amplitude = trial.screen.angle(x[:-1] + left, y[:-1] + top, x[1:] + left, y[1:] + top)
    else:
        amplitude = np.linalg.norm(np.diff(in_degrees(trial.screen, None, x, y), axis=0), axis=1)
    columns = {
        "order": np.arange(1, n), "from_x": x[:-1], "from_y": y[:-1], "to_x": x[1:], "to_y": y[1:],
        "onset": end[:-1], "duration": np.maximum(gap, 0), "amplitude": amplitude, "orientation": orientation,
        "turning_angle": turning,
    }  # fmt: skip
    spans = [(int(a), int(b)) for a, b, fine in zip(first, last, good, strict=True) if fine and b > a]
    return {name: values[good] for name, values in columns.items()}, spans


def directions(degrees: np.ndarray, good: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Orientation and turning angle of the steps between points, each float64 (n - 1,) in degrees.

    The orientation is 0 to the right and 90 upwards, in [0, 360). The turning angle is from the step before: 0 goes on
    straight, positive turns anticlockwise, in (-180, 180]; NaN where the step before is not ``good``.

    Args:
        degrees: (n, 2) points, x to the right, y downwards.
        good: bool (n - 1,), which steps are saccades.
    """
    step = np.diff(degrees, axis=0)
    angle = np.degrees(np.arctan2(-step[:, 1], step[:, 0])) % 360
    turning = np.full(len(step), np.nan)
    turned = (angle[1:] - angle[:-1]) % 360
    turning[1:] = np.where(good[1:] & good[:-1], np.where(turned > 180, turned - 360, turned), np.nan)
    return angle, turning
