"""Delimited text as a table of text."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from pathlib import Path

import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.tables import ROW


def read_table(path: Path) -> pd.DataFrame:
    """Return a delimited text file as a table of text, with the file's row numbers in the column `ROW`.

    The file is UTF-8, with or without a byte-order mark, may be compressed (``.gz``), and its first row names the
    columns. Comma, semicolon or tab separates them: the one the first row holds most of. Empty rows are left out.

    Raises:
        InputError: if the file cannot be read, is empty or not UTF-8, names a column twice, or has a row that is too
            long or too short.
    """
    text = _text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, path)
        rows: list[list[str]] = []
        numbers: list[int] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                what = f"row {reader.line_num} has {len(cells)} cells where the header has {len(header)}"
                raise InputError(what, where=path, hint="quote cells that hold the separator")
            rows.append(cells)
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"row {reader.line_num} is not delimited text ({error})", where=path) from error
    if not rows:
        raise InputError("holds no row below its header", where=path)
    table = pd.DataFrame(rows, columns=header, dtype=object)
    return table.assign(**{ROW: numbers})


def _text(path: Path) -> str:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    if not raw.strip():
        raise InputError("is empty", where=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text, with or without byte-order mark (byte {error.start})"
        raise InputError(what, where=path, hint="save it as 'CSV UTF-8'") from error


def _check_header(header: list[str], path: Path) -> None:
    if not any(header):
        raise InputError("its first row is blank", where=path, hint="name the columns there")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"its header has {', '.join(map(repr, twice))} more than once", where=path)
