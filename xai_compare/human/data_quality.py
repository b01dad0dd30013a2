"""Whether the data of an experiment are usable, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xai_compare.human.experiment import Experiment

Level = Literal["good", "care", "bad"]
_FEW_PEOPLE = 10
"""People of a picture below whom the agreement of halves is told without a verdict in their favour."""


@dataclass(frozen=True)
class QualityNote:
    """One thing said of the data.

    Attributes:
        level: ``good``, ``care`` (to be used with care) or ``bad`` (should not be used so).
        line: the sentence.
    """

    level: Level
    line: str


def assess_quality(experiment: Experiment, reliability: pd.DataFrame | None = None) -> list[QualityNote]:
    """Say what speaks for and against using the data.

    Args:
        experiment: as read.
        reliability: as from `xai_compare.human.split_half`, if maps could be made.
    """
    notes = [_trials(experiment), *_people(experiment), *_pictures(experiment)]
    notes += _tracker(experiment) if experiment.yields == "samples" else []
    notes += _off_picture(experiment)
    if len(experiment.points) and "duration" in experiment.points and experiment.point_name == "fixations":
        notes.append(_durations(experiment))
    if reliability is not None:
        notes.append(_reliability(reliability))
    return notes


def overall_quality(notes: list[QualityNote]) -> QualityNote:
    """The verdict that follows from the notes, as one sentence."""
    bad = sum(note.level == "bad" for note in notes)
    care = sum(note.level == "care" for note in notes)
    if bad:
        return QualityNote("bad", f"These data should not be used as they are: {_count(bad, 'serious problem')} found.")
    if care:
        return QualityNote("care", f"These data can be used with care: {_count(care, 'point')} to keep in mind.")
    return QualityNote("good", "These data can be used.")


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _least(value: float, good: float, care: float) -> Level:
    """The level of a value that should be large."""
    return "good" if value >= good else "care" if value >= care else "bad"


def _most(value: float, good: float, care: float) -> Level:
    """The level of a value that should be small."""
    return "good" if value <= good else "care" if value <= care else "bad"


def _trials(experiment: Experiment) -> QualityNote:
    kept, n = int(experiment.trials["kept"].sum()), len(experiment.trials)
    share = kept / n if n else 0.0
    reasons = experiment.trials.loc[~experiment.trials["kept"], "reason"].value_counts()
    why = "; ".join(f"{count} {reason}" for reason, count in reasons.head(4).items())
    removed = f" (removed: {why})" if why else ""
    return QualityNote(_least(share, 0.8, 0.5), f"{kept} of {n} trials ({share:.0%}) are kept{removed}.")


def _people(experiment: Experiment) -> list[QualityNote]:
    trials = experiment.trials
    everyone, left = trials["participant"].nunique(), experiment.kept["participant"].nunique()
    level = _most(everyone - left, 0.1 * everyone, 0.4 * everyone)
    notes = [QualityNote(level, f"{left} of {everyone} participants have at least one trial that is kept.")]
    single = int((trials.groupby("participant", observed=True).size() == 1).sum())
    if single and trials["image"].nunique() > 1:
        has = "participant has" if single == 1 else "participants have"
        notes.append(QualityNote("care", f"{single} {has} a single trial."))
    return notes


def _pictures(experiment: Experiment) -> list[QualityNote]:
    seen = experiment.kept.groupby("image", observed=True)["participant"].nunique()
    never = sorted(set(experiment.trials["image"].astype(str)) - set(seen.index.astype(str)))
    never += sorted(set(experiment.shapes) - set(experiment.trials["image"].astype(str)))
    notes = []
    if len(seen):
        usual = float(seen.median())
        people = "person" if usual == 1 else "people"
        line = f"A picture is seen by {usual:g} {people} (median; fewest {seen.min()}) whose trials are kept."
        notes.append(QualityNote(_least(usual, 10, 3), line))
    if never:
        names = ", ".join(never[:3]) + (" ..." if len(never) > 3 else "")
        line = f"{_count(len(never), 'picture')} never looked at in a trial that is kept: {names}."
        notes.append(QualityNote("care", line))
    return notes


def _tracker(experiment: Experiment) -> list[QualityNote]:
    trials = experiment.trials
    rate, lost = trials["rate"].median(), trials["lost"].mean()
    notes = []
    if np.isfinite(rate):
        doubt = "" if rate >= 200 else "; saccades and short fixations are rough at this rate"
        notes.append(QualityNote(_least(rate, 200, 50), f"The tracker took {rate:.0f} samples per second{doubt}."))
    if np.isfinite(lost):
        line = f"The eye was not found in {lost:.1%} of all samples (blinks among them"
        coded = int(trials["coded"].sum()) if "coded" in trials else 0
        line += f"; {coded} coded by 0, -1, -32768 or a pupil of 0)." if coded else ")."
        notes.append(QualityNote(_most(lost, 0.05, 0.2), line))
    failed = trials["validation"].isin(["POOR", "ABORTED"]) if "validation" in trials else pd.Series(dtype=bool)
    if failed.any():
        notes.append(
            QualityNote("care", f"The tracker's validation failed before {_count(int(failed.sum()), 'trial')}.")
        )
    return notes


def _off_picture(experiment: Experiment) -> list[QualityNote]:
    points = experiment.points
    if not len(points) or not experiment.shapes:
        return []
    names = points["image"].astype(str)
    height, width = (names.map({i: s[axis] for i, s in experiment.shapes.items()}).astype(float) for axis in (0, 1))
    known = height.notna()
    inside = points["x"].between(-0.5, width - 0.5) & points["y"].between(-0.5, height - 0.5)
    off = float(1 - inside[known].mean()) if known.any() else 0.0
    doubt = "" if off <= 0.1 else "; are coordinates those of another resolution, or was the picture elsewhere?"
    return [QualityNote(_most(off, 0.1, 0.3), f"{off:.1%} of the {experiment.point_name} lie off the picture{doubt}.")]


def _durations(experiment: Experiment) -> QualityNote:
    mean = float(experiment.points["duration"].mean())
    plausible = 150 <= mean <= 600
    about = "as is usual for pictures" if plausible else "which is unusual for pictures (150 to 600 ms)"
    return QualityNote("good" if plausible else "care", f"A fixation lasts {mean:.0f} ms on average, {about}.")


def _reliability(reliability: pd.DataFrame) -> QualityNote:
    value = float(reliability["half"].median())
    if not np.isfinite(value):
        return QualityNote("care", "How far people agree with one another could not be computed.")
    level = _least(value, 0.6, 0.3)
    people = float(reliability.loc[reliability["half"].notna(), "n_participants"].median())
    if people < _FEW_PEOPLE:
        # Halves of one or two people may agree by luck, and their agreement says nothing of others.
        line = f"Two random halves of the people of a picture ({people:g}, median) correlate at {value:.2f} (median)"
        return QualityNote("bad" if level == "bad" else "care", f"{line}; of so few people this says little.")
    agree = {"good": "agree well", "care": "agree moderately", "bad": "hardly agree"}[level]
    return QualityNote(level, f"Two random halves of the people {agree} on a picture (median correlation {value:.2f}).")
