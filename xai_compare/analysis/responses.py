"""Networks' answers against people's, trial by trial: the table ``error_consistency``."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.comparison.registry import FEW
from xai_compare.comparison.statistics.decisions import MEAN, POOLED, Consistency, kappas
from xai_compare.human.clicks.answers import noun

CONSISTENCY_COLUMNS = (
    "measure",
    "a",
    "b",
    "participant",
    "kappa",
    "ci_low",
    "ci_high",
    "observed",
    "expected",
    "trials",
    "images",
    "note",
)
ERRORS, ANSWERS = "error_consistency", "answers"
NEVER_ERRS = "one side is always right, or always wrong: kappa is 0 whatever the other does"
MOST_PEOPLE = 25
"""People up to which every two of them are compared with one another."""
_Trials = dict[str, tuple[list[str], list[str], list[str]]]


def error_consistency_table(
    predictions: pd.DataFrame, answers: Mapping[str, pd.DataFrame], simulated: Collection[str] = (), seed: int = 0
) -> pd.DataFrame:
    """Cohen's kappa of every network with people, and of people with one another.

    Args:
        predictions: what each network says of each picture: ``model, image, label, predicted``.
        answers: by people, as from `xai_compare.human.responses.read_responses`.
        simulated: which of them are simulated; the note says so.
        seed: of the resamples of images.

    Returns:
        A frame of `CONSISTENCY_COLUMNS`: by network ``a`` (or people, who are compared with one another) and people
        ``b``, a row for each participant, one of their trials ``"pooled"`` and one of the ``"mean"`` over participants.
        ``error_consistency`` is of right and wrong (Geirhos et al. 2020), ``answers`` of the expressions named.
    """
    rows: list[tuple[Any, ...]] = []
    labels = _labels(predictions)
    for b, table in answers.items():
        theirs = _with_right(table, labels)
        said = f"{b.removeprefix('human/')}: simulated" if b in simulated else ""
        for a, mine in predictions.groupby("model", sort=False):
            for measure in (ERRORS, ANSWERS):
                trials = _against(mine.set_index("image"), theirs, measure, labels)
                rows += _rows(measure, str(a), b, kappas(trials, seed=seed), trials, said)
        if 1 < theirs["participant"].nunique() <= MOST_PEOPLE:
            for measure in (ERRORS, ANSWERS):
                trials = _among(theirs, measure)
                whole = kappas(trials, seed=seed)
                rows += _rows(measure, b, b, {MEAN: whole[MEAN]} if whole else {}, trials, said)
    return pd.DataFrame(rows, columns=list(CONSISTENCY_COLUMNS))


def _labels(predictions: pd.DataFrame) -> dict[str, str]:
    """The label of each picture that has one."""
    known = predictions.drop_duplicates("image")
    pairs = zip(known["image"].astype(str), known["label"].fillna("").astype(str), strict=True)
    return {image: noun(label) for image, label in pairs if label}


def _with_right(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Trials on labelled or judged pictures; what nobody says to be right is right if it is the label."""
    label = table["image"].map(labels)
    told = (table["response"] == label).astype("boolean").mask((table["response"] == "") | label.isna())
    return table.assign(right=table["right"].fillna(told))


def _cell(row: Any, measure: str) -> str:
    """What counts as an answer; ``""`` where there is none."""
    if measure == ANSWERS:
        return str(row.response)
    return "" if pd.isna(row.right) else ("right" if row.right else "wrong")


def _against(network: pd.DataFrame, people: pd.DataFrame, measure: str, labels: Mapping[str, str]) -> _Trials:
    """By participant, the images that both answered, and both answers."""
    found: _Trials = {}
    predicted = {str(image): noun(said) for image, said in network["predicted"].items()}
    for row in people.itertuples(index=False):
        image, theirs = str(row.image), _cell(row, measure)
        if image not in predicted or not theirs or (measure == ERRORS and image not in labels):
            continue
        own = predicted[image]
        if measure == ERRORS:
            own = "right" if own == labels[image] else "wrong"
        _add(found, str(row.participant), image, own, theirs)
    return found


def _among(people: pd.DataFrame, measure: str) -> _Trials:
    """Every two participants, on the images that both answered; of several trials of an image the first."""
    by: dict[str, dict[str, str]] = {}
    for row in people.itertuples(index=False):
        if cell := _cell(row, measure):
            by.setdefault(str(row.participant), {}).setdefault(str(row.image), cell)
    found: _Trials = {}
    for one, other in combinations(by, 2):
        for image, cell in by[one].items():
            if image in by[other]:
                _add(found, f"{one} / {other}", image, cell, by[other][image])
    return found


def _add(found: _Trials, name: str, image: str, one: str, other: str) -> None:
    for place, value in zip(found.setdefault(name, ([], [], [])), (image, one, other), strict=True):
        place.append(value)


def _rows(
    measure: str, a: str, b: str, found: Mapping[str, Consistency], trials: _Trials, said: str
) -> Iterator[tuple[Any, ...]]:
    every = {image for images, _, _ in trials.values() for image in images}
    for name, one in found.items():
        images = len(every if name in (POOLED, MEAN) else set(trials[name][0]))
        notes = [said] if said else []
        if not np.isfinite(one.kappa):
            notes.append("chance alone would agree always")
        elif not np.isfinite(one.low):
            notes.append(f"{images} images are too few for an interval")
        elif measure == ERRORS and one.kappa == one.low == one.high == 0:
            notes.append(NEVER_ERRS)
        elif images < FEW:
            notes.append(f"{images} images are few: the interval may be too narrow")
        yield (measure, a, b, name, one.kappa, one.low, one.high, one.observed, one.expected, one.n, images,
               "; ".join(notes))  # fmt: skip
