"""Delimited text whose columns are named as ours: clicks, fixations, and the path of a mouse (or jsPsych's of it)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.file_head import FileHead
from xai_compare.human.file_readers import read_table
from xai_compare.human.formats import register
from xai_compare.human.formats.jspsych import looks_like_jspsych, points_of
from xai_compare.human.point_tables import canonical_names, named_columns

_DENSE_MS = 100
_POINT = {"participant", "image", "x", "y"}


def _is_dense(head: FileHead) -> bool:
    """Whether points follow one another as those of a mouse do, not those of clicks: the columns are the same."""
    time = next((at for at, name in enumerate(head.columns) if canonical_names([name]).get(name) == "time"), None)
    if time is None:
        return False
    cells = [line.split(head.separator) for line in head.text.splitlines()[1:500]]
    values = pd.to_numeric(pd.Series([row[time] for row in cells if len(row) > time]), errors="coerce").to_numpy(float)
    steps = np.diff(values)
    steps = steps[np.isfinite(steps) & (steps >= 0)]
    return len(steps) > 20 and float(np.median(steps)) < _DENSE_MS


def _has_points_only(head: FileHead) -> bool:
    columns = named_columns(head.columns)
    return columns >= _POINT and not columns & {"duration", "pupil"}


def _recognise_clicks(head: FileHead) -> str:
    clicks = _has_points_only(head) and not _is_dense(head)
    return "its columns participant, image, x, y without a duration" if clicks else ""


def _recognise_fixations(head: FileHead) -> str:
    fixations = named_columns(head.columns) >= _POINT | {"duration"}
    return "its columns participant, image, x, y, duration" if fixations else ""


def _recognise_mouse(head: FileHead) -> str:
    if _has_points_only(head) and _is_dense(head):
        return f"points less than {_DENSE_MS} ms apart"
    return "jsPsych's mouse_tracking_data" if looks_like_jspsych(head) and "mousemove" in head.text else ""


@register("clicks", yields="clicks", about="clicks, delimited text with named columns", recognise=_recognise_clicks)
def clicks(path: Path) -> pd.DataFrame:
    """Return a delimited text file of clicks as text, a row per click."""
    return read_table(path)


@register("fixations", yields="fixations", about="fixations, delimited text with named columns",
       recognise=_recognise_fixations)  # fmt: skip
def fixations(path: Path) -> pd.DataFrame:
    """Return a delimited text file of fixations as text, a row per fixation."""
    return read_table(path)


@register("mouse", yields="tracks", about="mouse tracks, delimited text or jsPsych", recognise=_recognise_mouse)
def mouse(path: Path) -> pd.DataFrame:
    """Return the path of a mouse: a row per point, with its time; text columns as in `read_table`."""
    return points_of(path, moves=True) if looks_like_jspsych(FileHead.of(path)) else read_table(path)
