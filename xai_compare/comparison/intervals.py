"""Bootstrap intervals for a whole table of scores, all from one pass over each source's maps.

Every replicate's mean map is made once, in a block small enough for the processor's cache, and everything that is
measured on it is measured there. The correlations need no mean map: they follow from the inner products of the single
maps, which are taken once for all sources together.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from xai_compare.comparison.arrays import Floats, Ints, ratio
from xai_compare.comparison.dispatch import (
    ALL,
    DEFAULT_METRICS,
    MASK_METRICS,
    Comparison,
    Options,
    References,
    chosen,
    comparisons,
    evaluate,
)
from xai_compare.comparison.noise import Estimate, corrected
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.resampling import (
    LEVEL,
    REPLICATES,
    draw_counts,
    gram,
    interval_ends,
    shift_of,
    weighted_means,
)
from xai_compare.comparison.scores import ScoreKey
from xai_compare.comparison.thresholds import histogram_scores, split_histograms, to_8bit

_BLOCK = 32
"""Replicates made at a time: their mean maps, 8 MB of a standard face's, stay in cache."""


@dataclass(frozen=True)
class Pool:
    """The maps of one group, each held once, however many sources it belongs to.

    Attributes:
        maps: (rows, h, w) float32 or float64, NumPy or a memory map.
        rows: by source, the places (m,) of its maps.
        images: by source, the names of the images of its m maps.
    """

    maps: npt.NDArray[Any]
    rows: Mapping[str, Ints]
    images: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, sources: Mapping[str, Any], images: Mapping[str, Sequence[str]]) -> Pool:
        """Pool sources that share no map: name to maps (m, h, w), anything that NumPy can read."""
        stacks = {name: np.asarray(maps[:]) for name, maps in sources.items()}
        wide = any(stack.dtype.itemsize > 4 for stack in stacks.values())
        ends = np.cumsum([0, *(len(stack) for stack in stacks.values())])
        rows = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(stacks)}
        return cls(np.concatenate(list(stacks.values())).astype(np.float64 if wide else np.float32), rows, images)

    def of_source(self, name: str) -> npt.NDArray[Any]:
        """The maps of a source as rows (m, h * w); no copy where they lie together."""
        rows, flat = self.rows[name], self.maps.reshape(len(self.maps), -1)
        if len(rows) and (np.diff(rows) == 1).all():
            return np.asarray(flat[rows[0] : rows[-1] + 1])
        return np.asarray(flat[rows])


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
        As `pool_intervals`.
    """
    references = References(masks={} if mask is None else {expression: mask})
    more = (
        []
        if region is None
        else [Comparison(METRICS.get("known_energy"), a, "known", others=(region,)) for a in sources]
    )
    return pool_intervals(
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


def pool_intervals(
    pool: Pool,
    expression: str,
    fold: str,
    metrics: Sequence[Metric],
    references: References,
    options: Options | None = None,
    *,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    more: Sequence[Comparison] = (),
    estimates: dict[ScoreKey, Estimate] | None = None,
) -> dict[ScoreKey, tuple[float, float]]:
    """Bootstrap, over images, the scores of the mean maps of one group; on all the processor's cores.

    People's points, masks and baselines are held as they are; only the images behind the maps are drawn.

    Args:
        pool: the maps.
        expression, fold: of the group.
        metrics: those wanted; one that is too slow to be bootstrapped is passed over.
        references, options: see `xai_compare.comparison.dispatch`.
        n, seed, level: as in `bootstrap`.
        more: further scores of single maps.
        estimates: gains the noise-corrected correlations by the same keys, if they are asked for.

    Returns:
        (low, high) by (metric, a, b, expression, fold), as `score_table` takes it; a score without an interval (fewer
        than three images, undefined) is absent.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        replicates = _Replicates(pool, expression, metrics, references, options or {}, n, seed, more)
        found = {ScoreKey(*key, expression, fold): ends for key, ends in replicates.ends(workers, level).items()}
        if estimates is not None:
            pairs = replicates.estimated.items()
            estimates.update({ScoreKey("noise_corrected", *pair, expression, fold): one for pair, one in pairs})
        return found


def replicates(
    pool: Pool,
    expression: str,
    metrics: Sequence[Metric],
    references: References,
    options: Options | None = None,
    *,
    n: int = REPLICATES,
    seed: int = 0,
    against: Collection[str] = (),
) -> dict[tuple[str, str, str], Floats]:
    """The scores of one group against some references, on the sample (first) and on every resample of its images.

    Args:
        pool, expression, metrics, references, options, n, seed: as in `pool_intervals`.
        against: names ``b`` of what is compared with: sources, people, masks.

    Returns:
        float64 (n + 1,) by (metric, a, b); sources of the same images share every draw.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        made = _Replicates(pool, expression, metrics, references, options or {}, n, seed, (), against)
        made.ends(workers, LEVEL)
        return {(one.metric.name, one.a, one.b): made.values[id(one)] for one in made.every}


def threads() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Replicates:
    """The scores of one group on the sample (first) and on each replicate."""

    def __init__(
        self,
        pool: Pool,
        expression: str,
        metrics: Sequence[Metric],
        references: References,
        options: Options,
        n: int,
        seed: int,
        more: Sequence[Comparison],
        against: Collection[str] | None = None,
    ) -> None:
        self.pool, self.options, self.n = pool, options, n
        self.names = list(pool.rows)
        shape = (int(pool.maps.shape[1]), int(pool.maps.shape[2]))
        self.shape = shape
        asked = [metric for metric in metrics if metric.bootstrap]
        every = [one for m in asked for one in comparisons(m, self.names, expression, references, shape)]
        every = [one for one in every if against is None or one.b in against]
        self.overlaps = [one for one in every if _is(one, *MASK_METRICS)]
        self.dices = [one for one in every if _is(one, "dice")]
        self.correlations = {name: [one for one in every if _is(one, name)] for name in ("pearson", "uncentred")}
        fast = {id(one) for group in (self.overlaps, self.dices, *self.correlations.values()) for one in group}
        self.others = [*(one for one in every if id(one) not in fast), *more]
        self.region = self.overlaps[0].others[0].reshape(-1) if self.overlaps else None
        self.weights = self._weights(seed)
        self.values = {id(one): np.full(n + 1, np.nan) for one in (*every, *more)}
        self.histograms = {name: np.zeros((2, n + 1, 256), np.int32) for name in self.names if self.region is not None}
        self.every = [*every, *more]
        self.corrects = any(metric.needs == ("maps", "maps") for metric in metrics)
        self.estimated: dict[tuple[str, str], Estimate] = {}

    def _weights(self, seed: int) -> dict[str, npt.NDArray[Any]]:
        """How often each map of each source counts: (n + 1, m), the sample itself first."""
        drawn: dict[tuple[str, ...], npt.NDArray[np.int64]] = {}
        weights = {}
        for name in self.names:
            images = tuple(map(str, self.pool.images[name]))
            if images not in drawn:
                counts = draw_counts(images, self.n, seed)
                drawn[images] = np.vstack([np.ones_like(counts[:1]), counts])
            weights[name] = drawn[images]
        return weights

    def ends(self, workers: ThreadPoolExecutor, level: float) -> dict[tuple[str, str, str], tuple[float, float]]:
        """Take every score and return the intervals' ends by (metric, a, b)."""
        wanted = any(self.correlations.values()) or self.corrects
        products = workers.submit(gram, self.pool.maps) if wanted else None
        if self.overlaps or self.dices or self.others:
            blocks = [slice(s, min(s + _BLOCK, self.n + 1)) for s in range(0, self.n + 1, _BLOCK)]
            maps = {name: self.pool.of_source(name) for name in self.names}
            for task in [workers.submit(self._block, maps, block) for block in blocks]:
                task.result()
        if products is not None:
            self._correlate(products.result(), workers)
            if self.corrects:
                self.estimated = self._estimates(products.result()[0], workers, level)
        self._cut()
        return self._intervals(level)

    def _estimates(
        self, products: Floats, workers: ThreadPoolExecutor, level: float
    ) -> dict[tuple[str, str], Estimate]:
        """The noise-corrected correlations of every two sources."""
        pairs = list(combinations(self.names, 2))
        sides = {name: (np.asarray(self.pool.rows[name]), self.pool.images[name]) for name in self.names}
        made = workers.map(lambda pair: corrected(products, sides[pair[0]], sides[pair[1]], level), pairs)
        return dict(zip(pairs, made, strict=True))

    def _block(self, maps: Mapping[str, npt.NDArray[Any]], block: slice) -> None:
        """Make the mean maps of some replicates, source by source, and score them."""
        kept: dict[str, npt.NDArray[Any]] = {}
        masks: dict[str, tuple[npt.NDArray[np.uint64], Ints, npt.NDArray[np.bool_]]] = {}
        pairs = any(one.pair for one in self.others)
        means = None
        for name in self.names:
            means = weighted_means(maps[name], self.weights[name][block], None if pairs else means)
            stack = means.reshape(-1, *self.shape)
            if self.region is not None or self.dices:
                levels = to_8bit(stack).reshape(len(stack), -1)
            if self.region is not None:
                self.histograms[name][:, block] = split_histograms(levels, self.region)
            if self.dices:
                masks[name] = _packed(levels, float(self.options.get("dice", {}).get("threshold", 50)))
            for one in self.others:
                if one.a == name and not one.pair:
                    self.values[id(one)][block] = evaluate(one, stack, options=self.options)
            if pairs:
                kept[name] = stack
        for one in self.dices:
            (bits, area, usable), (other, its, too) = masks[one.a], masks[one.b]
            hits = np.bitwise_count(bits & other).sum(1, dtype=np.int64)
            self.values[id(one)][block] = np.where(usable & too, ratio(2 * hits, area + its), np.nan)
        for one in self.others:
            if one.pair:
                self.values[id(one)][block] = evaluate(one, kept[one.a], kept[one.b], self.options)

    def _cut(self) -> None:
        """Turn the histograms of all replicates into the scores of masks."""
        if self.histograms:
            inside, outside = (np.concatenate([both[i] for both in self.histograms.values()]) for i in (0, 1))
            found = histogram_scores(inside, outside)
            place = {name: slice(i * (self.n + 1), (i + 1) * (self.n + 1)) for i, name in enumerate(self.histograms)}
            for one in self.overlaps:
                self.values[id(one)] = found[one.metric.name][place[one.a]]

    def _correlate(self, products: tuple[Floats, Floats], workers: ThreadPoolExecutor) -> None:
        """Turn the inner products of single maps into correlations of mean maps: small quadratic forms."""
        centred, means = products
        pixels = self.shape[0] * self.shape[1]
        wanted = {"pearson": centred, "uncentred": centred + pixels * np.outer(means, means)}
        for name, ones in self.correlations.items():
            if ones:
                rows = list(workers.map(lambda a, table=wanted[name]: self._forms(a, table), self.names))
                forms = {key: form for row in rows for key, form in row.items()}
                for one in ones:
                    scale = np.sqrt(np.maximum(forms[one.a, one.a] * forms[one.b, one.b], 0))
                    self.values[id(one)] = np.clip(ratio(forms[one.a, one.b], scale), -1, 1)

    def _forms(self, a: str, table: Floats) -> dict[tuple[str, str], Floats]:
        """Return the inner products of the mean maps of ``a`` with its own and those of all later sources."""
        half = self.weights[a].astype(np.float64) @ table[self.pool.rows[a]]
        later = self.names[self.names.index(a) :]
        return {(a, b): np.einsum("ij,ij->i", half[:, self.pool.rows[b]], self.weights[b]) for b in later}

    def _intervals(self, level: float) -> dict[tuple[str, str, str], tuple[float, float]]:
        distinct = {name: len(set(self.pool.images[name])) for name in self.names}
        found = {}
        by_metric: dict[str, list[Comparison]] = {}
        for one in self.every:
            by_metric.setdefault(one.metric.name, []).append(one)
        for name, ones in by_metric.items():
            values = np.stack([self.values[id(one)] for one in ones])
            fewest = np.array([min(distinct[x] for x in (one.a, one.b if one.pair else one.a)) for one in ones])
            bounds, shift = ones[0].metric.range, shift_of(name)
            ends = interval_ends(values[:, 0], values[:, 1:], level, fewest, bounds=bounds, shift=shift)
            for one, (low, high) in zip(ones, ends.tolist(), strict=True):
                if not np.isnan(low):
                    found[name, one.a, one.b] = (low, high)
        return found


def _is(one: Comparison, *names: str) -> bool:
    """Whether it is one of the package's own metrics, for which there is a faster way."""
    return one.metric.name in names and METRICS.get(one.metric.name) is one.metric


def _packed(
    levels: npt.NDArray[np.uint8], threshold: float
) -> tuple[npt.NDArray[np.uint64], Ints, npt.NDArray[np.bool_]]:
    """Return the masks of `dice` 64 pixels a word, their areas, and whether each map could be scaled."""
    bits = np.zeros((len(levels), -(-levels.shape[1] // 64) * 8), np.uint8)
    packed = np.packbits(levels > threshold, axis=1)
    bits[:, : packed.shape[1]] = packed
    words = bits.view(np.uint64)
    return words, np.bitwise_count(words).sum(1, dtype=np.int64), np.asarray(levels.any(1))
