"""Tests that papers need, picture by picture: do sources differ, are they equal, where, and what would show it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from xai_compare.errors import InputError, nearest
from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.predict import Predict
    from xai_compare.analysis.stages.scores import Scores
    from xai_compare.runs.job import Job

RESULTS = 1
"""Raised whenever a change of the code changes the tables."""
TABLES = ("anova", "mixed", "tukey", "equivalence", "decisions", "geometry", "where", "power", "units", "noise")


class Asked(BaseModel):
    """Further tests of the scores of single pictures."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    margin: float = Field(0.05, gt=0, description="the smallest difference of scores that would matter")
    pairs: list[tuple[str, str]] = Field(
        [],
        description="sources, such as `[mine/cam, mine/lime]`, for which it is tested where on the face they differ, "
        "and how many pictures would tell them apart; by default the first two explainers of the first network",
    )
    permutations: int = Field(500, ge=20, le=100_000, description="random signs for the map of differences")
    sizes: list[int] = Field([10, 20, 50, 100, 200], min_length=1, description="numbers of pictures for the power")
    studies: int = Field(500, ge=50, le=100_000, description="studies drawn for each of them, and draws for each unit")


@STAGES.register("tests")
class Tests(Summary):
    """Writes the tables ``tests_...``."""

    __test__ = False
    name: ClassVar[str] = "tests"
    title: ClassVar[str] = "further tests"
    needs: ClassVar[tuple[str, ...]] = ("predict", "points", "scores", "faithfulness")
    Options: ClassVar[type[BaseModel] | None] = Asked
    uses_maps: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        study = job.study
        labels = [f"{model.name}/{explainer.label}" for model in study.models for explainer in study.explainers]
        labels += [f"human/{one.name}" for one in study.human]
        for name in [name for pair in self.options.pairs for name in pair]:
            if name not in labels:
                raise InputError(f"no source is called {name!r}", where="tests.pairs", hint=nearest(name, labels))

    def fingerprint(self) -> str:
        """Of all that scores depend on, and of what is asked."""
        scores: Scores = self.job.stages["scores"]  # type: ignore[assignment]
        judged = self.job.study.stage_options("faithfulness")
        retested = None if judged is None else judged.model_dump(mode="json")
        return digest([RESULTS, scores.fingerprint(), retested, self.options.model_dump(mode="json")])

    def files(self) -> Sequence[str]:
        """The tables."""
        return [f"tables/tests_{name}.{suffix}" for name in TABLES for suffix in ("csv", "parquet")]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        from xai_compare.analysis.testing import further_tests

        predict: Predict = self.job.stages["predict"]  # type: ignore[assignment]
        known = pd.read_parquet(self.job.directory / "tables" / "known_images.parquet")
        judged = self.job.directory / "tables" / "faithfulness.parquet"
        faithfulness = pd.read_parquet(judged) if judged.exists() else pd.DataFrame()
        study, stores = self.job.study, self.job.stores
        tables = further_tests(study, stores, known, predict.predictions(), faithfulness, self.options)
        self.job.write_tables(tables)
