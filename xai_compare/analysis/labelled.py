"""Maps of whole pictures, such as people's, as sources: cut and warped as the pictures are, grouped by their labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from xai_compare.analysis.selection import pair_name
from xai_compare.errors import InputError
from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.store import MapStore, Source, content, digest

if TYPE_CHECKING:
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker

Drawn = tuple[np.ndarray, dict[str, Any]]
"""A map of a whole picture, float32 ``(h, w)``, and what the record says of it."""


@dataclass(frozen=True)
class Whole:
    """A chunk of pictures whose maps are to be drawn.

    Attributes:
        index: of the chunk in its store.
        store: where the maps go.
        what: what they are drawn from.
    """

    index: int
    store: MapStore
    what: Any = None


class LabelledStage(Stage):
    """A stage whose maps come from outside: it draws maps of whole pictures, the rest is done here."""

    direct: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._planned: dict[str, tuple[MapStore, Task]] = {}

    @staticmethod
    @abstractmethod
    def draw(worker: Worker, task: Task) -> list[Drawn]:
        """The maps of a chunk's pictures, in their order."""

    @staticmethod
    def chunk(index: int, store: MapStore) -> Whole:
        """What a task is of."""
        return Whole(index, store.bare())

    def plan_source(self, source: Source, images: Sequence[str], inputs: Sequence[Any]) -> None:
        """Plan a source with a map of each image; ``inputs`` is what the maps depend on besides the pictures."""
        pictures = self.job.pictures
        items = [self._item(image) for image in images]
        hashes = [pictures.sha256(image) for image in images]
        whole = digest([list(inputs), items, hashes, pictures.spec.margin])
        parts = MapStore(self.job.directory, source, items).chunks
        store = self.job.add_store(source, items, [whole] * len(parts))
        for index, part in enumerate(parts):
            some = tuple(images[part])
            task = Task(f"{source.slug}:{index}", whole, Whole(index, store.bare()), len(some), source.label, some)
            self._planned[task.key] = (store, task)

    def tasks(self) -> list[Task]:
        """A task for each chunk."""
        return [task for _, task in self._planned.values()]

    def run(self) -> None:
        """Make the chunks that are not made, and label the maps."""
        super().run()
        for store in dict.fromkeys(store for store, _ in self._planned.values()):
            kind, name = store.source.kind, store.source.name
            store.finish({"source": store.source.label, "kind": kind, "model": name, "explainer": "", "fold": ""})

    def problem(self, task: Task) -> str:
        """See `Stage.problem`."""
        return self._planned[task.key][0].problem(task.data.index, task.fingerprint)

    @classmethod
    def make(cls, worker: Worker, task: Task) -> Any:
        """Draw the maps of a chunk and bring them onto the standard face."""
        from xai_compare import faces

        drawn = cls.draw(worker, task)
        frames = [worker.pictures.frame(image) for image in task.images]
        cut = [
            faces.standardize(frame.cut(one)[None], frame.landmarks[None])[0]
            for frame, (one, _) in zip(frames, drawn, strict=True)
        ]
        stack = np.stack(cut)
        columns: dict[str, list[Any]] = {key: [facts[key] for _, facts in drawn] for key in drawn[0][1]}
        columns["low"], columns["high"] = stack.min((1, 2)).tolist(), stack.max((1, 2)).tolist()
        return stack, {"columns": columns}

    @staticmethod
    def store(directory: Path, task: Task, outcome: Any, seconds: float) -> None:
        """Write a chunk's maps and its record."""
        maps, facts = outcome
        place: Whole = task.data
        store = MapStore(directory, place.store.source, [], size=place.store.size)
        store.write(place.index, maps, {**facts, "seconds": seconds, "fingerprint": task.fingerprint})

    def _item(self, image: str) -> dict[str, Any]:
        row = self.job.pictures.rows.loc[image]
        facts = {"image": image, "group": self._groups[image], "label": str(row["expression"])}
        return {**facts, "subject": str(row["subject"]), "dataset": str(row["dataset"])}

    @cached_property
    def _groups(self) -> dict[str, str]:
        """The group of each image by its label; ``""`` where it is not labelled."""
        rows = self.job.pictures.rows
        if self.job.study.images.pairs:
            pairs = zip(rows["expression"], rows["false_label"], strict=True)
            names = [pair_name(a, b) if a and b else "" for a, b in pairs]
        else:
            names = [str(name) for name in rows["expression"]]
        return dict(zip(rows.index.astype(str), names, strict=True))


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file that must be there.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        Path(path).open("rb").close()
        return content(Path(path))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None
