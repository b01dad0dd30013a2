"""Every network looks at the pictures until it has as many as the study wants of each expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from xai_compare.analysis.predict.selection import PREDICTIONS, Item, Selector, shuffled
from xai_compare.files import slug
from xai_compare.models.outputs import remark_on_outputs
from xai_compare.registry import STAGES
from xai_compare.runs.progress import batches
from xai_compare.runs.stage import Stage, Task

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker

BATCH = 32
"""Pictures that go through a network together."""


@STAGES.register("predict")
class Predict(Stage):
    """Finds faces, asks every network what it sees, and chooses the pictures that each explains.

    Attributes:
        items: by the network's number, what it explains.
    """

    name: ClassVar[str] = "predict"
    title: ClassVar[str] = "faces and predictions"
    always: ClassVar[bool] = True
    first: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.items: dict[int, list[Item]] = {}
        self.selectors: list[Selector] = []

    def run(self) -> None:
        """Load every network, then go through the pictures."""
        self._load()
        candidates = [set(selector.candidates()) for selector in self.selectors]
        wanted = set().union(*candidates)
        shuffled_images = shuffled([str(i) for i in self.job.pictures.rows.index], self.job.study.seed)
        order = [image for image in shuffled_images if image in wanted]
        parts = list(batches(order, BATCH))

        def todo() -> Iterator[Task]:
            for number, part in enumerate(parts):
                unknown = {
                    n: [image for image in part if image in candidates[n] and selector.unknown(image)]
                    for n, selector in enumerate(self.selectors)
                    if not selector.full
                }
                data = {n: images for n, images in unknown.items() if images}
                yield Task(str(number), "", data, len(part), images=tuple(part))

        if not parts:
            return
        with self.job.stage(self.name, self.title, len(order)) as advance:
            # In order, for whether a network still wants pictures depends on those that it was shown before.
            for task, value, failure in self.job.map(Predict, todo(), ordered=True):
                if failure or value is None:
                    self.job.set_aside(task, failure)
                    continue
                self._take(parts[int(task.key)], candidates, *value[0])
                advance(task.size)
                if all(selector.full for selector in self.selectors):
                    break
        self.items = {number: selector.items() for number, selector in enumerate(self.selectors)}
        for selector in self.selectors:
            if warning := selector.contradiction():
                self.job.say(f"{selector.spec.label}: {warning}, or ask `xai-compare check-model`")

    def predictions(self) -> pd.DataFrame:
        """What every network said of every picture that it was shown."""
        frames = [selector.predictions() for selector in self.selectors]
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(PREDICTIONS))

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Find the faces of pictures, and let networks classify them: what was found, and the probabilities."""
        images = list(dict.fromkeys(image for some in task.data.values() for image in some))
        usable, found = worker.pictures.examine(images)
        worker.pictures.learn(found, write=False)
        outputs = {}
        for number, some in task.data.items():
            seen = [image for image in some if image in usable]
            if seen:
                outputs[number] = dict(zip(seen, _probabilities(worker, number, seen), strict=True))
        return found, outputs

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Finding the face of every picture, and one pass of each network."""
        return [
            costs.line(one, "faces, predictions", one.looked, one.looked, one.looked * (one.forward + costs.detection))
            for one in costs.networks
        ]

    def _load(self) -> None:
        """Load every network: a mistake in the last one is told before any work."""
        job = self.job
        if not job.study.models:
            return
        with job.stage("load models", "load networks", len(job.study.models)) as advance:
            for number, spec in enumerate(job.study.models):
                model = job.worker.model(number)
                job.described[spec.label] = job.worker.description(number)
                if (remark := remark_on_outputs(model)) is not None:
                    job.say(f"{spec.label}: {remark}")
                journal = job.directory / "predictions" / f"{slug(spec.label)}.jsonl"
                identity = job.worker.identity(number)
                self.selectors.append(Selector(job.study, job.pictures, spec, model.classes, journal, identity))
                job.pictures.serve([model.input.size])
                advance(1)

    def _take(
        self,
        part: Sequence[str],
        candidates: Sequence[set[str]],
        found: dict[str, Any],
        outputs: dict[int, dict[str, list[float]]],
    ) -> None:
        """Learn what a part came to, for the networks that still want pictures; others might have been asked ahead."""
        open_ones = [(number, one) for number, one in enumerate(self.selectors) if not one.full]
        wanted_images = {image for number, _ in open_ones for image in part if image in candidates[number]}
        self.job.pictures.learn({image: record for image, record in found.items() if image in wanted_images})
        for number, one in open_ones:
            one.remember(outputs.get(number, {}))
            one.take([image for image in part if image in candidates[number]])


def _probabilities(worker: Worker, number: int, images: Sequence[str]) -> list[list[float]]:
    pictures, _ = worker.inputs(number, images)
    # Always a full batch, so that a picture's probabilities do not depend on how many came with it.
    blank = np.zeros((max(BATCH - len(pictures), 0), *pictures.shape[1:]), np.uint8)
    outputs = worker.model(number).predict(np.concatenate([pictures, blank]), batch_size=BATCH)[: len(pictures)]
    return [[float(p) for p in row] for row in outputs]
