"""Do two deciders make the same mistakes? Confusion matrices, and the consistency of errors.

Two confusion matrices correlate because both have most of their mass on the diagonal, whatever the mistakes; so the
correlation without the diagonal stands beside. And two good deciders agree often by accuracy alone: Cohen's kappa on
whether each trial is right says how much more than that (Geirhos, Meding & Wichmann 2020, *NeurIPS*).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.comparison.resampling import draw_counts
from xai_compare.errors import InputError

_LEAST = 3


class Consistency(NamedTuple):
    """Error consistency of two deciders.

    Attributes:
        kappa: Cohen's kappa of right and wrong; NaN if chance alone would agree always (both always right, say).
        low, high: 95 % bootstrap percentile interval over trials; NaN with fewer than three.
        observed, expected: share of trials on which both are right or both wrong, and what their accuracies make of it.
        n: trials.
    """

    kappa: float
    low: float
    high: float
    observed: float
    expected: float
    n: int


def error_consistency(a: Sequence[bool], b: Sequence[bool], n: int = 2000, seed: int = 0) -> Consistency:
    """Cohen's kappa of which trials two deciders get right, with its interval.

    Args:
        a, b: (trials,) whether each decider is right.
        n, seed: of the resamples.

    Raises:
        InputError: if the trials differ in number.
    """
    one, other = np.asarray(a, bool), np.asarray(b, bool)
    if one.shape != other.shape or one.ndim != 1:
        raise InputError(f"both deciders need an answer to every trial, got {one.shape} and {other.shape}")
    if not one.size:
        return Consistency(np.nan, np.nan, np.nan, np.nan, np.nan, 0)
    kinds = 2 * one.astype(int) + other
    counts = np.bincount(kinds, minlength=4)[None].astype(np.float64)
    kappa, observed, expected = (float(value[0]) for value in _kappa(counts))
    low = high = np.nan
    if one.size >= _LEAST and np.isfinite(kappa):
        weights = draw_counts(one.size, n, seed).astype(np.float64)
        drawn = _kappa(weights @ np.eye(4)[kinds])[0]
        known = drawn[np.isfinite(drawn)]
        low, high = map(float, np.quantile(known, [0.025, 0.975]))
    return Consistency(kappa, low, high, observed, expected, int(one.size))


def confusion(labels: Sequence[str], answers: Sequence[str], names: Sequence[str]) -> Floats:
    """How often each answer is given to each label: float64 (labels, answers), rows sum to 1.

    The row of a label that never occurs is NaN. Trials whose label or answer is not among ``names`` are left out.
    """
    place = {name: i for i, name in enumerate(names)}
    counts = np.zeros((len(names), len(names)))
    for label, answer in zip(labels, answers, strict=True):
        if label in place and answer in place:
            counts[place[label], place[answer]] += 1
    return np.asarray(ratio(counts, counts.sum(1, keepdims=True)))


def confusion_correlation(a: npt.ArrayLike, b: npt.ArrayLike, diagonal: bool = True) -> float:
    """Pearson's r between two confusion matrices (k, k), with the diagonal or without it.

    Cells that are NaN in either are left out; NaN if fewer than three are left or one matrix does not vary.

    Raises:
        InputError: if they are not square and of one size.
    """
    one, other = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if one.shape != other.shape or one.ndim != 2 or one.shape[0] != one.shape[1]:
        raise InputError(f"confusion matrices are square and of one size, got {one.shape} and {other.shape}")
    chosen = np.isfinite(one) & np.isfinite(other) & (diagonal | ~np.eye(len(one), dtype=bool))
    x, y = one[chosen], other[chosen]
    if len(x) < _LEAST or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(stats.pearsonr(x, y).statistic)


def _kappa(counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Kappa, observed and expected agreement of counts (n, 4): both wrong, the second right, the first, both."""
    total = counts.sum(1)
    first, second = (counts[:, 2] + counts[:, 3]) / total, (counts[:, 1] + counts[:, 3]) / total
    observed = (counts[:, 0] + counts[:, 3]) / total
    expected = first * second + (1 - first) * (1 - second)
    return np.asarray(ratio(observed - expected, np.where(expected > 1 - 1e-12, 0, 1 - expected))), observed, expected
