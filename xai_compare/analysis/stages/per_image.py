"""Networks against people, picture by picture, with people's own ceiling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.scores import Scores

RESULTS = 2
"""Raised whenever a change of the code changes the table."""


@STAGES.register("per_image")
class PerImage(Summary):
    """Writes the table ``per_image``."""

    name: ClassVar[str] = "per_image"
    title: ClassVar[str] = "scores of single pictures"
    needs: ClassVar[tuple[str, ...]] = ("points", "scores")
    uses_maps: ClassVar[bool] = True

    @classmethod
    def wanted(cls, study: Any) -> bool:
        """Whether the study has people."""
        return bool(study.human)

    def fingerprint(self) -> str:
        """Of all that scores depend on, people's points among it."""
        scores: Scores = self.job.stages["scores"]  # type: ignore[assignment]
        return digest([RESULTS, scores.fingerprint()])

    def files(self) -> Sequence[str]:
        """The table."""
        return ["tables/per_image.csv", "tables/per_image.parquet"]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the table."""
        from xai_compare.analysis.attention import per_image
        from xai_compare.analysis.intervals import StoredMaps

        study = self.job.study
        maps = StoredMaps(self.job.stores, study.compare.scaling)
        options = {"dice": {"threshold": study.compare.thresholds.dice}}
        self.job.write_tables({"per_image": per_image(maps, self.job.stores, options)})
