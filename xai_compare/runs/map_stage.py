"""Stages that make maps: chunk by chunk, each stored by whichever process made it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.store import MapStore, Source

if TYPE_CHECKING:
    from xai_compare.runs.job import Job


@dataclass(frozen=True)
class Chunk:
    """Some maps of one source that are to be made.

    Attributes:
        index: of the chunk in its store.
        store: where the maps go.
        data: what they are made from.
    """

    index: int
    store: MapStore
    data: Any = None


class MapStage(Stage):
    """A stage whose tasks are chunks of maps.

    Its `make` returns standardized maps, float32 ``(n, 275, 224)``, and the facts of the chunk's record. Maps are too
    large to be sent to the process that runs the job: one that sees the run directory calls `store` itself.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._planned: dict[str, tuple[MapStore, Task]] = {}

    def plan_source(
        self,
        source: Source,
        items: Sequence[Mapping[str, Any]],
        fingerprint: Callable[[slice], str],
        *,
        data: Callable[[slice], Any] = lambda part: None,
        label: str = "",
        alone: bool = False,
    ) -> None:
        """Plan the maps of a source.

        Args:
            source: whose maps.
            items: one for each map, see `MapStore`.
            fingerprint: of all that the maps of a part of the items depend on.
            data: what the maps of a part of the items are made from.
            label: what `status` calls the source.
            alone: see `Task`.
        """
        parts = MapStore(self.job.directory, source, items).chunks
        prints = [fingerprint(part) for part in parts]
        store = self.job.add_store(source, items, prints)
        for index, (part, one) in enumerate(zip(parts, prints, strict=True)):
            images = tuple(str(item["image"]) for item in items[part])
            chunk, key = Chunk(index, store.bare(), data(part)), f"{source.slug}:{index}"
            self._planned[key] = store, Task(key, one, chunk, len(images), label or source.label, images, alone)

    def tasks(self) -> list[Task]:
        """Chunk by chunk, each for every source before the next one, so that decoded pictures are still in memory."""
        return sorted((task for _, task in self._planned.values()), key=lambda task: task.data.index)

    def run(self) -> None:
        """Make the chunks that are not made, and label the maps."""
        if not self._planned:
            return
        super().run()
        for store in dict.fromkeys(store for store, _ in self._planned.values()):
            source = store.source
            facts = {"kind": source.kind, "model": source.name, "explainer": source.explainer, "fold": source.fold}
            store.finish({"source": source.label, **facts})

    def note(self, tasks: Sequence[Task]) -> None:
        """Nothing: `status` and `verify` find the chunks in their stores."""

    def problem(self, task: Task) -> str:
        """See `Stage.problem`; a chunk that must be made again is taken for not made from then on."""
        store = self._planned[task.key][0]
        problem = store.problem(task.data.index, task.fingerprint)
        if problem:
            # A kill between its new maps and their record would else leave the old record beside new maps.
            store.forget(task.data.index)
        return problem

    def keep(self, task: Task, outcome: Any, seconds: float) -> None:
        """Store an outcome that came back."""
        self.store(self.job.directory, task, outcome, seconds)

    @staticmethod
    def store(directory: Path, task: Task, outcome: Any, seconds: float) -> None:
        """Write a chunk's maps and its record."""
        maps, facts = outcome
        chunk: Chunk = task.data
        store = MapStore(directory, chunk.store.source, [], size=chunk.store.size)
        store.write(chunk.index, maps, {**facts, "seconds": seconds, "fingerprint": task.fingerprint})
