"""Exports of Tobii Studio and Tobii Pro Lab."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.human.file_readers import ColumnKind, read_blocks
from xai_compare.human.formats import register
from xai_compare.human.screen import Screen

_NAMES: dict[str, tuple[str, ...]] = {
    "participant": ("participantname",),
    "recording": ("recordingname",),
    "image": ("medianame", "presentedstimulusname", "presentedmedianame"),
    "time": ("recordingtimestamp", "recordingtimestampms", "recordingtimestampμs", "recordingtimestampµs"),
    "screen_x": ("gazepointxadcspx", "gazepointx", "gazepointxdacspx"),
    "screen_y": ("gazepointyadcspx", "gazepointy", "gazepointydacspx"),
    "x": ("gazepointxmcspx",),
    "y": ("gazepointymcspx",),
    "left": ("mediaposxadcspx", "presentedmediapositionxdacspx", "presentedstimuluspositionxdacspx"),
    "top": ("mediaposyadcspx", "presentedmediapositionydacspx", "presentedstimuluspositionydacspx"),
    "width": ("mediawidth", "presentedmediawidth", "presentedstimuluswidth"),
    "height": ("mediaheight", "presentedmediaheight", "presentedstimulusheight"),
    "event": ("gazeeventtype", "eyemovementtype"),
    "pupil_left": ("pupilleft", "pupildiameterleft", "pupildiameterleftmm"),
    "pupil_right": ("pupilright", "pupildiameterright", "pupildiameterrightmm"),
    "distance_left": ("eyeposleftzadcsmm", "eyepositionleftzdacsmm"),
    "distance_right": ("eyeposrightzadcsmm", "eyepositionrightzdacsmm"),
    "mm_x": ("gazepointleftxadcsmm", "gazepointleftxdacsmm"),
    "mm_y": ("gazepointleftyadcsmm", "gazepointleftydacsmm"),
    "px_x": ("gazepointleftxadcspx", "gazepointleftxdacspx", "gazepointleftx"),
    "px_y": ("gazepointleftyadcspx", "gazepointleftydacspx", "gazepointlefty"),
    "sensor": ("sensor",),
    "resolution": ("recordingresolution",),
    "resolution_width": ("recordingresolutionwidth",),
    "resolution_height": ("recordingresolutionheight",),
}
_TEXTS = {"participant", "recording", "image", "event", "sensor", "resolution"}
_EVENTS = {"Fixation": "fixation", "Saccade": "saccade", "EyesNotFound": "loss", "Unclassified": "other"}


def _recognise(head: FileHead) -> str:
    columns_of = _columns(head)
    if {"time", "participant"} <= set(columns_of) and ({"screen_x"} & set(columns_of) or {"x"} & set(columns_of)):
        return f"its columns {columns_of['participant']!r} and {columns_of['time']!r}"
    return ""


@register("tobii", yields="samples", about="Tobii Studio and Tobii Pro Lab exports", recognise=_recognise)
def tobii(path: Path) -> Iterator[pd.DataFrame]:
    """Yield a Tobii export as tables of samples.

    The picture is named by the media column or, without one, by the file. Rows without a picture and rows of other
    sensors are left out. Time is in ms; newer versions of Pro Lab write microseconds, told by the step of the clock.
    The distance is that of the eyes; the screen's size follows from gaze given both in pixels and in mm.

    Raises:
        InputError: if columns are absent, or a cell is not a number.
    """
    head = FileHead.of(path)
    columns_of = _columns(head)
    for name in ("participant", "time"):
        if name not in columns_of:
            raise InputError(f"no column of the {name}", where=path, hint="is it a Tobii export of samples?")
    if "screen_x" not in columns_of and "x" not in columns_of:
        raise InputError("no column of the gaze point", where=path, hint="export GazePointX (ADCSpx) and Y")
    # Gaze on the picture is rounded by the exporter and blank off the picture; gaze on the screen with the picture's
    # place tells the same and keeps what lies off it.
    placed = {"left", "top", "width", "height", "screen_x"} <= set(columns_of)
    unwanted = {"x", "y"} if placed or "x" not in columns_of else {"screen_x", "screen_y"}
    columns: dict[str, ColumnKind] = {
        own: "text" if name in _TEXTS else "number" for name, own in columns_of.items() if name not in unwanted
    }
    renamed = {own: name for name, own in columns_of.items()}
    unit, screen = 0.0, None
    for table in read_blocks(path, columns, head=head):
        attrs = table.attrs
        table = table.rename(columns=renamed)
        screen = screen or _screen(table)
        if "sensor" in table:
            table = table[table["sensor"].isin(["Eye Tracker", "EyeTracker"])]
        if "image" in table:
            table = table[table["image"].notna()]
        if not len(table):
            continue
        unit = unit or _unit(table["time"].to_numpy(), columns_of["time"])
        yield _tidied(table, path, unit, attrs | {"screen": screen})


def _columns(head: FileHead) -> dict[str, str]:
    """Which column of the file is which: {our name: the file's}."""
    plain = {re.sub(r"[^a-zμµ]", "", column.casefold()): column for column in reversed(head.columns)}
    columns_of: dict[str, str] = {}
    for name, known in _NAMES.items():
        given = next((plain[alias] for alias in known if alias in plain), None)
        if given is not None:
            columns_of[name] = given
    return columns_of


def _unit(time: np.ndarray, name: str) -> float:
    """Ms per unit of the clock: eye trackers run at 30 to 2000 Hz, so a step over 100 is one of microseconds."""
    if re.search("[μµ]s", name):
        return 0.001
    steps = np.diff(time)
    steps = steps[steps > 0]
    return 0.001 if len(steps) and np.median(steps) > 100 else 1.0


def _screen(table: pd.DataFrame) -> Screen | None:
    """The screen's resolution, and its size from gaze in pixels against gaze in mm."""
    resolution = None
    if "resolution" in table and table["resolution"].notna().any():
        text = re.fullmatch(r"(\d+)\s*x\s*(\d+)", str(table["resolution"].dropna().iloc[0]).strip())
        resolution = (int(text[1]), int(text[2])) if text else None
    elif {"resolution_width", "resolution_height"} <= set(table):
        sizes = table[["resolution_width", "resolution_height"]].dropna()
        resolution = (
            (int(sizes["resolution_width"].iloc[0]), int(sizes["resolution_height"].iloc[0])) if len(sizes) else None
        )
    if resolution is None:
        return None
    across, down = (_mm_per_pixel(table, axis) for axis in "xy")
    size = (across * resolution[0] / 10, down * resolution[1] / 10) if across and down else None
    return Screen(resolution, size)


def _mm_per_pixel(table: pd.DataFrame, axis: str) -> float | None:
    if not {f"mm_{axis}", f"px_{axis}"} <= set(table):
        return None
    both = table[[f"px_{axis}", f"mm_{axis}"]].dropna().to_numpy(float)
    if len(both) < 100 or np.ptp(both[:, 0]) < 20:
        return None
    return float(abs(np.polyfit(both[:, 0], both[:, 1], 1)[0]))


def _tidied(table: pd.DataFrame, path: Path, unit: float, attrs: dict[Hashable | None, Any]) -> pd.DataFrame:
    tidy: dict[str, Any] = {"participant": table["participant"]}
    if "image" in table:
        tidy["image"] = table["image"]
    else:
        name = path.name.removesuffix(".gz").rsplit(".", 1)[0]
        tidy["image"] = pd.Categorical([name]).repeat(len(table))
    if "recording" in table:
        tidy["trial"] = table["recording"]
    tidy["time"] = table["time"] * unit
    for name in ("screen_x", "screen_y", "x", "y", "left", "top", "width", "height"):
        if name in table:
            tidy[name] = table[name]
    for name, scale in (("pupil", 1.0), ("distance", 0.1)):
        sides = [table[f"{name}_{side}"] * scale for side in ("left", "right") if f"{name}_{side}" in table]
        if sides:
            tidy[name] = pd.concat(sides, axis=1).mean(axis=1)
    if "event" in table:
        tidy["event"] = table["event"].map(_EVENTS).astype("category")
    frame = pd.DataFrame(tidy).reset_index(drop=True)
    frame.attrs = attrs
    return frame
