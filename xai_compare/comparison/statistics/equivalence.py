"""Are two sources as good as equal, and how many images would tell them apart?

A difference that is not significant is no proof of equality. Two one-sided tests (Schuirmann 1987; Lakens 2017) ask
whether it lies within a margin that is named beforehand; a power curve asks how often a study of another size would
have found the difference that the maps at hand show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Floats
from xai_compare.errors import InputError

POWER_COLUMNS = ("units", "n", "power", "ci_low", "ci_high")
_LEAST = 3


class Equivalence(NamedTuple):
    """Two one-sided tests: ``p`` is the greater of the two, the 90 % interval lies within the margin where p < 0.05."""

    difference: float
    p_low: float
    p_high: float
    p: float
    ci_low: float
    ci_high: float


def tost(difference: float, error: float, df: float, margin: float, level: float = 0.95) -> Equivalence:
    """Test whether a difference is smaller than a margin either way.

    Args:
        difference: of two scores.
        error: its standard error.
        df: degrees of freedom of the error.
        margin: the smallest difference that would matter, positive.
        level: one less twice the level of each test gives the interval: 90 % for 0.95.

    Raises:
        InputError: if the margin is not positive.
    """
    if not margin > 0:
        raise InputError(f"a margin of equivalence is positive, got {margin}")
    if not (np.isfinite(difference) and error > 0 and df > 0):
        return Equivalence(difference, *[np.nan] * 5)
    low, high = stats.t.sf((difference + margin) / error, df), stats.t.cdf((difference - margin) / error, df)
    away = stats.t.ppf(level, df) * error
    ends = float(difference - away), float(difference + away)
    return Equivalence(float(difference), float(low), float(high), float(max(low, high)), *ends)


def paired_equivalence(a: npt.ArrayLike, b: npt.ArrayLike, margin: float) -> Equivalence:
    """Test whether the mean difference of paired scores (n,) is smaller than a margin; NaN pairs are left out."""
    differences = _pairs(a, b)
    if len(differences) < _LEAST:
        return Equivalence(float(differences.mean()) if len(differences) else np.nan, *[np.nan] * 5)
    error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    return tost(float(differences.mean()), error, len(differences) - 1, margin)


def power_curve(
    differences: npt.ArrayLike,
    sizes: Sequence[int],
    *,
    people: Sequence[int] = (),
    studies: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
) -> pd.DataFrame:
    """How often studies of other sizes would tell two sources apart, by resampling the differences at hand.

    Each study draws pictures (and people) with replacement, and takes a two-sided t test over pictures. The truth is
    held to be what the sample shows: a power answer for an effect that is in fact smaller is too hopeful, the more the
    smaller the sample at hand is.

    Args:
        differences: score of one source less that of the other: (pictures,), or (pictures, people) with NaN where a
            person did not see a picture.
        sizes: numbers of pictures.
        people: numbers of people; by default as many as there are.
        studies: drawn for each size.
        alpha: level of the test.
        seed: of the draws.

    Returns:
        A frame of `POWER_COLUMNS`: ``n`` pictures, ``units`` says how many people stand behind each (``""`` without
        people), ``power`` with its 95 % Wilson interval.

    Raises:
        InputError: with fewer than three pictures.
    """
    table = np.asarray(differences, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    table = table[np.isfinite(table).any(1)]
    if len(table) < _LEAST:
        raise InputError(f"{len(table)} pictures are too few to tell what more of them would show")
    rng = np.random.default_rng(seed)
    rows = []
    for count in people or (table.shape[1],):
        for size in sizes:
            hits = sum(_significant(table, size, count, alpha, rng) for _ in range(studies))
            low, high = stats.binomtest(hits, studies).proportion_ci(method="wilson")
            rows.append((f"{count} people" if table.shape[1] > 1 else "", size, hits / studies, low, high))
    return pd.DataFrame(rows, columns=list(POWER_COLUMNS))


def enough(curve: pd.DataFrame, power: float = 0.8) -> int | None:
    """The least number of pictures of a curve (of one number of people) that reaches a power; None if none does."""
    reached = curve[curve["power"] >= power].sort_values("n")
    return int(reached["n"].iloc[0]) if len(reached) else None


def _significant(table: Floats, size: int, people: int, alpha: float, rng: np.random.Generator) -> bool:
    rows = table[rng.integers(len(table), size=size)]
    if table.shape[1] > 1:
        rows = rows[:, rng.integers(table.shape[1], size=people)]
        rows = rows[np.isfinite(rows).any(1)]
    values = np.nanmean(rows, axis=1)
    return len(values) >= 2 and np.ptp(values) > 0 and bool(stats.ttest_1samp(values, 0).pvalue < alpha)


def _pairs(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    first, second = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if first.shape != second.shape or first.ndim != 1:
        raise InputError(f"paired scores are of one length, got {first.shape} and {second.shape}")
    differences = first - second
    return differences[np.isfinite(differences)]
