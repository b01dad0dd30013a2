"""The run directory: whose it is, who may write, and what the file system refuses."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xai_compare.errors import InputError
from xai_compare.files import FULL, MAKE_ROOM, make_room, refuse_links, write_atomically
from xai_compare.runs.store import DONE, FOLDER, PLAN
from xai_compare.study import Study

REUSED = ("faces.jsonl", "predictions", "chunks", "maps.zarr", FOLDER, PLAN)
"""What carries fingerprints of its inputs, so that another study may use what it shares with the one before."""
MADE = (*REUSED, DONE, "provenance.json", "points", "heatmaps.zarr", "tables", "figures", "report.html", "explore.html")
"""What a run writes into its directory besides the study: what `overwrite` removes, and nothing else."""
FREE = ("masks", "compare", "note", "show_pictures")
"""Keys of a study whose change makes no map again."""
KEPT = ("inputs", ".lock")
"""What may be there before a run."""


def refuse_strangers(directory: Path, study: Study, overwrite: bool) -> str:
    """Refuse a directory that holds something else than this study's run, or a run of which this would lose a part.

    Returns:
        What this study has gained or changed since the directory's; ``""`` where nothing.

    Raises:
        InputError: if it does.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file, not a directory", where=directory, hint="name another with --out")
    refuse_links(directory, KEPT)
    if (directory / "study.yaml").is_file():
        try:
            before = Study.load(directory / "study.yaml")
        except InputError:
            if not overwrite:
                hint = "--overwrite makes the directory this study's; what fits it is kept"
                raise InputError("is damaged", where=directory / "study.yaml", hint=hint) from None
            return ""
        if before.fingerprint() == study.fingerprint() or not any((directory / name).exists() for name in MADE):
            return ""
        lost, gained = difference(before, study)
        if lost and not overwrite:
            hint = "name another directory with --out, or --overwrite"
            raise InputError(f"holds another study's run, of which this one has not {lost}", where=directory, hint=hint)
        return gained
    elif directory.is_dir() and any(path.name not in KEPT for path in directory.iterdir()):
        raise InputError("is not empty and holds no run", where=directory, hint="name a new directory with --out")
    return ""


def difference(before: Study, now: Study) -> tuple[str, str]:
    """What a study no longer has of an earlier one, so that work would be lost; and what it has gained or changed."""
    old, new = (_parts(study) for study in (before, now))
    lost = [name for name, value in old.items() if name not in FREE and new.get(name) != value]
    gained = [name for name, value in new.items() if name not in old or (name in FREE and old[name] != value)]
    return ", ".join(lost), ", ".join(gained)


def _parts(study: Study) -> dict[str, Any]:
    """A study, part by part, each under the name that a message gives it."""
    data = study.model_dump(mode="json")
    parts: dict[str, Any] = {"the name": data["name"], "the seed": data["seed"], "these images": data["images"]}
    parts |= {f"the network {spec.label!r}": one for spec, one in zip(study.models, data["models"], strict=True)}
    parts |= {f"the explainer {one['label']!r}": one for one in data["explainers"]}
    parts |= {f"the people {one['name']!r}": one for one in data["human"]}
    parts |= {f"the stage {name!r}": data[name] for name in study.stages()}
    return parts | {key: data[key] for key in FREE}


def claim(directory: Path, study: Study) -> None:
    """Make the directory the study's. Maps of another study's run stay until it is known which can be used again."""
    stands = directory / "study.yaml"
    same = stands.is_file() and stands.read_text("utf-8") == study.dump()
    if not same:
        for path in (directory / name for name in MADE if name not in REUSED):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    if not same:
        write_atomically(stands, study.dump())


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system frees it when the process ends, however it ends."""
    directory.mkdir(parents=True, exist_ok=True)
    make_room(directory / ".lock")
    lock = FileLock(directory / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        hint = "wait for it, or name another directory with --out"
        raise InputError("another process is running in it", where=directory, hint=hint) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Say in one line what the file system refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise InputError("the disk is full", where=error.filename or directory, hint=MAKE_ROOM) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            place = error.filename or directory
            raise InputError(f"cannot be written ({error.strerror})", where=place, hint="name another place") from None
        raise
