"""How sure, how good at best, and whether groups differ: human agreement, analysis of variance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Floats, as_maps, flat, ratio
from xai_compare.comparison.metrics.maps import correlation
from xai_compare.errors import InputError


@dataclass(frozen=True)
class Ceiling:
    """How well people agree with one another: for split halves the square root of ``value`` bounds a model.

    Attributes:
        value: mean of ``parts``.
        low, high: their 2.5 and 97.5 percentiles: the spread over splits or people, no confidence interval.
        parts: float64, one agreement per split or per left-out participant.
    """

    value: float
    low: float
    high: float
    parts: Floats = field(repr=False, compare=False)


def ceiling(
    maps: npt.ArrayLike,
    method: Literal["split-half", "leave-one-out"] = "split-half",
    centred: bool = True,
    n: int = 100,
    seed: int = 0,
) -> Ceiling:
    """Agreement among people's maps, the ceiling for a comparison with their mean map.

    ``"split-half"``: people are split at random in two halves (an odd one stays out), the halves' mean maps are
    correlated, and Spearman-Brown's ``2 r / (1 + r)`` extends the result from half the people to all: the reliability
    of the mean map of everyone. The highest correlation with that map which a perfect model can be expected to reach
    is its square root. ``"leave-one-out"``: each person's map is correlated with the mean map of the others,
    uncorrected: what one more person would reach.

    Args:
        maps: (participants, h, w), one mean map each.
        method: which of the two.
        centred: which form of `correlation`.
        n: splits to average over.
        seed: of the splits.

    Returns:
        The ceiling, at most 1. It is NaN with fewer than two participants, or if no part is defined; undefined parts
        (constant maps; r = -1) are left out.

    Raises:
        InputError: for another method, or maps that are not (participants, h, w).

    >>> people = [[[0.0, 1.0, 2.0]], [[0.0, 2.0, 3.0]], [[1.0, 1.0, 2.0]]]
    >>> round(ceiling(people, "leave-one-out").value, 3)
    0.911
    """
    array = as_maps(maps)
    if array.ndim != 3:
        raise InputError(f"a ceiling needs one map per participant, (participants, h, w); got shape {array.shape}")
    if method not in ("split-half", "leave-one-out"):
        raise InputError(f"unknown way to measure agreement {method!r}", hint="known: split-half, leave-one-out")
    people, pixels = len(array), flat(array)
    weights = _halves(people, n, seed) if method == "split-half" else _others(people)
    if people < 2:
        return Ceiling(np.nan, np.nan, np.nan, np.full(1, np.nan))
    first, second = (side @ pixels for side in weights)
    parts = np.asarray(correlation(first[:, None], second[:, None], centred))
    if method == "split-half":
        parts = ratio(2 * parts, 1 + parts)
    known = parts[~np.isnan(parts)]
    if not known.size:
        return Ceiling(np.nan, np.nan, np.nan, parts)
    low, high = np.quantile(known, [0.025, 0.975])
    return Ceiling(float(known.mean()), float(low), float(high), parts)


def _halves(people: int, n: int, seed: int) -> tuple[Floats, Floats]:
    """Return the weights (n, people) of both halves' mean maps in n random splits."""
    order = np.random.default_rng(seed).permuted(np.tile(np.arange(people), (n, 1)), axis=1)
    half = max(people // 2, 1)
    return (order < half) / half, ((order >= half) & (order < 2 * half)) / half


def _others(people: int) -> tuple[Floats, Floats]:
    """Return the weights (people, people) that pick each person, and the mean of all others."""
    one = np.eye(people)
    return one, (1 - one) / max(people - 1, 1)


class Anova(NamedTuple):
    """One-way analysis of variance; ``eta_squared`` is the share of variance between the groups."""

    f: float
    df_between: int
    df_within: int
    p: float
    eta_squared: float


def anova(values: npt.ArrayLike, groups: Sequence[str]) -> Anova:
    """One-way analysis of variance, as Park and Wallraven 2022, section 5.3, apply it to Dice coefficients.

    Args:
        values: (n,) numbers; NaN values are left out.
        groups: (n,) group of each value, such as the explainer.

    Returns:
        F with its degrees of freedom, p and eta squared; F, p and eta squared are NaN if nothing varies.

    Raises:
        InputError: with fewer than two groups, or no value beyond one per group.
    """
    samples = _samples(values, groups)
    every, means = np.concatenate(samples), [sample.mean() for sample in samples]
    between = sum(len(sample) * (mean - every.mean()) ** 2 for sample, mean in zip(samples, means, strict=True))
    total = float(((every - every.mean()) ** 2).sum())
    if total == 0:
        f, p = np.nan, np.nan
    else:
        f, p = stats.f_oneway(*samples)
    dof = len(samples) - 1, len(every) - len(samples)
    return Anova(float(f), *dof, float(p), float(ratio(between, total)))


def tukey(values: npt.ArrayLike, groups: Sequence[str], level: float = 0.95) -> pd.DataFrame:
    """Compare every two groups by Tukey's honestly significant difference (Park and Wallraven 2022, section 5.3).

    Args:
        values, groups: as in `anova`.
        level: of the simultaneous intervals.

    Returns:
        A frame with a row per pair: ``a, b, difference`` (mean of a less mean of b)``, t, p, ci_low, ci_high``; p and
        the interval are corrected for all pairs (Tukey-Kramer where sizes differ), t is the plain pooled one that
        the paper prints.
    """
    samples, names = _samples(values, groups), list(dict.fromkeys(groups))
    result = stats.tukey_hsd(*samples)
    ends = result.confidence_interval(level)
    within = sum(float(((sample - sample.mean()) ** 2).sum()) for sample in samples)
    spread = within / (sum(map(len, samples)) - len(samples))
    rows = []
    for i, a in enumerate(names):
        for j in range(i + 1, len(names)):
            difference = float(result.statistic[i, j])
            t = ratio(difference, np.sqrt(spread * (1 / len(samples[i]) + 1 / len(samples[j]))))
            rows.append((a, names[j], difference, float(t), result.pvalue[i, j], ends.low[i, j], ends.high[i, j]))
    return pd.DataFrame(rows, columns=["a", "b", "difference", "t", "p", "ci_low", "ci_high"])


def _samples(values: npt.ArrayLike, groups: Sequence[str]) -> list[Floats]:
    """Return the defined values of each group, groups in order of appearance."""
    numbers, labels = np.asarray(values, dtype=np.float64), np.asarray(groups, dtype=str)
    if numbers.ndim != 1 or numbers.shape != labels.shape:
        raise InputError(f"{numbers.shape} values for {labels.shape} groups", hint="give one group for each value")
    samples = [numbers[(labels == name) & ~np.isnan(numbers)] for name in dict.fromkeys(labels.tolist())]
    if len(samples) < 2 or sum(map(len, samples)) <= len(samples) or not all(map(len, samples)):
        raise InputError("an analysis of variance needs two groups or more, none of them empty, and repeated values")
    return samples
