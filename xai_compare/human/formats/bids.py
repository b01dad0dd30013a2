"""BIDS eye tracking: ``_physio.tsv.gz`` with its JSON, and the events that say which picture was shown when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.file_head import FileHead
from xai_compare.human.file_readers import ColumnKind, read_blocks, read_json
from xai_compare.human.formats import register
from xai_compare.human.screen import Screen

_UNITS = {"s": 1000.0, "second": 1000.0, "seconds": 1000.0, "ms": 1.0, "millisecond": 1.0, "milliseconds": 1.0,
          "us": 0.001, "μs": 0.001, "microsecond": 0.001, "microseconds": 0.001}  # fmt: skip
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
    columns = about.get("Columns")
    if not isinstance(columns, list) or not {"x_coordinate", "y_coordinate"} <= set(columns):
        raise InputError("its JSON names no Columns x_coordinate and y_coordinate", where=path)
    for name in ("x_coordinate", "y_coordinate"):
        unit = about.get(name, {}).get("Units", "pixel")
        if unit not in _PIXELS:
            raise InputError(f"{name} is in {unit}", where=path, hint="only gaze in pixels of the screen can be placed")
    rate = about.get("SamplingFrequency")
    if not rate:
        raise InputError("its JSON gives no SamplingFrequency", where=path)
    shown = _shown(path, about)
    events = _json(_beside(path, "_events.json"), required=False).get("StimulusPresentation", {})
    kinds: dict[str, ColumnKind] = dict.fromkeys(columns, "number")
    begin = 0
    for table in read_blocks(path, kinds, names=[str(name) for name in columns]):
        since = (begin + np.arange(len(table))) * 1000 / rate + about.get("StartTime", 0) * 1000
        begin += len(table)
        frame = pd.DataFrame({
            "participant": _entity(path, "sub"), "image": _at(shown, since), "trial": _number(shown, since),
            "time": since, "screen_x": table["x_coordinate"], "screen_y": table["y_coordinate"],
        })  # fmt: skip
        if "pupil_size" in table:
            frame["pupil"] = table["pupil_size"]
        frame.attrs = table.attrs | {"screen": _screen(events)}
        yield frame[frame["image"].notna()].reset_index(drop=True)


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


def _shown(path: Path, about: dict[str, Any]) -> pd.DataFrame:
    """When each picture was shown: ``onset, end`` in ms, ``image``, by time."""
    events = _beside(path, "_events.tsv")
    if events.is_file():
        table = pd.read_csv(events, sep="\t", na_values=["n/a"])
        for name in ("stim_file", "trial_type"):
            if name in table and table[name].notna().any():
                kept = table[table[name].notna()].sort_values("onset")
                onset = kept["onset"].to_numpy(float) * 1000
                return pd.DataFrame({"onset": onset, "end": onset + kept["duration"].to_numpy(float) * 1000,
                                     "image": kept[name].astype(str).to_numpy()})  # fmt: skip
    messages = _beside(path, "_physioevents.tsv.gz")
    if messages.is_file():
        return _messages(messages, about)
    raise InputError("no events beside it say which picture was shown", where=path, hint=f"{events.name} is absent")


def _messages(path: Path, about: dict[str, Any]) -> pd.DataFrame:
    columns = _json(path.with_name(path.name.replace(".tsv.gz", ".json")), required=True).get("Columns", [])
    table = pd.read_csv(path, sep="\t", names=columns, na_values=["n/a"])
    if "message" not in table:
        raise InputError("has no column 'message'", where=path)
    kept = table[table["message"].astype(str).str.contains(r"\.(?:jpe?g|png|bmp|tiff?)", regex=True)]
    if not len(kept):
        raise InputError("no message names a picture", where=path)
    scale = _UNITS.get(str(about.get("timestamp", {}).get("Units", "s")).lower(), 1000.0)
    onset = kept["onset"].to_numpy(float) * scale
    image = kept["message"].astype(str).str.extract(r"(\S+\.(?:jpe?g|png|bmp|tiff?))")[0].to_numpy()
    return pd.DataFrame({"onset": onset, "end": np.append(onset[1:], np.inf), "image": image})


def _number(shown: pd.DataFrame, time: np.ndarray) -> np.ndarray:
    return np.digitize(time + 1e-6, shown["onset"].to_numpy(float)) - 1


def _at(shown: pd.DataFrame, time: np.ndarray) -> np.ndarray:
    index = _number(shown, time)
    within = (index >= 0) & (time < shown["end"].to_numpy()[np.maximum(index, 0)])
    images = np.full(len(time), None, object)
    images[within] = shown["image"].to_numpy(object)[index[within]]
    return images


def _screen(events: dict[str, Any]) -> Screen | None:
    """BIDS gives metres; both lengths of the screen, and its resolution."""
    resolution, size, distance = (events.get(f"Screen{name}") for name in ("Resolution", "Size", "Distance"))
    if not resolution:
        return None
    size_cm = (float(size[0]) * 100, float(size[1]) * 100) if isinstance(size, list) and len(size) == 2 else None
    return Screen((int(resolution[0]), int(resolution[1])), size_cm, float(distance) * 100 if distance else None)
