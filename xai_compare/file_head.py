"""What the beginning of a file tells about its format."""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from xai_compare.errors import InputError
from xai_compare.files import check_regular

_BYTES = 1 << 16
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class FileHead:
    """The first 64 KiB of a file, unpacked if it is compressed.

    Attributes:
        path: the file.
        raw: its first bytes.
    """

    path: Path
    raw: bytes

    @classmethod
    def of(cls, path: Path) -> FileHead:
        """Read the beginning of a file.

        Raises:
            InputError: if it cannot be read or is empty.
        """
        check_regular(path, 1 << 60)
        try:
            with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
                raw = file.read(_BYTES)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"cannot be read ({error})", where=path) from error
        if not raw.strip():
            raise InputError("is empty", where=path)
        return cls(path, raw)

    @cached_property
    def encoding(self) -> str:
        """The text encoding: by byte-order mark, else UTF-8 if these bytes are that, else Windows-1252."""
        for mark, name in _MARKS:
            if self.raw.startswith(mark):
                return name
        try:
            # The last character may be cut in two.
            self.raw.decode("utf-8") if len(self.raw) < _BYTES else self.raw[:-4].decode("utf-8", "strict")
        except UnicodeDecodeError as error:
            return "utf-8" if error.start >= len(self.raw) - 8 else "cp1252"
        return "utf-8"

    @cached_property
    def text(self) -> str:
        """The beginning as text; empty for a binary file."""
        if b"\0" in self.raw and self.encoding != "utf-16":
            return ""
        return self.raw[: len(self.raw) // 2 * 2].decode(self.encoding, "replace").removeprefix("\ufeff")

    @cached_property
    def told_separator(self) -> str:
        """The separator that a spreadsheet tells in a first line of its own, such as ``sep=;``, or ``""``."""
        told = re.match(r'"?sep=([,;\t|])"?[,;\t]*\r?\n', self.text, re.IGNORECASE)
        return told[1] if told else ""

    @cached_property
    def first_line(self) -> str:
        """The first line that is not blank, after the one that tells the separator."""
        lines = self.text.splitlines()[bool(self.told_separator) :]
        return next((line for line in lines if line.strip()), "")

    @cached_property
    def separator(self) -> str:
        """The separator told, or comma, semicolon or tab: the one the first line holds most of."""
        return self.told_separator or max(",;\t", key=self.first_line.count)

    @cached_property
    def columns(self) -> list[str]:
        """The cells of the first line, without quotes."""
        return [cell.strip().strip('"') for cell in self.first_line.split(self.separator)]

    def has(self, *columns: str) -> bool:
        """Whether the first line names all of ``columns``, upper and lower case alike."""
        own = {column.casefold() for column in self.columns}
        return all(column.casefold() in own for column in columns)
