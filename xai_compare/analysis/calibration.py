"""How long comparing takes on this machine, from made-up maps; part of an estimate, never of a result."""

from __future__ import annotations

import math
import time

import numpy as np

from xai_compare import ekman
from xai_compare.comparison import METRICS, Pool, References, pool_intervals
from xai_compare.comparison.statistics.differences import pool_differences
from xai_compare.faces import SHAPE

_FEW, _MORE = 8, 40
_IMAGES, _SOURCES = 12, 8


def interval_seconds(metrics: list[str], sources: int, images: int, replicates: int) -> float:
    """Seconds that the intervals of one expression take.

    Args:
        metrics: those wanted.
        sources: networks through explainers, people and means over networks.
        images: of the expression, for each source.
        replicates: of the bootstrap.
    """
    if not (replicates and sources and images):
        return 0.0
    several, many = min(sources, _SOURCES), min(images, _IMAGES)
    wanted, references = [METRICS.get(name) for name in metrics], References(ekman.masks(), "ekman")
    # One short run alone would count what is done only once as if every replicate paid for it.
    times = []
    for count in (_FEW, _MORE):
        began = time.perf_counter()
        pool_intervals(_made_up(several, many), "anger", "all", wanted, references, {}, n=count, seed=0)
        times.append(time.perf_counter() - began)
    each = max(times[1] - times[0], 0.0) / (_MORE - _FEW)
    once = max(times[0] - _FEW * each, 0.0)
    # Of few images there are few different resamples, and equal ones are scored once.
    different = min(replicates, math.comb(2 * images - 1, images))
    # Every source is averaged anew in each replicate, and every two of them are compared.
    grows = (sources / several) * (0.5 + 0.5 * sources / several)
    return float((once + each * different) * grows * max(images / many, 1.0) ** 0.5)


def difference_seconds(sources: int, images: int, replicates: int) -> float:
    """Seconds that the differences between sources of one expression take; arguments as in `interval_seconds`."""
    if not (replicates and sources > 1 and images):
        return 0.0
    several, many = min(sources, 3), min(images, _IMAGES)
    pool = _made_up(several + 1, many)
    names = list(pool.rows)
    wanted, references = [METRICS.get(name) for name in ("iou", "dice", "pearson")], References(ekman.masks(), "ekman")
    began = time.perf_counter()
    pool_differences(
        pool, "anger", wanted, references, {}, sources=names[1:], against=[names[0], "ekman"], n=_FEW, seed=0
    )
    pairs, measured = sources * (sources - 1) / 2, several * (several - 1) / 2
    return (time.perf_counter() - began) * pairs / measured * max(images / many, 1.0)


def _made_up(sources: int, images: int) -> Pool:
    rng = np.random.default_rng(0)
    names = [str(number) for number in range(images)]
    maps = rng.random((sources * images, 11, 9), np.float32)
    large = np.kron(maps, np.ones((25, 25), np.float32))[:, : SHAPE[0], : SHAPE[1]]
    rows = {f"s{i}": np.arange(i * images, (i + 1) * images) for i in range(sources)}
    return Pool(np.ascontiguousarray(large), rows, dict.fromkeys(rows, names))
