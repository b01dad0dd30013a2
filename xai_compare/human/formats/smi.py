"""SMI BeGaze exports of raw data, through pymovements."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.human.formats import register
from xai_compare.human.formats._pymovements import event_labels, read_gaze
from xai_compare.human.screen import Screen

_PICTURES = r"(?P<image>\S+\.(?:jpe?g|png|bmp|tiff?|gif|avi|mp4))"


def _recognise(head: FileHead) -> str:
    return "its first line, '## [BeGaze]'" if head.first_line.startswith("## [BeGaze]") else ""


@register("smi", yields="samples", about="SMI BeGaze raw data, text", recognise=_recognise)
def smi(path: Path) -> Iterator[pd.DataFrame]:
    """Yield an SMI recording as one table. pymovements reads the whole file, of two eyes the left.

    The picture is that of the column Stimulus or of a message that is a picture's name; the screen's resolution is the
    calibration area; the participant is the file's name.

    Raises:
        InputError: if pymovements cannot read the file, or no picture is named.
    """
    from pymovements.gaze.io import from_begaze

    head = FileHead.of(path)
    gaze = read_gaze(from_begaze, path, where=path, patterns=[_PICTURES], encoding=head.encoding)
    table = gaze.samples.to_pandas()
    named = next((name for name in ("Stimulus", "image") if name in table and table[name].notna().any()), None)
    if named is None:
        raise InputError("it names no picture", where=path, hint="export the column Stimulus")
    pixels = np.array(gaze.samples["pixel"].to_list(), float).reshape(len(table), -1, 2)[:, 0]
    frame = pd.DataFrame(
        {
            "participant": path.stem,
            "image": table[named],
            "time": table["time"].astype(float),
            "screen_x": pixels[:, 0],
            "screen_y": pixels[:, 1],
            "pupil": table["pupil"].astype(float),
            "event": event_labels(gaze, table["time"].to_numpy(float), "_begaze"),
        }
    )
    frame.attrs["screen"] = _screen(head)
    yield frame[frame["image"].notna() & (frame["image"] != "-")].reset_index(drop=True)


def _screen(head: FileHead) -> Screen:
    line = next((line for line in head.text.splitlines() if line.startswith("## Calibration Area:")), "")
    cells = line.split("\t")[1:3]
    return Screen((int(cells[0]), int(cells[1])) if len(cells) == 2 and all(map(str.isdigit, cells)) else None)
