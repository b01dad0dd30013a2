"""Which of two sources scores higher, on the images that both explain."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest, load

if TYPE_CHECKING:
    from xai_compare.analysis.stages.scores import Scores
    from xai_compare.runs.estimate import Costs, Line

RESULTS = 1
"""Raised whenever a change of the code changes the table."""


@STAGES.register("differences")
class Differences(Summary):
    """Writes the table ``differences``."""

    name: ClassVar[str] = "differences"
    title: ClassVar[str] = "differences between sources"
    needs: ClassVar[tuple[str, ...]] = ("heatmaps", "scores")
    uses_maps: ClassVar[bool] = True

    @classmethod
    def wanted(cls, study: Any) -> bool:
        """Whether there are two networks or explainers, and intervals are asked for."""
        return bool(study.compare.bootstrap) and len(study.models) * len(study.explainers) > 1

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Every two sources of networks, expression by expression."""
        from xai_compare.analysis.calibration import difference_seconds

        explained = sum(not one.refusal for network in costs.networks for one in network.explainers)
        seconds = difference_seconds(explained, costs.images, costs.study.compare.bootstrap)
        return [costs.whole("differences between sources", (costs.groups - 1) * seconds)]

    def fingerprint(self) -> str:
        """Of all that scores depend on."""
        scores: Scores = self.job.stages["scores"]  # type: ignore[assignment]
        return digest([RESULTS, scores.fingerprint()])

    def files(self) -> Sequence[str]:
        """The table."""
        return ["tables/differences.csv", "tables/differences.parquet"]

    def steps(self) -> int:
        """One for each expression."""
        return int(load(self.job.directory / "heatmaps.zarr").sizes["expression"]) - 1

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the table."""
        from xai_compare.analysis.differences import differences

        heatmaps = load(self.job.directory / "heatmaps.zarr")
        known = pd.read_parquet(self.job.directory / "tables" / "known_images.parquet")
        table = differences(self.job.study, self.job.stores, heatmaps, known, advance)
        self.job.write_tables({"differences": table})
