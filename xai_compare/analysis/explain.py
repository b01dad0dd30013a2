"""Every network's pictures, seen through every explainer, on the standard face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np

from xai_compare.analysis.predict import Predict
from xai_compare.analysis.predict.selection import Item, map_facts
from xai_compare.files import digest
from xai_compare.registry import STAGES
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.stage import Task
from xai_compare.runs.store import Source
from xai_compare.version import VERSION

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker

RESULTS = 3
"""Raised whenever a change of the code changes maps, so that old chunks are made again."""
WORST = ("progress",)
"""What an explainer says of each of several areas, of which the greatest is kept for each picture."""


class Explained(NamedTuple):
    """What a chunk is made from: the numbers of network and explainer in the study, and what is explained."""

    model: int
    explainer: int
    items: tuple[Item, ...]


@STAGES.register("explain")
class Explain(MapStage):
    """Makes the maps of networks."""

    name: ClassVar[str] = "explain"
    title: ClassVar[str] = "explain"
    needs: ClassVar[tuple[str, ...]] = ("predict",)
    always: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        _ = job.worker.explainers  # A mistake in an explainer's options is told before any work.

    def plan(self) -> None:
        """Plan a source for each network and each explainer that can explain it."""
        items = self.job.get(Predict).items
        for number, spec in enumerate(self.job.study.models):
            for explainer, asked in enumerate(self.job.study.explainers):
                targets = [item.target for item in items.get(number, [])] or "predicted"
                why = self.job.worker.explainers[explainer].refuses(self.job.worker.model(number), targets)
                if why:
                    name = f"{spec.label}/{asked.label}"
                    self.job.refused.append({"source": name, "reason": why})
                    self.job.say(f"{name}: left out; {why}")
                elif items.get(number):
                    self._plan(number, explainer, items[number])

    @staticmethod
    def load(worker: Worker, task: Task) -> None:
        """Decode the pictures of a chunk."""
        worker.inputs(task.data.data.model, task.images)

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Explain a chunk: its standardized maps, float32 ``(n, 275, 224)``, and the facts of its record."""
        from xai_compare.explainers.explained import explain_faces

        number, explainer_number, items = task.data.data
        model, explainer = worker.model(number), worker.explainers[explainer_number]
        pictures, landmarks = worker.inputs(number, task.images)
        targets = [item.target for item in items]
        with worker.counting(model, task.key, task.size, task.size * explainer.forwards(model)):
            made = explain_faces(explainer, model, pictures, landmarks, targets)
        result = made.explanation
        flat = result.maps.reshape(len(items), -1)
        columns: dict[str, list[Any]] = {
            "low": [float(value) for value in flat.min(1)],
            "high": [float(value) for value in flat.max(1)],
            "reason": list(result.reasons),
        }
        for key, values in result.extras.items():
            if isinstance(values, list):
                continue
            if np.ndim(values) == 1 and len(values) == len(items):
                columns[key] = np.asarray(values).tolist()
            elif key in WORST and np.ndim(values) == 2 and len(values) == len(items):
                columns[key] = np.asarray(values).max(1).tolist()
        return made.maps, {"columns": columns, "explain_seconds": made.seconds}

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Each explainer's forward passes."""
        lines = []
        for one in costs.networks:
            for asked in one.explainers:
                if asked.refusal:
                    lines.append(costs.line(one, f"{asked.label} (left out: {asked.refusal})"))
                else:
                    passes, count = asked.passes, one.pictures
                    lines.append(
                        costs.line(one, asked.label, count, count * passes, count * asked.seconds, costs.stored(count))
                    )
        return lines

    def _plan(self, number: int, explainer: int, items: Sequence[Item]) -> None:
        spec, asked, pictures = self.job.study.models[number], self.job.study.explainers[explainer], self.job.pictures
        simulated = any(pictures.rows.at[item.image, "dataset"] == "simulated" for item in items)
        source = Source("model", spec.name, str(asked.label), spec.fold or "", simulated)
        worker, label = self.job.worker, f"{spec.label}/{asked.label}"
        self.plan_source(
            source,
            [map_facts(item, pictures.rows.loc[item.image]) for item in items],
            lambda part: self._fingerprint(number, explainer, items[part]),
            data=lambda part: Explained(number, explainer, tuple(items[part])),
            label=label,
            alone=worker.explainers[explainer].alone,
        )

    def _fingerprint(self, number: int, explainer: int, items: Sequence[Item]) -> str:
        """A hash of all that a chunk's maps depend on."""
        worker = self.job.worker
        made, spec = worker.explainers[explainer], self.job.study.images
        settings = [made.name, made.results, made.options.model_dump(mode="json"), spec.margin, spec.predictor]
        inputs = [(asdict(item), self.job.pictures.sha256(item.image)) for item in items]
        return digest([RESULTS, VERSION, worker.identity(number), settings, inputs])
