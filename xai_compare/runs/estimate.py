"""What a study would do, and what it would cost, from a short calibration on this machine."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare import models
from xai_compare.explainers import Explainer
from xai_compare.faces import SHAPE
from xai_compare.models import Model
from xai_compare.models.ensembles import is_ensemble, pair
from xai_compare.runs.job import Job, Settings
from xai_compare.runs.progress import Silent
from xai_compare.runs.worker import BATCH_SIZE
from xai_compare.study import ModelSpec, Study

DETECTION_SECONDS = 0.02
"""About what dlib takes for a 350-pixel picture on one core; part of an estimate, never of a result."""
WHOLE = "the study"
"""What the estimate calls the steps that no one network takes."""
COLUMNS = ("model", "step", "pictures", "forward passes", "minutes", "megabytes")
Line = tuple[object, ...]


@dataclass(frozen=True)
class ExplainerCost:
    """What explaining a picture costs: forward passes and seconds, and whether chance has a part; or why it cannot."""

    label: str
    passes: int
    seconds: float
    refusal: str
    seeded: bool = False


@dataclass(frozen=True)
class NetworkCost:
    """What a network looks at and explains, at most; seconds of a forward pass; its expressions and explainers."""

    label: str
    looked: int
    pictures: int
    forward: float
    expressions: int
    explainers: list[ExplainerCost]


@dataclass
class Costs:
    """What the stages need to say what they cost.

    Attributes:
        study: what is asked.
        networks: see `NetworkCost`.
        detection: seconds to find the face of a picture.
    """

    study: Study
    networks: list[NetworkCost] = field(default_factory=list)
    detection: float = DETECTION_SECONDS

    def line(
        self, network: NetworkCost, step: str, pictures: int = 0, passes: int = 0, seconds: float = 0.0, stored: int = 0
    ) -> Line:
        """A line of the estimate; ``stored`` in bytes."""
        return (network.label, step, pictures, passes, seconds / 60, stored / 1e6)

    def whole(self, step: str, seconds: float) -> Line:
        """A line of what all networks and people share."""
        return (WHOLE, step, 0, 0, seconds / 60, 0.0)

    @property
    def sources(self) -> int:
        """About how many sources have maps: networks through explainers, means over networks, people, regions."""
        explained = [sum(not one.refusal for one in network.explainers) for network in self.networks]
        means = max(explained, default=0) if len(explained) > 1 else 0
        return sum(explained) + means + len(self.study.human) + 1

    @property
    def groups(self) -> int:
        """About how many expressions there are, and all of them together as one more."""
        return 1 + max((network.expressions for network in self.networks), default=6)

    @staticmethod
    def stored(maps: int) -> int:
        """Bytes of 16-bit maps before compression."""
        return maps * SHAPE[0] * SHAPE[1] * 2


def estimate(
    study: Study, device: str = "auto", batch_size: int = BATCH_SIZE, *, allow_code: bool = False
) -> pd.DataFrame:
    """Pictures, forward passes, seconds and megabytes, for each network and stage of a study.

    Where pictures are chosen by the predicted class, their number is an upper bound: it is known only once the
    network has seen them. Seconds come from explaining two made-up pictures on this machine; a backward pass counts as
    two forward passes; bytes are those of 16-bit maps before compression.

    Raises:
        InputError: as a run would, for the study, its pictures and its models.
    """
    # Whatever a run would refuse before any work, the stages refuse when they are made; nothing is written.
    settings = Settings(device=device, batch_size=batch_size, allow_code=allow_code)
    job = Job(study, Path(study.name), settings, Silent())
    rows = job.manifest.rows
    explainers = {str(spec.label): made for spec, made in zip(study.explainers, job.worker.explainers, strict=True)}
    costs = Costs(study)
    for spec in study.models:
        model = models.load(spec.loading(), device=device, batch_size=batch_size, allow_code=allow_code)
        looked = len(rows) if spec.split is None else int((rows["split"] == spec.split).sum())
        pairs = study.images.pairs
        each = [_explainer(model, pairs, explainer, label) for label, explainer in explainers.items()]
        labels = set(rows["expression"]) & set(model.classes)
        groups = len(model.classes) if study.images.choose_by == "predicted" else len(labels)
        count = _count(study, spec, model, rows)
        network = NetworkCost(spec.label, looked, count, _seconds_per_forward(model), groups, each)
        costs.networks.append(network)
    lines = [line for stage in job.stages.values() for line in stage.cost(costs)]
    order = {network.label: place for place, network in enumerate(costs.networks)} | {WHOLE: len(costs.networks)}
    frame = pd.DataFrame(sorted(lines, key=lambda line: order[str(line[0])]), columns=list(COLUMNS))
    total = frame[list(COLUMNS[2:])].sum()
    total["pictures"] = max((network.looked for network in costs.networks), default=len(rows))  # Each counts once.
    frame.loc[len(frame)] = ["all", "", *total]
    frame = frame.astype({"pictures": int, "forward passes": int})
    frame.attrs["skipped"] = list(job.manifest.skipped)
    return frame


def _count(study: Study, spec: ModelSpec, model: Model, rows: pd.DataFrame) -> int:
    if spec.split is not None:
        rows = rows[rows["split"] == spec.split]
    wanted = study.images.per_expression
    if study.images.choose_by == "predicted":
        return len(rows) if wanted is None else min(len(rows), wanted * len(model.classes))
    counts = rows["expression"].value_counts()
    return int(sum(min(int(counts.get(name, 0)), wanted or len(rows)) for name in model.classes))


def _explainer(model: Model, pairs: bool, explainer: Explainer, label: str) -> ExplainerCost:
    refusal = explainer.refuses(model, model.classes[:2] if pairs else "predicted")
    if is_ensemble(model) and not refusal:
        model = pair(model, *model.classes[:2])  # Each picture is explained by the binary network of its pair.
    if refusal:
        return ExplainerCost(label, 0, 0.0, refusal)
    seeded = hasattr(explainer.options, "seed")
    return ExplainerCost(label, explainer.forwards(model), _seconds_per_map(model, explainer), "", seeded)


def _seconds_per_forward(model: Model) -> float:
    """Median time of a forward pass of one picture, in batches of 32."""
    noise = np.random.default_rng(0).integers(0, 256, (32, *model.input.size, 3), dtype=np.uint8)
    times = []
    for _ in range(4):
        began = time.perf_counter()
        model.predict(noise, batch_size=32)
        times.append((time.perf_counter() - began) / 32)
    return float(np.median(times[1:]))


def _seconds_per_map(model: Model, explainer: Explainer) -> float:
    """Time of explaining a picture, from two made-up ones explained together."""
    height, width = model.input.size
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = np.stack([np.sin(9 * x + 5 * y), np.cos(7 * y), np.sin(6 * x * y)], -1)
    pictures = np.stack([waves, waves[:, ::-1]])
    began = time.perf_counter()
    explainer.explain(model, np.round(127.5 + 100 * pictures).astype(np.uint8), "predicted")
    return (time.perf_counter() - began) / len(pictures)
