"""Bootstrap over images: the plain one, and fast ones for what is measured on mean maps.

A map in hand is one image's; a score is taken on the mean map, so its uncertainty comes from which images happened
to be there. Resampling images only reweighs the mean, which makes all replicates of a mean map one matrix product,
and all replicates of a correlation between mean maps a few products with a small Gram matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.comparison.registry import METRICS
from xai_compare.comparison.resampling.interval import LEVEL, Interval, Kind, interval, shift_of
from xai_compare.comparison.resampling.resamples import distinct, resample_counts
from xai_compare.errors import InputError

REPLICATES = 2000
_MEMORY = 128 * 2**20


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
        seed: of the draws, which are those of `bootstrap_mean_map` and `bootstrap_correlation`.
        level: coverage, between 0 and 1.
        images: name of each entry's image; entries of one image are drawn together.
        kind, bounds, shift: of the interval, see `interval`.

    Returns:
        The interval; its replicates are float64 (n,).

    Raises:
        InputError: without any entry, or with a level outside (0, 1).
    """
    array = np.asarray(values)
    who = len(array) if images is None else images
    counts = resample_counts(who, n, seed)
    replicates = np.array([statistic(np.repeat(array, count, axis=0)) for count in counts], dtype=np.float64)
    return interval(float(statistic(array)), replicates, level, distinct(who), kind, bounds, shift)


def weighted_means(
    rows: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    out: npt.NDArray[Any] | None = None,
    chunk: int = 64,
    sizes: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[Any]:
    """Return weighted means (k, pixels) of rows (m, pixels), in the precision of the rows, equal to `mean_maps`.

    Args:
        rows: float32 or float64.
        weights: (k, m), not negative, each row with a positive sum.
        out: an earlier result of the same pixels, whose memory is used again.
        chunk: rows added at a time.
        sizes: (m,) of how many maps each row is the sum; one, if left out.
    """
    weights = weights.astype(rows.dtype)
    fits = out is not None and out.dtype == rows.dtype and len(out) >= len(weights)
    total = out[: len(weights)] if out is not None and fits else np.empty((len(weights), rows.shape[1]), rows.dtype)
    np.matmul(weights[:, :chunk], rows[:chunk], out=total)
    for first in range(chunk, len(rows), chunk):
        total += weights[:, first : first + chunk] @ rows[first : first + chunk]
    # Dividing last keeps sums of whole numbers exact, so that ties between pixels survive.
    total /= (weights if sizes is None else weights * sizes.astype(rows.dtype)).sum(1, keepdims=True)
    return total


def gram(maps: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the inner products (m, m) of maps (m, h, w) less their own means, and these means (m,); float64.

    One product for all maps, some pixels at a time so that memory stays bounded. Products of the maps themselves
    follow by adding ``pixels * outer(means, means)``, which loses nothing; the other way round would.
    """
    rows = maps.reshape(len(maps), -1)
    step = max(256, _MEMORY // 16 // max(len(rows), 1))
    parts = [slice(start, start + step) for start in range(0, rows.shape[1], step)]
    means = sum(rows[:, part].sum(1, dtype=np.float64) for part in parts) / rows.shape[1]
    products = np.zeros((len(rows), len(rows)))
    for part in parts:
        centred = rows[:, part] - means[:, None]
        products += centred @ centred.T
    return products, np.asarray(means)


def mean_maps(
    maps: Any, weights: npt.NDArray[Any], chunk: int = 64, memory: int = _MEMORY
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
        found = interval(float(values[0]), values[1:], level, distinct(who), bounds=bounds, shift=shift_of(name))
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
