"""Names, links, cells, sizes and full disks: what a file or its name may not do."""

from __future__ import annotations

import errno
import gzip
import io
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from xai_compare import files
from xai_compare.cli import main
from xai_compare.errors import InputError
from xai_compare.inventory import LIST, staged

HOSTILE = ["../../../OUTSIDE", "a/b/c", "..", "", "x\0y", "con", "a\\b", "n" * 300, "a.", "~", "-rf", "é/ü"]


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """`xai-compare` in this process: exit code and what stands on standard error."""

    def calling(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["xai-compare", *map(str, arguments)])
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0), " ".join(capsys.readouterr().err.split())
        return 0, " ".join(capsys.readouterr().err.split())

    return calling


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_becomes_one_file_below_its_folder(name: str, tmp_path: Path) -> None:
    safe = files.safe_name(name)
    assert (tmp_path / f"{safe}.png").parent == tmp_path
    (tmp_path / f"{safe}.png").touch()
    assert files.below(tmp_path, f"{safe}.png").exists()
    assert len(safe) <= 100
    assert len({files.safe_name(other) for other in HOSTILE}) == len(HOSTILE)


@pytest.mark.parametrize("name", ["p01", "Anna 3", "07", "Ünal", "s_1-2.b"])
def test_an_ordinary_name_stays(name: str) -> None:
    assert files.safe_name(name) == name


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "a/../../x", "link/x"])
def test_what_leaves_its_root_is_refused(name: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(InputError, match="leaves the folder"):
        files.below(root, name)
    assert files.below(root, "a/b") == root / "a/b"


def gaze(folder: Path, person: str) -> Path:
    rows = [f'"{person}",a.jpg,{40 * k},{100 + 60 * (k // 20)},{90 + k % 2},3' for k in range(100)]
    file = folder / "gaze.csv"
    file.write_text("\n".join(["participant,image,time,x,y,pupil", *rows]) + "\n")
    return file


def everything(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.mark.parametrize("person", ["../../../OUTSIDE", "a/b/c"])
def test_a_participants_name_is_no_path(person: str, tmp_path: Path, call: Any) -> None:
    place = tmp_path / "a" / "b" / "c"
    place.mkdir(parents=True)
    source = gaze(place, person)
    code, err = call("human", source, "--out", place / "out", "--picture-size", "300,300", "--pixels-per-degree", "30")
    assert code == 0, err
    outside = {name for name in everything(tmp_path) if not name.startswith("a/b/c/")} - {"a", "a/b", "a/b/c"}
    assert not outside
    drawn = list((place / "out" / "figures" / "participants").glob("*.png"))
    assert [path.stem for path in drawn] == [files.safe_name(person)]


def test_cells_that_a_spreadsheet_would_run_are_quoted_and_read_back(tmp_path: Path) -> None:
    names = ["=cmd|' /C calc'!A0", "@SUM(A1)", "+1+cmd", "-2+3", "'=x", "\t=x", "p1", "-", "-1.5", "+3e-2", "'tis"]
    table = pd.DataFrame({"name": names, "n": range(len(names)), "=x": -1.5})
    files.write_csv(table, tmp_path / "t.csv")
    read = pd.read_csv(tmp_path / "t.csv", dtype={"name": str}, keep_default_na=False)
    assert all(cell[0] == "'" for cell in read["name"][:6])
    assert list(read["name"][6:]) == names[6:]
    assert [files.unquoted(cell) for cell in read["name"]] == names
    assert list(read.columns) == ["name", "n", "'=x"]
    assert (read["'=x"] == -1.5).all()


def test_a_table_without_such_cells_is_the_same_to_the_byte(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {"a": ["x", None, "-1"], "b": pd.Categorical(["u", "v", "u"]), "c": [1.5, np.nan, -2], "d": [True, None, 3]}
    )
    files.write_csv(table, tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == table.to_csv(index=False)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_links_in_a_folder_of_results_are_refused(kind: str, tmp_path: Path, call: Any) -> None:
    out, victim = tmp_path / "out", tmp_path / "victim"
    (out / "tables").mkdir(parents=True)
    if kind == "file":
        victim.write_text("mine")
        (out / "tables" / "trials.csv").symlink_to(victim)
    else:
        victim.mkdir()
        (out / "figures").symlink_to(victim)
    source = gaze(tmp_path, "p1")
    code, err = call(
        "human", source, "--out", out, "--picture-size", "300,300", "--pixels-per-degree", "30", "--overwrite"
    )
    assert code == 2
    assert "is a link" in err
    assert victim.read_text() == "mine" if kind == "file" else not list(victim.iterdir())


def test_a_link_that_came_since_is_replaced_and_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "x.txt").symlink_to(victim)
    files.write_atomically(tmp_path / "x.txt", "ours")
    assert victim.read_text() == "mine"
    assert (tmp_path / "x.txt").read_text() == "ours"


def test_results_that_are_not_finished_leave_the_old_ones(tmp_path: Path) -> None:
    with staged(tmp_path / "out") as folder:
        (folder / "tables").mkdir()
        (folder / "tables" / "old.csv").write_text("old")
    old = {"out", "out/tables", "out/tables/old.csv", f"out/{LIST}"}

    def broken() -> None:
        with staged(tmp_path / "out", overwrite=True) as folder:
            (folder / "new.csv").write_text("new")
            raise InputError("broken")

    with pytest.raises(InputError, match="broken"):
        broken()
    assert everything(tmp_path) == old
    with staged(tmp_path / "out", overwrite=True) as folder:
        (folder / "new.csv").write_text("new")
    assert everything(tmp_path) == {"out", "out/new.csv", f"out/{LIST}"}


def test_overwrite_keeps_the_old_page_where_the_new_data_are_wrong(tmp_path: Path, call: Any) -> None:
    how = ("--out", tmp_path / "out", "--picture-size", "300,300", "--pixels-per-degree", "30", "--overwrite")
    assert call("human", gaze(tmp_path, "p1"), *how)[0] == 0
    before = (tmp_path / "out" / "summary.html").read_bytes()
    (tmp_path / "bad.csv").write_text("participant,image,time,x,y\n")
    assert call("human", tmp_path / "bad.csv", *how)[0] == 2
    assert (tmp_path / "out" / "summary.html").read_bytes() == before
    assert not [name for name in everything(tmp_path) if name.endswith(".part")]


def test_a_full_disk_leaves_no_cut_file_and_names_the_path(tmp_path: Path) -> None:
    def full() -> None:
        with files.atomic(tmp_path / "t.csv") as part:
            part.write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match=r"No space.*t\.csv"):
        full()
    assert not everything(tmp_path)


def test_a_full_disk_is_one_line_with_the_path_and_what_to_do(
    tmp_path: Path, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **how: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    out = tmp_path / "out"
    code, err = call(
        "human", gaze(tmp_path, "p1"), "--out", out, "--picture-size", "300,300", "--pixels-per-degree", "30"
    )
    assert code == 2
    assert "disk is full; make room and run the same command again" in err
    assert str(tmp_path) in err
    assert everything(tmp_path) == {"gaze.csv"}


def test_a_small_file_that_unpacks_to_much_is_refused_before_memory_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(files.LIMIT_GB, "0.01")
    bomb = tmp_path / "t.csv.gz"
    with gzip.open(bomb, "wb") as file:
        file.write(b"a" * 20_000_000)
    with pytest.raises(InputError, match=r"holds more than 10,000,000 bytes; .*XAI_COMPARE_MAX_GB=8"):
        files.read_bytes(bomb)
    monkeypatch.setenv(files.LIMIT_GB, "0.03")
    assert len(files.read_bytes(bomb)) == 20_000_000
    np.savez_compressed(tmp_path / "a.npz", x=np.zeros(5_000_000))
    with pytest.raises(InputError, match="holds more than 30,000,000 bytes"):
        files.load_npz(tmp_path / "a.npz")


def test_an_array_that_promises_more_than_it_holds_is_refused(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**12,)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", header.getvalue())
    with pytest.raises(InputError, match=r"x\.npy promises more"):
        files.load_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_only_regular_files_are_read(kind: str, tmp_path: Path) -> None:
    path = {"pipe": tmp_path / "p", "device": Path("/dev/zero"), "folder": tmp_path}[kind]
    if kind == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError, match="it is no regular file"):
        files.read_bytes(path)


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "much"])
def test_a_limit_without_sense_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.LIMIT_GB, text)
    with pytest.raises(InputError, match="number of gigabytes"):
        files.limit_bytes()
