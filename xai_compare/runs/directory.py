"""The run directory: whose it is, who may write, and what the file system refuses."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from xai_compare.errors import InputError
from xai_compare.files import FULL, MAKE_ROOM, is_plain, make_room, refuse_links, safe_name, write_atomically
from xai_compare.inventory import LIST, Inventory, check_replaceable, exchange, listed, recover, sha256, walk
from xai_compare.runs.store import DONE, FOLDER, PLAN, Done, mend
from xai_compare.study import Study
from xai_compare.watches import finished, is_watched

REUSED = ("faces.jsonl", "predictions", "chunks", "maps.zarr", FOLDER, PLAN)
"""What carries fingerprints of its inputs, so that another study may use what it shares with the one before."""
MADE = (*REUSED, DONE, "provenance.json", "points", "heatmaps.zarr", "tables", "figures", "report.html", "explore.html")
"""What a run writes into its directory besides the study."""
FREE = ("masks", "compare", "note", "show_pictures")
"""Keys of a study whose change makes no map again."""
KEPT = ("inputs", ".lock")
"""What may be there before a run."""
_CHUNK = re.compile(r"maps\.zarr/[^/]+/map/c/\d+/0/0|chunks/[^/]+/\d{5}\.json")
_JOURNAL = re.compile(rf"faces\.jsonl|predictions/[^/]+\.jsonl|{FOLDER}/[^/]+\.jsonl")


def unlisted(name: str) -> bool:
    """Whether a file of a run directory need not be in its list: maps have checksums in their own records."""
    return name == ".lock" or name.startswith("inputs/") or _CHUNK.fullmatch(name) is not None


def journals(directory: Path) -> list[Path]:
    """The journals of a run directory."""
    return [path for path in walk(directory) if _JOURNAL.fullmatch(path.relative_to(directory).as_posix())]


def refuse_strangers(directory: Path, study: Study, overwrite: bool) -> tuple[str, bool]:
    """Refuse a directory that holds something else than this study's run, or a run of which this would lose a part.

    Returns:
        What this study has gained or changed since the directory's, ``""`` where nothing; and whether the directory's
        run is to be replaced.

    Raises:
        InputError: if it does.
    """
    recover(directory)
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file, not a directory", where=directory, hint="name another with --out")
    refuse_links(directory, KEPT)
    if _listed_study(directory) == hashlib.sha256(study.dump().encode()).hexdigest():
        return "", False  # Whatever became of study.yaml since.
    if (directory / "study.yaml").is_file():
        try:
            before = Study.load(directory / "study.yaml")
        except InputError:
            if not overwrite:
                hint = "--overwrite makes the directory this study's; what fits it is kept"
                raise InputError("is damaged", where=directory / "study.yaml", hint=hint) from None
            check_replaceable(directory)
            return "", True
        if before.fingerprint() == study.fingerprint() or not any((directory / name).exists() for name in MADE):
            return "", False
        lost, gained = difference(before, study)
        if lost and not overwrite:
            hint = "name another directory with --out, or --overwrite"
            raise InputError(f"holds another study's run, of which this one has not {lost}", where=directory, hint=hint)
        if lost:
            check_replaceable(directory)
        return gained, bool(lost)
    elif directory.is_dir() and any(path.name not in KEPT for path in directory.iterdir()):
        raise InputError("is not empty and holds no run", where=directory, hint="name a new directory with --out")
    return "", False


def _listed_study(directory: Path) -> str:
    return Inventory(directory).hashes.get("study.yaml", "") if directory.is_dir() else ""


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
    stands, code = directory / "study.yaml", hashlib.sha256(study.dump().encode()).hexdigest()
    if _listed_study(directory) != code and sha256(stands) != code:
        for path in (directory / name for name in MADE if name not in REUSED):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    make_room(stands)
    if sha256(stands) != code:
        write_atomically(stands, study.dump())
    finished(stands)


@contextmanager
def replacing(directory: Path) -> Iterator[Path]:
    """A folder beside ``directory`` for another study's run, which takes its place if the block ends well.

    What may be used again is brought there first. If the block fails, the folder stays, and the next call goes on in
    it; ``directory`` is untouched until the new run is whole.
    """
    work = unfinished(directory)
    new = not work.exists()
    if new:
        for path in [path for path in walk(directory) if path.relative_to(directory).parts[0] in REUSED]:
            target = work / path.relative_to(directory)
            target.parent.mkdir(parents=True, exist_ok=True)
            _share(path, target)
    try:
        with alone(work):
            yield work
    except BaseException:
        if new and not (work / "study.yaml").exists():  # Nothing was begun.
            shutil.rmtree(work, ignore_errors=True)
        raise
    (work / ".lock").unlink(missing_ok=True)
    made = {**Inventory(work).hashes}
    (work / LIST).unlink()
    old = [path.relative_to(directory).as_posix() for path in walk(directory)]
    known = Inventory(directory).hashes
    exchange(work, directory, [name for name in old if name in known or _CHUNK.fullmatch(name)], made)
    shutil.rmtree(work, ignore_errors=True)


def unfinished(directory: Path) -> Path:
    """Where a run is made that is to replace the one in ``directory``."""
    target = directory.resolve()
    return target.with_name(f".{safe_name(target.name)}.xai-compare-new")


def _share(path: Path, target: Path) -> None:
    """Maps are never changed in place, so two runs may share them; journals are."""
    if path.suffix != ".jsonl":
        with suppress(OSError):
            os.link(path, target)
            return
    shutil.copyfile(path, target)


@contextmanager
def listing(directory: Path, *, part: bool = False) -> Iterator[Inventory]:
    """List what a run, or ``part`` of one, writes; damaged lines of journals are taken out first."""
    with listed(directory, unlisted, part=part) as inventory:
        for path in journals(directory):
            if not inventory.whole(path.relative_to(directory).as_posix()):
                mend(path)
                inventory.note(path, grows=True)
        yield inventory


@contextmanager
def rewriting(directory: Path, stage: str) -> Iterator[None]:
    """List the files of a stage that are written again by themselves, and not by the run."""
    if is_watched(directory) or not is_plain(directory / LIST):
        yield
        return
    with listing(directory, part=True):
        yield
        Done.read(directory).renew(directory, stage)


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
