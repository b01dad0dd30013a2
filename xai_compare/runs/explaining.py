"""The long stage: each network explains its pictures, and each map goes onto the canonical face."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xai_compare import __version__, faces
from xai_compare.explainers import Explainer
from xai_compare.models import Model
from xai_compare.runs.faces import Faces
from xai_compare.runs.journal import digest
from xai_compare.runs.progress import Advance
from xai_compare.runs.selection import Item
from xai_compare.runs.store import MapStore

RESULTS = 1
"""Raised whenever a change of the code changes maps, so that old chunks are made again."""


@dataclass
class Explaining:
    """One network through one explainer, chunk by chunk."""

    model: Model
    identity: str
    explainer: Explainer
    items: Sequence[Item]
    pictures: Faces
    store: MapStore

    def fingerprint(self, index: int) -> str:
        """A hash of all that the chunk's maps depend on."""
        items = [asdict(item) for item in self.items[self.store.chunks[index]]]
        hashes = [self.pictures.sha256(item["image"]) for item in items]
        spec = self.pictures.spec
        options = self.explainer.options.model_dump(mode="json")
        settings = [self.explainer.name, options, spec.margin, spec.predictor]
        return digest([RESULTS, __version__, self.identity, settings, items, hashes])

    def missing(self) -> list[int]:
        """The chunks that are not there, or were made of other inputs."""
        return [i for i in range(len(self.store.chunks)) if not self.store.done(i, self.fingerprint(i))]

    def explain(self, index: int) -> None:
        """Make one chunk."""
        began = time.perf_counter()
        items = self.items[self.store.chunks[index]]
        crops = [self.pictures.crop(item.image) for item in items]
        resized = [crop.resized(self.model.input.size) for crop in crops]
        pictures = np.stack([picture for picture, _ in resized])
        landmarks = np.stack([points for _, points in resized])
        explaining = time.perf_counter()
        result = self.explainer.explain(self.model, pictures, [item.target for item in items])
        explained = time.perf_counter()
        maps = faces.standardize(result.maps, landmarks)
        flat = result.maps.reshape(len(items), -1)
        columns: dict[str, list[Any]] = {
            "low": [float(value) for value in flat.min(1)],
            "high": [float(value) for value in flat.max(1)],
            "reason": list(result.reasons),
        }
        for key, values in result.extras.items():
            if np.ndim(values) == 1 and len(values) == len(items):
                columns[key] = np.asarray(values).tolist()
        facts = {
            "fingerprint": self.fingerprint(index),
            "columns": columns,
            "explain_seconds": explained - explaining,
            "seconds": time.perf_counter() - began,
        }
        self.store.write(index, maps, facts)

    def run(self, advance: Advance) -> int:
        """Make every missing chunk; returns how many maps were there already."""
        missing = set(self.missing())
        ready = 0
        for index, part in enumerate(self.store.chunks):
            size = part.stop - part.start
            if index in missing:
                self.explain(index)
            else:
                ready += size
            advance(size)
        return ready
