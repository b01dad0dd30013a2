"""The regions in which pictures are known to differ, as a source: the right answer, where there is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from xai_compare.analysis.inputs.drawn_maps import file_hash, standardized, whole_fingerprint
from xai_compare.analysis.predict.selection import labelled_facts
from xai_compare.errors import InputError
from xai_compare.images import read_image
from xai_compare.registry import STAGES
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.stage import Task
from xai_compare.runs.store import Source

if TYPE_CHECKING:
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker


@STAGES.register("regions")
class Regions(MapStage):
    """Stores the region of each picture whose manifest row names one (white: where it really differs)."""

    name: ClassVar[str] = "regions"
    title: ClassVar[str] = "known regions"
    needs: ClassVar[tuple[str, ...]] = ("predict",)
    always: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        rows = job.pictures.rows
        self._files = {str(image): self._file(str(image)) for image in rows.index[rows["region"] != ""]}

    def plan(self) -> None:
        """Plan the source, if any picture that was looked at has a region."""
        pictures = self.job.pictures
        images = [image for image in self._files if pictures.sha256(image) and not pictures.reason(image)]
        if images:
            simulated = any(pictures.rows.at[image, "dataset"] == "simulated" for image in images)
            items = labelled_facts(self.job.study, pictures.rows, images)
            whole = whole_fingerprint(pictures, [file_hash(self._files[image]) for image in images], items)
            self.plan_source(Source("known", "region", simulated=simulated), items, lambda part: whole)

    def fill(self, task: Task) -> Task:
        """Send along the files, and the sizes that they must have."""
        files = [(str(self._files[image]), self.job.pictures.shape(image)) for image in task.images]
        return replace(task, data=replace(task.data, data=files))

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """The regions of a chunk's pictures, 1 inside and 0 outside, on the standard face."""
        return standardized(
            worker, task, [(_region(Path(file), shape), {"reason": ""}) for file, shape in task.data.data]
        )

    def _file(self, image: str) -> Path:
        spec = self.job.study.images
        root = spec.root or spec.folder or Path()
        path = root / str(self.job.pictures.rows.at[image, "region"])
        if not spec.allow_outside and not path.resolve().is_relative_to(root.resolve()):
            hint = "say allow_outside: true"
            raise InputError(f"the region of {image!r} lies outside the root", where=path, hint=hint)
        return path


def _region(file: Path, shape: tuple[int, int]) -> np.ndarray:
    region = (read_image(file).mean(2) > 127).astype(np.float32)
    if region.shape != shape:
        raise InputError(f"the region is {region.shape}, its picture {shape}", where=file)
    return region
