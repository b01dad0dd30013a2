"""What people answered, trial by trial, beside what networks answered: do they err on the same pictures?"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, model_validator

from xai_compare.analysis.people import People
from xai_compare.analysis.predict import Predict
from xai_compare.comparison.registry import FEW
from xai_compare.comparison.statistics.decisions import MEAN, POOLED, Consistency, kappas
from xai_compare.human.point_tables import expression_of
from xai_compare.human.responses import read_responses, responses_of
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.study import Study
from xai_compare.validation import Strict

if TYPE_CHECKING:
    from xai_compare.runs.job import Job

CONSISTENCY_COLUMNS = (
    "measure",
    "a",
    "b",
    "participant",
    "kappa",
    "ci_low",
    "ci_high",
    "observed",
    "expected",
    "trials",
    "images",
    "note",
)
ERRORS, ANSWERS = "error_consistency", "answers"
NEVER_ERRS = "one side is always right, or always wrong: kappa is 0 whatever the other does"
MOST_PEOPLE = 25
"""People up to which every two of them are compared with one another."""


class ResponsesOptions(Strict):
    """People's answers, where no human source holds them; a file name alone will do."""

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
class Responses(TableStage):
    """Writes the table ``error_consistency``, where people's answers are known."""

    name: ClassVar[str] = "responses"
    title: ClassVar[str] = "answers of people and networks"
    needs: ClassVar[tuple[str, ...]] = ("predict", "people")
    writes: ClassVar[tuple[str, ...]] = ("error_consistency",)
    Options: ClassVar[type[BaseModel] | None] = ResponsesOptions

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._from_file: pd.DataFrame | None = None
        if self.options is not None:
            self._from_file = read_responses(self.options.file, list(job.pictures.rows.index))

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether there are people, in whose data answers may stand, or answers are named."""
        return bool(study.human) or study.stage_options(cls.name) is not None

    def depends_on(self) -> Sequence[Any]:
        """The answers of people and networks."""
        options = None if self.options is None else self.options.model_dump(mode="json")
        answers = [(name, table.to_csv(index=False)) for name, table in self._answers().items()]
        return [options, answers, self.job.get(Predict).predictions().to_csv(index=False), self.job.study.seed]

    def files(self) -> Sequence[str]:
        """The table, if anybody's answers are known."""
        return super().files() if self._answers() else []

    def inputs(self) -> list[str]:
        """The file that the study names."""
        return [] if self.options is None else [self.options.file]

    def run(self) -> None:
        """Write the table, if anybody's answers are known."""
        if self._answers():
            super().run()

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """See `error_consistency_table`."""
        simulated = {f"human/{spec.name}" for spec in self.job.study.human if spec.simulated}
        if self.options is not None and self.options.simulated:
            simulated.add(f"human/{self.options.name}")
        predictions = self.job.get(Predict).predictions()
        table = error_consistency_table(predictions, self._answers(), simulated, self.job.study.seed)
        return {"error_consistency": table}

    def _answers(self) -> dict[str, pd.DataFrame]:
        """By people, ``participant, image, response, right``."""
        images = list(self.job.pictures.rows.index)
        answers = {f"human/{one.spec.name}": responses_of(one.points, images) for one in self.job.get(People).groups}
        if self._from_file is not None and self.options is not None:
            answers[f"human/{self.options.name}"] = self._from_file
        return {name: table for name, table in answers.items() if len(table)}


_Trials = dict[str, tuple[list[str], list[str], list[str]]]


def error_consistency_table(
    predictions: pd.DataFrame, answers: Mapping[str, pd.DataFrame], simulated: Collection[str] = (), seed: int = 0
) -> pd.DataFrame:
    """Cohen's kappa of every network with people, and of people with one another.

    Args:
        predictions: what each network says of each picture: ``model, image, label, predicted``.
        answers: by people, as from `xai_compare.human.responses.read_responses`.
        simulated: which of them are simulated; the note says so.
        seed: of the resamples of images.

    Returns:
        A frame of `CONSISTENCY_COLUMNS`: by network ``a`` (or people, who are compared with one another) and people
        ``b``, a row for each participant, one of their trials ``"pooled"`` and one of the ``"mean"`` over participants.
        ``error_consistency`` is of right and wrong (Geirhos et al. 2020), ``answers`` of the expressions named.
    """
    rows: list[tuple[Any, ...]] = []
    labels = _labels(predictions)
    for b, table in answers.items():
        theirs = _with_right(table, labels)
        remark = f"{b.removeprefix('human/')}: simulated" if b in simulated else ""
        for a, answers_of_network in predictions.groupby("model", sort=False):
            for measure in (ERRORS, ANSWERS):
                trials = _against(answers_of_network.set_index("image"), theirs, measure, labels)
                rows += _rows(measure, str(a), b, kappas(trials, seed=seed), trials, remark)
        if 1 < theirs["participant"].nunique() <= MOST_PEOPLE:
            for measure in (ERRORS, ANSWERS):
                trials = _among(theirs, measure)
                whole = kappas(trials, seed=seed)
                rows += _rows(measure, b, b, {MEAN: whole[MEAN]} if whole else {}, trials, remark)
    return pd.DataFrame(rows, columns=list(CONSISTENCY_COLUMNS))


def _labels(predictions: pd.DataFrame) -> dict[str, str]:
    """The label of each picture that has one."""
    known = predictions.drop_duplicates("image")
    pairs = zip(known["image"].astype(str), known["label"].fillna("").astype(str), strict=True)
    return {image: expression_of(label) for image, label in pairs if label}


def _with_right(table: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """Trials on labelled or judged pictures; what nobody says to be right is right if it is the label."""
    label = table["image"].map(labels)
    matches_label = (table["response"] == label).astype("boolean").mask((table["response"] == "") | label.isna())
    return table.assign(right=table["right"].fillna(matches_label))


def _cell(row: Any, measure: str) -> str:
    """What counts as an answer; ``""`` where there is none."""
    if measure == ANSWERS:
        return str(row.response)
    return "" if pd.isna(row.right) else ("right" if row.right else "wrong")


def _against(network: pd.DataFrame, people: pd.DataFrame, measure: str, labels: Mapping[str, str]) -> _Trials:
    """By participant, the images that both answered, and both answers."""
    results: _Trials = {}
    predicted = {str(image): expression_of(answer) for image, answer in network["predicted"].items()}
    for row in people.itertuples(index=False):
        image, theirs = str(row.image), _cell(row, measure)
        if image not in predicted or not theirs or (measure == ERRORS and image not in labels):
            continue
        own = predicted[image]
        if measure == ERRORS:
            own = "right" if own == labels[image] else "wrong"
        _add(results, str(row.participant), image, own, theirs)
    return results


def _among(people: pd.DataFrame, measure: str) -> _Trials:
    """Every two participants, on the images that both answered; of several trials of an image the first."""
    by: dict[str, dict[str, str]] = {}
    for row in people.itertuples(index=False):
        if cell := _cell(row, measure):
            by.setdefault(str(row.participant), {}).setdefault(str(row.image), cell)
    results: _Trials = {}
    for one, other in combinations(by, 2):
        for image, cell in by[one].items():
            if image in by[other]:
                _add(results, f"{one} / {other}", image, cell, by[other][image])
    return results


def _add(results: _Trials, name: str, image: str, one: str, other: str) -> None:
    for place, value in zip(results.setdefault(name, ([], [], [])), (image, one, other), strict=True):
        place.append(value)


def _rows(
    measure: str, a: str, b: str, results: Mapping[str, Consistency], trials: _Trials, remark: str
) -> Iterator[tuple[Any, ...]]:
    every = {image for images, _, _ in trials.values() for image in images}
    for name, one in results.items():
        images = len(every if name in (POOLED, MEAN) else set(trials[name][0]))
        notes = [remark] if remark else []
        if not np.isfinite(one.kappa):
            notes.append("chance alone would agree always")
        elif not np.isfinite(one.low):
            notes.append(f"{images} images are too few for an interval")
        elif measure == ERRORS and one.kappa == one.low == one.high == 0:
            notes.append(NEVER_ERRS)
        elif images < FEW:
            notes.append(f"{images} images are few: the interval may be too narrow")
        yield (measure, a, b, name, one.kappa, one.low, one.high, one.observed, one.expected, one.n, images,
               "; ".join(notes))  # fmt: skip
