"""Gazepoint Analysis exports of all gaze."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.human.file_readers import ColumnKind, read_blocks
from xai_compare.human.formats import register


def _recognise(head: FileHead) -> str:
    return "its columns MEDIA_NAME, BPOGX and BPOGV" if head.has("MEDIA_NAME", "BPOGX", "BPOGV") else ""


@register("gazepoint", yields="samples", about="Gazepoint Analysis, all gaze", recognise=_recognise)
def gazepoint(path: Path) -> Iterator[pd.DataFrame]:
    """Yield a Gazepoint export as tables of samples.

    Gaze is the best point of gaze, in fractions of the screen, so the screen's resolution must be given; points that
    are not valid are lost samples. The participant is the file's name without ``_all_gaze``.

    Raises:
        InputError: if columns are absent, or a cell is not a number.
    """
    head = FileHead.of(path)
    clock = next((name for name in head.columns if name.startswith("TIME(") or name == "TIME"), None)
    if clock is None:
        raise InputError("no column 'TIME(...)'", where=path, hint="is it an export of all gaze?")
    columns: dict[str, ColumnKind] = {"MEDIA_NAME": "text"}
    columns |= dict.fromkeys((clock, "BPOGX", "BPOGY", "BPOGV"), "number")
    pupils = [name for name in ("LPMM", "RPMM") if name in head.columns]
    columns |= dict.fromkeys(pupils, "number")
    person = path.name.removesuffix(".gz").removesuffix(".csv").removesuffix("_all_gaze")
    for table in read_blocks(path, columns, head=head):
        valid = (table["BPOGV"] == 1).to_numpy()
        frame = pd.DataFrame(
            {
                "participant": person,
                "image": table["MEDIA_NAME"],
                "time": table[clock] * 1000,
                "fraction_x": np.where(valid, table["BPOGX"], np.nan),
                "fraction_y": np.where(valid, table["BPOGY"], np.nan),
            }
        )
        if pupils:
            frame["pupil"] = table[pupils].mean(axis=1)
        frame.attrs = table.attrs
        yield frame[frame["image"].notna()]
