"""A study small enough to run in seconds: simulated faces, and a network nobody trained."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import xai_compare as xc
from xai_compare import synthetic
from xai_compare.faces import Landmarker
from xai_compare.runs.job import Settings

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


@pytest.fixture(scope="session", autouse=True)
def _one_landmarker() -> Iterator[None]:
    """Its file of 100 MB is read once, not once a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_compare.faces.cutting.Landmarker", cache(Landmarker))
        yield


@pytest.fixture(scope="session", autouse=True)
def _code_is_allowed() -> Iterator[None]:
    """The toy networks are code beside these tests: allowed here once, instead of in every call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_compare.runs.job.Settings", partial(Settings, allow_code=True))
        yield


@pytest.fixture(scope="session")
def drawn() -> synthetic.SimulatedFaces:
    """Nine simulated faces, three of each expression."""
    return synthetic.faces(CLASSES, 3, seed=3, size=(112, 104))


@pytest.fixture
def pictures(drawn: synthetic.SimulatedFaces, tmp_path: Path) -> Path:
    """A folder with the nine faces, the regions in which they differ, and a manifest."""
    return write_pictures(drawn, tmp_path / "faces")


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


@pytest.fixture(scope="session")
def finished(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """The toy study with two networks, three explainers and known regions, run once; not to be written into."""
    place = tmp_path_factory.mktemp("finished")
    folder = write_pictures(drawn, place / "faces")
    table = pd.read_csv(folder / "labels.csv")
    table.assign(region="region_" + table["image"]).to_csv(folder / "labels.csv", index=False)
    return xc.run(full(folder), place / "run", report=False)


def full(folder: Path) -> xc.Study:
    other = {**NETWORK, "name": "other", "options": {"seed": 8}}
    return asked(folder, models=[NETWORK, other], explainers=["cam", "grad_cam", "random"], compare={"bootstrap": 40})


@pytest.fixture
def copied(finished: xc.Run, tmp_path: Path) -> Path:
    """A copy of the finished run that may be written into; the pictures stay where they are."""
    shutil.copytree(finished.dir, tmp_path / "copy")
    return tmp_path / "copy"


def maps_of(run: xc.Run, source: str) -> dict[str, np.ndarray]:
    """The standardized maps of one source by image."""
    chosen = run.maps.isel(item=np.flatnonzero(run.maps["source"].values == source))
    return dict(zip(chosen["image"].values.tolist(), chosen["map"].values, strict=True))
