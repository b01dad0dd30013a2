"""What is kept: maps or heatmaps alone; pictures decoded once; networks and trainings named without confusion."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_study import NETWORK, Telling, asked

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.explainers.methods.random import RandomMap
from xai_compare.faces import cropping
from xai_compare.runs.inspection import status, verify


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures the `random` explainer was asked for, call by call."""
    calls: list[int] = []
    original = RandomMap.explain_batch

    def counting(self: RandomMap, model: object, pictures: object) -> object:
        calls.append(len(pictures))  # type: ignore[arg-type]
        return original(self, model, pictures)  # type: ignore[arg-type]

    monkeypatch.setattr(RandomMap, "explain_batch", counting)
    return calls


def test_a_run_without_its_maps_is_whole_and_finished(pictures: Path, tmp_path: Path, explained: list[int]) -> None:
    study = asked(
        pictures, explainers=["random"], faithfulness={"images": 2, "steps": 4, "parameter_randomization": False}
    )
    whole = xc.run(study, tmp_path / "whole", report=False)
    explained.clear()
    run = xc.run(study, tmp_path / "run", report=False, keep="heatmaps")
    made = sum(explained)
    assert made >= 9
    assert not (run.dir / "maps.zarr").exists()
    assert verify(run.dir).empty
    assert verify(run).empty
    assert (status(run.dir)["missing"] == 0).all()
    assert status(run).equals(status(str(run.dir)))
    pd.testing.assert_frame_equal(run.scores, whole.scores)
    again = xc.run(study, run.dir, report=False, keep="heatmaps")
    assert sum(explained) == made
    pd.testing.assert_frame_equal(again.scores, whole.scores)


def test_removed_maps_are_made_again_when_something_needs_them(
    pictures: Path, tmp_path: Path, explained: list[int]
) -> None:
    study = asked(pictures, explainers=["random"])
    xc.run(study, tmp_path / "run", report=False, keep="heatmaps")
    explained.clear()
    other = asked(pictures, explainers=["random"], compare={"bootstrap": 8, "scaling": "positive"})
    telling = Telling()
    run = xc.run(other, tmp_path / "run", report=False, overwrite=True, progress=telling)
    assert sum(explained) == 9
    assert any("made again" in line for line in telling.said)
    plain = xc.run(other, tmp_path / "plain", report=False)
    np.testing.assert_array_equal(run.heatmaps.heatmap.values, plain.heatmaps.heatmap.values)
    assert (run.dir / "maps.zarr").is_dir()


@pytest.mark.parametrize("damage", ["table", "heatmaps"])
def test_damage_to_what_is_kept_is_found_and_mended(copied: Path, damage: str) -> None:
    assert verify(copied).empty
    path = copied / "tables" / "scores.parquet"
    if damage == "heatmaps":
        path = next(one for one in sorted((copied / "heatmaps.zarr" / "heatmap").rglob("*")) if one.is_file())
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    found = verify(copied)
    assert found["source"].str.contains("heatmaps.zarr" if damage == "heatmaps" else "scores.parquet").any()
    xc.run(xc.Run.open(copied).study, copied, report=False)
    assert verify(copied).empty
    assert path.read_bytes() == good


def test_a_picture_is_decoded_once_for_all_networks_and_explainers(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: Counter[str] = Counter()
    original = cropping.read_image

    def counting(path: str | Path, **options: int) -> np.ndarray:
        decoded[Path(path).name] += 1
        return original(path, **options)

    monkeypatch.setattr(cropping, "read_image", counting)
    other = {
        **NETWORK,
        "name": "other",
        "options": {"seed": 8},
        "input": {"size": 24, "channels": "grey", "range": [0, 1]},
    }
    study = asked(pictures, models=[NETWORK, other], explainers=["cam", "grad_cam", "random"])
    xc.run(study, tmp_path / "run", report=False)
    # Once to look and explain, whatever the number of networks and explainers, and once for the mean face.
    assert set(decoded.values()) == {2}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fold": "all"}, "a fold cannot be called 'all'"),
        ({"fold": "mean of folds"}, "a fold cannot be called 'mean of folds'"),
        ({"name": "all models"}, "'all models/grad_cam' is what tables call another source"),
    ],
)
def test_names_that_tables_use_are_refused(pictures: Path, changes: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        asked(pictures, models=[{**NETWORK, **changes}])


def test_another_batch_size_throws_nothing_away(pictures: Path, tmp_path: Path, explained: list[int]) -> None:
    study = asked(pictures, explainers=["random", "grad_cam"])
    first = xc.run(study, tmp_path / "run", report=False)
    explained.clear()
    scores = first.scores
    again = xc.run(study, tmp_path / "run", report=False, batch_size=4)
    assert explained == []
    pd.testing.assert_frame_equal(again.scores, scores)


def test_a_finished_run_makes_nothing_again(pictures: Path, tmp_path: Path) -> None:
    study = asked(pictures, explainers=["random"])
    run = xc.run(study, tmp_path / "run", report=False)
    before = {name: (run.dir / name).stat().st_mtime_ns for name in ("tables/scores.csv", "heatmaps.zarr", "plan.json")}
    seconds = run.provenance["stages"]
    again = xc.run(study, tmp_path / "run", report=False)
    assert {name: (run.dir / name).stat().st_mtime_ns for name in before if name != "plan.json"} == {
        name: stamp for name, stamp in before.items() if name != "plan.json"
    }
    assert {"heatmaps", "scores"} <= set(again.provenance["stages"])
    assert again.provenance["stages"]["scores"] == pytest.approx(seconds["scores"], abs=1e-3)
