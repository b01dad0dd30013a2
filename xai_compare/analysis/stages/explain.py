"""Every network's pictures, seen through every explainer, on the standard face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from xai_compare.analysis.selection import Item
from xai_compare.registry import STAGES
from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.store import MapStore, Source, digest
from xai_compare.version import VERSION

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker

RESULTS = 3
"""Raised whenever a change of the code changes maps, so that old chunks are made again."""
WORST = ("progress",)
"""What an explainer says of each of several areas, of which the greatest is kept for each picture."""


@dataclass(frozen=True)
class Chunk:
    """Some pictures of one network, to be seen through one explainer.

    Attributes:
        model, explainer: their numbers in the study.
        index: of the chunk in its store.
        items: what is explained.
        store: where the maps go.
    """

    model: int
    explainer: int
    index: int
    items: tuple[Item, ...]
    store: MapStore


@STAGES.register("explain")
class Explain(Stage):
    """Makes the maps of networks."""

    name: ClassVar[str] = "explain"
    title: ClassVar[str] = "explain"
    needs: ClassVar[tuple[str, ...]] = ("predict",)
    direct: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._chunks: dict[str, tuple[MapStore, Task]] = {}
        _ = job.worker.explainers  # A mistake in an explainer's options is told before any work.

    def plan(self) -> None:
        """Plan a source for each network and each explainer that can explain it."""
        items: dict[int, list[Item]] = self.job.stages["predict"].items  # type: ignore[attr-defined]
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

    def tasks(self) -> list[Task]:
        """Chunk by chunk, each for every network and explainer before the next one, so that pictures stay at hand."""
        return sorted((task for _, task in self._chunks.values()), key=lambda task: task.data.index)

    def run(self) -> None:
        """Make the chunks that are not made, and label the maps."""
        super().run()
        for store in dict.fromkeys(store for store, _ in self._chunks.values()):
            source = store.source
            facts = {"kind": source.kind, "model": source.name, "explainer": source.explainer, "fold": source.fold}
            store.finish({"source": source.label, **facts})

    def problem(self, task: Task) -> str:
        """See `Stage.problem`; a chunk that must be made again is taken for not made from then on."""
        store = self._chunks[task.key][0]
        problem = store.problem(task.data.index, task.fingerprint)
        if problem:
            store.forget(task.data.index)
        return problem

    @staticmethod
    def load(worker: Worker, task: Task) -> None:
        """Decode the pictures of a chunk."""
        worker.inputs(task.data.model, task.images)

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Explain a chunk: its standardized maps, float32 ``(n, 275, 224)``, and the facts of its record."""
        from xai_compare.runs.worker import explain

        chunk: Chunk = task.data
        items, model = chunk.items, worker.model(chunk.model)
        pictures, landmarks = worker.inputs(chunk.model, task.images)
        explainer, targets = worker.explainers[chunk.explainer], [item.target for item in items]
        with worker.counting(model, task.key, task.size, task.size * explainer.forwards(model)):
            made = explain(explainer, model, pictures, landmarks, targets)
        result = made.explanation
        flat = result.maps.reshape(len(items), -1)
        columns: dict[str, list[Any]] = {
            "low": [float(value) for value in flat.min(1)],
            "high": [float(value) for value in flat.max(1)],
            "reason": list(result.reasons),
        }
        for key, values in result.extras.items():
            if np.ndim(values) == 1 and len(values) == len(items):
                columns[key] = np.asarray(values).tolist()
            elif key in WORST and np.ndim(values) == 2 and len(values) == len(items):
                columns[key] = np.asarray(values).max(1).tolist()
        return made.maps, {"columns": columns, "explain_seconds": made.seconds}

    @staticmethod
    def store(directory: Path, task: Task, outcome: Any, seconds: float) -> None:
        """Write a chunk's maps and its record."""
        maps, facts = outcome
        chunk: Chunk = task.data
        store = MapStore(directory, chunk.store.source, [], size=chunk.store.size)
        store.write(chunk.index, maps, {**facts, "seconds": seconds, "fingerprint": task.fingerprint})

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
        facts = [facts_of(item, pictures.rows.loc[item.image]) for item in items]
        parts = [tuple(items[part]) for part in MapStore(self.job.directory, source, facts).chunks]
        prints = [self._fingerprint(number, explainer, part) for part in parts]
        store = self.job.add_store(source, facts, prints)
        for index, (part, fingerprint) in enumerate(zip(parts, prints, strict=True)):
            chunk = Chunk(number, explainer, index, part, store.bare())
            images = tuple(item.image for item in part)
            label = f"{spec.label}/{asked.label}"
            alone = self.job.worker.explainers[explainer].alone
            task = Task(f"{source.slug}:{index}", fingerprint, chunk, len(part), label, images, alone)
            self._chunks[task.key] = (store, task)

    def _fingerprint(self, number: int, explainer: int, items: Sequence[Item]) -> str:
        """A hash of all that a chunk's maps depend on."""
        worker = self.job.worker
        made, spec = worker.explainers[explainer], self.job.study.images
        settings = [made.name, made.results, made.options.model_dump(mode="json"), spec.margin, spec.predictor]
        inputs = [(asdict(item), self.job.pictures.sha256(item.image)) for item in items]
        return digest([RESULTS, VERSION, worker.identity(number), settings, inputs])


def facts_of(item: Item, row: Any) -> dict[str, Any]:
    """What tables know of the map of an item, whose row of the manifest is given."""
    pair = item.target if isinstance(item.target, tuple) else (item.target, "")
    target = {"target": pair[0], "against": pair[1]}
    return {**asdict(item), **target, "subject": str(row["subject"]), "dataset": str(row["dataset"])}
