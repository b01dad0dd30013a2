"""The scores of one group on the sample and on every resample of its images, the whole table at once.

Every resample's mean map is made once, in a block small enough for the processor's cache, and everything that is
measured on it is measured there. Of few images there are few different resamples (462 of six), and equal ones are
scored once. The correlations need no mean map: they follow from the inner products of the single maps, which are taken
once for all sources together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, Ints, ratio
from xai_compare.comparison.dispatch import MASK_METRICS, Comparison, Options, References, comparisons, evaluate
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.resampling.interval import interval_ends, shift_of
from xai_compare.comparison.resampling.mean_maps import gram, weighted_means
from xai_compare.comparison.resampling.noise import Estimate, corrected
from xai_compare.comparison.resampling.pool import Pool
from xai_compare.comparison.resampling.resamples import jackknife_counts, resample_counts
from xai_compare.comparison.thresholds import histogram_scores, split_histograms, to_8bit

_BLOCK = 32
"""Mean maps made at a time: of a standard face's they take 8 MB, which stay in cache."""
_TASK = 256
"""Mean maps that one thread makes before it asks for more work."""
_MASKS = 256 * 2**20
"""Bytes that the masks of all sources may take together."""


class _Draws(NamedTuple):
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
    def of(cls, images: Sequence[str], n: int, seed: int, among: Collection[str]) -> _Draws:
        """Draw as `resample_counts` does, and leave out groups ``among`` the images if there are any."""
        _, first, of_map = np.unique(np.asarray(images, dtype=str), return_index=True, return_inverse=True)
        drawn = resample_counts(images, n, seed)[:, first]
        left = jackknife_counts(images, among)[:, first] if among else drawn[:0]
        counts, place = np.unique(np.vstack([np.ones_like(drawn[:1]), drawn, left]), axis=0, return_inverse=True)
        return cls(counts, place.reshape(-1), of_map)

    def maps(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Sum maps (maps, pixels) of one image, which are drawn together, and so in the order of the images."""
        summed = np.zeros((self.counts.shape[1], rows.shape[1]), rows.dtype)
        for place, row in zip(self.of_map, rows, strict=True):
            summed[place] += row
        return summed


class _Cut(NamedTuple):
    """The masks of the Dice coefficient of some mean maps: 64 pixels a word, their areas, and which are defined."""

    words: npt.NDArray[np.uint64]
    area: Ints
    usable: npt.NDArray[np.bool_]


class Replicates:
    """The scores of one group on the sample (first) and on each resample.

    Args:
        pool: the maps.
        expression: of the group.
        metrics: those wanted; one that is too slow to be bootstrapped is passed over.
        references, options: see `xai_compare.comparison.dispatch`.
        n, seed: of the resamples.
        more: further scores of single maps.
        against: names ``b`` to which scores are restricted; ``None`` takes all.

    Attributes:
        every: the scores.
        values: by the id of each of them, float64 (n + 1,).
        estimated: noise-corrected correlations by pair of sources, if they are asked for.
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
        shape = (int(pool.maps.shape[1]), int(pool.maps.shape[2]))
        self.shape = shape
        asked = [metric for metric in metrics if metric.bootstrap]
        every = [one for m in asked for one in comparisons(m, self.names, expression, references, shape)]
        every = [one for one in every if against is None or one.b in against]
        self.overlaps = [one for one in every if _is(one, *MASK_METRICS)]
        self.dices = [one for one in every if _is(one, "dice")]
        self.correlations = {name: [one for one in every if _is(one, name)] for name in ("pearson", "uncentred")}
        fast = {id(one) for group in (self.overlaps, self.dices, *self.correlations.values()) for one in group}
        others = [*(one for one in every if id(one) not in fast), *more]
        self.singles = [one for one in others if not one.pair]
        self.pairs = [one for one in others if one.pair]
        self.region = self.overlaps[0].others[0].reshape(-1) if self.overlaps else None
        # With the region's pixels first, no histogram needs to gather them. That pays where a source has few maps;
        # single maps are measured as they are.
        few = max((len(rows) for rows in pool.rows.values()), default=0) <= n // 8
        self.order = None
        if self.region is not None and few and not self.singles:
            self.order = np.argsort(~self.region, kind="stable")
        self.draws = self._draws(seed)
        self.values = {id(one): np.full(n + 1, np.nan) for one in (*every, *more)}
        self.jackknifed = {id(one): np.full(self._resamples, np.nan) for one in self.dices}
        self.histograms: dict[str, npt.NDArray[np.int32]] = {}
        self.every = [*every, *more]
        self.corrects = any(metric.needs == ("maps", "maps") for metric in metrics)
        self.estimated: dict[tuple[str, str], Estimate] = {}

    @property
    def _resamples(self) -> int:
        """All of them, the sample first and those without a group of images last."""
        return max((len(one.place) for one in self.draws.values()), default=self.n + 1)

    def _draws(self, seed: int) -> dict[str, _Draws]:
        """The resamples of each source; those of the same images are the very same."""
        drawn: dict[frozenset[str], _Draws] = {}
        found = {}
        among = {str(image) for its in self.pool.images.values() for image in its} if self.dices else set[str]()
        for name in self.names:
            images = list(map(str, self.pool.images[name]))
            same = frozenset(images)
            if same not in drawn:
                drawn[same] = _Draws.of(images, self.n, seed, among)
            of_map = np.unique(np.asarray(images, dtype=str), return_inverse=True)[1]
            found[name] = drawn[same]._replace(of_map=of_map)
        return found

    def ends(self, workers: ThreadPoolExecutor, level: float) -> dict[tuple[str, str, str], tuple[float, float]]:
        """Take every score and return the intervals' ends by (metric, a, b)."""
        wanted = any(self.correlations.values()) or self.corrects
        products = workers.submit(gram, self.pool.maps) if wanted else None
        self._of_sources(workers)
        if self.pairs:
            blocks = [slice(s, min(s + _BLOCK, self.n + 1)) for s in range(0, self.n + 1, _BLOCK)]
            list(workers.map(self._pair_block, blocks))
        if products is not None:
            self._correlate(products.result(), workers)
            if self.corrects:
                self.estimated = self._estimates(products.result()[0], workers, level)
        self._cut()
        for one in self.dices:
            self.values[id(one)] = self.jackknifed[id(one)][: self.n + 1]
        return self._intervals(level)

    def _estimates(
        self, products: Floats, workers: ThreadPoolExecutor, level: float
    ) -> dict[tuple[str, str], Estimate]:
        """The noise-corrected correlations of every two sources."""
        pairs = list(combinations(self.names, 2))
        sides = {name: (np.asarray(self.pool.rows[name]), self.pool.images[name]) for name in self.names}
        made = workers.map(lambda pair: corrected(products, sides[pair[0]], sides[pair[1]], level), pairs)
        return dict(zip(pairs, made, strict=True))

    def _of_sources(self, workers: ThreadPoolExecutor) -> None:
        """What is measured on the mean maps of each source, and the Dice coefficients of every two."""
        paired = {name for one in self.dices for name in (one.a, one.b)}
        measured = {one.a for one in (*self.overlaps, *self.singles)}
        names = [name for name in self.names if name in paired | measured]
        if self.region is not None:
            self.histograms = {one.a: np.zeros((2, len(self.draws[one.a].counts), 256), np.int32)
                               for one in self.overlaps}  # fmt: skip
        most = every = self._resamples
        if paired:
            most = min(most, max(_BLOCK, _MASKS // (len(paired) * (self.shape[0] * self.shape[1] // 8 + 1))))
        for first in range(0, every, most):
            part = slice(first, min(first + most, every))
            rows = {name: np.unique(self.draws[name].place[part], return_inverse=True) for name in names}
            tasks = [(name, some) for name in names for some in _split(rows[name][0])]
            cuts: dict[str, list[_Cut]] = {}
            for (name, _), cut in zip(tasks, workers.map(lambda task: self._measure(*task), tasks), strict=True):
                cuts.setdefault(name, []).extend(cut)
            joined = {
                name: _Cut(*(np.concatenate(kind) for kind in zip(*cuts[name], strict=True)))
                for name in names
                if name in paired
            }
            places = {name: np.asarray(rows[name][1]).reshape(-1) for name in names}
            list(workers.map(lambda one, part=part, joined=joined, places=places: self._dice(one, part, joined, places),
                             self.dices))  # fmt: skip

    def _measure(self, name: str, rows: Ints) -> list[_Cut]:
        """Make some of a source's mean maps and measure them; return their masks, if they are wanted."""
        draws, cuts = self.draws[name], []
        maps = self.pool.of_source(name)
        repeated = len(draws.of_map) > draws.counts.shape[1]
        sizes = np.bincount(draws.of_map) if repeated else None
        maps = draws.maps(maps) if repeated else maps
        region = self.region
        if self.order is not None and region is not None:
            maps, region = maps[:, self.order], region[self.order]
        counts = draws.counts if repeated else draws.counts[:, draws.of_map]
        paired = any(name in (one.a, one.b) for one in self.dices)
        singles = [one for one in self.singles if one.a == name]
        means = None
        for block in (rows[first : first + _BLOCK] for first in range(0, len(rows), _BLOCK)):
            means = weighted_means(maps, counts[block], means, sizes=sizes)
            stack = means.reshape(-1, *self.shape)
            if paired or name in self.histograms:
                levels = to_8bit(stack).reshape(len(stack), -1)
            if name in self.histograms and region is not None:
                self.histograms[name][:, block] = split_histograms(levels, region)
            if paired:
                cuts.append(_packed(levels, float(self.options.get("dice", {}).get("threshold", 50))))
            for one in singles:
                values = np.full(len(draws.counts), np.nan)
                values[block] = evaluate(one, stack, options=self.options)
                drawn = draws.place[: self.n + 1]
                mine = np.isin(drawn, block)
                self.values[id(one)][mine] = values[drawn[mine]]
        return cuts

    def _dice(self, one: Comparison, part: slice, cuts: Mapping[str, _Cut], places: Mapping[str, Ints]) -> None:
        """A Dice coefficient on some resamples, each combination of two masks once."""
        first, second = cuts[one.a], cuts[one.b]
        both, back = np.unique(places[one.a] * len(second.area) + places[one.b], return_inverse=True)
        values = np.empty(len(both))
        for block in (slice(s, s + _BLOCK) for s in range(0, len(both), _BLOCK)):
            a, b = np.divmod(both[block], len(second.area))
            hits = np.bitwise_count(first.words[a] & second.words[b]).sum(1, dtype=np.int64)
            known = first.usable[a] & second.usable[b]
            values[block] = np.where(known, ratio(2 * hits, first.area[a] + second.area[b]), np.nan)
        self.jackknifed[id(one)][part] = values[back.reshape(-1)]

    def _pair_block(self, block: slice) -> None:
        """Make the mean maps of some resamples of all sources, and compare them."""
        kept = {}
        for name in {name for one in self.pairs for name in (one.a, one.b)}:
            draws = self.draws[name]
            weights = draws.counts[draws.place[block]][:, draws.of_map]
            kept[name] = weighted_means(self.pool.of_source(name), weights).reshape(-1, *self.shape)
        for one in self.pairs:
            self.values[id(one)][block] = evaluate(one, kept[one.a], kept[one.b], self.options)

    def _cut(self) -> None:
        """Turn the histograms into the scores of masks."""
        if self.histograms:
            inside, outside = (np.concatenate([both[i] for both in self.histograms.values()]) for i in (0, 1))
            found = histogram_scores(inside, outside)
            starts = np.cumsum([0, *(both.shape[1] for both in self.histograms.values())])
            start = dict(zip(self.histograms, starts, strict=False))
            for one in self.overlaps:
                self.values[id(one)] = found[one.metric.name][start[one.a] + self.draws[one.a].place[: self.n + 1]]

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
        mine, drawn = self.draws[a], slice(self.n + 1)
        half = mine.counts[:, mine.of_map].astype(np.float64) @ table[self.pool.rows[a]]
        found = {}
        for b in self.names[self.names.index(a) :]:
            theirs, right = self.draws[b], half[:, self.pool.rows[b]]
            weights = theirs.counts[:, theirs.of_map]
            if theirs.place is mine.place:
                form = np.einsum("ij,ij->i", right, weights)[mine.place[drawn]]
            else:
                form = np.einsum("ij,ij->i", right[mine.place[drawn]], weights[theirs.place[drawn]])
            found[a, b] = form
        return found

    def _intervals(self, level: float) -> dict[tuple[str, str, str], tuple[float, float]]:
        distinct = {name: len(set(self.pool.images[name])) for name in self.names}
        found = {}
        by_metric: dict[str, list[Comparison]] = {}
        for one in self.every:
            by_metric.setdefault(one.metric.name, []).append(one)
        for name, ones in by_metric.items():
            values = np.stack([self.values[id(one)] for one in ones])
            fewest = np.array([min(distinct[x] for x in (one.a, one.b if one.pair else one.a)) for one in ones])
            bounds, shift, tails = ones[0].metric.range, shift_of(name), None
            if id(ones[0]) in self.jackknifed:
                # Dice's shift says little of its bias, and its resamples spread too little: see `docs/methods.md`.
                shift, tails = 1.0, np.stack([self._left_out(one) for one in ones])
            ends = interval_ends(values[:, 0], values[:, 1:], level, fewest, bounds=bounds, shift=shift, left_out=tails)
            for one, (low, high) in zip(ones, ends.tolist(), strict=True):
                if not np.isnan(low):
                    found[name, one.a, one.b] = (low, high)
        return found

    def _left_out(self, one: Comparison) -> Floats:
        """The scores with groups of images left out; NaN where neither side loses any."""
        places = [self.draws[name].place for name in (one.a, one.b)]
        lost = np.any([place[self.n + 1 :] != place[0] for place in places], axis=0)
        return np.where(lost, self.jackknifed[id(one)][self.n + 1 :], np.nan)


def _split(rows: Ints) -> Iterator[Ints]:
    return (rows[first : first + _TASK] for first in range(0, len(rows), _TASK))


def _is(one: Comparison, *names: str) -> bool:
    """Whether it is one of the package's own metrics, for which there is a faster way."""
    return one.metric.name in names and METRICS.get(one.metric.name) is one.metric


def _packed(levels: npt.NDArray[np.uint8], threshold: float) -> _Cut:
    """Return the masks of `dice`."""
    bits = np.zeros((len(levels), -(-levels.shape[1] // 64) * 8), np.uint8)
    packed = np.packbits(levels > threshold, axis=1)
    bits[:, : packed.shape[1]] = packed
    words = bits.view(np.uint64)
    return _Cut(words, np.bitwise_count(words).sum(1, dtype=np.int64), np.asarray(levels.any(1)))
