"""Fixtures of runs: see toy_study.py for the study that they run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pandas as pd
import pytest
from toy_study import CLASSES, full, write_pictures

import xai_compare as xc
from xai_compare import synthetic
from xai_compare.faces import Landmarker
from xai_compare.runs.job import Settings


@pytest.fixture(scope="session", autouse=True)
def _one_landmarker() -> Iterator[None]:
    """Its file of 100 MB is read once, not once a run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_compare.faces.cropping.Landmarker", cache(Landmarker))
        yield


@pytest.fixture(scope="session", autouse=True)
def _code_is_allowed() -> Iterator[None]:
    """The toy networks are code beside these tests: allowed here once, instead of in every call."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_compare.runs.job.Settings", lambda **given: Settings(**given | {"allow_code": True}))
        yield


@pytest.fixture(autouse=True)
def _one_task_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests count and break tasks in their order; one of its own compares with several at once."""
    monkeypatch.setattr("xai_compare.runs.executors.local.tasks_at_once", lambda worker: 1)


@pytest.fixture(scope="session")
def drawn() -> synthetic.SimulatedFaces:
    """Nine simulated faces, three of each expression."""
    return synthetic.faces(CLASSES, 3, seed=3, size=(112, 104))


@pytest.fixture
def pictures(drawn: synthetic.SimulatedFaces, tmp_path: Path) -> Path:
    """A folder with the nine faces, the regions in which they differ, and a manifest."""
    return write_pictures(drawn, tmp_path / "faces")


@pytest.fixture(scope="session")
def finished(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """The toy study with two networks, three explainers and known regions, run once; not to be written into."""
    place = tmp_path_factory.mktemp("finished")
    folder = write_pictures(drawn, place / "faces")
    table = pd.read_csv(folder / "labels.csv")
    table.assign(region="region_" + table["image"]).to_csv(folder / "labels.csv", index=False)
    return xc.run(full(folder), place / "run", report=False, threads=2)


@pytest.fixture
def copied(finished: xc.Run, tmp_path: Path) -> Path:
    """A copy of the finished run that may be written into; the pictures stay where they are."""
    shutil.copytree(finished.dir, tmp_path / "copy")
    return tmp_path / "copy"
