"""Whether the data of an experiment are usable, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xai_compare.human.experiment import Experiment

Level = Literal["good", "care", "bad"]


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
    statements = [_trials(experiment), *_people(experiment), *_pictures(experiment)]
    statements += _tracker(experiment) if experiment.yields == "samples" else []
    statements += _placed(experiment)
    if len(experiment.points) and "duration" in experiment.points and experiment.noun == "fixations":
        statements.append(_durations(experiment))
    if reliability is not None:
        statements.append(_reliability(reliability))
    return statements


def overall_quality(statements: list[QualityNote]) -> QualityNote:
    """The overall_quality that follows from the statements, as one sentence."""
    bad = sum(one.level == "bad" for one in statements)
    care = sum(one.level == "care" for one in statements)
    if bad:
        return QualityNote("bad", f"These data should not be used as they are: {_times(bad, 'serious problem')} found.")
    if care:
        return QualityNote("care", f"These data can be used with care: {_times(care, 'point')} to keep in mind.")
    return QualityNote("good", "These data can be used.")


def _times(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _trials(experiment: Experiment) -> QualityNote:
    kept, n = int(experiment.trials["kept"].sum()), len(experiment.trials)
    share = kept / n if n else 0.0
    level: Level = "good" if share >= 0.8 else "care" if share >= 0.5 else "bad"
    reasons = experiment.trials.loc[~experiment.trials["kept"], "reason"].value_counts()
    why = "; ".join(f"{count} {reason}" for reason, count in reasons.head(4).items())
    return QualityNote(level, f"{kept} of {n} trials ({share:.0%}) are kept{f' (removed: {why})' if why else ''}.")


def _people(experiment: Experiment) -> list[QualityNote]:
    trials = experiment.trials
    everyone, left = trials["participant"].nunique(), experiment.kept["participant"].nunique()
    out = everyone - left
    level: Level = "good" if out <= 0.1 * everyone else "care" if out <= 0.4 * everyone else "bad"
    said = [QualityNote(level, f"{left} of {everyone} participants have at least one trial that is kept.")]
    single = int((trials.groupby("participant", observed=True).size() == 1).sum())
    if single and trials["image"].nunique() > 1:
        has = "participant has" if single == 1 else "participants have"
        said.append(QualityNote("care", f"{single} {has} a single trial."))
    return said


def _pictures(experiment: Experiment) -> list[QualityNote]:
    seen = experiment.kept.groupby("image", observed=True)["participant"].nunique()
    never = sorted(set(experiment.trials["image"].astype(str)) - set(seen.index.astype(str)))
    never += sorted(set(experiment.shapes) - set(experiment.trials["image"].astype(str)))
    said = []
    if len(seen):
        usual = float(seen.median())
        level: Level = "good" if usual >= 10 else "care" if usual >= 3 else "bad"
        people = "person" if usual == 1 else "people"
        line = f"A picture is seen by {usual:g} {people} (median; fewest {seen.min()}) whose trials are kept."
        said.append(QualityNote(level, line))
    if never:
        some = ", ".join(never[:3]) + (" ..." if len(never) > 3 else "")
        said.append(
            QualityNote("care", f"{_times(len(never), 'picture')} never looked at in a trial that is kept: {some}.")
        )
    return said


def _tracker(experiment: Experiment) -> list[QualityNote]:
    trials = experiment.trials
    rate, lost = trials["rate"].median(), trials["lost"].mean()
    said = []
    if np.isfinite(rate):
        level: Level = "good" if rate >= 200 else "care" if rate >= 50 else "bad"
        about = "" if rate >= 200 else "; saccades and short fixations are rough at this rate"
        said.append(QualityNote(level, f"The tracker took {rate:.0f} samples per second{about}."))
    if np.isfinite(lost):
        level = "good" if lost <= 0.05 else "care" if lost <= 0.2 else "bad"
        said.append(QualityNote(level, f"The eye was not found in {lost:.1%} of all samples (blinks among them)."))
    if "validation" in trials and trials["validation"].isin(["POOR", "ABORTED"]).any():
        n = int(trials["validation"].isin(["POOR", "ABORTED"]).sum())
        said.append(QualityNote("care", f"The tracker's validation failed before {_times(n, 'trial')}."))
    return said


def _placed(experiment: Experiment) -> list[QualityNote]:
    points = experiment.points
    if not len(points) or not experiment.shapes:
        return []
    names = points["image"].astype(str)
    height, width = (names.map({i: s[axis] for i, s in experiment.shapes.items()}).astype(float) for axis in (0, 1))
    known = height.notna()
    inside = points["x"].between(-0.5, width - 0.5) & points["y"].between(-0.5, height - 0.5)
    off = float(1 - inside[known].mean()) if known.any() else 0.0
    level: Level = "good" if off <= 0.1 else "care" if off <= 0.3 else "bad"
    doubt = "" if off <= 0.1 else "; are coordinates those of another resolution, or was the picture elsewhere?"
    return [QualityNote(level, f"{off:.1%} of the {experiment.noun} lie off the picture{doubt}.")]


def _durations(experiment: Experiment) -> QualityNote:
    mean = float(experiment.points["duration"].mean())
    plausible = 150 <= mean <= 600
    about = "as is usual for pictures" if plausible else "which is unusual for pictures (150 to 600 ms)"
    return QualityNote("good" if plausible else "care", f"A fixation lasts {mean:.0f} ms on average, {about}.")


def _reliability(reliability: pd.DataFrame) -> QualityNote:
    value = float(reliability["half"].median())
    if not np.isfinite(value):
        return QualityNote("care", "How far people agree with one another could not be computed.")
    level: Level = "good" if value >= 0.6 else "care" if value >= 0.3 else "bad"
    said = {"good": "agree well", "care": "agree moderately", "bad": "hardly agree"}[level]
    return QualityNote(level, f"Two random halves of the people {said} on a picture (median correlation {value:.2f}).")
