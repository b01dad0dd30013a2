"""Simulated faces cut as a training reads them, for the benchmarks of training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from xai_compare.images import align
from xai_compare.models.training.augmentation import ROOM
from xai_compare.synthetic import faces

SIDE = int(np.ceil(64 * ROOM))


def draw(folder: Path, classes: Sequence[str], identities: int, seed: int, jitter: float, **how: Any) -> Path:
    """Write simulated faces, cut around imprecise landmarks, and their manifest.

    Args:
        folder: where ``images/`` and ``labels.csv`` are written.
        classes: expressions.
        identities: simulated people, each with every expression.
        seed: of faces and landmarks.
        jitter: standard deviation of the landmarks' error, in pixels of 160.
        how: further arguments of `xai_compare.synthetic.faces`.
    """
    data = faces(classes, identities, seed, (160, 160), **how)
    rng = np.random.default_rng([seed, 1])
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for k, (label, subject) in enumerate(zip(data.labels, data.subjects, strict=True)):
        points = data.landmarks[k] + rng.normal(0, jitter, (68, 2))
        crop, _ = align(data.images[k], points, 1.3 * ROOM).resized((SIDE, SIDE))
        Image.fromarray(crop).save(folder / "images" / f"{k}.png")
        rows.append((f"images/{k}.png", label, subject, "simulated"))
    table = pd.DataFrame(rows, columns=["image", "expression", "subject", "dataset"])
    table.to_csv(folder / "labels.csv", index=False)
    return folder / "labels.csv"
