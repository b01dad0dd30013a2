"""The means of maps: heatmaps of every source, by training and expression, and the mean face."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from xai_compare.analysis.averaging import mean_face, write_heatmaps
from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

RESULTS = 4
"""Raised whenever a change of the code changes heatmaps."""


@STAGES.register("heatmaps")
class Heatmaps(Summary):
    """Averages the maps of every source."""

    name: ClassVar[str] = "heatmaps"
    needs: ClassVar[tuple[str, ...]] = ("people", "regions", "explain", "maps")
    uses_maps: ClassVar[bool] = True

    def fingerprint(self) -> str:
        """Of the stored maps and how they are scaled."""
        stores = [(store.source.slug, store.source.simulated, store.items, store.state()) for store in self.job.stores]
        return digest([RESULTS, self.job.study.compare.scaling, stores])

    def files(self) -> Sequence[str]:
        """The array of heatmaps."""
        return ["heatmaps.zarr"]

    def steps(self) -> int:
        """One for each source."""
        return len(self.job.stores)

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the heatmaps."""
        stores = self.job.stores
        if not any(fingerprint for store in stores for fingerprint, _ in store.state()):
            self.job.nothing()
        used = list(dict.fromkeys(str(item["image"]) for store in stores for item in store.items))
        face = mean_face(self.job.pictures, used)
        write_heatmaps(self.job.directory / "heatmaps.zarr", stores, self.job.study.compare.scaling, face, advance)
