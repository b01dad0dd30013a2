"""How good a classifier is, how well it knows that, and whether it errs as people do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import confusion_matrix
from torchmetrics.functional.classification import multiclass_calibration_error

from xai_compare.errors import InputError

BINS = 15
"""Bins of the expected calibration error (Guo et al. 2017)."""
PEOPLE = Path(__file__).parent / "park_wallraven_figure_2.csv"
"""Confusions of 22 people in two-alternative forced choice (Park & Wallraven 2022, figure 2), to two digits."""


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Shares of predictions for each label, float64 ``(classes, classes)``; rows are labels and sum to 1.

    The row of a class without pictures is NaN.
    """
    counts = confusion_matrix(labels, predicted, labels=np.arange(classes)).astype(np.float64)
    sums = counts.sum(1, keepdims=True)
    return np.asarray(np.divide(counts, sums, out=np.full_like(counts, np.nan), where=sums > 0))


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
    matrix = confusion(labels, predicted, len(classes))
    recall = np.diag(matrix)
    error = multiclass_calibration_error(
        torch.as_tensor(probabilities, dtype=torch.float64),
        torch.as_tensor(labels),
        num_classes=len(classes),
        n_bins=BINS,
    )
    rows = [
        ("accuracy", "all", float((predicted == labels).mean()), len(labels)),
        ("balanced_accuracy", "all", float(np.nanmean(recall)), len(labels)),
        ("calibration_error", "all", float(error), len(labels)),
        *(("recall", name, float(recall[k]), int((labels == k).sum())) for k, name in enumerate(classes)),
    ]
    return pd.DataFrame(rows, columns=["metric", "expression", "value", "n"])


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


def confusion_correlation(a: np.ndarray, b: np.ndarray, *, diagonal: bool) -> float:
    """Pearson's r between two confusion matrices, with or without their diagonals.

    With it, r says little: two matrices whose diagonals are large agree whatever their errors are. NaN where one of
    them is constant or holds NaN.
    """
    keep = np.ones(a.shape, bool) if diagonal else ~np.eye(len(a), dtype=bool)
    x, y = a[keep], b[keep]
    if not (np.isfinite(x).all() and np.isfinite(y).all()) or x.std() == 0 or y.std() == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def random_errors(
    people: np.ndarray, accuracy: float, *, diagonal: bool, replicates: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """The middle 95 % of `confusion_correlation` with matrices of that accuracy whose errors are random.

    Errors of each row are spread by a flat Dirichlet distribution: no row knows anything about people.
    """
    rng = np.random.default_rng(seed)
    n = len(people)
    off = ~np.eye(n, dtype=bool)
    found = []
    for _ in range(replicates):
        matrix = np.eye(n) * accuracy
        matrix[off] = (rng.dirichlet(np.ones(n - 1), n) * (1 - accuracy)).ravel()
        found.append(confusion_correlation(people, matrix, diagonal=diagonal))
    low, high = np.quantile(found, (0.025, 0.975))
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
        count = matrix.size if diagonal else matrix.size - len(matrix)
        low, high = random_errors(people, accuracy, diagonal=diagonal)
        rows += [
            (name, "all", confusion_correlation(people, matrix, diagonal=diagonal), count),
            (f"{name}_random_low", "all", low, count),
            (f"{name}_random_high", "all", high, count),
        ]
    return pd.DataFrame(rows, columns=["metric", "expression", "value", "n"])
