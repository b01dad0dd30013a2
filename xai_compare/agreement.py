"""How far raters, readers or networks agree: confusions, kappa and the two alphas, each of them once."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.errors import InputError

Floats = npt.NDArray[np.float64]
_FEW_CELLS = 3


def confusion_counts(labels: Iterable[Hashable], answers: Iterable[Hashable], names: Sequence[Hashable]) -> Floats:
    """How often each answer (column) is given to each label (row): float64 (k, k).

    Pairs of which either is not among the k ``names`` are left out.
    """
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for label, answer in zip(labels, answers, strict=True):
        if label in place and answer in place:
            counts[place[label], place[answer]] += 1
    return counts


def confusion(labels: Iterable[Hashable], answers: Iterable[Hashable], names: Sequence[Hashable]) -> Floats:
    """The shares of answers (columns) to each label (row), rows sum to 1; the row of a label that never occurs is NaN.

    >>> confusion(["fear", "fear", "anger"], ["fear", "anger", "anger"], ["anger", "fear", "joy"]).tolist()
    [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [nan, nan, nan]]
    """
    counts = confusion_counts(labels, answers, names)
    sums = counts.sum(1, keepdims=True)
    return np.divide(counts, sums, out=np.full_like(counts, np.nan), where=sums > 0)


def confusion_correlation(a: npt.ArrayLike, b: npt.ArrayLike, diagonal: bool = True) -> float:
    """Pearson's r between two confusion matrices (k, k), with the diagonal or without it.

    With it r says little: two matrices with large diagonals agree, whatever the mistakes. Cells that are NaN in either
    matrix (the row of a label that never occurs) are left out; NaN if fewer than three cells are left, or one of the
    two does not vary over them.

    Raises:
        InputError: if they are not square and of one size.
    """
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 2 or first.shape[0] != first.shape[1]:
        raise InputError(f"confusion matrices are square and of one size, got {first.shape} and {second.shape}")
    cells = np.isfinite(first) & np.isfinite(second) & (diagonal | ~np.eye(len(first), dtype=bool))
    x, y = first[cells], second[cells]
    if len(x) < _FEW_CELLS or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(stats.pearsonr(x, y).statistic)


def cohen_kappa(counts: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Cohen's kappa of counts (..., k, k), with the agreement observed and the one that the margins alone would give.

    Kappa is NaN where the margins alone give full agreement (both always answer the same), and without any count.

    >>> kappa, observed, expected = cohen_kappa([[20, 5], [10, 15]])
    >>> round(float(kappa), 3), float(observed), float(expected)
    (0.4, 0.7, 0.5)
    """
    table = np.asarray(counts, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        total = table.sum((-2, -1))
        observed = np.trace(table, axis1=-2, axis2=-1) / total
        expected = (table.sum(-2) * table.sum(-1)).sum(-1) / total**2
        # Rounding can leave an expected agreement of 1 a little below it, and kappa would be a quotient of two noises.
        kappa = np.where(expected > 1 - 1e-12, np.nan, (observed - expected) / (1 - expected))
    return kappa, observed, expected


def krippendorff_alpha(counts: npt.ArrayLike) -> float:
    """Krippendorff's alpha for nominal answers, of counts (items, answers); items with fewer than two do not count.

    One less the disagreement within items over the disagreement of all answers thrown together; NaN if no item has two
    answers, or all of them are the same.

    >>> krippendorff_alpha([[2, 0], [0, 2], [1, 1]])
    0.4444444444444444
    """
    table = np.asarray(counts, np.float64)
    table = table[table.sum(1) > 1]
    whole = table.sum(0)
    if (whole > 0).sum() < 2:
        return float("nan")
    within = sum(_disagreement(row) * row.sum() for row in table) / whole.sum()
    return float(1.0 - within / _disagreement(whole))


def _disagreement(answers: Floats) -> float:
    """The share of unlike pairs among all pairs of answers."""
    total = answers.sum()
    return float((total**2 - (answers**2).sum()) / (total * (total - 1)))


def cronbach_alpha(ratings: npt.ArrayLike) -> float:
    """Cronbach's alpha (1951) of ratings ``(items, raters)``; at most 1, NaN if the raters' sum never varies.

    Items that a rater left out (NaN) are left out altogether. Of *classes*, coded as numbers, alpha has no meaning, for
    it depends on the numbers: use kappa, or alpha of each class's indicator.

    Raises:
        InputError: with fewer than two raters, or two items rated by all.

    >>> round(cronbach_alpha([[1, 2], [2, 3], [3, 5]]), 4)
    0.9474
    """
    table = np.asarray(ratings, float)
    if table.ndim != 2 or table.shape[1] < 2:
        raise InputError(f"alpha needs ratings of two raters or more, got shape {table.shape}")
    table = table[np.isfinite(table).all(1)]
    if len(table) < 2:
        raise InputError("fewer than two items are rated by everybody", hint="alpha cannot be found")
    raters, total = table.shape[1], table.sum(1).var(ddof=1)
    return float(raters / (raters - 1) * (1 - table.var(0, ddof=1).sum() / total)) if total > 0 else float("nan")
