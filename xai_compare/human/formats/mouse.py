"""The path of a mouse, recorded all the time: delimited text or jsPsych's mouse tracking."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.human.formats import reads
from xai_compare.human.jspsych import looks_like_jspsych, points_of
from xai_compare.human.recognition import Head
from xai_compare.human.tables import canonical_names, named_columns
from xai_compare.human.text import read_table

_DENSE_MS = 100


def dense(head: Head) -> bool:
    """Whether the points of delimited text follow one another as those of a mouse do, not those of clicks."""
    time = next((at for at, name in enumerate(head.columns) if canonical_names([name]).get(name) == "time"), None)
    if time is None:
        return False
    cells = [line.split(head.separator) for line in head.text.splitlines()[1:500]]
    values = pd.to_numeric(pd.Series([row[time] for row in cells if len(row) > time]), errors="coerce").to_numpy(float)
    steps = np.diff(values)
    steps = steps[np.isfinite(steps) & (steps >= 0)]
    return len(steps) > 20 and float(np.median(steps)) < _DENSE_MS


def _recognise(head: Head) -> str:
    named = named_columns(head.columns)
    if {"participant", "image", "x", "y"} <= named and not named & {"duration", "pupil"} and dense(head):
        return f"points less than {_DENSE_MS} ms apart"
    return "jsPsych's mouse_tracking_data" if looks_like_jspsych(head) and "mousemove" in head.text else ""


@reads("mouse", yields="tracks", about="mouse tracks, delimited text or jsPsych", recognise=_recognise)
def mouse(path: Path) -> pd.DataFrame:
    """Return the path of a mouse: a row per point, with its time; text columns as in `text.read_table`.

    Raises:
        InputError: as `text.read_table` and `jspsych.points_of`.
    """
    if looks_like_jspsych(Head.of(path)):
        return points_of(path, moves=True)
    return read_table(path)
