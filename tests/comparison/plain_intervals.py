"""The slow, obvious way to a group's intervals: every source's replicates by themselves, every pair's products anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison import (
    DEFAULT_METRICS,
    METRICS,
    Pool,
    References,
    ScoreKey,
    otsu_scores,
    pool_intervals,
    resample_counts,
)
from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.comparison.dispatch import ALL, Comparison, chosen
from xai_compare.comparison.resampling.bootstrap import REPLICATES
from xai_compare.comparison.resampling.interval import LEVEL, Interval, interval
from xai_compare.comparison.resampling.resamples import distinct, jackknife_counts
from xai_compare.comparison.thresholds import dice_masks
from xai_compare.errors import InputError


def plain_intervals(
    sources: Mapping[str, Any], images: Mapping[str, Sequence[str]], mask: np.ndarray | None, n: int, seed: int
) -> dict[tuple[str, str, str], tuple[float, float]]:
    """(low, high) by (metric, a, b) of the default metrics; a score without an interval is absent."""
    found: dict[tuple[str, str, str], tuple[float, float]] = {}
    masks = {}
    among = {image for its in images.values() for image in its}
    for name, maps in sources.items():
        if mask is not None:
            result = bootstrap_mean_map(lambda means: otsu_scores(means, mask), maps, images[name], n, seed)
            found |= {(metric, name, "ekman"): (one.low, one.high) for metric, one in result.items()}
        counts = resample_counts(images[name], n, seed)
        left_out = jackknife_counts(images[name], among)
        every = np.vstack([np.ones_like(counts[:1]), counts, left_out])
        blocks = [dice_masks(block) for block in mean_maps(maps, every)]
        masks[name] = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    for a, b in combinations(sources, 2):
        (first, known), (second, also) = masks[a], masks[b]
        hits, areas = (first & second).sum((1, 2)), first.sum((1, 2)) + second.sum((1, 2))
        with np.errstate(invalid="ignore"):
            dice = np.where(known & also, 2 * hits / areas, np.nan)
        fewest = min(len(set(images[a])), len(set(images[b])))
        lost = np.any([(jackknife_counts(images[name], among) == 0).any(1) for name in (a, b)], axis=0)
        tails = np.where(lost, dice[n + 1 :], np.nan)
        ends = interval(
            float(dice[0]), dice[1 : n + 1], images=fewest, bounds=METRICS.get("dice").range, left_out=tails
        )
        found["dice", a, b] = (ends.low, ends.high)
    for metric, centred in (("pearson", True), ("uncentred", False)):
        for (a, b), one in bootstrap_correlations(sources, images, centred, n, seed).items():
            found[metric, a, b] = (one.low, one.high)
    return {key: ends for key, ends in found.items() if not np.isnan(ends[0])}


def score_intervals(
    sources: Mapping[str, Any],
    images: Mapping[str, Sequence[str]],
    expression: str,
    fold: str = ALL,
    mask: npt.NDArray[np.bool_] | None = None,
    region: npt.NDArray[np.bool_] | None = None,
    dice_threshold: float = 50,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[ScoreKey, tuple[float, float]]:
    """Bootstrap, over images, the default scores of the mean maps of one group (one expression and fold).

    Args:
        sources: name to maps (m, h, w), anything that slices to an array; m may differ. Names in the order in which
            `pair_scores` meets them.
        images: name to the names of the m images; sources with the same images are compared as pairs.
        expression, fold: of the group, for the keys.
        mask: (h, w), for ``iou``, ``precision``, ``recall``, ``f1`` against ``"ekman"``.
        region: (h, w), for ``known_energy`` against ``"known"``.
        dice_threshold: see `dice`.
        n, seed, level: as in `bootstrap`.

    Returns:
        The ends that `pool_intervals` gives.
    """
    references = References(masks={} if mask is None else {expression: mask})
    more = (
        []
        if region is None
        else [Comparison(METRICS.get("known_energy"), a, "known", others=(region,)) for a in sources]
    )
    intervals = pool_intervals(
        Pool.of(sources, images),
        expression,
        fold,
        chosen(DEFAULT_METRICS),
        references,
        {"dice": {"threshold": dice_threshold}},
        n=n,
        seed=seed,
        level=level,
        more=more,
    )
    return intervals.ends


def mean_maps(
    maps: Any, weights: npt.NDArray[Any], chunk: int = 64, memory: int = 128 * 2**20
) -> Iterator[npt.NDArray[Any]]:
    """Yield weighted mean maps in blocks, the maps read in chunks.

    Args:
        maps: (m, h, w), anything with ``shape`` that slices to an array (NumPy, zarr, a memory map), read ``chunk``
            maps at a time, once per block.
        weights: (n, m), not negative, each row with a positive sum; rows are divided by it.
        chunk: maps read at a time.
        memory: bytes a block of mean maps may take (as much again is used on the way).

    Yields:
        (k, h, w), together n mean maps in order; float64 for float64 maps, else float32.
    """
    count, height, width = maps.shape
    dtype = np.dtype(np.float64 if np.dtype(maps.dtype).itemsize > 4 else np.float32)
    whole = np.asarray(maps) if count * height * width * dtype.itemsize <= memory else None
    block = max(1, memory // (height * width * dtype.itemsize))
    weights = np.asarray(weights, dtype=dtype)
    for start in range(0, len(weights), block):
        rows = weights[start : start + block]
        total = np.zeros((len(rows), height * width), dtype=dtype)
        for first in range(0, count, chunk):
            part = (maps if whole is None else whole)[first : first + chunk]
            total += rows[:, first : first + chunk] @ np.asarray(part, dtype=dtype).reshape(len(part), -1)
        # Dividing last keeps sums of whole numbers exact, so that ties between pixels survive.
        total /= rows.sum(1, keepdims=True)
        yield total.reshape(-1, height, width)


def bootstrap_mean_map(
    statistic: Callable[[npt.NDArray[Any]], Mapping[str, npt.ArrayLike]],
    maps: Any,
    images: Sequence[str] | None = None,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    chunk: int = 64,
) -> dict[str, Interval]:
    """Bootstrap statistics of the *mean map* over images; as `bootstrap`, much faster, in bounded memory.

    Args:
        statistic: takes mean maps (k, h, w), returns numbers (k,) under each name, as `otsu_scores` does. Under the
            name of a metric, the interval is clipped to that metric's range.
        maps: (m, h, w), see `mean_maps`.
        images: name of each map's image, see `resample_counts`.
        n, seed, level: as in `bootstrap`.
        chunk: maps read at a time.

    Returns:
        An interval under each name, equal to the plain bootstrap's up to the precision of the mean maps.

    >>> maps = np.random.default_rng(0).random((12, 5, 4), dtype=np.float32)
    >>> sorted(bootstrap_mean_map(lambda means: {"peak": means.max((1, 2))}, maps, n=100))
    ['peak']
    """
    who = maps.shape[0] if images is None else images
    counts = resample_counts(who, n, seed)
    # The sample itself rides along as the first row, so value and replicates come from the same arithmetic.
    weights = np.vstack([np.ones_like(counts[:1]), counts])
    blocks = [statistic(block) for block in mean_maps(maps, weights, chunk)]
    results = {}
    for name in blocks[0]:
        values = np.concatenate([np.asarray(block[name], dtype=np.float64) for block in blocks])
        bounds = METRICS.get(name).range if name in METRICS else (-np.inf, np.inf)
        found = interval(
            float(values[0]),
            values[1:],
            level,
            distinct(who),
            bounds=bounds,
            shift=METRICS.get(name).shift if name in METRICS else 1.0,
        )
        results[name] = found
    return results


def bootstrap_correlation(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    centred: bool = True,
    paired: bool = True,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> Interval:
    """Bootstrap the correlation between two mean maps.

    Args:
        a, b: (m, h, w) each, the maps whose means are correlated.
        centred: which form of `correlation`.
        paired: True if map i of both belongs to the same image (images are drawn for both at once); False if the
            images differ, also in number (drawn for each).
        n, seed, level: as in `bootstrap`.

    Raises:
        InputError: if paired maps differ in number.
    """
    first, second = np.asarray(a), np.asarray(b)
    if paired and len(first) != len(second):
        raise InputError(f"{len(first)} and {len(second)} maps cannot be paired", hint="use paired=False")
    names = {
        "a": [f"{i}" for i in range(len(first))],
        "b": [f"{i}{'' if paired else ' b'}" for i in range(len(second))],
    }
    return bootstrap_correlations({"a": first, "b": second}, names, centred, n, seed, level)["a", "b"]


def bootstrap_correlations(
    sources: Mapping[str, Any],
    images: Mapping[str, Sequence[str]],
    centred: bool = True,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[tuple[str, str], Interval]:
    """Bootstrap the correlation between the mean maps of every two sources, each pair once.

    A correlation of mean maps needs no more than the inner products between single maps (the Gram matrices), which
    are computed once; a replicate is then three small quadratic forms.

    Args:
        sources: name to (m, h, w), NumPy or anything that slices to it, read in chunks; m may differ.
        images: name to the m names of the images; sources with the same set of images are compared as pairs, others
            as independent samples (see `resample_counts`).
        centred: which form of `correlation`.
        n, seed, level: as in `bootstrap`.
    """
    if len(sources) < 2:
        return {}
    counts = {name: np.vstack([np.ones(len(images[name])), resample_counts(images[name], n, seed)]) for name in sources}
    own = {name: _form(counts[name], _products(maps, maps, centred), counts[name]) for name, maps in sources.items()}
    results, names = {}, list(sources)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            cross = _form(counts[a], _products(sources[a], sources[b], centred), counts[b])
            values = np.clip(ratio(cross, np.sqrt(np.maximum(own[a] * own[b], 0))), -1, 1)
            fewest = min(distinct(images[a]), distinct(images[b]))
            results[a, b] = interval(float(values[0]), values[1:], level, fewest, bounds=(-1, 1))
    return results


def _form(left: Floats, products: Floats, right: Floats) -> Floats:
    """Return the quadratic form ``left[r] @ products @ right[r]`` of each row r."""
    return ((left @ products) * right).sum(1)


def _products(a: Any, b: Any, centred: bool, chunk: int = 128) -> Floats:
    """Return the inner products (m, k) between maps (m, h, w) and (k, h, w), in double precision, chunk by chunk."""
    if tuple(a.shape[1:]) != tuple(b.shape[1:]):
        raise InputError(f"sizes differ: {a.shape[1]} x {a.shape[2]} and {b.shape[1]} x {b.shape[2]} pixels")
    gram = np.zeros((len(a), len(b)))
    for i in range(0, len(a), chunk):
        left = _rows(a[i : i + chunk], centred)
        for j in range(i if b is a else 0, len(b), chunk):
            right = left if b is a and i == j else _rows(b[j : j + chunk], centred)
            gram[i : i + chunk, j : j + chunk] = left @ right.T
            if b is a:
                gram[j : j + chunk, i : i + chunk] = gram[i : i + chunk, j : j + chunk].T
    return gram


def _rows(maps: Any, centred: bool) -> Floats:
    """Return maps as rows, float64; if so wished each less its own mean: their mean is the centred mean map."""
    rows = np.asarray(maps, dtype=np.float64).reshape(len(maps), -1)
    return rows - rows.mean(1, keepdims=True) if centred else rows
