"""A run that stopped, or whose inputs changed, does again what it must and nothing else."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from toy_study import NETWORK, Telling, asked, full, maps_of

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.explainers.methods.random import RandomMap


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xai_compare.runs.store.maps.CHUNK", 2)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many pictures the `random` explainer was asked for, call by call."""
    asked_for: list[int] = []
    original = RandomMap.explain_batch

    def counting(self: RandomMap, model: object, pictures: object) -> object:
        asked_for.append(len(pictures))  # type: ignore[arg-type]
        return original(self, model, pictures)  # type: ignore[arg-type]

    monkeypatch.setattr(RandomMap, "explain_batch", counting)
    return asked_for


def only_random(pictures: Path, **changes: object) -> xc.Study:
    return asked(pictures, **{"explainers": ["random"], **changes})  # type: ignore[arg-type]


def state(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_size)
        for name in ("chunks", "predictions", "faces.jsonl")
        for path in ([folder / name] if (folder / name).is_file() else (folder / name).rglob("*"))
        if path.is_file()
    }


def test_nothing_is_done_twice(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    first = xc.run(only_random(pictures), tmp_path / "run", report=False)
    before, scores = state(first.dir), first.scores
    assert sum(counted) == 9
    counted.clear()
    telling = Telling()
    again = xc.run(only_random(pictures), tmp_path / "run", report=False, progress=telling)
    assert counted == []
    assert state(again.dir) == before
    assert any("were there already" in line for line in telling.said)
    pd.testing.assert_frame_equal(again.scores, scores)


def test_a_stopped_run_goes_on(pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = xc.run(only_random(pictures), tmp_path / "whole", report=False)
    original, calls = RandomMap.explain_batch, iter(range(99))

    def stopping(self: RandomMap, model: object, batch: object) -> object:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return original(self, model, batch)  # type: ignore[arg-type]

    monkeypatch.setattr(RandomMap, "explain_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        xc.run(only_random(pictures), tmp_path / "run", report=False)
    with pytest.raises(InputError, match="not finished"):
        _ = xc.Run.open(tmp_path / "run").scores
    stopped = state(tmp_path / "run")
    again = xc.run(only_random(pictures), tmp_path / "run", report=False)
    assert next(calls) == 3 + (5 - 2)
    kept = state(tmp_path / "run")
    assert sum(kept[name] == stamp for name, stamp in stopped.items() if name.startswith("chunks")) == 2
    np.testing.assert_array_equal(again.heatmaps.heatmap.values, whole.heatmaps.heatmap.values)
    pd.testing.assert_frame_equal(again.scores, whole.scores)


def test_a_changed_picture_redoes_its_chunk_only(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    first = maps_of(xc.run(only_random(pictures), tmp_path / "run", report=False), "toy/random")
    counted.clear()
    path = pictures / "happiness1.png"
    Image.fromarray(np.asarray(Image.open(path)) // 2 + 40).save(path)
    second = maps_of(xc.run(only_random(pictures), tmp_path / "run", report=False), "toy/random")
    assert 1 <= sum(counted) <= 2
    changed = {image for image in first if not np.array_equal(first[image], second[image])}
    assert changed == {"happiness1.png"}


def test_a_touched_picture_of_the_same_bytes_redoes_nothing(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    xc.run(only_random(pictures), tmp_path / "run", report=False)
    counted.clear()
    os.utime(pictures / "anger0.png", ns=(1, 1))
    xc.run(only_random(pictures), tmp_path / "run", report=False)
    assert counted == []


def test_a_picture_that_lost_its_face_takes_nothing_with_it(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    first = maps_of(xc.run(only_random(pictures), tmp_path / "run", report=False), "toy/random")
    counted.clear()
    Image.new("RGB", (100, 100), "grey").save(pictures / "surprise8.png")
    run = xc.run(only_random(pictures), tmp_path / "run", report=False)
    second = maps_of(run, "toy/random")
    assert set(first) - set(second) == {"surprise8.png"}
    for image, one in second.items():
        np.testing.assert_array_equal(one, first[image])
    assert run.skipped.to_numpy().tolist() == [["surprise8.png", "no face found"]]
    assert sum(counted) <= 4
    Image.new("RGB", (100, 100), "white").save(pictures / "surprise8.png")
    assert len(maps_of(xc.run(only_random(pictures), tmp_path / "run", report=False), "toy/random")) == 8


def test_a_picture_that_got_a_face_is_taken_in(pictures: Path, tmp_path: Path) -> None:
    good = (pictures / "surprise8.png").read_bytes()
    (pictures / "surprise8.png").write_bytes(b"")
    run = xc.run(only_random(pictures), tmp_path / "run", report=False)
    assert len(maps_of(run, "toy/random")) == 8
    (pictures / "surprise8.png").write_bytes(good)
    run = xc.run(only_random(pictures), tmp_path / "run", report=False)
    assert len(maps_of(run, "toy/random")) == 9
    assert len(run.skipped) == 0


def test_a_changed_option_is_another_study(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    xc.run(only_random(pictures), tmp_path / "run", report=False)
    counted.clear()
    other = only_random(pictures, explainers=[{"random": {"cells": 5}}])
    with pytest.raises(InputError, match="another study's run"):
        xc.run(other, tmp_path / "run", report=False)
    assert counted == []
    xc.run(other, tmp_path / "run", report=False, overwrite=True)
    assert sum(counted) == 9


def test_changed_weights_redo_all(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    code = (Path(__file__).parent / "toy_networks.py").read_text()
    (tmp_path / "toy_networks.py").write_text(code)
    study = only_random(pictures, models=[{**NETWORK, "folder": str(tmp_path)}])
    xc.run(study, tmp_path / "run", report=False)
    counted.clear()
    (tmp_path / "toy_networks.py").write_text(code.replace("def pooled(seed: int = 0", "def pooled(seed: int = 99"))
    xc.run(study, tmp_path / "run", report=False)
    assert sum(counted) == 9


@pytest.mark.parametrize(
    "damage",
    ["torn record", "no record", "record of another kind", "flipped bytes", "lost maps", "torn journal", "odd journal"],
)
def test_damage_is_noticed_and_mended(pictures: Path, tmp_path: Path, counted: list[int], damage: str) -> None:
    first = xc.run(only_random(pictures), tmp_path / "run", report=False)
    before = maps_of(first, "toy/random")
    counted.clear()
    for path in damaged(first.dir, damage):
        assert path.exists() or "no " in damage or "lost" in damage
    again = xc.run(only_random(pictures), tmp_path / "run", report=False)
    after = maps_of(again, "toy/random")
    assert all(np.array_equal(after[image], one) for image, one in before.items())
    assert (sum(counted) > 0) == ("journal" not in damage)
    pd.testing.assert_frame_equal(again.scores, first.scores)


def damaged(folder: Path, damage: str) -> Iterator[Path]:
    record = sorted((folder / "chunks").rglob("00001.json"))[0]
    chunk = sorted(path for path in (folder / "maps.zarr").rglob("1/0/0") if path.is_file())[0]
    if damage == "torn record":
        record.write_bytes(record.read_bytes()[:50])
    elif damage == "no record":
        record.unlink()
    elif damage == "record of another kind":
        record.write_text("[1, 2]")
    elif damage == "flipped bytes":
        content = bytearray(chunk.read_bytes())
        content[len(content) // 2] ^= 255
        chunk.write_bytes(bytes(content))
    elif damage == "lost maps":
        chunk.unlink()
    else:
        journal = folder / "faces.jsonl"
        tail = b'{"key": "anger0.png", "reason": "\xe2\x80' if damage == "torn journal" else b"[1]\n7\n\x00\x00\n{}\n"
        journal.write_bytes(journal.read_bytes() + tail)
    yield record


def test_another_studys_run_is_refused_and_left_alone(copied: Path, pictures: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in copied.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=r"another study's run, .*--overwrite") as error:
        xc.run(only_random(pictures), copied, report=False)
    assert str(copied) in str(error.value)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_overwrite_removes_what_runs_write_and_nothing_else(copied: Path, pictures: Path) -> None:
    (copied / "notes.txt").write_text("mine")
    (copied / "figures").mkdir(exist_ok=True)
    (copied / "figures" / "old.png").write_bytes(b"x")
    run = xc.run(only_random(pictures), copied, report=False, overwrite=True)
    assert run.heatmaps.source.values.tolist() == ["toy/random"]
    assert set(run.maps["source"].values.tolist()) == {"toy/random"}
    assert (copied / "notes.txt").read_text() == "mine"
    assert (copied / "figures" / "old.png").exists()  # Not in the list of what was written.


def test_overwrite_with_a_study_that_cannot_run_loses_nothing(copied: Path, pictures: Path) -> None:
    before = state(copied)
    for broken in (
        only_random(pictures, explainers=["no_such"]),
        only_random(pictures, images={"manifest": pictures / "none.csv"}),
        only_random(pictures, masks=pictures / "no masks"),
    ):
        with pytest.raises(InputError):
            xc.run(broken, copied, report=False, overwrite=True)
    assert state(copied) == before
    assert len(xc.Run.open(copied).scores) > 0


def test_a_mended_study_may_use_the_directory_of_its_first_try(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown explainer 'randon'; did you mean 'random'"):
        xc.run(only_random(pictures, explainers=["randon"]), tmp_path / "run", report=False)
    assert len(xc.run(only_random(pictures), tmp_path / "run", report=False).scores) > 0


def test_a_directory_with_other_things_is_refused(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="is not empty and holds no run"):
        xc.run(only_random(pictures), tmp_path / "mine", report=False, overwrite=True)
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        xc.run(only_random(pictures), tmp_path / "file", report=False)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("what", ["maps", "journal", "tables"])
def test_a_full_disk_is_one_line_and_the_run_goes_on(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, number: int
) -> None:
    place = {
        "maps": "xai_compare.runs.store.MapStore.write",
        "journal": "xai_compare.runs.store.Journal.add",
        "tables": "xai_compare.runs.job.write_tables",
    }[what]

    def full_disk(*args: object, **kwargs: object) -> None:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(place, full_disk)
        with pytest.raises(InputError, match="the disk is full; make room") as error:
            xc.run(only_random(pictures), tmp_path / "run", report=False)
    assert "\n" not in str(error.value)
    assert len(xc.run(only_random(pictures), tmp_path / "run", report=False).scores) > 0


def test_a_chunk_that_cannot_be_made_again_is_set_aside_not_taken_from_before(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    xc.run(only_random(pictures), tmp_path / "run", report=False)
    path = pictures / "happiness1.png"
    Image.fromarray(np.asarray(Image.open(path)) // 2 + 40).save(path)

    def failing(self: RandomMap, model: object, batch: object) -> object:
        raise ArithmeticError("cannot\nbe done")

    monkeypatch.setattr(RandomMap, "explain_batch", failing)
    run = xc.run(only_random(pictures), tmp_path / "run", report=False)
    (failed,) = run.provenance["failed"]
    assert "happiness1.png" in failed["images"]
    assert "ArithmeticError: cannot be done" in failed["reason"]
    assert set(failed["images"]) <= set(run.skipped["image"])
    made = 9 - len(failed["images"])
    assert int(run.heatmaps["count"].sel(source="toy/random", fold="all", expression="all")) == made


def test_two_processes_do_not_share_a_directory(pictures: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    (tmp_path / "run").mkdir()
    with FileLock(tmp_path / "run" / ".lock"), pytest.raises(InputError, match="another process"):
        xc.run(only_random(pictures), tmp_path / "run", report=False)


def test_a_run_is_opened_again(finished: xc.Run) -> None:
    again = xc.Run.open(str(finished.dir))
    assert again.study == finished.study
    pd.testing.assert_frame_equal(again.scores, finished.scores)
    assert json.loads((finished.dir / "provenance.json").read_text())["seed"] == 5


@pytest.mark.parametrize("kind", ["absent", "empty", "file"])
def test_no_run_to_open(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "x"
    if kind == "empty":
        place.mkdir()
    elif kind == "file":
        place.write_text("x")
    with pytest.raises(InputError, match="no run is here"):
        xc.Run.open(place)


def test_the_same_study_from_the_runs_own_copy(finished: xc.Run) -> None:
    assert xc.Study.load(finished.dir / "study.yaml").fingerprint() == finished.study.fingerprint()
    assert finished.study.models[0].factory == NETWORK["factory"]
    assert full(Path(str(finished.study.images.manifest)).parent).fingerprint() == finished.study.fingerprint()


def test_an_explainer_more_continues(pictures: Path, tmp_path: Path, counted: list[int]) -> None:
    xc.run(only_random(pictures), tmp_path / "run", report=False)
    counted.clear()
    told = Telling()
    run = xc.run(only_random(pictures, explainers=["random", "cam"]), tmp_path / "run", report=False, progress=told)
    assert counted == []
    assert "toy/cam" in run.heatmaps.source.values
    assert any("without the explainer 'cam'; what fits is kept" in line for line in told.said)
    assert any("toy/random: all 9 were there already" in line for line in told.said)
    assert not any("Nothing is to be done" in line for line in told.said)


def test_a_finished_study_says_so(pictures: Path, tmp_path: Path) -> None:
    told = Telling()
    xc.run(only_random(pictures), tmp_path / "run", report=False, progress=told)
    assert not any("Nothing is to be done" in line for line in told.said)
    xc.run(only_random(pictures), tmp_path / "run", report=False, progress=told)
    assert told.said[-1].startswith("Nothing is to be done")


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"explainers": ["cam"]}, "the explainer 'random'"),
        ({"seed": 6}, "the seed"),
        ({"models": [{**NETWORK, "options": {"seed": 3}}]}, "the network 'toy'"),
    ],
)
def test_what_would_lose_work_is_refused(pictures: Path, tmp_path: Path, changes: dict[str, object], lost: str) -> None:
    xc.run(only_random(pictures), tmp_path / "run", report=False)
    with pytest.raises(InputError, match=f"of which this one has not {lost}"):
        xc.run(only_random(pictures, **changes), tmp_path / "run", report=False)
