"""The plain bootstrap over images, of any statistic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.resampling.interval import LEVEL, Interval, Kind, interval
from xai_compare.comparison.resampling.resamples import distinct, resample_counts

REPLICATES = 2000


def bootstrap(
    statistic: Callable[[npt.NDArray[Any]], float],
    values: npt.ArrayLike,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    images: Sequence[str] | None = None,
    kind: Kind = "rms",
    bounds: tuple[float, float] = (-np.inf, np.inf),
    shift: float = 1.0,
) -> Interval:
    """Bootstrap any statistic, the images (first axis) drawn with replacement.

    Args:
        statistic: takes (k, ...), returns a number; k is ``len(values)`` unless images repeat.
        values: (m, ...), one entry per image: maps (m, h, w), or numbers (m,).
        n: number of resamples.
        seed: of the draws.
        level: coverage, between 0 and 1.
        images: name of each entry's image; entries of one image are drawn together.
        kind, bounds, shift: of the interval, see `interval`.

    Returns:
        The interval; its replicates are float64 (n,).

    Raises:
        InputError: without any entry, or with a level outside (0, 1).

    >>> result = bootstrap(np.mean, [2.0, 4.0, 6.0, 8.0], n=500)
    >>> result.value, result.low < 4 < 6 < result.high
    (5.0, True)
    """
    array = np.asarray(values)
    who = len(array) if images is None else images
    counts = resample_counts(who, n, seed)
    replicates = np.array([statistic(np.repeat(array, count, axis=0)) for count in counts], dtype=np.float64)
    return interval(float(statistic(array)), replicates, level, distinct(who), kind, bounds, shift)
