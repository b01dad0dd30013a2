"""A tiny task: pictures whose class is where the light is, shown by made-up people."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from torch import nn

CLASSES = ("anger", "happiness", "surprise")


def tiny(classes: int, dropout: float = 0.3) -> nn.Module:
    """A small network with dropout and batch norm, whose training is all but deterministic by itself."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Conv2d(8, 12, 3, 2, 1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(48, classes),
    )


FACTORY = """
from torch import nn

def tiny(classes=3, dropout=0.3):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(dropout),
        nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(48, classes),
    )

def pair():
    return tiny(2)
"""


def write_pictures(folder: Path, classes: tuple[str, ...] = CLASSES, people: int = 8, datasets: int = 2) -> Path:
    """TrainingFaces of 24 x 24 pixels, cut out already: each class is bright at its own height."""
    rng = np.random.default_rng(0)
    rows = []
    (folder / "images").mkdir(parents=True)
    for dataset in range(datasets):
        for person in range(people):
            for k, name in enumerate(classes):
                image = rng.integers(0, 90, (24, 24, 3), np.uint8)
                top = k * 24 // len(classes)
                image[top : top + 24 // len(classes)] += 120
                file = f"images/{dataset}_{person}_{name}.png"
                Image.fromarray(image).save(folder / file)
                rows.append((file, name, f"p{person}", f"set{dataset}"))
    pd.DataFrame(rows, columns=["image", "expression", "subject", "dataset"]).to_csv(folder / "labels.csv", index=False)
    (folder / "tinynet.py").write_text(FACTORY, "utf-8")
    return folder / "labels.csv"


def asked(task: Path, **more: object) -> dict[str, object]:
    """A training of the tiny network on the tiny task."""
    return {
        "name": "tiny",
        "seed": 3,
        "network": {"factory": "tinynet:tiny", "input": {"size": 20, "channels": "grey", "range": [0, 1]}},
        "data": [{"manifest": str(task / "labels.csv"), "cropped": True}],
        "folds": 2,
        "only_folds": [1],
        "epochs": 3,
        "batch_size": 8,
        "augment": "park_wallraven",
        "optimizer": {"name": "adamw", "lr": 0.01, "schedule": "one_cycle"},
        "accelerator": "cpu",
        **more,
    }
