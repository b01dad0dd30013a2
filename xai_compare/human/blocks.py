"""Large delimited text, read block by block in flat memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
from pyarrow import csv

from xai_compare.errors import InputError, nearest
from xai_compare.human.recognition import Head
from xai_compare.human.tables import MISSING

BLOCK_BYTES = 1 << 23
Kind = Literal["number", "text"]

_NULLS = sorted({text for word in MISSING for text in (word, word.upper(), word.capitalize(), "NaN")})
_COMMA_NUMBER = re.compile(r"-?\d+,\d+")
_TYPES = {"number": pa.float64(), "text": pa.dictionary(pa.int32(), pa.string())}


@dataclass
class _Lines:
    """Lines with more or fewer cells than the header."""

    odd: list[str] = field(default_factory=list)

    def __call__(self, row: csv.InvalidRow) -> str:
        self.odd.append(row.text)
        return "skip"


def blocks(
    path: Path, columns: Mapping[str, Kind], *, head: Head | None = None, names: list[str] | None = None, skip: int = 0
) -> Iterator[pd.DataFrame]:
    """Yield a delimited text file as tables of the columns asked for, a block of some 8 MB at a time.

    Comma, semicolon or tab separates cells; decimals have a point or, where comma is not the separator, a comma; the
    encoding is UTF-8, UTF-16 or Windows-1252; ``.gz`` is unpacked on the way. A last line that was cut short is left
    out; ``attrs["half_line"]`` of the last table then is 1.

    Args:
        path: the file.
        columns: the columns wanted, as the file names them, and whether they hold numbers or text. Text is categorical.
        head: the beginning of the file, if it is read already.
        names: the names of the columns, for a file without a header.
        skip: lines before the header.

    Raises:
        InputError: if the file cannot be read, lacks a column, or has a cell that is not a number or a line of another
            length before its last.
    """
    head = head or Head.of(path)
    given = names or head.columns
    missing = [name for name in columns if name not in given]
    if missing:
        raise InputError(f"no column {missing[0]!r}", where=path, hint=nearest(missing[0], given))
    odd = _Lines()
    try:
        reader = csv.open_csv(
            path,
            read_options=csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, encoding=_codec(head), column_names=names, skip_rows=skip
            ),
            parse_options=csv.ParseOptions(delimiter=head.separator, invalid_row_handler=odd),
            convert_options=csv.ConvertOptions(
                column_types={name: _TYPES[kind] for name, kind in columns.items()},
                include_columns=list(columns),
                null_values=_NULLS,
                strings_can_be_null=True,
                decimal_point="," if _decimal_commas(head) else ".",
            ),
        )
        previous = None
        for batch in reader:
            if previous is not None:
                yield previous
            previous = batch.to_pandas()
    except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
        raise InputError(_reason(error, columns), where=path) from error
    if odd.odd:
        _only_the_last(odd.odd, path, head)
    if previous is not None:
        previous.attrs["half_line"] = len(odd.odd)
        yield previous


def _codec(head: Head) -> str:
    return "utf8" if head.encoding == "utf-8-sig" else head.encoding


def _decimal_commas(head: Head) -> bool:
    if head.separator == ",":
        return False
    cells = [cell for line in head.text.splitlines()[1:200] for cell in line.split(head.separator)]
    return any(_COMMA_NUMBER.fullmatch(cell.strip('" ')) for cell in cells)


def _reason(error: Exception, columns: Mapping[str, Kind]) -> str:
    text = str(error).splitlines()[0]
    place = re.search(r"In CSV column #(\d+):(?: Row #(\d+):)?", text)
    value = re.search(r"invalid value '(.*)'", text)
    if place and value:
        row = f"row {place[2]}, " if place[2] else ""
        return f"{row}column {int(place[1]) + 1}: {value[1]!r} is not a number"
    return f"cannot be read as delimited text ({text})"


def _only_the_last(odd: list[str], path: Path, head: Head) -> None:
    """Refuse lines of another length, unless it is the one at the very end."""
    if len(odd) == 1 and _last_line(path, head) == odd[0].rstrip("\r\n"):
        return
    cells = len(odd[0].split(head.separator))
    what = f"{len(odd)} lines have more or fewer cells than the header's {len(head.columns)}, the first one {cells}"
    raise InputError(f"{what} ({odd[0][:60]!r})", where=path, hint="export the file again")


def _last_line(path: Path, head: Head) -> str:
    with pa.input_stream(str(path)) as stream:
        tail = b""
        while part := stream.read(1 << 20):
            tail = (tail + part)[-(1 << 16) :]
    if head.encoding == "utf-16":
        tail = tail[len(tail) % 2 :]
        codec = "utf-16-be" if head.raw.startswith(b"\xfe\xff") else "utf-16-le"
        return tail.decode(codec, "replace").rstrip("\r\n").rsplit("\n", 1)[-1]
    return tail.decode(head.encoding, "replace").rstrip("\r\n").rsplit("\n", 1)[-1]
