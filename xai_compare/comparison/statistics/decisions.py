"""Do two deciders make the same mistakes? Confusion matrices, and the consistency of errors.

Two confusion matrices correlate because both have most of their mass on the diagonal, whatever the mistakes; so the
correlation without the diagonal stands beside. And two good deciders agree often by accuracy alone: Cohen's kappa on
whether each trial is right says how much more than that (Geirhos, Meding & Wichmann 2020, *NeurIPS*).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.errors import InputError

_LEAST = 3


POOLED, MEAN = "pooled", "mean"


class Consistency(NamedTuple):
    """Cohen's kappa of two deciders, of right and wrong or of what they answer.

    Attributes:
        kappa: NaN if chance alone would agree always (both always right, say).
        low, high: 95 % bootstrap percentile interval over trials, or over images; NaN with fewer than three.
        observed, expected: share of trials on which they agree, and what their marginal frequencies make of it.
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
        weights = resample_counts(one.size, n, seed).astype(np.float64)
        low, high = _ends(_kappa(weights @ np.eye(4)[kinds])[0])
    return Consistency(kappa, low, high, observed, expected, int(one.size))


def kappas(
    trials: Mapping[str, tuple[Sequence[str], Sequence[str], Sequence[str]]], n: int = 2000, seed: int = 0
) -> dict[str, Consistency]:
    """Cohen's kappa of one decider with each of several people, with intervals over images.

    Images are drawn with all their trials, the same ones for every person.

    Args:
        trials: by person, the image of each trial and what either decider answers; ``"right"`` and ``"wrong"`` give the
            error consistency of Geirhos et al. (2020), expressions the agreement on them.
        n, seed: of the resamples.

    Returns:
        By person; under ``"pooled"`` of everybody's trials together, and under ``"mean"`` the mean of the single kappas
        that are defined, which is what Geirhos et al. report.

    Raises:
        InputError: if a person's trials differ in number, or a person is called as one of the two summaries.
    """
    for name, parts in trials.items():
        if name in (POOLED, MEAN):
            raise InputError(f"a participant is called {name!r}, as a summary is", hint="give another name")
        if len({len(part) for part in parts}) > 1:
            raise InputError(f"every trial of {name!r} needs an image and both answers")
    images = sorted({image for shown, _, _ in trials.values() for image in shown})
    names = sorted({answer for _, a, b in trials.values() for answer in (*a, *b)})
    if not images:
        return {}
    place, code = ({one: i for i, one in enumerate(some)} for some in (images, names))
    weights = np.vstack([np.ones((1, len(images))), resample_counts(images, n, seed)])
    pooled = np.zeros((len(images), len(names), len(names)))
    made: dict[str, Consistency] = {}
    total, known = np.zeros(n), np.zeros(n)
    for name, (shown, a, b) in trials.items():
        table = np.zeros_like(pooled)
        np.add.at(table, ([place[i] for i in shown], [code[x] for x in a], [code[x] for x in b]), 1)
        pooled += table
        kappa, observed, expected = _nominal(np.tensordot(weights, table, 1))
        made[name] = _summary(kappa, observed, expected, table)
        total += np.where(np.isfinite(kappa[1:]), kappa[1:], 0)
        known += np.isfinite(kappa[1:])
    single = [one for one in made.values() if np.isfinite(one.kappa)]
    made[POOLED] = _summary(*_nominal(np.tensordot(weights, pooled, 1)), pooled)
    ends = _ends(np.asarray(ratio(total, known))) if len(images) >= _LEAST and single else (np.nan, np.nan)
    mean = (float(np.mean([getattr(one, part) for one in single])) if single else np.nan
            for part in ("kappa", "observed", "expected"))  # fmt: skip
    value, observed_mean, expected_mean = mean
    made[MEAN] = Consistency(value, *ends, observed_mean, expected_mean, made[POOLED].n)
    return made


def _nominal(counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Kappa, observed and expected agreement of counts (n, k, k)."""
    total = counts.sum((1, 2))
    observed = np.asarray(ratio(np.trace(counts, axis1=1, axis2=2), total))
    expected = np.asarray(ratio((counts.sum(1) * counts.sum(2)).sum(1), total**2))
    rest = np.where(expected > 1 - 1e-12, 0, 1 - expected)
    return np.asarray(ratio(observed - expected, rest)), observed, expected


def _summary(kappa: Floats, observed: Floats, expected: Floats, table: Floats) -> Consistency:
    enough = int((table.sum((1, 2)) > 0).sum()) >= _LEAST and np.isfinite(kappa[0])
    low, high = _ends(kappa[1:]) if enough else (np.nan, np.nan)
    return Consistency(float(kappa[0]), low, high, float(observed[0]), float(expected[0]), int(table.sum()))


def _ends(drawn: Floats) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn)]
    if not known.size:
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)


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
