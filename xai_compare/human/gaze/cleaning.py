"""Cleaning the samples of a trial: the clock, losses and blinks, corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xai_compare.human.gaze.trial import Trial
from xai_compare.human.settings import GazeSettings

BLINK_MS = GazeSettings.blink_ms
"""A blink lasts at least and at most so long."""

_FEWEST = 10


@dataclass
class Losses:
    """The runs of samples in which the eye was not found.

    Attributes:
        starts, stops: int (k,), the first sample of each run and the one after its last.
        ms: float64 (k,), how long each lasts.
        blink: bool (k,), whether it lasts as long as a blink does; the others are losses of the tracker.
    """

    starts: np.ndarray
    stops: np.ndarray
    ms: np.ndarray
    blink: np.ndarray


def problem_with_clock(time: np.ndarray) -> str:
    """Why the times of a trial cannot be used, or ``""``."""
    if len(time) < _FEWEST:
        return f"only {len(time)} samples"
    if not np.isfinite(time).all():
        return "samples without a time"
    steps = np.diff(time)
    if (steps < 0).any():
        return f"the clock runs backwards ({int((steps < 0).sum())} times)"
    if (steps == 0).mean() > 0.5:
        return "the clock stands still"
    if steps.max() > 10_000:
        return f"the clock jumps by {steps.max() / 1000:.0f} s"
    return ""


def rate_of(time: np.ndarray) -> float:
    """Samples per second, float: over the mean step of the clock, gaps left out.

    A clock of whole milliseconds steps by 3 and 4 at 300 Hz, so the median step would be wrong.
    """
    steps = np.diff(time)
    steps = steps[steps <= 1.5 * np.median(steps[steps > 0])]
    return float(1000 / steps.mean())


def missing_rows(time: np.ndarray, rate: float) -> int:
    """How many samples the file leaves out where the clock goes on by more than a step and a half."""
    steps = np.diff(time) * rate / 1000
    return int(np.round(steps[steps > 1.5] - 1).sum())


def losses(trial: Trial, rate: float, blink_ms: tuple[float, float] = BLINK_MS) -> Losses:
    """Find the runs of lost samples, and which of them are blinks.

    Where the exporter marks blinks (event ``blink``), those are the blinks; otherwise runs of ``blink_ms``.
    """
    lost = np.isnan(trial.x)
    if trial.event is not None:
        marked = trial.event == "blink"
        lost = lost | marked
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]]).astype(np.int8)))
    starts, stops = edges[::2], edges[1::2]
    ms = (stops - starts) * 1000 / rate
    if trial.event is not None and marked.any():
        blink = np.array([marked[a:b].any() for a, b in zip(starts, stops, strict=True)], bool)
    else:
        blink = (ms >= blink_ms[0]) & (ms <= blink_ms[1])
    return Losses(starts, stops, ms, blink)


def corrected(trial: Trial, lost: Losses) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Blink, sweep and pupil correction of Liu et al. (2024, section III-A3): x, y, pupil, each float64 (n,).

    Lost runs that cannot be a blink, for they last under 75 or over 425 ms, are filled by linear interpolation, in the
    gaze and in the pupil; so are lost samples within a sweep (saccade) of the exporter. Of the pupil the difference
    from the sample before is given, 0 for the first. Runs at either end of a trial have nothing to lean on and stay.
    """
    fill = np.zeros(len(trial), bool)
    for start, stop, blink in zip(lost.starts, lost.stops, lost.blink, strict=True):
        if not blink and start > 0 and stop < len(trial):
            fill[start:stop] = True
    if trial.event is not None:
        fill |= np.isnan(trial.x) & (trial.event == "saccade")
    x, y, pupil = (_filled(values, fill, trial.time) for values in (trial.x, trial.y, trial.pupil))
    return x, y, np.diff(pupil, prepend=pupil[:1])


def _filled(values: np.ndarray, fill: np.ndarray, time: np.ndarray) -> np.ndarray:
    known = np.isfinite(values)
    inner = fill & ~known
    if not inner.any() or known.sum() < 2:
        return values
    ends = np.flatnonzero(known)[[0, -1]]
    inner[: ends[0]] = inner[ends[1] :] = False
    return np.where(inner, np.interp(time, time[known], values[known]), values)
