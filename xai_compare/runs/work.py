"""What one process does: look at pictures, explain them, put the maps onto the canonical face.

A worker is told everything it needs with each task (the study, the pictures' records), so that it may live in this
process, in another one, or on another machine; what it returns is small.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from xai_compare import __version__, explainers, faces, models
from xai_compare.images import read_folder, read_manifest
from xai_compare.images.manifest import Manifest
from xai_compare.models import Model
from xai_compare.runs.faces import Faces
from xai_compare.runs.journal import digest
from xai_compare.study import ExplainerSpec, Study

RESULTS = 2
"""Raised whenever a change of the code changes maps, so that old chunks are made again."""


LOOK = 32
"""Pictures classified at once."""


WORST = ("progress",)
"""What an explainer says of each of several areas, of which the greatest is kept for each picture."""


@dataclass(frozen=True)
class Item:
    """One picture that one network explains.

    Attributes:
        image: its name in the manifest.
        group: the expression, or pair of expressions, whose heatmap it goes into.
        target: what is explained: a class, or a pair of classes (the difference of their outputs).
        label, predicted: expression by the manifest and by the network.
        probability: the network's, of the predicted class.
    """

    image: str
    group: str
    target: str | tuple[str, str]
    label: str
    predicted: str
    probability: float


@dataclass(frozen=True)
class Batch:
    """Pictures ready to be explained: uint8 ``(n, h, w, 3)``, and their landmarks there, ``(n, 68, 2)``."""

    pictures: np.ndarray
    landmarks: np.ndarray


def read_pictures(study: Study) -> Manifest:
    """The study's pictures.

    Raises:
        InputError: see `xai_compare.images.read_manifest` and `read_folder`.
    """
    spec = study.images
    if spec.folder is not None:
        return read_folder(spec.folder)
    assert spec.manifest is not None
    return read_manifest(spec.manifest, spec.root, allow_outside=spec.allow_outside)


def create_explainer(spec: ExplainerSpec, seed: int) -> explainers.Explainer:
    """The explainer of a study, seeded by the study unless its own options name a seed."""
    made = explainers.create(spec.name, **spec.options)
    if "seed" in type(made.options).model_fields and "seed" not in spec.options:
        made = explainers.create(spec.name, **spec.options, seed=seed)
    return made


class Worker:
    """One process's view of a study: pictures, explainers, and the network in use, each loaded once.

    Args:
        study: what is asked.
        device: where the networks run.
        pictures: the faces, shared with the run if the worker lives in its process.
    """

    def __init__(self, study: Study, device: str, pictures: Faces | None = None) -> None:
        self.study, self.device = study, device
        self.pictures = pictures or Faces(study.images, read_pictures(study), None)
        self.explainers = [create_explainer(spec, study.seed) for spec in study.explainers]
        self._model: tuple[int, Model, dict[str, Any]] | None = None

    def model(self, number: int) -> Model:
        """The study's network of that number; the one before it is let go."""
        return self._loaded(number)[0]

    def description(self, number: int) -> dict[str, Any]:
        """What the provenance says of a network."""
        return self._loaded(number)[1]

    def identity(self, number: int) -> str:
        """A hash of a network's weights, input and classes."""
        model, described = self._loaded(number)
        return digest([described["state_sha256"], asdict(model.input), model.classes])

    def look(self, number: int, images: Sequence[str]) -> tuple[dict[str, dict[str, Any]], dict[str, list[float]]]:
        """Find the faces of pictures and let a network classify them: what was found, and the probabilities."""
        crops, found = self.pictures.examine(images)
        self.pictures.learn(found, write=False)
        if not crops:
            return found, {}
        model = self.model(number)
        pictures = np.stack([crop.resized(model.input.size)[0] for crop in crops.values()])
        # Always a full batch, so that a picture's probabilities do not depend on how many came with it.
        blank = np.zeros((max(LOOK - len(pictures), 0), *pictures.shape[1:]), np.uint8)
        outputs = model.predict(np.concatenate([pictures, blank]), batch_size=LOOK)[: len(pictures)]
        return found, {image: [float(p) for p in row] for image, row in zip(crops, outputs, strict=True)}

    def load(self, number: int, items: Sequence[Item]) -> Batch:
        """Read, cut and resize the pictures of a chunk."""
        size = self.model(number).input.size
        resized = [self.pictures.crop(item.image).resized(size) for item in items]
        return Batch(np.stack([picture for picture, _ in resized]), np.stack([points for _, points in resized]))

    def explain(
        self, number: int, explainer: int, items: Sequence[Item], batch: Batch, total: int = 0
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Explain a chunk: its standardized maps, float32 ``(n, 275, 224)``, and the facts of its record.

        ``total`` is how many pictures the network and the explainer have in the whole study, on which it depends
        whether compiling the network repays.
        """
        began, model, made = time.perf_counter(), self.model(number), self.explainers[explainer]
        result = made.explain(model, batch.pictures, [i.target for i in items])
        explained = time.perf_counter()
        maps = faces.standardize(result.maps, batch.landmarks)
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
        seconds = {"explain_seconds": explained - began, "seconds": time.perf_counter() - began}
        return maps, {"columns": columns, **seconds}

    def fingerprint(self, number: int, explainer: int, items: Sequence[Item]) -> str:
        """A hash of all that a chunk's maps depend on."""
        made, spec = self.explainers[explainer], self.study.images
        settings = [made.name, made.results, made.options.model_dump(mode="json"), spec.margin, spec.predictor]
        inputs = [(asdict(item), self.pictures.sha256(item.image)) for item in items]
        return digest([RESULTS, __version__, self.identity(number), settings, inputs])

    def _loaded(self, number: int) -> tuple[Model, dict[str, Any]]:
        if self._model is None or self._model[0] != number:
            self._model = None
            spec = self.study.models[number]
            model = models.load(spec.loading(), base=spec.folder).to(models.torch_device(self.device))
            self._model = (number, model, models.describe(model))
        return self._model[1], self._model[2]


@lru_cache(maxsize=1)
def worker_of(study: str, base: Path, device: str) -> Worker:
    """This process's worker for a study given as text."""
    import yaml

    return Worker(Study.parse(yaml.safe_load(study), base=base), device)
