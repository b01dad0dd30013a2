"""The one guarded way into each kind of file that others made: delimited text, JSON, arrays, parquet and MATLAB.

Whatever is wrong with a file, it is one line that names it; sizes are known before memory is taken, and nothing in a
file is run. YAML is `xai_compare.validation`'s, pictures are `xai_compare.images`'.
"""

from __future__ import annotations

import csv
import io
import json
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xai_compare.errors import InputError, first_line
from xai_compare.file_head import FileHead
from xai_compare.files import check_regular, limit_bytes, load_npz, read_bytes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

ROW = "row in file"
"""The name of a table's index, or of the column made of it, whose numbers messages quote."""
_LONGEST_CELL = 1 << 27
_COMPRESSED = 15


def read_delimited(path: Path, *, short_rows: bool = False, strict: bool = False) -> pd.DataFrame:
    """A delimited text file as a table of text, whose index `ROW` is each row's line in the file.

    The file is UTF-8 or UTF-16, may be compressed (``.gz``), and its first row names the columns, after ``sep=;``
    where a spreadsheet wrote that. Comma, semicolon or tab separates them: the one the first row holds most of. Blank
    rows are left out.

    Args:
        path: the file.
        short_rows: whether rows that lack their last cells are filled up, and cells beyond the columns may be blank.
        strict: whether a quote that is not closed is a mistake, not a part of the text.

    Raises:
        InputError: if the file cannot be read, is empty or no text, names a column twice, or has a row that is too long
            or too short.
    """
    import pandas as pd

    head = FileHead.of(path)
    csv.field_size_limit(_LONGEST_CELL)
    reader = csv.reader(
        io.StringIO(_whole_text(path, head, short_rows), newline=""),
        delimiter=head.separator,
        strict=strict,
        skipinitialspace=strict,
    )
    rows: list[list[str]] = []
    numbers: list[int] = []
    try:
        if head.told_separator:
            next(reader, None)
        header = [name.strip() for name in next((row for row in reader if row), [])]
        _check_header(header, path, short_rows)
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_of_width(cells, len(header), reader.line_num, path, short_rows))
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"row {reader.line_num} is not delimited text ({error})", where=path) from error
    return pd.DataFrame(rows, columns=header, index=pd.Index(numbers, name=ROW), dtype=object)


def _whole_text(path: Path, head: FileHead, short_rows: bool) -> str:
    raw = read_bytes(path)
    try:
        text = raw.decode(head.encoding if head.encoding == "utf-16" else "utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 or UTF-16 text, with or without byte-order mark (byte {error.start})"
        raise InputError(what, where=path, hint="save it as 'CSV UTF-8'") from error
    # In a table whose rows stand for themselves, one bad cell spoils its row alone.
    if "\0" in (text.partition("\n")[0] if short_rows else text):
        raise InputError("is not text, or UTF-16 without a byte-order mark", where=path, hint="save it as 'CSV UTF-8'")
    return text


def _check_header(header: list[str], path: Path, short_rows: bool) -> None:
    if not any(header):
        raise InputError("its first row is blank", where=path, hint="name the columns there")
    twice = sorted({name for name in header if header.count(name) > 1 and (name or not short_rows)})
    if twice:
        raise InputError(f"its header has {', '.join(map(repr, twice))} more than once", where=path)


def _of_width(cells: list[str], width: int, line: int, path: Path, short_rows: bool) -> list[str]:
    """The cells of a row, as many as there are columns."""
    fits = not any(cell.strip() for cell in cells[width:]) if short_rows else len(cells) == width
    if not fits:
        what = f"row {line} has {len(cells)} cells where the header has {width}"
        raise InputError(what, where=path, hint="quote cells that hold the separator")
    return (cells + [""] * width)[:width] if short_rows else cells


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return content


def parse_json(text: str | bytes) -> Any:
    """The value of a JSON text; of a key that is there twice, neither value is taken in silence.

    Raises:
        ValueError: if it is not JSON, repeats a key, or is nested too deeply.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: Path, encoding: str = "utf-8", most: int | None = None) -> Any:
    """What a JSON file holds.

    Args:
        path: the file.
        encoding: of its text.
        most: bytes that it may have; `xai_compare.files.limit_bytes` by default.

    Raises:
        InputError: if the file cannot be read, is not JSON, or repeats a key.
    """
    try:
        return parse_json(read_bytes(path, most).decode(encoding))
    except UnicodeDecodeError as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    except InputError:
        raise
    except ValueError as error:
        what = f"is not readable JSON ({first_line(error)})"
        raise InputError(what, where=path, hint="was it written to the end?") from error


def read_facts(path: Path, what: str, known: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """A JSON object that has these keys, each of its type.

    Args:
        path: the file.
        what: what messages call it, such as ``"the card"``.
        known: the keys that it must have, and the types that their values may be of.

    Raises:
        InputError: if it cannot be read, is no object, lacks a key, or has a value of another type.
    """
    try:
        facts = read_json(path)
    except InputError as error:
        raise InputError(f"{what} {error.what}", where=path, hint=error.hint) from None
    if not isinstance(facts, dict):
        raise InputError(f"{what} is no JSON object of keys and values", where=path)
    for key, kind in known.items():
        if not isinstance(facts.get(key), kind):
            stands = f"is {str(facts[key])[:60]!r}" if key in facts else "is missing"
            raise InputError(f"{what} is damaged: {key!r} {stands}", where=path)
    return facts


def read_npz(path: Path, names: Iterable[str] | None = None) -> dict[str, np.ndarray]:
    """The arrays of an ``.npz``: those of ``names`` that are there, or all.

    Raises:
        InputError: if the file cannot be read, or promises more than it holds or than the limit allows.
    """
    try:
        archive = load_npz(path)
        return {name: _text(archive[name]) for name in (archive if names is None else names) if name in archive}
    except InputError:
        raise
    except Exception as error:  # A damaged archive makes zipfile, zlib and tokenize raise whatever they like.
        raise InputError(f"is not a readable npz file ({first_line(error)})", where=path) from error


def _text(array: np.ndarray) -> np.ndarray:
    """The array; raises `ValueError` where its texts hold numbers that are no characters, which Python cannot take."""
    if array.dtype.kind == "U" and array.size:
        codes = array.astype(array.dtype.newbyteorder("=")).ravel().view("uint32")
        if codes.max(initial=0) > 0x10FFFF:
            raise ValueError("its text holds what is no character")
    return array


def read_npy(path: Path) -> np.ndarray:
    """The array of a ``.npy`` file; mapped first, so that a header that promises too much takes no memory.

    Raises:
        InputError: if it cannot be read, is no single array, or holds Python objects.
    """
    import numpy as np

    check_regular(path)
    try:
        stored = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(stored, np.ndarray):
            raise ValueError("it is an archive of several arrays, not one array")
        return _text(np.array(stored))
    except Exception as error:  # As of `read_npz`.
        raise InputError(f"cannot be read: {first_line(error)}", where=path) from error


def read_parquet(path: Path) -> pd.DataFrame:
    """The table of a parquet file.

    Raises:
        InputError: if it cannot be read, or unpacks to more than the limit allows.
    """
    import pandas as pd
    import pyarrow.parquet as pq

    check_regular(path)
    try:
        about = pq.read_metadata(path)
        packed = sum(about.row_group(group).total_byte_size for group in range(about.num_row_groups))
        # Runs of equal values take no room in the file, and eight bytes each once they are read.
        size = max(packed, 8 * about.num_rows * about.num_columns)
        if size > limit_bytes():
            raise InputError(f"unpacks to more than {limit_bytes():,} bytes", where=path)
        return pd.read_parquet(path)
    except InputError:
        raise
    except Exception as error:  # pyarrow raises its own, OSError, ValueError, and TypeError for odd metadata.
        raise InputError(f"is not a readable parquet file ({first_line(error)})", where=path) from error


def read_matlab(path: Path, names: list[str] | None = None) -> dict[str, Any]:
    """The variables of a MATLAB file of version 7 or earlier: those of ``names`` that are there, or all.

    Raises:
        InputError: if it cannot be read, or unpacks to more than the limit allows.
    """
    from scipy.io import loadmat

    _check_matlab(path)
    try:
        return {key: value for key, value in loadmat(path, variable_names=names).items() if not key.startswith("__")}
    except NotImplementedError as error:
        raise InputError("is a MATLAB 7.3 file", where=path, hint="save it with -v7 in MATLAB") from error
    except Exception as error:  # A damaged file makes loadmat raise almost anything.
        raise InputError(f"is not a readable MATLAB file ({first_line(error)})", where=path) from error


def _check_matlab(path: Path) -> None:
    """Unpack the compressed variables without keeping them, and refuse more than the limit."""
    raw, limit, size = read_bytes(path), limit_bytes(), 0
    place = 128
    while place + 8 <= len(raw):
        kind, length = struct.unpack_from("<II" if raw[126:128] == b"IM" else ">II", raw, place)
        if kind == _COMPRESSED:
            unpacker, rest = zlib.decompressobj(), raw[place + 8 : place + 8 + length]
            try:
                while rest and not unpacker.eof:
                    size += len(unpacker.decompress(rest, 1 << 20))
                    rest = unpacker.unconsumed_tail
                    if size > limit:
                        raise InputError(f"unpacks to more than {limit:,} bytes", where=path)
            except zlib.error as error:
                raise InputError(f"is not a readable MATLAB file ({error})", where=path) from error
        place += 8 + length


def typed(table: pd.DataFrame, texts: Iterable[str], where: object) -> pd.DataFrame:
    """A table of text with its columns as numbers and truth values where they are, but for those of ``texts``.

    Raises:
        InputError: if a number in it cannot be held.
    """
    import pandas as pd

    try:
        again = io.StringIO(table.to_csv(index=False))
        return pd.read_csv(again, dtype=dict.fromkeys(texts, str), low_memory=False)
    except (ValueError, OverflowError) as error:
        raise InputError(f"has a value that cannot be read ({first_line(error)})", where=where) from error
