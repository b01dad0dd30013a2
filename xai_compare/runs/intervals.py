"""Bootstrap intervals over images for a run's scores, its maps read chunk by chunk.

Beyond `MANY` images of a group, not single images are drawn but `BINS` bins of them, into which images fall by a hash
of their names (so that sources that saw the same images stay paired). The scores do not depend on a map's scale, so
that sums over drawn bins serve as means. The variance of a mean is the same in expectation, and neither memory nor time
grows with the square of the number of images.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xai_compare.comparison import score_intervals
from xai_compare.comparison.scores import ScoreKey
from xai_compare.faces import SHAPE
from xai_compare.heatmaps import scale
from xai_compare.runs.averaging import ALL, how, together
from xai_compare.runs.store import MapStore

MANY = 600
"""Images of a group beyond which bins of images are drawn."""
BINS = 500


@dataclass
class GroupMaps:
    """The scaled, defined maps of one source and expression: a read-only array ``(m, 275, 224)`` that is not loaded.

    Attributes:
        scaling: see `xai_compare.heatmaps.scale`.
        images: the picture of each map.
    """

    scaling: str
    images: list[str] = field(default_factory=list)
    dtype: np.dtype[np.float32] = field(default_factory=lambda: np.dtype(np.float32))
    _rows: list[tuple[MapStore, int, int, float, float]] = field(default_factory=list)
    _last: tuple[tuple[int, int], np.ndarray] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of maps, height, width."""
        return (len(self._rows), *SHAPE)

    def gather(self, stores: Sequence[MapStore], expression: str) -> GroupMaps:
        """Note where the maps of an expression (``"all"``: of every one) lie."""
        for store in stores:
            scaling = how(store, self.scaling)
            for index in range(len(store.chunks)):
                record = store.record(index) or {}
                columns = record.get("columns", {})
                for row, item in enumerate(store.items[store.chunks[index]] if columns else []):
                    low, high = float(columns["low"][row]), float(columns["high"][row])
                    undefined = bool(columns["reason"][row]) or not np.isfinite([low, high]).all()
                    undefined |= (scaling == "min_max" and high <= low) or (scaling == "positive" and high <= 0)
                    if expression in (ALL, item["group"]) and not undefined:
                        self.images.append(str(item["image"]))
                        self._rows.append((store, index, row, low, high))
        return self

    def binned(self, place: Path) -> tuple[Any, list[str]]:
        """The maps and their images; of very many, their sums in bins, kept in a file under ``place``, and the bins."""
        if len(self) <= MANY:
            return self, self.images
        sums = np.lib.format.open_memmap(place / f"{id(self)}.npy", mode="w+", dtype=np.float32, shape=(BINS, *SHAPE))
        bins = [int(hashlib.sha256(image.encode()).hexdigest(), 16) % BINS for image in self.images]
        for index, number in enumerate(bins):
            sums[number] += self[index : index + 1][0]
        return sums, [f"bin {number}" for number in range(BINS)]

    def __len__(self) -> int:
        return len(self._rows)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self[:]

    def __getitem__(self, part: slice) -> np.ndarray:
        rows = self._rows[part]
        maps = np.empty((len(rows), *SHAPE), np.float32)
        for i, (store, index, row, low, high) in enumerate(rows):
            maps[i] = scale(
                self._chunk(store, index)[row][None], np.array([low]), np.array([high]), how(store, self.scaling)
            )[0]
        return maps

    def _chunk(self, store: MapStore, index: int) -> np.ndarray:
        if self._last is None or self._last[0] != (id(store), index):
            self._last = ((id(store), index), store.read(index))
        return self._last[1]


def intervals(
    stores: Sequence[MapStore],
    masks: Mapping[str, np.ndarray],
    expressions: Sequence[str],
    *,
    scaling: str,
    replicates: int,
    seed: int,
    dice_threshold: float,
    advance: Callable[[int], None],
) -> dict[ScoreKey, tuple[float, float]]:
    """95 % intervals by (metric, a, b, expression, fold "all"); see `xai_compare.comparison.score_intervals`.

    Args:
        stores: the maps of every source; trainings of one network are taken together.
        masks: boolean ``(275, 224)`` by expression.
        expressions: the groups to go through; ``"all"`` is every map.
        scaling: how networks' maps are scaled before they are averaged.
        replicates: how many; 0 gives no intervals.
        seed: of the draws.
        dice_threshold: in 0..255.
        advance: called once an expression.
    """
    found: dict[ScoreKey, tuple[float, float]] = {}
    trainings = together(stores)
    for expression in expressions:
        with tempfile.TemporaryDirectory(dir=stores[0].run, prefix=".bins-") as place:
            gathered = {label: GroupMaps(scaling).gather(mine, expression) for label, mine in trainings.items()}
            groups = {label: maps.binned(Path(place)) for label, maps in gathered.items() if len(maps) and replicates}
            if groups:
                found |= score_intervals(
                    {label: maps for label, (maps, _) in groups.items()},
                    {label: images for label, (_, images) in groups.items()},
                    expression,
                    mask=masks.get(expression),
                    dice_threshold=dice_threshold,
                    n=replicates,
                    seed=seed,
                )
        advance(1)
    return found
