"""Scores of networks that were trained several times, with trainings drawn as well as images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.scores import Scores

RESULTS = 1
"""Raised whenever a change of the code changes the table."""


@STAGES.register("trainings")
class Trainings(Summary):
    """Writes the table ``trainings``."""

    name: ClassVar[str] = "trainings"
    title: ClassVar[str] = "intervals over trainings"
    needs: ClassVar[tuple[str, ...]] = ("points", "scores")
    uses_maps: ClassVar[bool] = True

    @classmethod
    def wanted(cls, study: Any) -> bool:
        """Whether a network was trained several times, and intervals are asked for."""
        names = [spec.name for spec in study.models]
        return bool(study.compare.bootstrap) and len(set(names)) < len(names)

    def fingerprint(self) -> str:
        """Of all that scores depend on."""
        scores: Scores = self.job.stages["scores"]  # type: ignore[assignment]
        return digest([RESULTS, scores.fingerprint()])

    def files(self) -> Sequence[str]:
        """The table."""
        return ["tables/trainings.csv", "tables/trainings.parquet"]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the table."""
        from xai_compare.analysis.trainings import trainings_table

        self.job.write_tables({"trainings": trainings_table(self.job.study, self.job.stores)})
