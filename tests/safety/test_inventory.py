"""The list of what was written: what `verify` sees, and what `--overwrite` may remove, whenever it is stopped."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from xai_compare import files, inventory
from xai_compare.errors import InputError
from xai_compare.inventory import LIST, Inventory, listed, recover, staged


def holds(folder: Path) -> dict[str, str]:
    """What every file of a folder holds, but for its list."""
    return {str(p.relative_to(folder)): p.read_text() for p in inventory.walk(folder) if p.name != LIST}


def fill(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        files.write_atomically(folder / name.replace("__", "/"), text)


def test_the_list_is_that_of_sha256sum(tmp_path: Path) -> None:
    with listed(tmp_path):
        fill(tmp_path, b="2", a__x="1")
    expected = [f"{hashlib.sha256(text).hexdigest()}  {name}" for text, name in ((b"1", "a/x"), (b"2", "b"))]
    assert (tmp_path / LIST).read_text().splitlines() == expected


@pytest.mark.parametrize(
    ("harm", "problem"),
    [
        (lambda folder: (folder / "b").write_text("3"), {"b": inventory.CHANGED}),
        (lambda folder: (folder / "b").unlink(), {"b": inventory.MISSING}),
        (lambda folder: (folder / "a" / "y").write_text(""), {"a/y": inventory.FOREIGN}),
        (lambda folder: (folder / "c").symlink_to(folder / "b"), {"c": inventory.FOREIGN}),
        (lambda folder: (folder / LIST).unlink(), {LIST: inventory.MISSING}),
        (lambda folder: (folder / LIST).write_text("x"), {LIST: "line 1 is no checksum", "a/x": inventory.FOREIGN}),
    ],
    ids=["changed", "missing", "foreign", "link", "no list", "damaged list"],
)
def test_what_is_wrong_is_named(harm: Callable[[Path], object], problem: dict[str, str], tmp_path: Path) -> None:
    with listed(tmp_path):
        fill(tmp_path, b="2", a__x="1")
    assert Inventory(tmp_path).problems() == {}
    harm(tmp_path)
    assert problem.items() <= Inventory(tmp_path).problems().items()


def test_the_list_of_a_job_that_failed_holds_what_was_finished(tmp_path: Path) -> None:
    def failing() -> None:
        with listed(tmp_path):
            fill(tmp_path, a="1")
            raise InputError("broken")

    with pytest.raises(InputError):
        failing()
    assert Inventory(tmp_path).problems() == {}
    with (tmp_path / LIST).open("a") as file:
        file.write("0123")  # A line that a kill tore.
    with listed(tmp_path):
        fill(tmp_path, b="2")
    assert Inventory(tmp_path).problems() == {}
    assert set(Inventory(tmp_path).hashes) == {"a", "b"}


def test_a_list_names_nothing_outside_its_folder(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("mine")
    out = tmp_path / "out"
    out.mkdir()
    code = hashlib.sha256(b"mine").hexdigest()
    (out / LIST).write_text(f"{code}  ../victim\n{code}  {tmp_path / 'victim'}\n")
    with staged(out, overwrite=True) as folder:
        fill(folder, a="1")
    assert (tmp_path / "victim").read_text() == "mine"


def test_overwrite_removes_what_is_listed_and_nothing_else(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as folder:
        fill(folder, old__a="1", old__b="1", both="1")
    (out / "old" / "notes").write_text("mine")
    with staged(out, overwrite=True) as folder:
        fill(folder, both="2", new__c="2")
    assert holds(out) == {"old/notes": "mine", "both": "2", "new/c": "2"}
    assert Inventory(out).problems() == {"old/notes": inventory.FOREIGN}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_file_of_others_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with staged(out) as folder:
        fill(folder, a="1")
    (out / "b").write_text("mine")

    def replacing() -> None:
        with staged(out, overwrite=True) as folder:
            fill(folder, a="2", b="2")

    with pytest.raises(InputError, match=r"out/b: is there, and not of ours"):
        replacing()
    assert holds(out) == {"a": "1", "b": "mine"}


def test_a_folder_without_a_list_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")

    def replacing() -> None:
        with staged(tmp_path, overwrite=True):
            pass

    with pytest.raises(InputError, match=r"holds 'mine', and no list \(files\.sha256\)"):
        replacing()


KILLED = """
import os, sys
from pathlib import Path
from xai_compare import files, inventory
left = int(sys.argv[2])
replace = Path.replace
def counting(self, target):
    global left
    if exchanging:
        left -= 1
        if left < 0 and sys.argv[3] == "kill":
            os._exit(9)
        if left == -1:
            raise OSError(5, "Input/output error")
    return replace(self, target)
Path.replace = counting
exchanging = False
with inventory.staged(Path(sys.argv[1]), overwrite=True) as folder:
    for name in ("both", "new/c"):
        files.write_atomically(folder / name, "2")
    exchanging = True
"""


@pytest.mark.parametrize("how", ["kill", "fail"])
@pytest.mark.parametrize("moves", range(9))
def test_an_exchange_that_is_stopped_anywhere_is_done_or_taken_back(moves: int, how: str, tmp_path: Path) -> None:
    out, old = tmp_path / "out", {"old/a": "1", "old/b": "1", "both": "1"}
    with staged(out) as folder:
        fill(folder, old__a="1", old__b="1", both="1")
    (out / "old" / "notes").write_text("mine")
    code = subprocess.run(
        [sys.executable, "-c", KILLED, out, str(moves), how], capture_output=True, check=False
    ).returncode
    if how == "kill":
        recover(out)  # As the next command that writes there does.
    new = {"both": "2", "new/c": "2"}
    assert holds(out) == {"old/notes": "mine", **(new if code == 0 else old)}
    assert Inventory(out).problems() == {"old/notes": inventory.FOREIGN}
    assert [path.name for path in tmp_path.iterdir() if not path.name.endswith(".part")] == ["out"]
    assert (code == 0) == (moves >= 8)  # Two lists, three files aside, two in place, and the list.
