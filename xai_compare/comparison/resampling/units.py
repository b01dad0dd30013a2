"""Which things are drawn when an interval is made: images, participants, trainings, or several of them crossed.

An interval speaks of other things of the kind that is drawn, the others being held fixed. Where images and people are
both samples, drawing both at once counts the noise of single measurements three times; Schuett, Kipnis, Diedrichsen and
Kriegeskorte (2023, *eLife* 12) correct the variance by those of either factor drawn alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Floats
from xai_compare.errors import InputError

UNIT_COLUMNS = ("unit", "value", "error", "ci_low", "ci_high", "n", "note")
LEAST = 3


class Factor(NamedTuple):
    """A kind of thing that is drawn, and how many of them there are."""

    name: str
    size: int


def crossed_variance(first: float, second: float, both: float, sizes: tuple[int, int]) -> float:
    """The variance over two crossed factors, from those of bootstraps of either and of both (Schuett et al. 2023).

    With the factors of small samples; held between the greater of the corrected single variances and that of both.

    Args:
        first, second, both: variances of the resampled scores.
        sizes: of the factors, at least two each.
    """
    rows, columns = (size / (size - 1) for size in sizes)
    variance = rows * first + columns * second - rows * columns * (both - first - second)
    return float(min(max(variance, rows * first, columns * second), both))


def unit_intervals(
    statistic: Callable[[npt.NDArray[Any], npt.NDArray[Any]], Any],
    factors: tuple[Factor, Factor],
    n: int = 500,
    seed: int = 0,
    level: float = 0.95,
    *,
    together: bool = False,
    shift_counts: float = 1.0,
) -> pd.DataFrame:
    """Intervals of a score with either of two factors drawn, and with both crossed.

    Args:
        statistic: takes how often each level of the first and of the second factor counts, float64 (size,) each, and
            returns the score.
        factors: such as images and participants.
        n: resamples of each kind.
        seed: of the draws.
        level: of the intervals.
        together: whether the statistic takes counts of many resamples at once, (k, size) each, and returns (k,).
        shift_counts: how often the shift that resampling makes counts, see `interval`.

    Returns:
        A frame of `UNIT_COLUMNS`, a row for each factor and one for ``"first x second"``. The interval is the score
        give or take Student's t (of the fewer levels less one) times the error, which holds the shift that resampling
        makes, as in `interval`. Of a factor with fewer than three levels there is
        none, and ``note`` says so.

    Raises:
        InputError: if the factors have one name.
    """
    if factors[0].name == factors[1].name:
        raise InputError(f"two factors are called {factors[0].name!r}")
    ones = tuple(np.ones(factor.size) for factor in factors)
    score = statistic if together else _one_by_one(statistic)
    value = float(score(*(weights[None] for weights in ones))[0])
    rng = np.random.default_rng([seed, 31])
    few = [factor.size < LEAST for factor in factors]
    variances: list[float] = []
    rows: list[tuple[Any, ...]] = []
    for drawn in ((0,), (1,), (0, 1)):
        name = " x ".join(factors[place].name for place in drawn)
        size = min(factors[place].size for place in drawn)
        replicates = np.empty(0)
        if not any(few[place] for place in drawn):
            counts = [_weights(factors, ones, drawn, rng) for _ in range(n)]
            replicates = np.asarray(score(*map(np.stack, zip(*counts, strict=True))), np.float64)
            replicates = replicates[np.isfinite(replicates)]
        if len(replicates) < 2 or not np.isfinite(value) or len(variances) < len(drawn) - 1:
            why = f"{size} {name} are too few" if few[drawn[0]] else "the score is undefined"
            note = why if len(drawn) == 1 else "one factor has too few levels"
            rows.append((name, value, np.nan, np.nan, np.nan, size, note))
            continue
        variance, shift = float(replicates.var()), shift_counts * float(replicates.mean() - value)
        variances.append(variance)
        if len(drawn) == 1:
            variance *= size / (size - 1)
        else:
            first, second, both = variances
            variance = crossed_variance(first, second, both, (factors[0].size, factors[1].size))
            # The correction is noisy too: two factors together are never surer than one of them.
            variance = max(variance, *(float(row[2]) ** 2 - shift**2 for row in rows))
        rows.append(_row(name, value, variance, shift, size, level))
    return pd.DataFrame(rows, columns=list(UNIT_COLUMNS))


def _one_by_one(
    statistic: Callable[[npt.NDArray[Any], npt.NDArray[Any]], float],
) -> Callable[[npt.NDArray[Any], npt.NDArray[Any]], Floats]:
    def score(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> Floats:
        return np.array([statistic(*weights) for weights in zip(first, second, strict=True)], np.float64)

    return score


def _weights(
    factors: tuple[Factor, Factor], ones: tuple[Floats, ...], drawn: tuple[int, ...], rng: np.random.Generator
) -> list[Floats]:
    sizes = [factor.size for factor in factors]
    return [
        rng.multinomial(size, np.full(size, 1 / size)).astype(np.float64) if place in drawn else ones[place]
        for place, size in enumerate(sizes)
    ]


def _row(name: str, value: float, variance: float, shift: float, size: int, level: float) -> tuple[Any, ...]:
    error = float(np.sqrt(variance + shift**2))
    away = float(stats.t.ppf((1 + level) / 2, size - 1)) * error
    return name, value, error, value - away, value + away, size, ""
