"""Samples of gaze in delimited text or parquet, with named columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xai_compare.errors import InputError, first_line
from xai_compare.file_head import FileHead
from xai_compare.human.file_readers import ColumnKind, read_blocks
from xai_compare.human.formats import register
from xai_compare.human.point_tables import canonical_names

_GAZE = ("x", "y", "screen_x", "screen_y", "fraction_x", "fraction_y")
_NUMBERS = {*_GAZE, "time", "left", "top", "width", "height", "pupil", "distance"}
_CLICKED = ("order", "response")


def _recognise(head: FileHead) -> str:
    if head.raw.startswith(b"PAR1"):
        return "a parquet file"
    named = set(canonical_names(head.columns).values()) | {column.casefold() for column in head.columns}
    samples = {"participant", "image", "time"} <= named and "duration" not in named and not named & set(_CLICKED)
    return "its columns participant, image, time and pupil" if samples and "pupil" in named else ""


@register("samples", yields="samples", about="samples of gaze, delimited text or parquet", recognise=_recognise)
def samples(path: Path) -> Iterator[pd.DataFrame]:
    """Yield samples from delimited text or parquet with columns as in `xai_compare.human.schema.SAMPLE_COLUMNS`.

    Raises:
        InputError: if a column is absent, or a cell is not a number.
    """
    head = FileHead.of(path)
    if head.raw.startswith(b"PAR1"):
        yield from _parquet(path)
        return
    renamed = canonical_names(head.columns)
    own = {name: renamed.get(name, name.casefold()) for name in head.columns}
    for needed in ("participant", "image", "time"):
        if needed not in own.values():
            raise InputError(f"no column {needed!r}", where=path, hint=f"its columns: {', '.join(head.columns)}")
    columns: dict[str, ColumnKind] = {name: "number" if column in _NUMBERS else "text" for name, column in own.items()}
    for table in read_blocks(path, columns, head=head):
        yield table.rename(columns=own).dropna(subset=["participant", "image"])


def _parquet(path: Path) -> Iterator[pd.DataFrame]:
    try:
        for batch in pq.ParquetFile(path).iter_batches(1 << 18):
            table = batch.to_pandas().rename(columns={"label": "event"} if "event" not in batch.schema.names else {})
            _check_columns(table, path)
            yield table
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"is not a readable parquet file ({first_line(error)})", where=path) from error


def _check_columns(table: pd.DataFrame, path: Path) -> None:
    for needed in ("participant", "image", "time"):
        if needed not in table:
            raise InputError(f"no column {needed!r}", where=path, hint=f"its columns: {', '.join(map(str, table))}")
    for name in table:
        if name in _NUMBERS and not pd.api.types.is_numeric_dtype(table[name]):
            raise InputError(f"the column {name!r} holds no numbers", where=path)
