"""From a statistic on resamples to the ends of an interval, and how many images it needs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.comparison.arrays import Floats
from xai_compare.comparison.resampling.resamples import jackknife_variance
from xai_compare.errors import InputError, nearest

LEVEL = 0.95
LEAST = 3
"""Images below which there is no interval."""
Kind = Literal["rms", "recentred", "percentile"]


@dataclass(frozen=True)
class Interval:
    """A value with its bootstrap interval: how far it would move with as many other images.

    Attributes:
        value: the statistic of the sample itself.
        low, high: the interval's ends, see `interval`; NaN with fewer than three images, or if the value or every
            replicate is NaN.
        replicates: float64 (n,), the statistic of each resample; NaN ones are left out of the interval.
    """

    value: float
    low: float
    high: float
    replicates: Floats = field(repr=False, compare=False)


def interval(
    value: float,
    replicates: Floats,
    level: float = LEVEL,
    images: int = LEAST,
    kind: Kind = "rms",
    bounds: tuple[float, float] = (-np.inf, np.inf),
    shift: float = 1.0,
    left_out: Floats | None = None,
) -> Interval:
    """Make an `Interval` of replicates (n,), those that are NaN left out.

    The interval is one for the score of the population's mean map, that of very many images. A resample holds some
    63 % of the distinct images, so its mean map is noisier than the sample's, as the sample's is noisier than the
    population's; a score that noise moves is moved again in *every* replicate, and the ``"percentile"`` interval can
    lie wholly to one side of the value. ``"rms"`` reaches to both sides by Student's t times the root mean square
    distance of the replicates from the value: their spread (times ``n / (n - 1)``, as resamples of n images spread
    too little) and that shift. ``benchmarks/coverage.py`` shows how often it holds the truth, beside
    ``"recentred"``, which moves the percentile interval until the replicates' median falls on the value.

    Args:
        value: of the sample.
        replicates: float64 (n,).
        level: share of the replicates between the ends.
        images: how many distinct images there are; below 3 nothing can be said.
        kind: ``"rms"``, ``"recentred"`` or ``"percentile"``.
        bounds: the statistic's range, to which ends are clipped.
        shift: how often the replicates' shift counts, see `Metric.shift`.
        left_out: (groups,) scores with groups of images left out; of kind ``"rms"`` the spread is not taken to be less
            than the jackknife's.

    Raises:
        InputError: for a level outside (0, 1) or another kind.
    """
    _shares(level)
    tail = None if left_out is None else left_out[None]
    low, high = interval_ends(np.array([value]), replicates[None], level, images, kind, bounds, shift, tail)[0]
    return Interval(value, float(low), float(high), replicates)


def interval_ends(
    values: Floats,
    replicates: Floats,
    level: float = LEVEL,
    images: npt.NDArray[np.int64] | int = LEAST,
    kind: Kind = "rms",
    bounds: tuple[float, float] = (-np.inf, np.inf),
    shift: float = 1.0,
    left_out: Floats | None = None,
) -> Floats:
    """Return the ends of many intervals at once, equal to `interval` of each.

    Args:
        values: (k,) of the sample.
        replicates: (k, n).
        level, kind, bounds, shift: as in `interval`.
        images: how many distinct images there are, for each or for all.
        left_out: (k, groups), as in `interval`.

    Returns:
        float64 (k, 2); NaN where an interval has no ends.
    """
    if kind not in get_args(Kind):
        raise InputError(f"unknown kind of interval {kind!r}", hint=nearest(kind, get_args(Kind)))
    shares = _shares(level)
    ends = np.full((len(values), 2), np.nan)
    sizes = np.broadcast_to(np.asarray(images), len(values))
    there = (sizes >= LEAST) & np.isfinite(values) & ~np.isnan(replicates).all(1)
    if kind == "rms":
        tails = None if left_out is None else left_out[there]
        away = errors(values[there], replicates[there], sizes[there], shift, tails)
        away *= stats.t.ppf((1 + level) / 2, sizes[there] - 1)
        ends[there] = np.clip(values[there, None] + away[:, None] * (-1, 1), *bounds)
        return ends
    for i in np.flatnonzero(there):
        low, middle, high = np.nanquantile(replicates[i], shares)
        moved = values[i] - middle if kind == "recentred" else 0.0
        ends[i] = np.clip([low + moved, high + moved], *bounds) if kind == "recentred" else (low, high)
    return ends


def errors(
    values: Floats,
    replicates: Floats,
    images: npt.NDArray[np.int64] | int,
    weight: float = 1.0,
    left_out: Floats | None = None,
) -> Floats:
    """Return the root mean square errors (k,) of values (k,) by their replicates (k, n), see `interval`.

    The replicates' shift counts ``weight`` times; with ``left_out`` the spread is at least the jackknife's.
    """
    sizes = np.broadcast_to(np.asarray(images, np.float64), len(values))
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.nanvar(replicates, axis=1) * sizes / (sizes - 1)
        if left_out is not None:
            spread = np.fmax(spread, jackknife_variance(left_out))
        shift = weight * (np.nanmean(replicates, axis=1) - values)
        return np.asarray(np.sqrt(spread + shift**2))


def _shares(level: float) -> list[float]:
    if not 0 < level < 1:
        raise InputError(f"the level of an interval lies between 0 and 1, got {level}")
    return [(1 - level) / 2, 0.5, (1 + level) / 2]
