"""Any file of a run directory may be empty, half, foreign or changed: it is named, or made again, never believed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_study import asked, write_pictures

import xai_compare as xc
from xai_compare import synthetic
from xai_compare.errors import InputError
from xai_compare.runs.inspection import status, verify

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda data: b"",
    "half": lambda data: data[: len(data) // 2],
    "null": lambda data: b"null",
    "nested": lambda data: b"[" * 100_000,
    "foreign": lambda data: b"\x89PNG\r\n",
}
JSON_FILES = [
    "plan.json", "stages.json", "provenance.json", "faces.jsonl", "predictions/toy.jsonl",
    "chunks/model--toy--random/00000.json", "maps.zarr/model--toy--random/zarr.json",
    "maps.zarr/model--toy--random/map/zarr.json", "maps.zarr/model--toy--random/map/c/0/0/0",
    "heatmaps.zarr/zarr.json", "heatmaps.zarr/heatmap/zarr.json", "tables/scores.parquet", "tables/skipped.parquet",
    "tables/scores.csv", "maps.zarr/model--toy--random/image/zarr.json", "study.yaml", "files.sha256",
]  # fmt: skip


def small(folder: Path) -> xc.Study:
    return asked(folder, explainers=["random"], compare={"bootstrap": 0})


@pytest.fixture(scope="module")
def whole(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    place = tmp_path_factory.mktemp("whole")
    return xc.run(small(write_pictures(drawn, place / "faces")), place / "run", report=False)


@pytest.fixture
def copied(whole: xc.Run, tmp_path: Path) -> Path:
    shutil.copytree(whole.dir, tmp_path / "copy")
    return tmp_path / "copy"


def tables(folder: Path) -> dict[str, bytes]:
    kept = ("scores", "merges", "predictions", "images", "skipped", "maps")
    return {name: (folder / "tables" / f"{name}.csv").read_bytes() for name in kept}


def looked_at(folder: Path) -> None:
    """Whatever a user asks of a run: it is answered, or refused in one line."""
    run, said = xc.Run.open(folder), list[str]()
    for ask in (
        lambda: status(folder),
        lambda: verify(folder),
        lambda: (run.scores, run.merges, run.predictions, run.images, run.skipped, run.maps_table),
        lambda: run.provenance,
        lambda: run.heatmaps["heatmap"].values,
        lambda: run.maps["item"],
    ):
        try:
            ask()
        except InputError as error:
            said.append(str(error))
    assert "\n" not in "".join(said)


@pytest.mark.parametrize("name", JSON_FILES)
def test_a_damaged_file_is_named_and_made_again(copied: Path, whole: xc.Run, name: str) -> None:
    before = tables(copied)
    for damage in DAMAGE.values():
        (copied / name).write_bytes(damage((copied / name).read_bytes()))
        looked_at(copied)
        assert len(verify(copied)) > 0
    xc.run(small(whole.dir.parent / "faces"), copied, report=False)
    assert tables(copied) == before
    assert verify(copied).empty


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("plan.json", True), ("stages.json", True), ("provenance.json", True), ("faces.jsonl", True), (".lock", True),
        ("predictions/toy.jsonl", True), ("tables/scores.parquet", True), ("tables/scores.csv", True),
        ("chunks/model--toy--random/00000.json", True), ("maps.zarr/model--toy--random/map/zarr.json", True),
        ("maps.zarr/model--toy--random/map/c/0/0/0", True),
        ("tables", False), ("predictions", False), ("chunks", False), ("chunks/model--toy--random", False),
        ("maps.zarr", False), ("maps.zarr/model--toy--random", False), ("maps.zarr/model--toy--random/map", False),
        ("maps.zarr/model--toy--random/map/c", False), ("heatmaps.zarr", False), ("heatmaps.zarr/heatmap", False),
    ],
)  # fmt: skip
def test_a_folder_where_a_file_belongs_and_the_reverse(copied: Path, whole: xc.Run, name: str, folder: bool) -> None:
    before, path = tables(copied), copied / name
    if folder:
        path.unlink(missing_ok=True)
        (path / "inside").mkdir(parents=True)
    else:
        shutil.rmtree(path)
        path.write_text("a file")
    looked_at(copied)
    xc.run(small(whole.dir.parent / "faces"), copied, report=False)
    assert tables(copied) == before
    assert verify(copied).empty


ABSURD: dict[str, Callable[[dict], None]] = {  # type: ignore[type-arg]
    "height": lambda face: face.update(height=10**18),
    "height as text": lambda face: face.update(height="112"),
    "landmarks": lambda face: face.update(landmarks=None),
    "few landmarks": lambda face: face["landmarks"].pop(),
    "far landmarks": lambda face: face["landmarks"][0].__setitem__(0, 1e9),
    "NaN landmarks": lambda face: face["landmarks"][0].__setitem__(0, float("nan")),
    "hash": lambda face: face.update(sha256=3),
    "reason": lambda face: face.update(reason=["no", "face"]),
    "another reason": lambda face: face.update(reason="no face found"),
}


@pytest.mark.parametrize("kind", ABSURD)
@pytest.mark.parametrize("sealed", [False, True], ids=["changed", "forged"])
def test_absurd_faces_change_no_table(copied: Path, whole: xc.Run, kind: str, sealed: bool) -> None:
    from xai_compare.runs.store.checksums import SEAL, with_checksum

    before = tables(copied)
    lines = [json.loads(line) for line in (copied / "faces.jsonl").read_text().splitlines()]
    ABSURD[kind](lines[0])
    written = [
        with_checksum({k: v for k, v in line.items() if k != SEAL}) if sealed else json.dumps(line) for line in lines
    ]
    (copied / "faces.jsonl").write_text("\n".join(written) + "\n")
    if sealed and kind == "another reason":
        pytest.skip("with a seal of its own this says what a run might have found")
    xc.run(small(whole.dir.parent / "faces"), copied, report=False)
    assert tables(copied) == before


def test_a_table_changed_by_hand_is_refused_by_the_report(copied: Path) -> None:
    table = pd.read_parquet(copied / "tables/scores.parquet")
    table["value"] = np.minimum(table["value"] * 2, 1)
    table.to_parquet(copied / "tables/scores.parquet", index=False)
    with pytest.raises(InputError, match=r"scores.parquet: does not match its checksum; run the study again"):
        xc.report.build(xc.Run.open(copied))


def test_a_table_that_is_gone_is_not_an_empty_one(copied: Path) -> None:
    (copied / "tables" / "skipped.parquet").unlink()
    with pytest.raises(InputError, match=r"skipped\.parquet"):
        xc.Run.open(copied).table("skipped")
    assert xc.Run.open(copied).table("never_asked_for").empty


@pytest.mark.parametrize("name", ["faces.jsonl", "predictions/toy.jsonl"])
def test_a_line_that_was_taken_out_or_put_in_is_seen_and_mended(copied: Path, whole: xc.Run, name: str) -> None:
    path, before = copied / name, tables(copied)
    lines = path.read_bytes().splitlines(keepends=True)
    for other in (lines[1:], [*lines, b"{}\n"], [lines[0][:9] + b"\n", *lines[1:]]):
        path.write_bytes(b"".join(other))
        assert verify(copied)["source"].tolist() == [name]
        xc.run(small(whole.dir.parent / "faces"), copied, report=False)
        assert verify(copied).empty
        assert tables(copied) == before


def test_what_a_run_did_not_write_is_named_and_stays(copied: Path, whole: xc.Run) -> None:
    (copied / "tables" / "mine.csv").write_text("x")
    xc.run(small(whole.dir.parent / "faces"), copied, report=False)
    assert verify(copied)["source"].tolist() == ["tables/mine.csv"]


@pytest.mark.parametrize("when", ["xai_compare.runs.job.Job.write_provenance", "xai_compare.runs.directory.exchange"])
def test_a_run_that_is_to_be_replaced_stays_until_the_new_one_is_whole(
    copied: Path, whole: xc.Run, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    faces = whole.dir.parent / "faces"
    other = asked(faces, explainers=["random"], seed=6, compare={"bootstrap": 0})
    before = {path: path.read_bytes() for path in copied.rglob("*") if path.is_file()}
    (copied / "notes.txt").write_text("mine")

    def stopped(*given: object, **how: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(when, stopped)
        with pytest.raises(KeyboardInterrupt):
            xc.run(other, copied, report=False, overwrite=True)
    assert [path for path, content in before.items() if path.read_bytes() != content] == []
    beside = copied.with_name(".copy.xai-compare-new")
    assert (beside / "chunks").is_dir()
    made = {path: path.stat().st_mtime_ns for path in beside.glob("maps.zarr/*/map/c/*/0/0")}
    xc.run(other, copied, report=False, overwrite=True)
    assert not beside.exists()
    assert verify(copied)["source"].tolist() == ["notes.txt"]
    there = {path: (copied / path.relative_to(beside)).stat().st_mtime_ns for path in made}
    assert made == there
    fresh = xc.run(other, copied.with_name("fresh"), report=False)
    assert tables(copied) == tables(fresh.dir)


def test_maps_survive_a_damaged_description(copied: Path, whole: xc.Run) -> None:
    """The chunks have checksums of their own: their description is written anew, and no map is made again."""
    description = copied / "maps.zarr/model--toy--random/map/zarr.json"
    chunk = copied / "maps.zarr/model--toy--random/map/c/0/0/0"
    before = chunk.stat().st_mtime_ns
    description.write_text(description.read_text().replace("275", "10000000000000"))
    xc.run(small(whole.dir.parent / "faces"), copied, report=False)
    assert chunk.stat().st_mtime_ns == before
    assert verify(copied).empty
