"""BIDS eye tracking: ``_physio.tsv.gz`` with its JSON, and the events that say which picture was shown when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.data_files import ROW, read_json
from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.human.file_readers import ColumnKind, read_blocks, read_table
from xai_compare.human.formats import register
from xai_compare.human.point_tables import MISSING
from xai_compare.human.screen import Screen

_UNITS = {"s": 1000.0, "second": 1000.0, "seconds": 1000.0, "ms": 1.0, "millisecond": 1.0, "milliseconds": 1.0,
          "us": 0.001, "μs": 0.001, "microsecond": 0.001, "microseconds": 0.001}  # fmt: skip
_PICTURE_NAME = r"(\S+\.(?:jpe?g|png|bmp|tiff?))"
_PIXELS = {"pixel", "pixels", "px"}


def _recognise(head: FileHead) -> str:
    beside = head.path.with_name(head.path.name.replace(".tsv.gz", ".json"))
    named = re.search(r"_physio\.tsv(\.gz)?$", head.path.name) and beside.is_file()
    return "its name _physio.tsv.gz and the JSON beside it" if named else ""


@register("bids", yields="samples", about="BIDS eye tracking, _physio.tsv.gz", recognise=_recognise)
def bids(path: Path) -> Iterator[pd.DataFrame]:
    """Yield a BIDS eye-tracking recording as tables of samples.

    The JSON beside it names the columns, the rate and the units (gaze in pixels of the screen). Pictures are those of
    ``stim_file`` (or ``trial_type``) in ``_events.tsv``, or of the messages in ``_physioevents.tsv.gz``; samples
    outside them are left out. The participant is ``sub-``; the screen is that of ``_events.json``.

    Raises:
        InputError: if the JSON is absent or lacks what is needed, gaze is not in pixels, or no picture is named.
    """
    about = _json(_beside(path, "_physio.json"), required=True)
    columns = _names_of(about)
    if not {"x_coordinate", "y_coordinate"} <= set(columns):
        raise InputError("its JSON names no Columns x_coordinate and y_coordinate", where=path)
    for name in ("x_coordinate", "y_coordinate"):
        unit = _units(about, name, "pixel")
        if unit not in _PIXELS:
            raise InputError(f"{name} is in {unit}", where=path, hint="only gaze in pixels of the screen can be placed")
    rate = _number_of(about, "SamplingFrequency", path)
    if not rate > 0:
        raise InputError("its JSON gives no SamplingFrequency", where=path)
    start = _number_of(about, "StartTime", path) * 1000
    clock = _Clock(rate, start, about, path)
    shown: pd.DataFrame | None = None
    screen = _screen(_mapping(_json(_beside(path, "_events.json"), required=False), "StimulusPresentation"), path)
    kinds: dict[str, ColumnKind] = dict.fromkeys(columns, "number")
    for table in read_blocks(path, kinds, names=columns):
        since = clock.since(table)
        if shown is None:
            shown = _shown(path, clock)
        frame = pd.DataFrame({
            "participant": _entity(path, "sub"), "image": _at(shown, since), "trial": _number(shown, since),
            "time": since, "screen_x": table["x_coordinate"], "screen_y": table["y_coordinate"],
        })  # fmt: skip
        if "pupil_size" in table:
            frame["pupil"] = table["pupil_size"]
        frame.attrs = table.attrs | {"screen": screen}
        yield frame[frame["image"].notna()].reset_index(drop=True)


class _Clock:
    """Ms since the run began, for samples and for the messages of the tracker.

    A recording may leave samples out, so its column ``timestamp`` counts. Where that agrees with the rate to within a
    sample, the even clock is taken: a timestamp in whole ms would make its steps uneven.
    """

    def __init__(self, rate: float, start: float, about: dict[str, Any], path: Path) -> None:
        self._step, self._start, self._path = 1000 / rate, start, path
        self._unit = _units(about, "timestamp", "")
        self._rows, self._even = 0, True
        self._first: float | None = None
        self._scale = _UNITS.get(self._unit.lower(), 0.0)
        if self._unit and not self._scale:
            raise InputError(f"timestamp is in {self._unit!r}", where=path, hint="its Units may be s, ms or us")

    def since(self, table: pd.DataFrame) -> np.ndarray:
        """The time of the samples in the file's next rows."""
        even = (self._rows + np.arange(len(table))) * self._step + self._start
        self._rows += len(table)
        if "timestamp" not in table:
            return even
        stamps = table["timestamp"].to_numpy(float)
        if self._first is None:
            self._first = float(stamps[0]) if np.isfinite(stamps[0]) else 0.0
            self._scale = self._scale or self._likely(stamps)
        told = (stamps - self._first) * self._scale + self._start
        self._even = self._even and bool((np.abs(told - even) < self._step).all())
        return even if self._even else told

    def _likely(self, stamps: np.ndarray) -> float:
        """Ms per unit of a clock whose unit is not told: that in which it steps as the rate says."""
        step = float(np.median(np.diff(stamps))) if len(stamps) > 1 else 0.0
        scales = [scale for scale in (1000.0, 1.0, 0.001) if 0.67 < step * scale / self._step < 1.5]
        if not scales:
            what = f"timestamp steps by {step:g}, which is {1000 / self._step:g} Hz in no unit"
            raise InputError(what, where=self._path, hint="give its Units in the JSON")
        return scales[0]

    def of_message(self, onset: np.ndarray) -> np.ndarray:
        """When what a message of the tracker tells of happened: its onset is on the clock of ``timestamp``."""
        if self._first is not None:
            return (onset - self._first) * self._scale + self._start
        return onset * (self._scale or 1000.0)


def _names_of(about: dict[str, Any]) -> list[str]:
    """The names of the columns; none where they are not a list of texts."""
    columns = about.get("Columns")
    return columns if isinstance(columns, list) and all(isinstance(name, str) for name in columns) else []


def _mapping(about: dict[str, Any], key: str) -> dict[str, Any]:
    value = about.get(key)
    return value if isinstance(value, dict) else {}


def _units(about: dict[str, Any], key: str, default: str) -> str:
    return str(_mapping(about, key).get("Units", default))


def _number_of(about: dict[str, Any], key: str, path: Path) -> float:
    """A number of the JSON, 0 where it is absent; a list of one is that one.

    Raises:
        InputError: if it is anything else.
    """
    value = about.get(key, 0)
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(f"its JSON's {key} is {value!r}, not a number", where=path)
    return float(value)


def _beside(path: Path, ending: str) -> Path:
    """The file beside it that ends so; events belong to the run, not to one recording of it."""
    stem = re.sub(r"_physio\.tsv(\.gz)?$", "", path.name)
    if "_events" in ending:
        stem = re.sub(r"_recording-[A-Za-z0-9]+", "", stem)
    return path.with_name(stem + ending)


def _json(path: Path, *, required: bool) -> dict[str, Any]:
    if not path.is_file():
        if required:
            raise InputError("the JSON that describes it is not there", where=path)
        return {}
    content = read_json(path)
    return content if isinstance(content, dict) else {}


def _entity(path: Path, key: str) -> str:
    entity = re.search(rf"(?:^|_){key}-([A-Za-z0-9]+)", path.name)
    return entity[1] if entity else path.name.split("_")[0]


def _shown(path: Path, clock: _Clock) -> pd.DataFrame:
    """When each picture was shown: ``onset, end`` in ms, ``image``, by time."""
    events = _beside(path, "_events.tsv")
    if events.is_file():
        table = read_table(events)
        for name in ("stim_file", "trial_type"):
            if name not in table:
                continue
            kept = table[~table[name].str.strip().str.lower().isin(MISSING)]
            if len(kept):
                onset = _numbers(kept, "onset", events) * 1000
                order = np.argsort(onset, kind="stable")
                following = np.append(onset[order][1:], np.inf)
                lasts = _numbers(kept, "duration", events)[order] * 1000
                # What has no duration lasts until the next picture.
                end = np.where(np.isfinite(lasts), onset[order] + lasts, following)
                images = kept[name].to_numpy(object)[order]
                return pd.DataFrame({"onset": onset[order], "end": end, "image": images})
    messages = _beside(path, "_physioevents.tsv.gz")
    if messages.is_file():
        return _messages(messages, clock)
    raise InputError("no events beside it say which picture was shown", where=path, hint=f"{events.name} is absent")


def _numbers(table: pd.DataFrame, name: str, path: Path) -> np.ndarray:
    """A column of numbers, NaN where it holds n/a."""
    if name not in table:
        raise InputError(f"no column {name!r}", where=path)
    blank = table[name].str.strip().str.lower().isin(MISSING)
    numbers = pd.to_numeric(table[name].where(~blank), errors="coerce").to_numpy(float)
    bad = np.flatnonzero((~np.isfinite(numbers)) & ~blank.to_numpy())
    if len(bad) or (name == "onset" and blank.any()):
        row = int(bad[0]) if len(bad) else int(np.flatnonzero(blank)[0])
        cells = f"row {table[ROW].iloc[row]}: {name} {table[name].iloc[row]!r} is not a number"
        raise InputError(cells, where=path)
    return numbers


def _messages(path: Path, clock: _Clock) -> pd.DataFrame:
    columns = _names_of(_json(path.with_name(path.name.replace(".tsv.gz", ".json")), required=True))
    if not {"onset", "message"} <= set(columns):
        raise InputError("its JSON names no Columns onset and message", where=path)
    kinds: dict[str, ColumnKind] = {"onset": "number", "message": "text"}
    table = pd.concat([part.astype({"message": object}) for part in read_blocks(path, kinds, names=columns)])
    image = table["message"].astype(str).str.extract(_PICTURE_NAME)[0]
    kept = table["onset"].notna() & image.notna()
    if not kept.any():
        raise InputError("no message names a picture", where=path)
    onset = clock.of_message(table["onset"][kept].to_numpy(float))
    return pd.DataFrame({"onset": onset, "end": np.append(onset[1:], np.inf), "image": image[kept].to_numpy()})


def _number(shown: pd.DataFrame, time: np.ndarray) -> np.ndarray:
    return np.digitize(time + 1e-6, shown["onset"].to_numpy(float)) - 1


def _at(shown: pd.DataFrame, time: np.ndarray) -> np.ndarray:
    index = _number(shown, time)
    within = (index >= 0) & (time < shown["end"].to_numpy()[np.maximum(index, 0)])
    images = np.full(len(time), None, object)
    images[within] = shown["image"].to_numpy(object)[index[within]]
    return images


def _screen(events: dict[str, Any], path: Path) -> Screen | None:
    """BIDS gives metres; both lengths of the screen, and its resolution.

    Raises:
        InputError: if one of these is not of numbers.
    """
    resolution, size, distance = (events.get(f"Screen{name}") for name in ("Resolution", "Size", "Distance"))
    if not resolution or resolution == "n/a":
        return None
    for name, value, count in (("Resolution", resolution, 2), ("Size", size, 2), ("Distance", distance, 1)):
        numbers: list[Any] = value if isinstance(value, list) else [value]
        right = len(numbers) == count and all(type(number) in (int, float) and number > 0 for number in numbers)
        if value not in (None, 0, "n/a") and not right:
            raise InputError(f"Screen{name} is {value!r} in its _events.json, not {count} numbers above 0", where=path)
    distance = distance[0] if isinstance(distance, list) else distance
    size_cm = (float(size[0]) * 100, float(size[1]) * 100) if isinstance(size, list) else None
    far = float(distance) * 100 if isinstance(distance, int | float) and distance else None
    return Screen((int(resolution[0]), int(resolution[1])), size_cm, far)
