"""Damage to a finished run: what is read, or made again, must be the tables of the whole run."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

from fuzzing import damage

from xai_compare.errors import InputError
from xai_compare.report.data import from_run
from xai_compare.runs import Run, run
from xai_compare.runs.inspection import status, verify
from xai_compare.study import Study

TABLES = ("scores", "merges", "predictions", "images", "skipped", "maps")


def damage_run(folder: Path) -> str:
    """Damage one thing of a run directory; what was done."""
    everything = sorted(path for path in folder.rglob("*") if path.name != "study.yaml")
    path = random.choice([path for path in everything if path.is_file()] if random.random() < 0.85 else everything)
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        shutil.rmtree(path)
        path.write_bytes(random.choice([b"", b"null", b"{}"]))
        return f"{name}: a file instead of the folder"
    whole = path.read_bytes()
    ways: dict[str, damage.Bytes] = {
        "bits": damage.bits, "cut": damage.cut, "repeated": damage.repeat, "value": damage.value,
        "values": damage.json_value, "empty": lambda data: b"", "null": lambda data: b"null",
        "text": lambda data: b'"text"', "nested": lambda data: b"[" * 50_000, "foreign": damage.foreign,
    }  # fmt: skip
    way = random.choice([*ways, "folder", "gone"])
    if way in ("folder", "gone"):
        path.unlink()
        if way == "folder":
            (path / "inside").mkdir(parents=True)
    else:
        path.write_bytes(ways[way](whole))
    return f"{name}: {way}"


class FinishedRun:
    """A finished run, copies of which are damaged and used."""

    def __init__(self, study: Path, place: Path) -> None:
        self.study, self.whole, self.copy = Study.load(study), place / "whole", place / "copy"
        finished = run(self.study, self.whole, report=False)
        self.tables = {name: finished.table(name) for name in TABLES}

    def one(self) -> tuple[str, str, object]:
        """Damage a copy and use it; what was done, and why that is a failure (``""`` if it is none), and 0 or 2."""
        shutil.rmtree(self.copy, ignore_errors=True)
        shutil.copytree(self.whole, self.copy)
        done = damage_run(self.copy)
        use = random.choice(["status", "verify", "report", "run"])
        try:
            if use == "status":
                status(self.copy)
            elif use == "verify":
                verify(self.copy)
            else:
                opened = run(self.study, self.copy, report=False) if use == "run" else Run.open(self.copy)
                read = {name: opened.table(name) for name in TABLES}
                from_run(opened)
                assert isinstance(opened.provenance, dict)
                changed = [name for name, table in self.tables.items() if not read[name].equals(table)]
                if changed:
                    return f"{use} after {done}", f"silent change of {changed[0]}", 1
        except InputError as error:
            return f"{use} after {done}", "an error of several lines" if "\n" in str(error) else "", 2
        except (Exception, SystemExit) as error:
            return f"{use} after {done}", f"traceback: {type(error).__name__}: {error}"[:300], 1
        return f"{use} after {done}", "", 0
