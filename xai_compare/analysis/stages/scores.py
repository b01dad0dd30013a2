"""How alike the sources are: scores with their intervals and nulls, and the dendrograms in numbers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xai_compare.analysis.scoring import study_masks, study_metrics, tables
from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import content, digest, load

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line

RESULTS = 5
"""Raised whenever a change of the code changes scores."""


@STAGES.register("scores")
class Scores(Summary):
    """Compares the heatmaps with masks, people and one another."""

    name: ClassVar[str] = "scores"
    title: ClassVar[str] = "scores and intervals"
    needs: ClassVar[tuple[str, ...]] = ("heatmaps", "points")
    uses_maps: ClassVar[bool] = True

    def __init__(self, job: Any) -> None:
        super().__init__(job)
        study_masks(job.study)  # A mistake in masks or metrics is told before any work.
        study_metrics(job.study)

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """The intervals; the scores themselves take a moment."""
        from xai_compare.analysis.calibration import interval_seconds

        study = costs.study
        seconds = interval_seconds(study_metrics(study), costs.sources, costs.images, study.compare.bootstrap)
        return [costs.whole("scores and intervals", costs.groups * seconds)]

    def fingerprint(self) -> str:
        """Of the heatmaps, the masks and what the study says of comparisons."""
        study, stages = self.job.study, self.job.stages
        masks = content(Path(study.masks)) if isinstance(study.masks, Path) else study.masks
        before = stages["heatmaps"].fingerprint()  # type: ignore[attr-defined]
        return digest([RESULTS, before, masks, study.compare.model_dump(mode="json"), study.seed])

    def files(self) -> Sequence[str]:
        """The tables."""
        return [
            f"tables/{name}.{suffix}"
            for name in ("scores", "merges", "nulls", "known_images")
            for suffix in ("csv", "parquet")
        ]

    def steps(self) -> int:
        """One for each expression."""
        return int(load(self.job.directory / "heatmaps.zarr").sizes["expression"])

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        heatmaps = load(self.job.directory / "heatmaps.zarr")
        self.job.write_tables(tables(self.job.study, self.job.stores, heatmaps, advance))
