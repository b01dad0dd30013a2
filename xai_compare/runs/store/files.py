"""Files that are there whole or not at all, hashes, and names that every file system takes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any


def make_room(path: Path, *, folder: bool = False) -> None:
    """Remove a folder from where a file of the run belongs, or a file from where a folder belongs; make its parent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder and path.exists() and not path.is_dir():
        path.unlink()
    elif not folder and path.is_dir():
        path.unlink() if path.is_symlink() else shutil.rmtree(path)


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that the file is there whole or not at all."""
    make_room(path.parent, folder=True)
    make_room(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def digest(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def content(path: Path) -> str:
    """SHA-256 of a file's bytes, or of all files of a folder and their names; ``""`` where nothing is."""
    if path.is_dir():
        files = sorted(one for one in path.rglob("*") if one.is_file())
        return digest([(one.relative_to(path).as_posix(), content(one)) for one in files])
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def slug(*names: str) -> str:
    """A file name for a source: readable, safe on every system, and unlike for unlike names.

    >>> slug("VGG16", "lime")
    'VGG16--lime'
    """
    readable = "--".join(re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".") for name in names)
    exact = "--".join(names)
    return readable[:100] if readable == exact and len(exact) <= 100 else f"{readable[:80]}-{digest(names)[:8]}"
