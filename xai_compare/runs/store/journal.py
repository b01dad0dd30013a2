"""Append-only journals of what is known already: one JSON object per line, safe against a torn last line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from xai_compare.files import appending, make_room, write_atomically
from xai_compare.runs.store.checksums import fits, verify_checksum, with_checksum

KEPT = 4096
"""Records that a journal without a file keeps."""


class Journal:
    """Records by key, kept in a JSON-lines file; a later record of a key replaces an earlier one.

    Of each record only its place in the file is held in memory, so that memory does not grow with what is in it. A
    record that was changed since it was written, or does not fit its model, counts as not there.

    Args:
        path: the file; None to keep the last `KEPT` records of this process alone.
        model: what a record must be, besides its key.
    """

    def __init__(self, path: Path | None, model: type[BaseModel] | None = None) -> None:
        self.path, self.model = path, model
        self._places: dict[str, tuple[int, int]] = {}
        self._unwritten: dict[str, dict[str, Any]] = {}
        if path is not None and path.is_file():
            with path.open("rb") as file:
                start = 0
                for line in file:
                    try:
                        record = json.loads(line)
                    except (ValueError, RecursionError):  # The line that a kill tore: its work is simply done again.
                        record = None
                    if isinstance(record, dict) and isinstance(record.get("key"), str):
                        self._places[record["key"]] = (start, len(line))
                    start += len(line)

    def get(self, key: str) -> dict[str, Any] | None:
        """The record of ``key``; None if there is none, or it is damaged."""
        if key in self._unwritten:
            return self._unwritten[key]
        if self.path is None or key not in self._places:
            return None
        start, length = self._places[key]
        with self.path.open("rb") as file:
            file.seek(start)
            record = verify_checksum(file.read(length))
        if record is None or record.pop("key", None) != key or (self.model and fits(record, self.model) is None):
            return None
        return {"key": key, **record}

    def damaged(self, key: str) -> bool:
        """Whether there is a record of ``key`` that cannot be used."""
        return key in self._places and self.get(key) is None

    def add(self, records: Mapping[str, Mapping[str, Any]], *, write: bool = True) -> None:
        """Add records, on disk when this returns unless told not to."""
        if self.path is None or not write:
            self._unwritten.update({key: {"key": key, **record} for key, record in records.items()})
            while self.path is None and len(self._unwritten) > KEPT:
                del self._unwritten[next(iter(self._unwritten))]
            return
        make_room(self.path.parent, folder=True)
        torn = self.path.is_file() and self.path.stat().st_size > 0 and not _ends_a_line(self.path)
        with appending(self.path) as file:
            if torn:
                file.write(b"\n")
            start = file.tell()
            for key, record in records.items():
                line = with_checksum({"key": key, **record}).encode("ascii") + b"\n"
                file.write(line)
                self._places[key] = (start, len(line))
                start += len(line)
                self._unwritten.pop(key, None)
            file.flush()
            os.fsync(file.fileno())


def damaged_lines(path: Path) -> list[int]:
    """The lines of a journal that are not as they were written, by number."""
    with path.open("rb") as file:
        return [number for number, line in enumerate(file, 1) if verify_checksum(line) is None]


def mend(path: Path) -> None:
    """Leave only the lines of a journal that are as they were written; what the others held is made again."""
    with path.open("rb") as file:
        lines = file.readlines()
    whole = [line for line in lines if verify_checksum(line) is not None]
    if whole != lines:
        write_atomically(path, b"".join(line.rstrip(b"\n") + b"\n" for line in whole))


def _ends_a_line(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() == b"\n"
