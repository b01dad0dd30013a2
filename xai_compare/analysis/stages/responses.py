"""What people answered, trial by trial, beside what networks answered: do they err on the same pictures?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.people import People
    from xai_compare.analysis.stages.predict import Predict
    from xai_compare.runs.job import Job

RESULTS = 1
"""Raised whenever a change of the code changes the table."""


class Asked(BaseModel):
    """People's answers, where no human source holds them; a file name alone will do."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

    file: str = Field(
        description="delimited text with the columns `participant`, `image` and `response` (or `correct`), a row for "
        "each trial"
    )
    name: str = Field("responses", pattern=r"^[^/\\]+$", description="what these people are called")
    simulated: bool = Field(False, description="whether the answers are simulated")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"file": value} if isinstance(value, str) else value

    def resolve(self, base: Path) -> None:
        """Make the file start from ``base``."""
        self.file = str(base / Path(self.file).expanduser())


@STAGES.register("responses")
class Responses(Summary):
    """Writes the table ``error_consistency``, where people's answers are known."""

    name: ClassVar[str] = "responses"
    title: ClassVar[str] = "answers of people and networks"
    needs: ClassVar[tuple[str, ...]] = ("predict", "people")
    Options: ClassVar[type[BaseModel] | None] = Asked

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        from xai_compare.human.responses import read_responses  # A mistake in the file is told before any work.

        self._given: pd.DataFrame | None = None
        if self.options is not None:
            self._given = read_responses(self.options.file, list(job.pictures.rows.index))

    @classmethod
    def wanted(cls, study: Any) -> bool:
        """Whether there are people, in whose data answers may stand, or answers are named."""
        return bool(study.human) or study.stage_options(cls.name) is not None

    def fingerprint(self) -> str:
        """Of the answers of people and networks."""
        asked = None if self.options is None else self.options.model_dump(mode="json")
        answers = [(name, table.to_csv(index=False)) for name, table in self._answers().items()]
        predict: Predict = self.job.stages["predict"]  # type: ignore[assignment]
        return digest([RESULTS, asked, answers, predict.predictions().to_csv(index=False), self.job.study.seed])

    def files(self) -> Sequence[str]:
        """The table, if anybody's answers are known."""
        return ["tables/error_consistency.csv", "tables/error_consistency.parquet"] if self._answers() else []

    def inputs(self) -> list[str]:
        """The file that the study names."""
        return [] if self.options is None else [self.options.file]

    def run(self) -> None:
        """Write the table, if anybody's answers are known."""
        if self._answers():
            super().run()

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the table."""
        from xai_compare.analysis.responses import error_consistency_table

        predict: Predict = self.job.stages["predict"]  # type: ignore[assignment]
        simulated = {f"human/{spec.name}" for spec in self.job.study.human if spec.simulated}
        if self.options is not None and self.options.simulated:
            simulated.add(f"human/{self.options.name}")
        table = error_consistency_table(predict.predictions(), self._answers(), simulated, self.job.study.seed)
        self.job.write_tables({"error_consistency": table})

    def _answers(self) -> dict[str, pd.DataFrame]:
        """By people, ``participant, image, response, right``."""
        from xai_compare.human.responses import responses_of

        people: People = self.job.stages["people"]  # type: ignore[assignment]
        images = list(self.job.pictures.rows.index)
        found = {f"human/{crowd.spec.name}": responses_of(crowd.points, images) for crowd in people.crowds}
        if self._given is not None and self.options is not None:
            found[f"human/{self.options.name}"] = self._given
        return {name: table for name, table in found.items() if len(table)}
