"""Bootstrap over images: the plain one, and fast ones for what is measured on mean maps.

A map in hand is one image's; a score is taken on the mean map, so its uncertainty comes from which images happened
to be there. Resampling images only reweighs the mean, which makes all replicates of a mean map one matrix product,
and all replicates of a correlation between mean maps a few products with a small Gram matrix.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.comparison.registry import METRICS
from xai_compare.errors import InputError, nearest

Images = int | Sequence[str]
REPLICATES = 2000
MANY = 600
"""Images of a group beyond which bins of images are drawn."""
BINS = 500
LEVEL = 0.95
LEAST = 3
"""Images below which there is no interval."""
LEFT_OUT = 30
"""Groups of images, at most, that are left out one at a time for a jackknife."""
FEW = 20
"""Images below which an interval holds the truth less often than it says, see ``benchmarks/coverage.py``."""
FEW_CUT = 100
"""The same for the Dice coefficient, whose maps are cut at a share of their own range, and differences of cut maps."""
Kind = Literal["rms", "recentred", "percentile"]
_MEMORY = 128 * 2**20
_DRAWN = 2**20


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
    counts = draw_counts(who, n, seed)
    replicates = np.array([statistic(np.repeat(array, count, axis=0)) for count in counts], dtype=np.float64)
    return interval(float(statistic(array)), replicates, level, _distinct(who), kind, bounds, shift)


def draw_counts(images: Images, n: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each image occurs in each of ``n`` resamples.

    Args:
        images: how many there are, or the name of each map's image. Distinct names are drawn with replacement, maps
            of one image together (the same picture under several folds is not several pictures). The draws depend
            on ``seed`` and the set of names only, so sources that saw the same images are resampled alike, and
            their comparison is paired; other sets are drawn independently. With a number, the seed alone decides.
        n: number of resamples.
        seed: of the draws.

    Returns:
        int64 (n, maps).
    """
    if isinstance(images, int):
        names, place, source = images, np.arange(images), [seed]
    else:
        distinct, place = np.unique(np.asarray(images, dtype=str), return_inverse=True)
        digest = hashlib.blake2b("\0".join(distinct).encode(), digest_size=8).digest()
        names, source = len(distinct), [seed, int.from_bytes(digest, "little")]
    if names < 1 or n < 1:
        raise InputError(f"cannot draw {n} resamples of {names} images")
    generator = np.random.default_rng(source)
    counts = np.empty((n, names), dtype=np.int64)
    step = max(1, _DRAWN // names)
    for start in range(0, n, step):
        rows = min(step, n - start)
        drawn = generator.integers(names, size=(rows, names)) + names * np.arange(rows)[:, None]
        counts[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * names).reshape(rows, names)
    return counts[:, place]


def left_out_counts(images: Sequence[str], among: Iterable[str]) -> npt.NDArray[np.int64]:
    """Which maps are left where groups of images are left out, one group at a time: the counts of a jackknife.

    Args:
        images: the name of each map's image.
        among: names of all images, of several sources perhaps; up to `LEFT_OUT` each is a group of its own.

    Returns:
        int64 (groups, maps) of 0 and 1; ones throughout where a group holds all of the source's images, or none.
    """
    names = sorted(set(among))
    groups = min(len(names), LEFT_OUT)
    place = {name: i % groups for i, name in enumerate(names)}
    counts = (np.array([place[str(image)] for image in images])[None] != np.arange(groups)[:, None]).astype(np.int64)
    counts[counts.sum(1) == 0] = 1
    return counts


def jackknife_variance(left_out: Floats) -> Floats:
    """The jackknife's variance (k,) of scores (k, groups) with groups left out; groups that are NaN do not count.

    It leans to the safe side (Efron & Stein 1981, *Annals of Statistics* 9).
    """
    known = np.isfinite(left_out)
    count = known.sum(1)
    middle = ratio(np.where(known, left_out, 0).sum(1), count)
    away = np.where(known, left_out - middle[:, None], 0)
    return np.asarray(ratio(count - 1, count) * (away**2).sum(1))


def bin_of(image: str) -> int:
    """Return into which of `BINS` bins an image falls, by a hash of its name: the same bin for every source."""
    return int(hashlib.sha256(image.encode()).hexdigest(), 16) % BINS


def bins_of(images: Sequence[str], values: Floats) -> tuple[list[str], Floats, Floats]:
    """Return what is drawn instead of images, its sums of values, and how many values they are sums of.

    Up to `MANY` images that is the images themselves. Of more it is `BINS` bins of them, so that neither memory nor
    time grows with the square of their number; the variance of a mean is the same in expectation.

    Args:
        images: (m,) distinct names.
        values: (m,) a number for each.
    """
    if len(images) <= MANY:
        return list(images), values, np.ones(len(images))
    places = np.array([bin_of(image) for image in images])
    sums, sizes = (np.bincount(places, weights, BINS).astype(np.float64) for weights in (values, None))
    return [f"bin {number}" for number in range(BINS)], sums, sizes


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
        shift: how often the replicates' shift counts, see `shift_of`.
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
        raise InputError(f"unknown kind of interval {kind!r}", mend=nearest(kind, get_args(Kind)))
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


def shift_of(metric: str) -> float:
    """How often the shift of its replicates counts in a metric's interval: twice where maps are cut, else once.

    A resample's mean map is twice as noisy as the sample's. The score of a cut map saturates: the second dose of noise
    moves it less than the first did, so that its shift understates the sample's own bias.
    """
    if metric not in METRICS:
        return 1.0
    return 2.0 if metric == "dice" or METRICS.get(metric).needs[0] == "mask" else 1.0


def few_of(metric: str, difference: bool = False) -> int:
    """Images below which the intervals of a metric are measured to hold the truth in fewer than 90 % of cases."""
    return FEW_CUT if metric == "dice" or (difference and shift_of(metric) > 1) else FEW


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
        images: name of each map's image, see `draw_counts`.
        n, seed, level: as in `bootstrap`.
        chunk: maps read at a time.

    Returns:
        An interval under each name, equal to the plain bootstrap's up to the precision of the mean maps.

    >>> maps = np.random.default_rng(0).random((12, 5, 4), dtype=np.float32)
    >>> sorted(bootstrap_mean_map(lambda means: {"peak": means.max((1, 2))}, maps, n=100))
    ['peak']
    """
    who = maps.shape[0] if images is None else images
    counts = draw_counts(who, n, seed)
    # The sample itself rides along as the first row, so value and replicates come from the same arithmetic.
    weights = np.vstack([np.ones_like(counts[:1]), counts])
    blocks = [statistic(block) for block in mean_maps(maps, weights, chunk)]
    results = {}
    for name in blocks[0]:
        values = np.concatenate([np.asarray(block[name], dtype=np.float64) for block in blocks])
        bounds = METRICS.get(name).range if name in METRICS else (-np.inf, np.inf)
        found = interval(float(values[0]), values[1:], level, _distinct(who), bounds=bounds, shift=shift_of(name))
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
        raise InputError(f"{len(first)} and {len(second)} maps cannot be paired", mend="use paired=False")
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
            as independent samples (see `draw_counts`).
        centred: which form of `correlation`.
        n, seed, level: as in `bootstrap`.
    """
    if len(sources) < 2:
        return {}
    counts = {name: np.vstack([np.ones(len(images[name])), draw_counts(images[name], n, seed)]) for name in sources}
    own = {name: _form(counts[name], _products(maps, maps, centred), counts[name]) for name, maps in sources.items()}
    results, names = {}, list(sources)
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            cross = _form(counts[a], _products(sources[a], sources[b], centred), counts[b])
            values = np.clip(ratio(cross, np.sqrt(np.maximum(own[a] * own[b], 0))), -1, 1)
            fewest = min(_distinct(images[a]), _distinct(images[b]))
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


def _distinct(images: Images) -> int:
    return images if isinstance(images, int) else len(set(images))
