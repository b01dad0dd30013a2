"""`xai-compare doctor`: what is installed, what will be used, and what to do about what is missing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xai_compare.cli.app import AllowCode, app, console
from xai_compare.errors import InputError
from xai_compare.extras import EXTRAS, install_command, installed
from xai_compare.version import VERSION

if TYPE_CHECKING:
    from xai_compare.study import HumanSpec, Study


@app.command()
def doctor(
    study: Annotated[Path | None, typer.Argument(help="A study file: also say what it needs.")] = None,
    allow_code: AllowCode = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, to be pasted into a report.")] = False,
) -> None:
    """Say what is installed, what will be used, and what to do about what is missing."""
    findings = examine()
    if study is not None:
        with console.status("reading what the study needs"):
            findings += needs(study, allow_code=allow_code)
    (_print_json if as_json else _print_table)(findings)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(2)


def _print_json(findings: list[Finding]) -> None:
    import platform

    machine = {"xai-compare": VERSION, "python": platform.python_version(), "platform": platform.platform()}
    print(json.dumps({**machine, "findings": [asdict(finding) for finding in findings]}, indent=1))


def _print_table(findings: list[Finding]) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title=f"xai-compare {VERSION}")
    for column in ("", "what", "finding", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        mark = Text("ok", "green") if finding.fine else Text("no", "red")
        table.add_row(mark, Text(finding.what), Text(finding.found), Text(finding.hint))
    console.print(table)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is fine, what was found, and how to fix it."""

    fine: bool
    what: str
    found: str
    hint: str = ""


def examine() -> list[Finding]:
    """Look at packages, extras, device, landmark model, the bundled networks and masks, and the disk."""
    from xai_compare.runs.provenance import PACKAGES

    checks: list[Callable[[], Finding]] = [_device, _threads, _landmarks, _masks, _bundled, _disk]
    optional = {"dlib", *(package for packages in EXTRAS.values() for package in packages)}
    base = [_package(name) for name in PACKAGES if name not in optional]
    return [*base, *(_extra(name) for name in EXTRAS), *(check() for check in checks)]


def needs(path: Path, *, allow_code: bool = False) -> list[Finding]:
    """Look for all that a study names: pictures, networks, explainers, people, masks and metrics; nothing is written.

    Args:
        path: of the study file.
        allow_code: whether its factories may run; else the networks that need them are not loaded.
    """
    from xai_compare.analysis.scores.tables import study_masks, study_metrics
    from xai_compare.runs.face_cache import read_pictures
    from xai_compare.study import Study

    try:
        study = Study.load(path)
    except InputError as error:
        return [_lacking("study", error)]
    found = [Finding(True, "study", study.name)]
    images: list[str] = []
    try:
        manifest = read_pictures(study)
        images = [str(image) for image in manifest.rows["image"]]
        skipped = f", {len(manifest.skipped)} rows that cannot be used" if manifest.skipped else ""
        found.append(Finding(True, "images", f"{len(images):,}{skipped}"))
    except InputError as error:
        found.append(_lacking("images", error))
    found += _networks(study, allow_code)
    for spec in study.human if images else []:
        found.append(_tried(f"people {spec.name!r}", partial(_points, spec, images)))
    found.append(_tried("masks", lambda: ", ".join(study_masks(study)) or "none asked for"))
    found.append(_tried("metrics", lambda: ", ".join(study_metrics(study))))
    return found


def _networks(study: Study, allow_code: bool) -> list[Finding]:
    """Whether each network loads, and which explainers can explain it."""
    from xai_compare import models
    from xai_compare.explainers.explained import create_seeded

    found, made = [], {}
    for asked in study.explainers:
        try:
            made[str(asked.label)] = create_seeded(asked.name, asked.options, study.seed)
            found.append(Finding(True, f"explainer {asked.label!r}", "there"))
        except InputError as error:
            found.append(_lacking(f"explainer {asked.label!r}", error))
    for spec in study.models:
        try:
            model = models.load(spec.loading(), device="cpu", allow_code=allow_code)
        except InputError as error:
            found.append(_lacking(f"network {spec.label!r}", error))
            continue
        refused = [f"{name}: {why}" for name, one in made.items() if (why := one.refusal(model))]
        said = f"loads; {len(model.classes)} classes, {model.input.size[0]} x {model.input.size[1]} pixels"
        found.append(Finding(True, f"network {spec.label!r}", "; left out ".join([said, *refused])))
    return found


def _points(spec: HumanSpec, images: list[str]) -> str:
    from xai_compare.analysis import people

    crowd = people.read(spec, images)
    return f"{len(crowd.points):,} points on {len(crowd.images):,} of the images"


def _tried(what: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(True, what, look())
    except InputError as error:
        return _lacking(what, error)


def _lacking(what: str, error: InputError) -> Finding:
    return Finding(False, what, f"{error.what} ({error.where})" if error.where else error.what, error.hint or "")


def _package(name: str) -> Finding:
    try:
        return Finding(True, name, version(name))
    except PackageNotFoundError:
        if name == "dlib-bin" and importlib.util.find_spec("dlib"):
            return Finding(True, "dlib", version("dlib"))
        return Finding(False, name, "not installed", f"pip install {name}")


def _extra(name: str) -> Finding:
    """An extra is a choice: one that is not installed is no mistake."""
    missing = [package for package in EXTRAS[name] if not installed(package)]
    if missing:
        return Finding(True, f"extra {name}", f"not installed: {', '.join(missing)}", install_command(name))
    return Finding(True, f"extra {name}", ", ".join(f"{package} {version(package)}" for package in EXTRAS[name]))


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
        return Finding(False, "landmark model", error.what, error.hint or "")


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
