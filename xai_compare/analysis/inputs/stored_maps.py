"""Bootstrap intervals over images for a run's scores, its maps read chunk by chunk and each once for a group.

Beyond `MANY` images of a group, not single images are drawn but `BINS` bins of them, into which images fall by a hash
of their names (so that sources that saw the same images stay paired). The scores do not depend on a map's scale, so
that sums over drawn bins serve as means. The variance of a mean is the same in expectation, and neither memory nor time
grows with the square of the number of images.
"""

from __future__ import annotations

import tempfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xai_compare.comparison import METRICS, Pool, References, pool_intervals
from xai_compare.comparison.dispatch import ALL, Options
from xai_compare.comparison.resampling.pool import threads
from xai_compare.comparison.resampling.replicates import PoolIntervals
from xai_compare.comparison.resampling.resamples import BINS, MANY, bin_of
from xai_compare.faces import SHAPE
from xai_compare.heatmaps import scale
from xai_compare.runs.store import MapStore

_CACHE = 512 * 2**20
_POOL = 2**30
"""Bytes of one group's maps beyond which they are kept in a file."""


def scaling_of(store: MapStore, scaling: str) -> str:
    """How a source's maps are scaled: networks' as the study says, people's to the same sum, regions' not at all."""
    return {"model": scaling, "human": "mass"}.get(store.source.kind, "none")


def together(stores: Sequence[MapStore]) -> dict[str, list[MapStore]]:
    """By a source's name in the heatmaps, the stores whose maps it pools: trainings of a network, or all networks."""
    pooled: dict[str, list[MapStore]] = {}
    for explainer in dict.fromkeys(store.source.explainer for store in stores):
        group = [store for store in stores if store.source.explainer == explainer]
        for store in group:
            pooled.setdefault(store.source.label, []).append(store)
        if explainer and len({store.source.label for store in group}) > 1:
            pooled[f"all models/{explainer}"] = group
    return pooled


class Entry(NamedTuple):
    """Where a defined map lies (chunk, row within it), and whose picture it explains."""

    chunk: int
    row: int
    image: str
    group: str


class StoredMaps:
    """The scaled maps of all sources, read in chunks; as many chunks are remembered as fit into half a gigabyte."""

    def __init__(self, stores: Sequence[MapStore], scaling: str, cache: int = _CACHE) -> None:
        self.stores, self.scaling = {store.source.slug: store for store in stores}, scaling
        self._ranges: dict[tuple[str, int], tuple[np.ndarray, np.ndarray]] = {}
        self.entries = {slug: list(self._entries(slug)) for slug in self.stores}
        self._chunks: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()
        self._room = max(cache // (16 * SHAPE[0] * SHAPE[1] * 4), 1)

    def _entries(self, slug: str) -> Iterator[Entry]:
        """The maps that can be scaled, in order."""
        store = self.stores[slug]
        scaling = scaling_of(store, self.scaling)
        for index, part in enumerate(store.chunks):
            columns = (store.record(index) or {}).get("columns", {})
            if not columns:
                continue
            low, high = (np.array(columns[key], np.float64) for key in ("low", "high"))
            self._ranges[slug, index] = low, high
            undefined = ~np.isfinite(low) | ~np.isfinite(high) | np.array([bool(why) for why in columns["reason"]])
            undefined |= (scaling == "min_max") & (high <= low) | (scaling in ("positive", "mass")) & (high <= 0)
            for row, item in enumerate(store.items[part]):
                if not undefined[row]:
                    yield Entry(index, row, str(item["image"]), str(item["group"]))

    def only(self, entries: Mapping[str, Sequence[Entry]]) -> StoredMaps:
        """Some of the maps, under the groups that these entries name; chunks are remembered together."""
        some = copy(self)
        some.stores = {slug: self.stores[slug] for slug in entries}
        some.entries = {slug: list(of_source) for slug, of_source in entries.items()}
        return some

    def chunk(self, slug: str, index: int) -> np.ndarray:
        """A chunk's maps, float32 ``(n, 275, 224)``, scaled as the study says."""
        key = (slug, index)
        maps = self._chunks.get(key)
        if maps is None:
            store = self.stores[slug]
            maps = scale(store.read(index), *self._ranges[key], scaling_of(store, self.scaling))
            self._chunks[key] = maps
            while len(self._chunks) > self._room:
                self._chunks.popitem(last=False)
        return maps

    def stream(self, slug: str, expression: str = ALL) -> Iterator[tuple[Entry, np.ndarray]]:
        """The defined maps of an expression (``"all"``: of every one), the next chunks being read meanwhile."""
        selected = [one for one in self.entries[slug] if expression in (ALL, one.group)]
        by_chunk: dict[int, list[Entry]] = {}
        for one in selected:
            by_chunk.setdefault(one.chunk, []).append(one)
        order = list(by_chunk)
        with ThreadPoolExecutor(threads()) as readers:
            ahead = [readers.submit(self.chunk, slug, index) for index in order[: 2 * threads()]]
            for place, index in enumerate(order):
                maps = ahead.pop(0).result()
                if place + 2 * threads() < len(order):
                    ahead.append(readers.submit(self.chunk, slug, order[place + 2 * threads()]))
                for one in by_chunk[index]:
                    yield one, maps[one.row]

    def pool(self, expression: str, place: Path) -> Pool | None:
        """Every source's maps of an expression, each read once; very large groups lie in a file in ``place``."""
        sources = {
            label: [s.source.slug for s in group] for label, group in together(list(self.stores.values())).items()
        }
        images = {slug: [e.image for e in self.entries[slug] if expression in (ALL, e.group)] for slug in self.stores}
        blocks: dict[tuple[str, bool], np.ndarray] = {}
        end = 0
        of_label: dict[str, list[tuple[str, bool]]] = {}
        for label, slugs in sources.items():
            binned = len({image for slug in slugs for image in images[slug]}) > MANY
            of_label[label] = [(slug, binned) for slug in slugs if images[slug]]
            for key in of_label[label]:
                if key not in blocks:
                    size = BINS if binned else len(images[key[0]])
                    blocks[key] = np.arange(end, end + size)
                    end += size
        if not end:
            return None
        shape = (end, *SHAPE)
        if end * SHAPE[0] * SHAPE[1] * 4 <= _POOL:
            maps = np.zeros(shape, np.float32)
        else:
            maps = np.lib.format.open_memmap(place / "maps.npy", mode="w+", dtype=np.float32, shape=shape)
        names: dict[tuple[str, bool], list[str]] = {}
        for (slug, binned), rows in blocks.items():
            names[slug, binned] = [f"bin {number}" for number in range(BINS)] if binned else images[slug]
            for number, (one, heatmap) in enumerate(self.stream(slug, expression)):
                if binned:
                    maps[rows[bin_of(one.image)]] += heatmap
                else:
                    maps[rows[number]] = heatmap
        wanted = {label: keys for label, keys in of_label.items() if keys}
        return Pool(
            maps,
            {label: np.concatenate([blocks[key] for key in keys]) for label, keys in wanted.items()},
            {label: [name for key in keys for name in names[key]] for label, keys in wanted.items()},
        )


def intervals(
    maps: StoredMaps,
    expressions: Sequence[str],
    metrics: Sequence[str],
    references: References,
    options: Options,
    *,
    replicates: int,
    seed: int,
    advance: Callable[[int], None],
) -> PoolIntervals:
    """95 % intervals and noise-corrected correlations of every expression, see `xai_compare.comparison.pool_intervals`.

    Args:
        maps: of every source; trainings of one network are taken together.
        expressions: the groups to go through; ``"all"`` is every map.
        metrics: names of those wanted.
        references, options: what the maps are compared with, and how.
        replicates: how many; 0 gives no intervals.
        seed: of the draws.
        advance: called once an expression.
    """
    every = PoolIntervals({}, {})
    wanted = [METRICS.get(name) for name in metrics]
    run = next(iter(maps.stores.values())).run
    for expression in expressions:
        if replicates:
            with tempfile.TemporaryDirectory(dir=run, prefix=".bins-") as place:
                pool = maps.pool(expression, Path(place))
                if pool is not None:
                    of_group = pool_intervals(
                        pool, expression, ALL, wanted, references, options, n=replicates, seed=seed
                    )
                    every.ends.update(of_group.ends)
                    every.corrected.update(of_group.corrected)
        advance(1)
    return every
