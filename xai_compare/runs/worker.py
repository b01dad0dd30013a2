"""What one process has at hand for the tasks of a run: pictures, networks, explainers, each loaded once.

A worker is told everything it needs with each task (the study, the pictures' records), so that it may live in this
process, in another one, or on another machine; what it returns is small.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from xai_compare import explainers, models
from xai_compare.explainers.explained import create_seeded
from xai_compare.files import digest
from xai_compare.models import Model
from xai_compare.runs.face_cache import FaceCache, read_pictures
from xai_compare.runs.progress import Ticks
from xai_compare.study import Study

HELD_BYTES = 2 * 2**30
"""Weights of the networks that are held at once; beyond that the one used longest ago is let go."""
BATCH_SIZE = 32
"""FaceCache in one forward pass, unless told otherwise; it changes no result."""


class Worker:
    """One process's view of a study.

    Args:
        study: what is asked.
        device: where the networks run.
        pictures: the faces, shared with the run if the worker lives in its process.
        batch_size: pictures in one forward pass.
        allow_code: whether the study's factories may run.
    """

    def __init__(
        self,
        study: Study,
        device: str,
        pictures: FaceCache | None = None,
        batch_size: int = BATCH_SIZE,
        allow_code: bool = False,
    ) -> None:
        self.study, self.device, self.batch_size, self.allow_code = study, device, batch_size, allow_code
        self.pictures = pictures or FaceCache(study.images, read_pictures(study), None)
        self._models: OrderedDict[int, tuple[Model, dict[str, Any]]] = OrderedDict()
        self._cached: dict[str, tuple[Any, Any]] = {}
        self.ticks = Ticks()
        self._loading = Lock()

    @cached_property
    def explainers(self) -> list[explainers.Explainer]:
        """The study's explainers."""
        return [create_seeded(spec.name, spec.options, self.study.seed) for spec in self.study.explainers]

    def model(self, number: int) -> Model:
        """The study's network of that number."""
        return self._loaded(number)[0]

    def description(self, number: int) -> dict[str, Any]:
        """What the provenance says of a network."""
        return self._loaded(number)[1]

    def identity(self, number: int) -> str:
        """A hash of a network's weights, input and classes."""
        model, described = self._loaded(number)
        code = [described["code"]] if "code" in described else []  # What a factory's forward pass does is no weight.
        return digest([described["state_sha256"], asdict(model.input), model.classes, *code])

    def inputs(self, number: int, images: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Faces as a network sees them, uint8 ``(n, h, w, 3)``, and their landmarks there, ``(n, 68, 2)``."""
        cut = self.pictures.inputs(images, self.model(number).input.size)
        return np.stack([picture for picture, _ in cut]), np.stack([landmarks for _, landmarks in cut])

    def cached(self, name: str, key: Any, make: Callable[[], Any]) -> Any:
        """Something that tasks share: made for the first task with this key, let go when another key comes."""
        held = self._cached.get(name)
        if held is None or held[0] != key:
            self._cached.pop(name, None)
            held = self._cached[name] = (key, make())
        return held[1]

    @contextmanager
    def counting(self, model: Model, key: str, size: int, passes: int) -> Iterator[None]:
        """Tell how far a task is, by the pictures that a network has seen of those that it will see.

        Args:
            model: the network.
            key, size: of the task.
            passes: about how many pictures the network will see in all.
        """
        seen = 0

        def watch(pictures: int) -> None:
            nonlocal seen
            seen += pictures
            self.ticks.within(key, size, seen / max(passes, 1))

        model.engine.on_images = watch
        try:
            yield
        finally:
            model.engine.on_images = None

    @property
    def shares_nothing(self) -> bool:
        """Whether each thread can have copies of the networks; Keras's own layers share state in a process."""
        return not any(model.source.get("engine") == "keras operations" for model, _ in self._models.values())

    def clone(self) -> Worker:
        """A worker for another thread: the same pictures, networks and explainers of its own."""
        other = Worker(self.study, self.device, self.pictures, self.batch_size, self.allow_code)
        other._loading, other.ticks = self._loading, self.ticks
        return other

    def _loaded(self, number: int) -> tuple[Model, dict[str, Any]]:
        if number not in self._models:
            spec = self.study.models[number]
            how: dict[str, Any] = {"batch_size": self.batch_size, "allow_code": self.allow_code}
            with self._loading:
                model = models.load(spec.loading(), device=self.device, **how)
            self._models[number] = (model, models.describe(model))
            while len(self._models) > 1 and sum(_bytes(held) for held, _ in self._models.values()) > HELD_BYTES:
                self._models.popitem(last=False)
        self._models.move_to_end(number)
        return self._models[number]


def _bytes(model: Model) -> int:
    return sum(tensor.nbytes for tensor in model.module.state_dict().values())


@lru_cache(maxsize=1)
def worker_of(study: str, base: Path, device: str, batch_size: int, allow_code: bool) -> Worker:
    """This process's worker for a study given as text."""
    import yaml

    asked = Study.parse(yaml.safe_load(study), base=base)
    return Worker(asked, device, batch_size=batch_size, allow_code=allow_code)
