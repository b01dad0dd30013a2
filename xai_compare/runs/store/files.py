"""Hashes of what a run stores."""

from __future__ import annotations

from pathlib import Path

from xai_compare.files import digest, file_sha256


def content(path: Path) -> str:
    """SHA-256 of a file's bytes, or of all files of a folder and their names; ``""`` where nothing is."""
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.is_file())
        return digest([(file.relative_to(path).as_posix(), content(file)) for file in files])
    return file_sha256(path) if path.is_file() else ""
