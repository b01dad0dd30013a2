"""What a study would do, and what it would cost, from a short calibration on this machine."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
from PIL import Image

from xai_compare import models, synthetic
from xai_compare.explainers import Explainer
from xai_compare.faces import SHAPE
from xai_compare.models import Model
from xai_compare.runs.work import create_explainer, read_pictures
from xai_compare.study import Faithfulness, ModelSpec, Study

BATCH = 32
DETECTION_SECONDS = 0.02
"""About what dlib takes for a 350-pixel picture on one core; part of an estimate, never of a result."""


def estimate(study: Study, device: str = "auto") -> pd.DataFrame:
    """Pictures, forward passes, seconds and megabytes, for each network and explainer of a study.

    Where pictures are chosen by the predicted class, their number is an upper bound: it is known only once the
    network has seen them. Seconds come from explaining two rendered faces on this machine; a backward pass counts as
    two forward passes; bytes are those of 16-bit maps before compression.

    Raises:
        InputError: as a run would, for the study, its pictures and its models.
    """
    rows = read_pictures(study).rows
    made = [create_explainer(spec, study.seed) for spec in study.explainers]
    lines = []
    for spec in study.models:
        model = models.load(spec.loading(), base=spec.folder).to(models.torch_device(device))
        seconds = _seconds_per_forward(model)
        count = _count(study, spec, model, rows)
        looked = len(rows) if spec.split is None else int((rows["split"] == spec.split).sum())
        lines.append(_line(spec.label, "faces, predictions", looked, looked, looked * (seconds + DETECTION_SECONDS), 0))
        judged: list[tuple[int, float]] = []
        for explainer, asked in zip(made, study.explainers, strict=True):
            refusal = explainer.refusal(model)
            if refusal:
                lines.append(_line(spec.label, f"{asked.label} (left out: {refusal})", 0, 0, 0.0, 0))
                continue
            passes, took = explainer.forwards(model), _seconds_per_map(model, explainer)
            judged.append((passes, took))
            stored = count * SHAPE[0] * SHAPE[1] * 2
            lines.append(_line(spec.label, str(asked.label), count, count * passes, count * took, stored))
        if study.faithfulness and judged:
            lines.append(_judging(study.faithfulness, spec.label, count, seconds, judged))
    frame = pd.DataFrame(lines, columns=["model", "step", "pictures", "forward passes", "minutes", "megabytes"])
    total = frame[["pictures", "forward passes", "minutes", "megabytes"]].sum()
    frame.loc[len(frame)] = ["all", "", *total]
    return frame.astype({"pictures": int, "forward passes": int})


def _line(model: str, step: str, pictures: int, forwards: int, seconds: float, stored: int) -> tuple[object, ...]:
    return (model, step, pictures, forwards, seconds / 60, stored / 1e6)


def _judging(
    asked: Faithfulness, label: str, count: int, seconds: float, judged: list[tuple[int, float]]
) -> tuple[object, ...]:
    """What faithfulness costs: two curves a map, the rectangles once a picture, and explaining anew."""
    pictures = min(asked.images, count)
    passes = 2 * asked.steps * (len(judged) + 1) + asked.rectangles + 1
    again = [one for one in judged if asked.forgetting]
    forwards, took = passes + sum(one for one, _ in again), passes * seconds + sum(one for _, one in again)
    return _line(label, "faithfulness", pictures, pictures * forwards, pictures * took, 0)


def _count(study: Study, spec: ModelSpec, model: Model, rows: pd.DataFrame) -> int:
    if spec.split is not None:
        rows = rows[rows["split"] == spec.split]
    wanted = study.images.per_expression
    if study.images.choose_by == "predicted":
        return len(rows) if wanted is None else min(len(rows), wanted * len(model.classes))
    counts = rows["expression"].value_counts()
    return int(sum(min(int(counts.get(name, 0)), wanted or len(rows)) for name in model.classes))


def _seconds_per_forward(model: Model) -> float:
    """Median time of a forward pass of one picture, in batches of 32."""
    noise = np.random.default_rng(0).integers(0, 256, (BATCH, *model.input.size, 3), dtype=np.uint8)
    times = []
    for _ in range(4):
        began = time.perf_counter()
        model.predict(noise, batch_size=BATCH)
        times.append((time.perf_counter() - began) / BATCH)
    return float(np.median(times[1:]))


def _seconds_per_map(model: Model, explainer: Explainer) -> float:
    """Time of explaining a picture, from two rendered faces explained together."""
    height, width = model.input.size
    rendered = synthetic.faces(("anger", "happiness"), 1, seed=1, size=(160, 160)).images
    pictures = np.stack([np.asarray(Image.fromarray(one).resize((width, height))) for one in rendered])
    began = time.perf_counter()
    explainer.explain(model, pictures, "predicted")
    return (time.perf_counter() - began) / len(pictures)
