"""Further tables that a study can ask for: how well people agree, and whether explainers differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.people import People
    from xai_compare.analysis.stages.scores import Scores

RESULTS = 1
"""Raised whenever a change of the code changes the tables."""


@STAGES.register("statistics")
class Statistics(Summary):
    """Writes the tables ``ceiling``, ``anova`` and ``tukey``."""

    name: ClassVar[str] = "statistics"
    needs: ClassVar[tuple[str, ...]] = ("people", "scores")

    @classmethod
    def wanted(cls, study: Any) -> bool:
        """Whether the study asks for them, under ``compare``."""
        return study.compare.statistics is not None

    def fingerprint(self) -> str:
        """Of the scores and of people's data."""
        scores: Scores = self.job.stages["scores"]  # type: ignore[assignment]
        people = [
            (s.source.slug, self.job.expected[s.source.slug]) for s in self.job.stores if s.source.kind == "human"
        ]
        return digest([RESULTS, scores.fingerprint(), people])

    def files(self) -> Sequence[str]:
        """The tables."""
        return [f"tables/{name}.{suffix}" for name in ("ceiling", "anova", "tukey") for suffix in ("csv", "parquet")]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        from xai_compare.analysis.statistics import explainers_of, statistics_tables

        people: People = self.job.stages["people"]  # type: ignore[assignment]
        scores = pd.read_parquet(self.job.directory / "tables" / "scores.parquet")
        explainers = explainers_of(self.job.stores)
        pictures, grouped = self.job.pictures, people.grouped()
        self.job.write_tables(statistics_tables(self.job.study, scores, explainers, people.crowds, pictures, grouped))
