"""From an eye tracker's samples to what a network of clips is fed: the paper's three corrections, and features.

The corrections are those of `xai_compare.human.gaze.cleaning`; there is one implementation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.gaze import cleaning
from xai_compare.human.gaze.trial import Trial, split_trials
from xai_compare.human.screen import Placement, Screen

EYE_FEATURES = ("pupil_change", "blink", "lost", "speed")
"""What `eye_samples` gives: change of the pupil since the sample before, in the unit of the file; whether the sample is
in a blink; whether the eye is lost otherwise; speed of the gaze, in widths of the picture per second."""


def eye_samples(
    trial: Trial, blink_ms: tuple[float, float] = cleaning.BLINK_MS, edge_ms: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Features of a trial's samples, as `Clip.eye` and `Clip.fixation` hold them.

    Blink, sweep and pupil correction as in Liu et al. (2024, section III-A3): losses that cannot be a blink are
    interpolated, blinks stay missing, and of the pupil the difference from the sample before is taken, which is missing
    beside a missing sample.

    Args:
        trial: one person looking at one picture or video.
        blink_ms: shortest and longest blink.
        edge_ms: how much before and after a blink belongs to it. While lids close and open, the pupil looks smaller and
            the gaze jumps. The paper keeps these samples (0, the default); 50 ms remove most of them.

    Returns:
        float32 ``(n, 4)``, see `EYE_FEATURES`, and float32 ``(n, 2)``, the gaze as fractions of the picture; NaN where
        nothing is known.

    Raises:
        InputError: if the trial's clock cannot be used, or the size of the picture is not known.
    """
    where = f"{trial.participant}, {trial.image}"
    if why := cleaning.problem_with_clock(trial.time):
        raise InputError(why, where=where, hint="leave the trial out")
    place = trial.placement
    if place is None:
        raise InputError("the size of the picture on the screen is not known", where=where, hint="give placement")
    rate = cleaning.rate_of(trial.time)
    losses = cleaning.losses(trial, rate, blink_ms)
    if edge_ms > 0:
        trial = _without_edges(trial, losses, round(edge_ms * rate / 1000))
        widest = blink_ms[1] + 2 * edge_ms
        losses = cleaning.losses(trial, rate, (blink_ms[0], widest))
    x, y, change = cleaning.corrected(trial, losses)
    blink, lost = np.zeros(len(trial)), np.zeros(len(trial))
    for start, stop, is_blink in zip(losses.starts, losses.stops, losses.blink, strict=True):
        (blink if is_blink else lost)[start:stop] = 1
    gaze = np.stack([x / place.width, y / place.height], 1)
    step = np.diff(x, prepend=x[:1]), np.diff(y, prepend=y[:1])
    seconds = np.maximum(np.diff(trial.time, prepend=trial.time[0] - 1000 / rate), 1e-3) / 1000
    speed = np.hypot(*step) / place.width / seconds
    return np.stack([change, blink, lost, speed], 1).astype(np.float32), gaze.astype(np.float32)


def prepared_trials(
    tables: Iterable[pd.DataFrame],
    where: object = "samples",
    *,
    screen: Screen | None = None,
    placement: Placement | None = None,
) -> Iterator[tuple[Trial, np.ndarray, np.ndarray]]:
    """Each trial of a recording with its features; arguments as `xai_compare.human.gaze.trial.split_trials`."""
    for trial in split_trials(tables, where, screen=screen, placement=placement):
        yield trial, *eye_samples(trial)


def _without_edges(trial: Trial, losses: cleaning.Losses, samples: int) -> Trial:
    lost = np.zeros(len(trial), bool)
    for start, stop in zip(losses.starts[losses.blink], losses.stops[losses.blink], strict=True):
        lost[max(start - samples, 0) : stop + samples] = True
    x, y, pupil = (np.where(lost, np.nan, values) for values in (trial.x, trial.y, trial.pupil))
    return dataclasses.replace(trial, x=x, y=y, pupil=pupil)
