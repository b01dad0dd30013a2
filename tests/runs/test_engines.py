"""One process or several: the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.runs.engines import TRIES, Chunk, Local
from xai_compare.runs.store import MapStore


@pytest.fixture
def asked(tmp_path: Path) -> xc.Study:
    data = xc.synthetic.faces(("anger", "fear", "happiness"), 6, seed=4, size=(160, 160))
    xc.synthetic.write_dataset(tmp_path / "in", data, n_observers=1)
    study = {
        "name": "engines",
        "images": {"manifest": "labels.csv", "choose_by": "predicted"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["grad_cam", {"lime": {"n_samples": 60}}],
        "compare": {"bootstrap": 0},
    }
    (tmp_path / "in" / "study.yaml").write_text(yaml.safe_dump(study))
    return xc.Study.load(tmp_path / "in" / "study.yaml")


def values(run: xc.Run) -> list[bytes]:
    return [run.maps["map"].to_numpy().tobytes(), run.heatmaps["heatmap"].to_numpy().tobytes(),
            run.scores.to_csv().encode(), run.predictions.to_csv().encode()]  # fmt: skip


@pytest.mark.slow
def test_workers_give_the_same_bits_as_one_process(asked: xc.Study, tmp_path: Path) -> None:
    alone = xc.run(asked, tmp_path / "alone", report=False)
    together = xc.run(asked, tmp_path / "together", report=False, workers=2)
    assert values(alone) == values(together)
    assert np.isfinite(alone.maps["map"].to_numpy()).all()


class Failing:
    """A worker whose third chunk always fails, and whose second fails once."""

    def __init__(self) -> None:
        self.tried: list[int] = []

    def model(self, number: int) -> None:
        return None

    def load(self, number: int, items: list[Any]) -> list[Any]:
        return items

    def explain(
        self, number: int, explainer: int, items: list[Any], batch: Any, total: int
    ) -> tuple[np.ndarray, dict[str, Any]]:
        self.tried.append(items[0])
        if items[0] == 2 or (items[0] == 1 and self.tried.count(1) == 1):
            raise RuntimeError("the device\nwent away")
        return np.zeros((1, 275, 224)), {}


def test_a_chunk_that_fails_thrice_is_set_aside_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[int] = []
    monkeypatch.setattr(MapStore, "write", lambda self, index, maps, facts: written.append(index))
    worker: Any = Failing()
    engine = Local(worker)
    store = MapStore(Path(), xc.runs.store.Source("model", "a", "b"), [])
    chunks: list[Any] = [Chunk(0, 0, index, [index], "", 4) for index in range(4)]  # type: ignore[list-item]
    outcome: dict[int, str] = {chunk.index: why for chunk, why in engine.explain(chunks, store)}
    assert outcome == {0: "", 1: "", 2: "RuntimeError: the device went away", 3: ""}
    assert written == [0, 1, 3]
    assert worker.tried.count(2) == TRIES


def test_two_processes_on_one_directory(asked: xc.Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    holder: Callable[[], Any] = FileLock(tmp_path / "run" / ".lock", is_singleton=False)
    with holder, pytest.raises(InputError, match="another process"):
        xc.run(asked, tmp_path / "run")


def test_a_changed_study_keeps_the_maps_it_shares(asked: xc.Study, tmp_path: Path) -> None:
    xc.run(asked, tmp_path / "run", report=False)
    record = tmp_path / "run/chunks/model--compact--grad_cam/00000.json"
    before = record.stat().st_mtime_ns
    changed = asked.model_dump(mode="json")
    changed["explainers"] = ["grad_cam", "cam"]
    other = xc.Study.parse(changed)
    with pytest.raises(InputError, match="another study"):
        xc.run(other, tmp_path / "run", report=False)
    run = xc.run(other, tmp_path / "run", overwrite=True, report=False)
    assert record.stat().st_mtime_ns == before
    assert set(run.maps.source.values.tolist()) == {"compact/cam", "compact/grad_cam", "known/region"}
    assert not (tmp_path / "run/chunks/model--compact--lime").exists()
