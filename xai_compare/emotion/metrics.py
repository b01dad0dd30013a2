"""Scores of predictions, from all clips at once or averaged over batches, with intervals over people.

``pooled`` scores all test clips together, and is the default. ``batches`` is what the authors' program prints: the
score of each batch of 16, averaged. The two differ. The mean of square roots is at most the root of the mean, so a
batch-averaged RMSE never exceeds the pooled one (batches of equal size), and the UAR of 16 clips averages over the
classes that happen to be among them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.resampling.bootstrap import REPLICATES
from xai_compare.comparison.resampling.interval import interval
from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.errors import InputError

Averaging = Literal["pooled", "batches"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A score with its 95 % interval; NaN with a note where it is undefined."""

    metric: str
    value: float
    ci_low: float
    ci_high: float
    n: int
    note: str = ""


def confusion_scores(confusion: Floats) -> dict[str, Floats]:
    """Scores of confusion matrices ``(..., classes, classes)`` of counts, rows the labels, columns the predictions.

    ``war``: weighted average recall, the accuracy. ``uar``: unweighted mean of the recalls of the classes that occur.
    ``f1``: of each class, weighted by how often it occurs; the paper says "F1" only, and its values lie too far above
    what UAR allows for an unweighted one. ``f1_macro``: unweighted, over classes that occur or are predicted.
    """
    right = np.diagonal(confusion, axis1=-2, axis2=-1)
    true, predicted = confusion.sum(-1), confusion.sum(-2)
    total = true.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        recall = right / true
        f1 = 2 * right / (true + predicted)
        return {
            "war": right.sum(-1) / total,
            "uar": _mean_of_defined(recall),
            "f1": np.where(true > 0, f1 * true, 0).sum(-1) / total,
            "f1_macro": _mean_of_defined(f1),
        }


def error_scores(sums: Floats) -> dict[str, Floats]:
    """MAE, MSE and RMSE from ``(..., 3)``: sums of absolute errors, sums of squared errors, and the number of clips."""
    absolute, squared, n = sums[..., 0], sums[..., 1], sums[..., 2]
    with np.errstate(invalid="ignore", divide="ignore"):
        mse = squared / n
        return {"mae": absolute / n, "mse": mse, "rmse": np.sqrt(mse)}


def score_classes(
    labels: npt.ArrayLike,
    predicted: npt.ArrayLike,
    n_classes: int,
    people: Sequence[str],
    averaging: Averaging = "pooled",
    batch: int = 16,
    n: int = REPLICATES,
    seed: int = 0,
) -> list[Score]:
    """Score class indices ``(clips,)`` against labels ``(clips,)``.

    Args:
        labels, predicted: class indices; clips whose label is negative have none and are left out.
        n_classes: how many classes there are.
        people: whose each clip is. Intervals are bootstrapped over people when pooled, and over batches otherwise.
        averaging: see the module.
        batch: clips in a batch, in the order given; the last may be smaller.
        n, seed: of the bootstrap.

    Raises:
        InputError: if lengths differ, or no clip has a label.
    """
    true, guess = np.asarray(labels, int), np.asarray(predicted, int)
    groups, keep = _groups(true >= 0, [true, guess], people, averaging, batch)
    parts = np.zeros((groups.max() + 1, n_classes, n_classes))
    np.add.at(parts, (groups, true[keep], guess[keep]), 1)
    absent = n_classes - len(np.unique(true[keep]))
    note = f"{absent} of {n_classes} classes do not occur, and are left out of the mean" if absent else ""
    return _scored(parts, confusion_scores, averaging, int(keep.sum()), n, seed, {"uar": note, "f1_macro": note})


def score_values(
    labels: npt.ArrayLike,
    predicted: npt.ArrayLike,
    people: Sequence[str],
    averaging: Averaging = "pooled",
    batch: int = 16,
    n: int = REPLICATES,
    seed: int = 0,
) -> list[Score]:
    """Score predicted values ``(clips,)``; arguments as `score_classes`, a label of NaN is none."""
    true, guess = np.asarray(labels, float), np.asarray(predicted, float)
    groups, keep = _groups(np.isfinite(true), [true, guess], people, averaging, batch)
    error = guess[keep] - true[keep]
    parts = np.zeros((groups.max() + 1, 3))
    np.add.at(parts, groups, np.stack([np.abs(error), error**2, np.ones_like(error)], 1))
    return _scored(parts, error_scores, averaging, int(keep.sum()), n, seed, {})


def _groups(
    known: npt.NDArray[np.bool_],
    arrays: list[npt.NDArray[Any]],
    people: Sequence[str],
    averaging: Averaging,
    batch: int,
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """To which person or batch each clip with a label belongs, and which clips those are."""
    if averaging not in ("pooled", "batches"):
        raise InputError(f"unknown averaging {averaging!r}", hint="known: pooled, batches")
    lengths = [len(values) for values in (*arrays, people)]
    if len(set(lengths)) != 1:
        raise InputError(f"labels, predictions and people differ in number: {', '.join(map(str, lengths))}")
    if not known.any():
        raise InputError("no clip has a label", hint="check the column of labels")
    if averaging == "batches":
        return np.arange(int(known.sum())) // batch, known
    return np.unique(np.asarray(people, str)[known], return_inverse=True)[1], known


def _scored(
    parts: Floats,
    scores: Callable[[Floats], dict[str, Floats]],
    averaging: Averaging,
    clips: int,
    n: int,
    seed: int,
    notes: dict[str, str],
) -> list[Score]:
    """Scores of the sum of the parts, or the mean of the parts' scores, with an interval over the parts."""
    counts = resample_counts(len(parts), n, seed) if len(parts) > 1 else np.ones((1, 1), int)
    if averaging == "pooled":
        values = scores(parts.sum(0))
        replicates = scores(np.tensordot(counts, parts, 1))
    else:
        batches = scores(parts)
        values = {name: np.asarray(np.nanmean(batch)) for name, batch in batches.items()}
        replicates = {name: counts @ batch / len(parts) for name, batch in batches.items()}
    rows = []
    for name, value in values.items():
        # Percentiles: recentred ones suit mean maps, whose replicates are noisier than they; counts are not.
        drawn = np.asarray(replicates[name], float)
        ends = interval(float(value), drawn, images=len(parts), kind="percentile")
        rows.append(Score(name, float(value), ends.low, ends.high, clips, notes.get(name, "")))
    return rows


def _mean_of_defined(values: Floats) -> Floats:
    defined = np.isfinite(values)
    return np.where(defined, values, 0).sum(-1) / defined.sum(-1)
