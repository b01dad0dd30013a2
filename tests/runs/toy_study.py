"""A study small enough to run in seconds: simulated faces, and a network nobody trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

import xai_compare as xc
from xai_compare import synthetic

CLASSES = ["anger", "happiness", "surprise"]
NETWORK = {
    "name": "toy",
    "factory": "toy_networks:pooled",
    "folder": str(Path(__file__).parent),
    "classes": CLASSES,
    "input": {"size": 32, "channels": "grey", "range": [0, 1]},
}


@dataclass
class Telling:
    """A listener that remembers what it was told."""

    said: list[str] = field(default_factory=list)

    def stage(self, title: str, total: int | None) -> Any:
        return _Quiet()

    def say(self, message: str) -> None:
        self.said.append(message)


class _Quiet:
    def __enter__(self) -> Callable[[int], None]:
        return lambda steps: None

    def __exit__(self, *problem: object) -> None:
        return None


def write_pictures(drawn: synthetic.SimulatedFaces, folder: Path) -> Path:
    folder.mkdir(parents=True)
    rows = []
    for number, (image, label, subject) in enumerate(zip(drawn.images, drawn.labels, drawn.subjects, strict=True)):
        name = f"{label}{number}.png"
        Image.fromarray(image).save(folder / name)
        Image.fromarray(drawn.regions[number].astype(np.uint8) * 255).save(folder / f"region_{name}")
        rows.append({"image": name, "expression": label, "subject": subject, "dataset": "simulated"})
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    return folder


def asked(folder: Path, **changes: Any) -> xc.Study:
    """The toy study of the pictures in ``folder``, with changes to its top-level keys."""
    study = {
        "name": "toy",
        "seed": 5,
        "images": {"manifest": folder / "labels.csv", "choose_by": "label"},
        "models": [NETWORK],
        "explainers": ["grad_cam", "random"],
        "compare": {"bootstrap": 8},
    }
    return xc.Study.parse({**study, **changes})


def full(folder: Path) -> xc.Study:
    other = {**NETWORK, "name": "other", "options": {"seed": 8}}
    return asked(folder, models=[NETWORK, other], explainers=["cam", "grad_cam", "random"], compare={"bootstrap": 40})


def maps_of(run: xc.Run, source: str) -> dict[str, np.ndarray]:
    """The standardized maps of one source by image."""
    chosen = run.maps.isel(item=np.flatnonzero(run.maps["source"].values == source))
    return dict(zip(chosen["image"].values.tolist(), chosen["map"].values, strict=True))


def heatmap(run: xc.Run, source: str, expression: str, fold: str = "all") -> np.ndarray:
    return run.heatmaps.heatmap.sel(source=source, expression=expression, fold=fold).to_numpy().astype(float)


def score(run: xc.Run, metric: str, a: str, b: str, expression: str) -> pd.Series:
    s = run.scores
    (row,) = s[(s.metric == metric) & (s.a == a) & (s.b == b) & (s.expression == expression) & (s.fold == "all")].iloc
    return row
