"""The scores of one group (an expression and fold) on the sample and on every resample of its images, all at once.

Done plainly, every score of every source would average its maps anew in every resample: 2,000 times some 40 maps of
61,600 pixels for each number of the table. So each mean map is made once, in a block small enough for the processor's
cache, and everything that is measured on it is measured while it lies there. Of few images there are few different
resamples (462 of six), and equal ones are scored once. Correlations need no mean map at all: the inner product of two
mean maps is a sum of inner products of single maps, which are taken once for all sources together.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from xai_compare.comparison.arrays import Floats, Ints, ratio
from xai_compare.comparison.dispatch import Comparison, Options, References, comparisons, evaluate, fast_path
from xai_compare.comparison.registry import Metric
from xai_compare.comparison.resampling.bootstrap import REPLICATES
from xai_compare.comparison.resampling.interval import LEVEL, interval_ends
from xai_compare.comparison.resampling.mean_maps import gram, weighted_means
from xai_compare.comparison.resampling.noise import Estimate, corrected
from xai_compare.comparison.resampling.pool import Pool, threads
from xai_compare.comparison.resampling.resamples import jackknife_counts, resample_counts
from xai_compare.comparison.score_frame import ScoreKey
from xai_compare.comparison.thresholds import histogram_scores, split_histograms, to_8bit

_BLOCK = 32
"""Mean maps made at a time: of a standard face's they take 8 MB, which stay in cache."""
_TASK = 256
"""Mean maps that one thread makes before it asks for more work."""
_MASKS = 256 * 2**20
"""Bytes that the masks of all sources may take together."""


class PoolIntervals(NamedTuple):
    """The intervals of a group's scores by (metric, a, b, expression, fold), and its noise-corrected correlations."""

    ends: dict[ScoreKey, tuple[float, float]]
    corrected: dict[ScoreKey, Estimate]


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
) -> PoolIntervals:
    """Bootstrap, over images, the scores of the mean maps of one group; on all the processor's cores.

    People's points, masks and baselines are held as they are; only the images behind the maps are drawn.

    Args:
        pool: the maps.
        expression, fold: of the group.
        metrics: those wanted; one that is too slow to be bootstrapped is passed over.
        references, options: see `xai_compare.comparison.dispatch`.
        n, seed, level: as in `bootstrap`.
        more: further scores of single maps.

    Returns:
        The ends (low, high), as `score_table` takes them, a score without an interval (fewer than three images,
        undefined) being absent; and the noise-corrected correlations, if they are asked for.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        replicates = _Replicates(pool, expression, metrics, references, options or {}, n, seed, more)
        replicates.measure(workers)
        estimates = {}
        if any(metric.needs == ("maps", "maps") for metric in metrics):
            estimates = replicates.corrected(workers, level)
        return PoolIntervals(
            {ScoreKey(*key, expression, fold): ends for key, ends in replicates.intervals(level).items()},
            {ScoreKey("noise_corrected", *pair, expression, fold): one for pair, one in estimates.items()},
        )


def pool_replicates(
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
        float64 (n + 1,) by (metric, a, b); sources of the same images share every resample.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        replicates = _Replicates(pool, expression, metrics, references, options or {}, n, seed, (), against)
        replicates.measure(workers)
        scores = zip(replicates.scores, replicates.values, strict=True)
        return {(one.metric.name, one.a, one.b): values for one, values in scores}


class _Resamples(NamedTuple):
    """Different resamples of a source's images.

    Attributes:
        counts: (different, images) how often each image counts.
        place: (n + 1 + groups,) which of them each resample is; the first is the sample itself, and after the resamples
            stand samples without a group of images.
        of_map: (maps,) the place of each map's image among the images.
    """

    counts: npt.NDArray[np.int64]
    place: Ints
    of_map: Ints

    @classmethod
    def of(cls, images: Sequence[str], n: int, seed: int, among: Collection[str]) -> _Resamples:
        """Draw as `resample_counts` does, and leave out groups ``among`` the images if there are any."""
        _, first, of_map = np.unique(np.asarray(images, dtype=str), return_index=True, return_inverse=True)
        drawn = resample_counts(images, n, seed)[:, first]
        left = jackknife_counts(images, among)[:, first] if among else drawn[:0]
        counts, place = np.unique(np.vstack([np.ones_like(drawn[:1]), drawn, left]), axis=0, return_inverse=True)
        return cls(counts, place.reshape(-1), of_map)

    def summed(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The sums (images, pixels) of the maps (maps, pixels) of each image."""
        total = np.zeros((self.counts.shape[1], rows.shape[1]), rows.dtype)
        for place, row in zip(self.of_map, rows, strict=True):
            total[place] += row
        return total


class _LevelMasks(NamedTuple):
    """The masks of the Dice coefficient of some mean maps: 64 pixels a word, their areas, and which are defined."""

    words: npt.NDArray[np.uint64]
    area: Ints
    usable: npt.NDArray[np.bool_]


class _Replicates:
    """The scores of one group, and their values (scores, n + 1) on the sample (first) and on each resample.

    ``by_path`` sorts the scores, each with its row, by the way in which they are taken: a `fast_path`, ``"map"`` (one
    mean map at a time) or ``"pair"``.
    """

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
        self.shape = (int(pool.maps.shape[1]), int(pool.maps.shape[2]))
        fast = [metric for metric in metrics if metric.bootstrap]
        every = [one for m in fast for one in comparisons(m, self.names, expression, references, self.shape)]
        self.scores = [*(one for one in every if against is None or one.b in against), *more]
        self.values = np.full((len(self.scores), n + 1), np.nan)
        paths = ("overlap", "dice", "pearson", "uncentred", "map", "pair")
        self.by_path: dict[str, list[tuple[int, Comparison]]] = {path: [] for path in paths}
        for row, one in enumerate(self.scores):
            path = "" if row >= len(self.scores) - len(more) else fast_path(one.metric)
            self.by_path[path or ("pair" if one.pair else "map")].append((row, one))
        overlaps = self.by_path["overlap"]
        self.region = overlaps[0][1].others[0].reshape(-1) if overlaps else None
        # With the region's pixels first, no histogram needs to gather them. That pays where a source has few maps;
        # single maps are measured as they are.
        few = max((len(rows) for rows in pool.rows.values()), default=0) <= n // 8
        self.order = None
        if self.region is not None and few and not self.by_path["map"]:
            self.order = np.argsort(~self.region, kind="stable")
        self.resamples = self._resamples(seed)
        # All of them, the sample first and, for Dice's jackknife, those without a group of images last.
        self.count = max((len(one.place) for one in self.resamples.values()), default=n + 1)
        self.dices = {row: np.full(self.count, np.nan) for row, _ in self.by_path["dice"]}
        self.histograms = {
            one.a: np.zeros((2, len(self.resamples[one.a].counts), 256), np.int32) for _, one in overlaps
        }

    def _resamples(self, seed: int) -> dict[str, _Resamples]:
        """The resamples of each source; those of the same images are the very same."""
        drawn: dict[frozenset[str], _Resamples] = {}
        of_source = {}
        every = {str(image) for images in self.pool.images.values() for image in images}
        among = every if self.by_path["dice"] else set[str]()
        for name in self.names:
            images = list(map(str, self.pool.images[name]))
            same = frozenset(images)
            if same not in drawn:
                drawn[same] = _Resamples.of(images, self.n, seed, among)
            of_map = np.unique(np.asarray(images, dtype=str), return_inverse=True)[1]
            of_source[name] = drawn[same]._replace(of_map=of_map)
        return of_source

    @cached_property
    def products(self) -> tuple[Floats, Floats]:
        """What `gram` says of all maps."""
        return gram(self.pool.maps)

    def measure(self, workers: ThreadPoolExecutor) -> None:
        """Fill ``values``."""
        correlated = self.by_path["pearson"] or self.by_path["uncentred"]
        products = workers.submit(lambda: self.products) if correlated else None
        self._mean_maps(workers)
        if self.by_path["pair"]:
            blocks = [slice(s, min(s + _BLOCK, self.n + 1)) for s in range(0, self.n + 1, _BLOCK)]
            list(workers.map(self._pair_block, blocks))
        if products is not None:
            self._correlate(*products.result(), workers)
        self._overlaps()
        for row, values in self.dices.items():
            self.values[row] = values[: self.n + 1]

    def corrected(self, workers: ThreadPoolExecutor, level: float) -> dict[tuple[str, str], Estimate]:
        """The noise-corrected correlations of every two sources."""
        products, _ = self.products
        pairs = list(combinations(self.names, 2))
        sides = {name: (np.asarray(self.pool.rows[name]), self.pool.images[name]) for name in self.names}
        made = workers.map(lambda pair: corrected(products, sides[pair[0]], sides[pair[1]], level), pairs)
        return dict(zip(pairs, made, strict=True))

    def _mean_maps(self, workers: ThreadPoolExecutor) -> None:
        """What is measured on the mean maps of each source, and the Dice coefficients of every two."""
        paired = {name for _, one in self.by_path["dice"] for name in (one.a, one.b)}
        measured = paired | {one.a for path in ("overlap", "map") for _, one in self.by_path[path]}
        names = [name for name in self.names if name in measured]
        most = self.count
        if paired:
            most = min(most, max(_BLOCK, _MASKS // (len(paired) * (self.shape[0] * self.shape[1] // 8 + 1))))
        for first in range(0, self.count, most):
            part = slice(first, min(first + most, self.count))
            rows = {name: np.unique(self.resamples[name].place[part], return_inverse=True) for name in names}
            starts = ((name, start) for name in names for start in range(0, len(rows[name][0]), _TASK))
            tasks = [(name, rows[name][0][start : start + _TASK]) for name, start in starts]
            masks: dict[str, list[_LevelMasks]] = {}
            for (name, _), some in zip(tasks, workers.map(lambda task: self._measure(*task), tasks), strict=True):
                masks.setdefault(name, []).extend(some)
            joined = {
                name: (_LevelMasks(*map(np.concatenate, zip(*masks[name], strict=True))), rows[name][1].reshape(-1))
                for name in names
                if name in paired
            }
            for (row, _), values in zip(
                self.by_path["dice"],
                workers.map(lambda each, sides=joined: _dice(sides[each[1].a], sides[each[1].b]), self.by_path["dice"]),
                strict=True,
            ):
                self.dices[row][part] = values

    def _measure(self, name: str, rows: Ints) -> list[_LevelMasks]:
        """Make some of a source's mean maps and measure them; return their masks, if they are wanted."""
        resamples, masks = self.resamples[name], []
        maps, region = self.pool.of_source(name), self.region
        repeated = len(resamples.of_map) > resamples.counts.shape[1]
        sizes = np.bincount(resamples.of_map) if repeated else None
        # Maps of one image are drawn together, so their sum stands for them: as many rows fewer in every product.
        maps = resamples.summed(maps) if repeated else maps
        counts = resamples.counts if repeated else resamples.counts[:, resamples.of_map]
        if self.order is not None and region is not None:
            maps, region = maps[:, self.order], region[self.order]
        paired = any(name in (one.a, one.b) for _, one in self.by_path["dice"])
        singles = [(row, one) for row, one in self.by_path["map"] if one.a == name]
        drawn = resamples.place[: self.n + 1]
        means = None
        for block in (rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK)):
            means = weighted_means(maps, counts[block], means, sizes=sizes)
            stack = means.reshape(-1, *self.shape)
            if paired or name in self.histograms:
                levels = to_8bit(stack).reshape(len(stack), -1)
            if name in self.histograms and region is not None:
                self.histograms[name][:, block] = split_histograms(levels, region)
            if paired:
                masks.append(_level_masks(levels, float(self.options.get("dice", {}).get("threshold", 50))))
            for row, one in singles:
                values = np.full(len(resamples.counts), np.nan)
                values[block] = evaluate(one, stack, options=self.options)
                here = np.isin(drawn, block)
                self.values[row, here] = values[drawn[here]]
        return masks

    def _pair_block(self, block: slice) -> None:
        """Make the mean maps of some resamples of all sources, and compare them."""
        means = {}
        for name in {name for _, one in self.by_path["pair"] for name in (one.a, one.b)}:
            resamples = self.resamples[name]
            weights = resamples.counts[resamples.place[block]][:, resamples.of_map]
            means[name] = weighted_means(self.pool.of_source(name), weights).reshape(-1, *self.shape)
        for row, one in self.by_path["pair"]:
            self.values[row, block] = evaluate(one, means[one.a], means[one.b], self.options)

    def _overlaps(self) -> None:
        """Turn the histograms into the scores of masks."""
        if not self.histograms:
            return
        inside, outside = (np.concatenate([both[i] for both in self.histograms.values()]) for i in (0, 1))
        scores = histogram_scores(inside, outside)
        starts = np.cumsum([0, *(both.shape[1] for both in self.histograms.values())])
        start = dict(zip(self.histograms, starts, strict=False))
        for row, one in self.by_path["overlap"]:
            self.values[row] = scores[one.metric.name][start[one.a] + self.resamples[one.a].place[: self.n + 1]]

    def _correlate(self, centred: Floats, means: Floats, workers: ThreadPoolExecutor) -> None:
        """Turn the inner products of single maps into correlations of mean maps: small quadratic forms."""
        pixels = self.shape[0] * self.shape[1]
        tables = {"pearson": centred, "uncentred": centred + pixels * np.outer(means, means)}
        for path, table in tables.items():
            if self.by_path[path]:
                rows = workers.map(lambda a, table=table: self._forms(a, table), self.names)
                forms = {key: form for row in rows for key, form in row.items()}
                for row, one in self.by_path[path]:
                    scale = np.sqrt(np.maximum(forms[one.a, one.a] * forms[one.b, one.b], 0))
                    self.values[row] = np.clip(ratio(forms[one.a, one.b], scale), -1, 1)

    def _forms(self, a: str, table: Floats) -> dict[tuple[str, str], Floats]:
        """Return the inner products of the mean maps of ``a`` with its own and those of all later sources."""
        first, drawn = self.resamples[a], slice(self.n + 1)
        half = first.counts[:, first.of_map].astype(np.float64) @ table[self.pool.rows[a]]
        forms = {}
        for b in self.names[self.names.index(a) :]:
            second, right = self.resamples[b], half[:, self.pool.rows[b]]
            weights = second.counts[:, second.of_map]
            if second.place is first.place:
                forms[a, b] = np.einsum("ij,ij->i", right, weights)[first.place[drawn]]
            else:
                forms[a, b] = np.einsum("ij,ij->i", right[first.place[drawn]], weights[second.place[drawn]])
        return forms

    def intervals(self, level: float) -> dict[tuple[str, str, str], tuple[float, float]]:
        """The intervals' ends by (metric, a, b)."""
        images = {name: len(set(self.pool.images[name])) for name in self.names}
        by_metric: dict[str, list[int]] = {}
        for row, one in enumerate(self.scores):
            by_metric.setdefault(one.metric.name, []).append(row)
        by_score = {}
        for name, rows in by_metric.items():
            scores = [self.scores[row] for row in rows]
            fewest = np.array([min(images[x] for x in (one.a, one.b if one.pair else one.a)) for one in scores])
            metric, shift, left_out = scores[0].metric, scores[0].metric.shift, None
            if rows[0] in self.dices:
                # Dice's shift says little of its bias, and its resamples spread too little: see `docs/methods.md`.
                shift, left_out = 1.0, np.stack([self._left_out(row) for row in rows])
            values = self.values[rows]
            ends = interval_ends(values[:, 0], values[:, 1:], level, fewest, "rms", metric.range, shift, left_out)
            for one, (low, high) in zip(scores, ends.tolist(), strict=True):
                if not np.isnan(low):
                    by_score[name, one.a, one.b] = (low, high)
        return by_score

    def _left_out(self, row: int) -> Floats:
        """The scores with groups of images left out; NaN where neither side loses any."""
        places = [self.resamples[name].place for name in (self.scores[row].a, self.scores[row].b)]
        lost = np.any([place[self.n + 1 :] != place[0] for place in places], axis=0)
        return np.where(lost, self.dices[row][self.n + 1 :], np.nan)


def _dice(first: tuple[_LevelMasks, Ints], second: tuple[_LevelMasks, Ints]) -> Floats:
    """Dice coefficients of two sources' masks, which are the places given of those at hand; each combination once."""
    (a, place_a), (b, place_b) = first, second
    both, back = np.unique(place_a * len(b.area) + place_b, return_inverse=True)
    values = np.empty(len(both))
    for block in (slice(s, s + _BLOCK) for s in range(0, len(both), _BLOCK)):
        i, j = np.divmod(both[block], len(b.area))
        hits = np.bitwise_count(a.words[i] & b.words[j]).sum(1, dtype=np.int64)
        values[block] = np.where(a.usable[i] & b.usable[j], ratio(2 * hits, a.area[i] + b.area[j]), np.nan)
    return values[back.reshape(-1)]


def _level_masks(levels: npt.NDArray[np.uint8], threshold: float) -> _LevelMasks:
    """The masks of `dice` of 8-bit levels (maps, pixels), a bit for each pixel: words of them are counted at once."""
    bits = np.zeros((len(levels), -(-levels.shape[1] // 64) * 8), np.uint8)
    packed = np.packbits(levels > threshold, axis=1)
    bits[:, : packed.shape[1]] = packed
    words = bits.view(np.uint64)
    return _LevelMasks(words, np.bitwise_count(words).sum(1, dtype=np.int64), np.asarray(levels.any(1)))
