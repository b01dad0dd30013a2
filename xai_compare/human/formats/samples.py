"""Samples of gaze in delimited text or parquet, with named columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xai_compare.errors import InputError
from xai_compare.human.file_head import FileHead
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
        file = pq.ParquetFile(path)
        for batch in file.iter_batches(1 << 18):
            yield batch.to_pandas().rename(columns={"label": "event"} if "event" not in batch.schema.names else {})
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"is not a readable parquet file ({error})", where=path) from error
