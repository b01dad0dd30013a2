"""`xai-compare doctor`: what is installed, what will be used, and what to do about what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

import typer

from xai_compare.cli.app import app, console
from xai_compare.errors import InputError
from xai_compare.version import VERSION


@app.command()
def doctor() -> None:
    """Say what is installed, what will be used, and what to do about what is missing."""
    from rich.table import Table
    from rich.text import Text

    findings = examine()
    table = Table(title=f"xai-compare {VERSION}")
    for column in ("", "what", "finding", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = Text("ok", "green") if finding.fine else Text("no", "red")
        table.add_row(mark, Text(finding.what), Text(finding.found), Text(finding.mend))
    console.print(table)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(2)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is fine, what was found, and how to mend it."""

    fine: bool
    what: str
    found: str
    mend: str = ""


def examine() -> list[Finding]:
    """Look at packages, plug-ins, device, landmark model, the bundled networks and masks, and the disk."""
    from xai_compare.runs.provenance import PACKAGES

    checks: list[Callable[[], Finding]] = [_device, _threads, _landmarks, _masks, _bundled, _disk]
    return [*(_package(name) for name in PACKAGES if name != "dlib"), *(check() for check in checks)]


def _package(name: str) -> Finding:
    try:
        return Finding(True, name, version(name))
    except PackageNotFoundError:
        if name == "dlib-bin" and importlib.util.find_spec("dlib"):
            return Finding(True, "dlib", version("dlib"))
        return Finding(False, name, "not installed", f"pip install {name}")


def _device() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding(True, "device", f"cuda: {torch.cuda.get_device_name()}")
    return Finding(True, "device", "cpu (no CUDA device found)", "nothing needs a GPU; long studies like one")


def _threads() -> Finding:
    import torch

    return Finding(True, "threads", f"{torch.get_num_threads()} of {os.cpu_count()} cores")


def _landmarks() -> Finding:
    from xai_compare.faces import Landmarker

    try:
        return Finding(True, "landmark model", str(Landmarker().file))
    except InputError as error:
        return Finding(False, "landmark model", error.what, error.mend or "")


def _masks() -> Finding:
    from xai_compare import ekman

    try:
        return Finding(True, "Ekman masks", ", ".join(ekman.masks()))
    except (InputError, OSError) as error:
        return Finding(False, "Ekman masks", str(error), "install the package again")


def _bundled() -> Finding:
    from xai_compare import synthetic
    from xai_compare.models.bundled import NAMES

    try:
        return Finding(True, "bundled networks", ", ".join(synthetic.bundled(n).name for n in NAMES))
    except (InputError, OSError, AttributeError) as error:
        return Finding(False, "bundled networks", str(error), "install the package again")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    return Finding(free > 1, "disk", f"{free:.0f} GB free here", "" if free > 1 else "make room")
