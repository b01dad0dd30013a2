"""The run directory: whose it is, who may write, and what the file system refuses."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from xai_compare.errors import InputError
from xai_compare.runs.store import DONE, FOLDER, PLAN, make_room, write_atomically
from xai_compare.study import Study

REUSED = ("faces.jsonl", "predictions", "chunks", "maps.zarr", FOLDER, PLAN)
"""What carries fingerprints of its inputs, so that another study may use what it shares with the one before."""
MADE = (*REUSED, DONE, "provenance.json", "points", "heatmaps.zarr", "tables", "figures", "report.html")
"""What a run writes into its directory besides the study: what `overwrite` removes, and nothing else."""
KEPT = ("inputs", ".lock")
"""What may be there before a run."""


def refuse_strangers(directory: Path, study: Study, overwrite: bool) -> None:
    """Refuse a directory that holds something else than this study's run.

    Raises:
        InputError: if it does.
    """
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file, not a directory", where=directory, mend="name another with --out")
    if (directory / "study.yaml").is_file():
        try:
            same = Study.load(directory / "study.yaml").fingerprint() == study.fingerprint()
        except InputError:
            if not overwrite:
                mend = "--overwrite makes the directory this study's; what fits it is kept"
                raise InputError("is damaged", where=directory / "study.yaml", mend=mend) from None
            same = False
        if not same and not overwrite and any((directory / name).exists() for name in MADE):
            mend = "name another directory with --out, or --overwrite"
            raise InputError("holds another study's run", where=directory, mend=mend)
    elif directory.is_dir() and any(path.name not in KEPT for path in directory.iterdir()):
        raise InputError("is not empty and holds no run", where=directory, mend="name a new directory with --out")


def claim(directory: Path, study: Study, overwrite: bool) -> None:
    """Make the directory the study's. Maps of another study's run stay until it is known which can be used again."""
    stands = directory / "study.yaml"
    same = stands.is_file() and stands.read_text("utf-8") == study.dump()
    if overwrite and not same:
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
        mend = "wait for it, or name another directory with --out"
        raise InputError("another process is running in it", where=directory, mend=mend) from None
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
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mend = "make room and run the same command again; what is done is kept"
            raise InputError("the disk is full", where=directory, mend=mend) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            place = error.filename or directory
            raise InputError(f"cannot be written ({error.strerror})", where=place, mend="name another place") from None
        raise
