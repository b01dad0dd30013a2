"""The stage that compares the heatmaps with masks, people and one another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from xai_compare.analysis.heatmaps import Heatmaps
from xai_compare.analysis.scores.tables import study_masks, study_metrics, tables
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.runs.store import content

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.job import Job

RESAMPLE_SECONDS = 6e-6
"""About what an interval's resample takes on one core for every two sources; part of an estimate, never of a result."""


@STAGES.register("scores")
class Scores(TableStage):
    """Scores with their intervals and nulls."""

    name: ClassVar[str] = "scores"
    title: ClassVar[str] = "scores and intervals"
    needs: ClassVar[tuple[str, ...]] = ("heatmaps", "points")
    always: ClassVar[bool] = True
    uses_maps: ClassVar[bool] = True
    writes: ClassVar[tuple[str, ...]] = ("scores", "merges", "nulls", "known_images")
    results: ClassVar[int] = 6

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        study_masks(job.study)  # A mistake in masks or metrics is told before any work.
        study_metrics(job.study)

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """The intervals; the scores themselves take a moment."""
        pairs = costs.sources * (costs.sources + 1) / 2
        resamples = costs.groups * costs.study.compare.bootstrap
        return [costs.whole("scores and intervals", resamples * pairs * RESAMPLE_SECONDS)]

    def depends_on(self) -> Sequence[Any]:
        """The heatmaps, the masks and what the study says of comparisons."""
        study = self.job.study
        masks = content(Path(study.masks)) if isinstance(study.masks, Path) else study.masks
        before = self.job.get(Heatmaps).fingerprint()
        return [before, masks, study.compare.model_dump(mode="json"), study.seed]

    def steps(self) -> int:
        """One for each expression."""
        return int(self.job.get(Heatmaps).load().sizes["expression"])

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """See `tables`."""
        return tables(self.job.study, self.job.stores, self.job.get(Heatmaps).load(), advance)

    def known_images(self) -> pd.DataFrame:
        """The scores of single pictures against their known regions."""
        return pd.read_parquet(self.job.directory / "tables" / "known_images.parquet")
