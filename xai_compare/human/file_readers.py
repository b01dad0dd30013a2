"""Delimited text of human data: whole, with numbers however a country writes them, or block by block."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
from pyarrow import csv as arrow_csv

from xai_compare.data_files import ROW, read_delimited
from xai_compare.errors import InputError, nearest
from xai_compare.file_head import FileHead
from xai_compare.files import Unpacked
from xai_compare.human.point_tables import MISSING, canonical_names

BLOCK_BYTES = 1 << 23
ColumnKind = Literal["number", "text"]

_NULLS = sorted({text for word in MISSING for text in (word, word.upper(), word.capitalize(), "NaN")})
_COMMA_NUMBER = re.compile(r"-?\d+,\d+")
_ANY_NUMBER = r"[+-]?(?:\d{1,3}(?:[,.\s'’]\d{3})+|\d*)(?:[.,]\d*)?(?:[eE][+-]?\d+)?"
_TYPES = {"number": pa.float64(), "text": pa.dictionary(pa.int32(), pa.string())}


def read_table(path: Path) -> pd.DataFrame:
    """Return a delimited text file as a table of text, with the file's row numbers in the column `ROW`.

    As `xai_compare.data_files.read_delimited` reads it; numbers with a decimal comma or with marks between their
    thousands come out with a point.

    Raises:
        InputError: if the file cannot be read, is empty or not UTF-8, names a column twice, or has a row that is too
            long or too short.
    """
    table = read_delimited(path)
    if table.empty:
        raise InputError("holds no row below its header", where=path)
    separator = FileHead.of(path).separator
    for name in table:
        if canonical_names([str(name)]).get(str(name)) not in ("participant", "image"):
            table[name] = _with_points(table[name], separator)
    return table.reset_index()[[*table, ROW]]


def _with_points(cells: pd.Series, separator: str) -> pd.Series:
    """Cells with decimal points where all are numbers and some have commas, or marks between thousands."""
    stripped = cells.str.strip()
    full = ~stripped.str.lower().isin(MISSING)
    if not stripped.str.contains(r"[,\s'’]", regex=True).any() or not stripped[full].str.fullmatch(_ANY_NUMBER).all():
        return cells
    plain = stripped.str.replace(r"[\s'’]", "", regex=True)
    commas, points = plain.str.count(","), plain.str.count(r"\.")
    both = plain[(commas > 0) & (points > 0)]
    # The mark that comes last is the decimal one, and one that comes twice in a number is none.
    if len(both):
        decimal = bool((both.str.rfind(",") > both.str.rfind(".")).all())
    else:
        # Between commas, a quoted "1,234" has thousands; a spreadsheet that writes decimal commas separates otherwise.
        thousands = plain[commas > 0].str.fullmatch(r"[+-]?\d{1,3}(,\d{3})+").all()
        decimal = not (commas > 1).any() and not (separator == "," and thousands)
    if decimal:
        return plain.str.replace(".", "").str.replace(",", ".") if len(both) else plain.str.replace(",", ".")
    return plain.str.replace(",", "")


def read_blocks(
    path: Path,
    columns: Mapping[str, ColumnKind],
    *,
    head: FileHead | None = None,
    names: list[str] | None = None,
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

    Raises:
        InputError: if the file cannot be read, lacks a column, or has a cell that is not a number or a line of another
            length before its last.
    """
    head = head or FileHead.of(path)
    known = names or head.columns
    missing = [name for name in columns if name not in known]
    if missing:
        raise InputError(f"no column {missing[0]!r}", where=path, hint=nearest(missing[0], known))
    uneven: list[str] = []

    def skip_uneven(row: arrow_csv.InvalidRow) -> str:
        uneven.append(row.text)
        return "skip"

    read = arrow_csv.ReadOptions(
        use_threads=False,
        block_size=BLOCK_BYTES,
        encoding="utf8" if head.encoding == "utf-8-sig" else head.encoding,
        column_names=names,
        skip_rows=1 if head.told_separator else 0,
    )
    convert = arrow_csv.ConvertOptions(
        column_types={name: _TYPES[kind] for name, kind in columns.items()},
        include_columns=list(columns),
        null_values=_NULLS,
        strings_can_be_null=True,
        decimal_point="," if _decimal_commas(head) else ".",
    )
    parse = arrow_csv.ParseOptions(delimiter=head.separator, invalid_row_handler=skip_uneven)
    # One block is held back: whether the file's last line was cut short is known only once all are read.
    previous = None
    try:
        stream = io.BufferedReader(Unpacked(path), BLOCK_BYTES) if path.suffix == ".gz" else path
        for batch in arrow_csv.open_csv(stream, read_options=read, parse_options=parse, convert_options=convert):
            if previous is not None:
                yield previous
            previous = batch.to_pandas()
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(_arrow_problem(error), where=path) from error
    if uneven:
        _allow_only_the_last(uneven, path, head)
    if previous is not None:
        previous.attrs["half_line"] = len(uneven)
        yield previous


def _decimal_commas(head: FileHead) -> bool:
    if head.separator == ",":
        return False
    cells = [cell for line in head.text.splitlines()[1:200] for cell in line.split(head.separator)]
    return any(_COMMA_NUMBER.fullmatch(cell.strip('" ')) for cell in cells)


def _arrow_problem(error: Exception) -> str:
    text = str(error).splitlines()[0]
    place = re.search(r"In CSV column #(\d+):(?: Row #(\d+):)?", text)
    value = re.search(r"invalid value '(.*)'", text)
    if place and value:
        row = f"row {place[2]}, " if place[2] else ""
        return f"{row}column {int(place[1]) + 1}: {value[1]!r} is not a number"
    return f"cannot be read as delimited text ({text})"


def _allow_only_the_last(uneven: list[str], path: Path, head: FileHead) -> None:
    """Refuse lines of another length, unless it is the one at the very end: a recording that was stopped."""
    if len(uneven) == 1 and _last_line(path, head) == uneven[0].rstrip("\r\n"):
        return
    cells = len(uneven[0].split(head.separator))
    what = f"{len(uneven)} lines have more or fewer cells than the header's {len(head.columns)}, the first one {cells}"
    raise InputError(f"{what} ({uneven[0][:60]!r})", where=path, hint="export the file again")


def _last_line(path: Path, head: FileHead) -> str:
    with pa.input_stream(str(path)) as stream:
        tail = b""
        while part := stream.read(1 << 20):
            tail = (tail + part)[-(1 << 16) :]
    encoding = head.encoding
    if encoding == "utf-16":
        # The tail has no byte-order mark, and may begin in the middle of a character.
        tail = tail[len(tail) % 2 :]
        encoding = "utf-16-be" if head.raw.startswith(b"\xfe\xff") else "utf-16-le"
    return tail.decode(encoding, "replace").rstrip("\r\n").rsplit("\n", 1)[-1]
