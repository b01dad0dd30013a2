"""The stage that tests scores, picture by picture and of mean maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import BaseModel, Field

from xai_compare.analysis.people import People
from xai_compare.analysis.predict import Predict
from xai_compare.analysis.scores import Scores
from xai_compare.comparison import METRICS
from xai_compare.errors import InputError, nearest
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.validation import Strict

if TYPE_CHECKING:
    from xai_compare.runs.job import Job

OF_PICTURES = ("anova", "mixed", "tukey", "equivalence", "decisions", "geometry", "where", "power", "units", "noise")
"""Tests of single pictures, each in a table called ``tests_...``."""
OF_MEAN_MAPS = ("ceiling", "anova", "tukey")


class TestsOptions(Strict):
    """Tests of the scores of single pictures and of mean maps, and the human ceiling."""

    __test__ = False
    margin: float = Field(0.05, gt=0, description="the smallest difference of scores that would matter")
    pairs: list[tuple[str, str]] = Field(
        [],
        description="sources, such as `[mine/cam, mine/lime]`, for which it is tested where on the face they differ, "
        "and how many pictures would tell them apart; by default the first two explainers of the first network",
    )
    permutations: int = Field(500, ge=20, le=100_000, description="random signs for the map of differences")
    sizes: list[int] = Field([10, 20, 50, 100, 200], min_length=1, description="numbers of pictures for the power")
    studies: int = Field(500, ge=50, le=100_000, description="studies drawn for each of them, and draws for each unit")
    metric: str = Field("dice", description="the score of mean maps that is compared over explainers")
    splits: int = Field(100, ge=1, le=100_000, description="random halvings of the people, for the human ceiling")


@STAGES.register("tests")
class Tests(TableStage):
    """Writes the tables ``tests_...`` of single pictures, and ``ceiling``, ``anova`` and ``tukey``."""

    __test__ = False
    name: ClassVar[str] = "tests"
    title: ClassVar[str] = "further tests"
    needs: ClassVar[tuple[str, ...]] = ("predict", "people", "points", "scores", "faithfulness")
    Options: ClassVar[type[BaseModel] | None] = TestsOptions
    uses_maps: ClassVar[bool] = True
    writes: ClassVar[tuple[str, ...]] = (*(f"tests_{name}" for name in OF_PICTURES), *OF_MEAN_MAPS)

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        study = job.study
        METRICS.get(self.options.metric)
        labels = [f"{model.name}/{explainer.label}" for model in study.models for explainer in study.explainers]
        labels += [f"human/{one.name}" for one in study.human]
        for name in [name for pair in self.options.pairs for name in pair]:
            if name not in labels:
                raise InputError(f"no source is called {name!r}", where="tests.pairs", hint=nearest(name, labels))

    def depends_on(self) -> Sequence[Any]:
        """All that scores and people's maps depend on, and what is asked."""
        stores = [store for store in self.job.stores if store.source.kind == "human"]
        people = [(store.source.slug, self.job.expected[store.source.slug]) for store in stores]
        faithfulness = self.job.study.stage_options("faithfulness")
        retested = None if faithfulness is None else faithfulness.model_dump(mode="json")
        return [self.job.get(Scores).fingerprint(), retested, self.options.model_dump(mode="json"), people]

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """The tables of single pictures, then those of mean maps and people."""
        from xai_compare.analysis.tests.mean_maps import mean_map_tests
        from xai_compare.analysis.tests.tables import picture_tests

        job = self.job
        faithfulness = job.directory / "tables" / "faithfulness.parquet"
        again = pd.read_parquet(faithfulness) if faithfulness.exists() else pd.DataFrame()
        known, predictions = job.get(Scores).known_images(), job.get(Predict).predictions()
        tables = picture_tests(job.study, job.stores, known, predictions, again, self.options)
        scores = pd.read_parquet(job.directory / "tables" / "scores.parquet")
        groups = job.get(People).groups
        return tables | mean_map_tests(job.study, scores, job.stores, groups, job.pictures, self.options)
