"""Do two deciders make the same mistakes? The consistency of errors.

Two good deciders agree often by accuracy alone: Cohen's kappa on whether each trial is right says how much more than
that (Geirhos, Meding & Wichmann 2020, *NeurIPS*).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from xai_compare.agreement import cohen_kappa
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
    first, second = np.asarray(a, bool), np.asarray(b, bool)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(f"both deciders need an answer to every trial, got {first.shape} and {second.shape}")
    if not first.size:
        return Consistency(np.nan, np.nan, np.nan, np.nan, np.nan, 0)
    kinds = 2 * first.astype(int) + second
    counts = np.bincount(kinds, minlength=4).reshape(2, 2)
    kappa, observed, expected = map(float, cohen_kappa(counts))
    low = high = np.nan
    if first.size >= _LEAST and np.isfinite(kappa):
        weights = resample_counts(first.size, n, seed).astype(np.float64)
        low, high = _ends(cohen_kappa((weights @ np.eye(4)[kinds]).reshape(-1, 2, 2))[0])
    return Consistency(kappa, low, high, observed, expected, int(first.size))


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
    images = sorted({image for pictures, _, _ in trials.values() for image in pictures})
    names = sorted({answer for _, a, b in trials.values() for answer in (*a, *b)})
    if not images:
        return {}
    place, code = ({name: i for i, name in enumerate(some)} for some in (images, names))
    weights = np.vstack([np.ones((1, len(images))), resample_counts(images, n, seed)])
    pooled = np.zeros((len(images), len(names), len(names)))
    summaries: dict[str, Consistency] = {}
    total, defined = np.zeros(n), np.zeros(n)
    for name, (pictures, a, b) in trials.items():
        table = np.zeros_like(pooled)
        np.add.at(table, ([place[i] for i in pictures], [code[x] for x in a], [code[x] for x in b]), 1)
        pooled += table
        kappa, observed, expected = cohen_kappa(np.tensordot(weights, table, 1))
        summaries[name] = _summary(kappa, observed, expected, table)
        total += np.where(np.isfinite(kappa[1:]), kappa[1:], 0)
        defined += np.isfinite(kappa[1:])
    single = [summary for summary in summaries.values() if np.isfinite(summary.kappa)]
    summaries[POOLED] = _summary(*cohen_kappa(np.tensordot(weights, pooled, 1)), pooled)
    ends = _ends(np.asarray(ratio(total, defined))) if len(images) >= _LEAST and single else (np.nan, np.nan)
    columns = zip(*((one.kappa, one.observed, one.expected) for one in single), strict=True)
    kappa_mean, observed_mean, expected_mean = (
        (float(np.mean(column)) for column in columns) if single else [np.nan] * 3
    )
    summaries[MEAN] = Consistency(kappa_mean, *ends, observed_mean, expected_mean, summaries[POOLED].n)
    return summaries


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
