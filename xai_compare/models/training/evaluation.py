"""How good a classifier is, how well it knows that, and whether it errs as people do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from xai_compare.agreement import confusion, confusion_correlation
from xai_compare.errors import InputError

BINS = 15
"""Bins of the expected calibration error (Guo et al. 2017)."""
PEOPLE = Path(__file__).parent / "park_wallraven_figure_2.csv"
"""Confusions of 22 people in two-alternative forced choice (Park & Wallraven 2022, figure 2), to two digits."""


def scores(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Accuracy, balanced accuracy, recall of each class and expected calibration error, as rows.

    Args:
        labels: int ``(n,)``, indices into ``classes``.
        probabilities: ``(n, classes)``.
        classes: their names.

    Returns:
        columns ``metric, expression, value, n``; ``expression`` is ``"all"`` where the metric is not of one class.
    """
    predicted = probabilities.argmax(1)
    matrix = confusion(labels, predicted, range(len(classes)))
    recall = np.diag(matrix)
    rows = [
        ("accuracy", "all", float((predicted == labels).mean()), len(labels)),
        ("balanced_accuracy", "all", float(np.nanmean(recall)), len(labels)),
        ("calibration_error", "all", calibration_error(labels, probabilities), len(labels)),
        *(("recall", name, float(recall[k]), int((labels == k).sum())) for k, name in enumerate(classes)),
    ]
    return pd.DataFrame(rows, columns=["metric", "expression", "value", "n"])


def calibration_error(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): how far confidence and accuracy differ, a mean over pictures.

    Args:
        labels: int ``(n,)``, columns of the probabilities.
        probabilities: ``(n, classes)``.
        bins: of equal width, in which confidence and accuracy are averaged first.

    >>> round(calibration_error(np.array([0, 1]), np.array([[0.75, 0.25], [0.75, 0.25]])), 4)
    0.25
    """
    confidence, predicted = torch.as_tensor(probabilities, dtype=torch.float64).max(1)
    confidence, right = confidence.float(), predicted.eq(torch.as_tensor(labels)).float()
    place = torch.bucketize(confidence, torch.linspace(0, 1, bins + 1), right=True) - 1
    # A confidence of exactly 1 lies on the last boundary and makes a bin of its own.
    count, sure, correct = (
        torch.zeros(bins + 1).scatter_add_(0, place, each) for each in (torch.ones_like(right), confidence, right)
    )
    gaps = torch.nan_to_num(correct / count) - torch.nan_to_num(sure / count)
    return float((gaps.abs() * (count / count.sum())).sum())


def spread(table: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation (n - 1) over folds of each metric, as rows with ``fold`` "mean" and "sd"."""
    keys = ["model", "metric", "expression"]
    groups = table.groupby(keys, sort=False)["value"]
    parts = []
    for name, values in (("mean", groups.mean()), ("sd", groups.std(ddof=1))):
        part = values.reset_index().assign(fold=name)
        part["n"] = groups.count().to_numpy()
        parts.append(part)
    return pd.concat(parts, ignore_index=True)[list(table.columns)]


def people_confusion(classes: Sequence[str]) -> np.ndarray:
    """The confusions of people, restricted to ``classes`` and scaled so that each row sums to 1.

    Raises:
        InputError: if people were not asked about one of them.
    """
    table = pd.read_csv(PEOPLE, index_col=0)
    missing = [name for name in classes if name not in table.index]
    if missing:
        raise InputError(f"people were not asked about {missing[0]}", hint=f"known: {', '.join(map(str, table.index))}")
    part = table.loc[list(classes), list(classes)].to_numpy(np.float64)
    return np.asarray(part / part.sum(1, keepdims=True))


def random_errors(
    people: np.ndarray, accuracy: float, *, diagonal: bool, replicates: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The middle 95 % of `confusion_correlation` with matrices of that accuracy whose errors are random.

    Errors of each row are spread by a flat Dirichlet distribution: no row knows anything about people.
    """
    rng = np.random.default_rng(seed)
    n = len(people)
    off = ~np.eye(n, dtype=bool)
    correlations = []
    for _ in range(replicates):
        matrix = np.eye(n) * accuracy
        matrix[off] = (rng.dirichlet(np.ones(n - 1), n) * (1 - accuracy)).ravel()
        correlations.append(confusion_correlation(people, matrix, diagonal=diagonal))
    low, high = np.quantile(correlations, (0.025, 0.975))
    return float(low), float(high)


def like_people(matrix: np.ndarray, classes: Sequence[str]) -> pd.DataFrame:
    """Correlation of a confusion matrix with that of people, with and without the diagonal, beside random errors.

    Returns:
        columns ``metric, expression, value, n``; empty where people were not asked about one of the classes.
    """
    try:
        people = people_confusion(classes)
    except InputError:
        return pd.DataFrame(columns=["metric", "expression", "value", "n"])
    rows = []
    accuracy = float(np.nanmean(np.diag(matrix)))
    for diagonal, name in ((True, "people_with_diagonal"), (False, "people_without_diagonal")):
        count = int(np.isfinite(matrix).sum() - (0 if diagonal else np.isfinite(np.diag(matrix)).sum()))
        low, high = random_errors(people, accuracy, diagonal=diagonal)
        rows += [
            (name, "all", confusion_correlation(people, matrix, diagonal=diagonal), count),
            (f"{name}_random_low", "all", low, count),
            (f"{name}_random_high", "all", high, count),
        ]
    return pd.DataFrame(rows, columns=["metric", "expression", "value", "n"])
