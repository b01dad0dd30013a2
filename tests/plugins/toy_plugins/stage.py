"""A stage of a run."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd
from pydantic import BaseModel

from xai_compare.files import digest
from xai_compare.runs.stage import Stage, Task


class Brightness(Stage):
    """How bright the faces are, as a network sees them."""

    name = "brightness"
    title = "brightness"
    needs = ("predict",)

    class Options(BaseModel):
        """How many pictures are looked at together."""

        model_config: ClassVar[Any] = {"extra": "forbid"}

        together: int = 2

    def tasks(self) -> list[Task]:
        """Some pictures each."""
        items = self.job.stages["predict"].items[0]  # type: ignore[attr-defined]
        images = [item.image for item in items]
        step = self.options.together
        parts = [tuple(images[start : start + step]) for start in range(0, len(images), step)]
        hashes = [[self.job.pictures.sha256(image) for image in part] for part in parts]
        return [
            Task(part[0], digest(found), None, len(part), "brightness", part)
            for part, found in zip(parts, hashes, strict=True)
        ]

    @staticmethod
    def make(worker: Any, task: Task) -> Any:
        """The mean of each picture."""
        pictures, _ = worker.inputs(0, task.images)
        return {"brightness": pictures.mean((1, 2, 3)).tolist()}

    def tables(self) -> dict[str, pd.DataFrame]:
        """A row for each picture."""
        rows = [
            (image, value)
            for task in self.tasks()
            for image, value in zip(task.images, (self.outcome(task) or {}).get("brightness", []), strict=False)
        ]
        return {"brightness": pd.DataFrame(rows, columns=["image", "brightness"])}
