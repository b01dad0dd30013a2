"""jsPsych: click-to-reveal and two-alternative tasks, and paths of the mouse; trials with lists of points in them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.data_files import parse_json, read_delimited
from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.files import read_bytes
from xai_compare.human.formats import register

_ABSENT = (None, "", "null")
_PARTICIPANT = ("participant", "participant_id", "subject", "subject_id", "PROLIFIC_PID", "prolific_pid", "run_id")
_IMAGE = ("image", "picture", "stimulus")
_POINTS = ("clicks", "click_history", "mouse_tracking_data")
_LABEL, _FALSE = ("label", "true_label", "expression", "correct_response"), ("false_label", "distractor")
_SRC = re.compile(r"""src\s*=\s*["']?([^"'\s>]+)""")
_PICTURE = re.compile(r"(?:stimulus|image|picture|img|canvas|face)\W*$", re.I)


def looks_like_jspsych(head: FileHead) -> bool:
    """Whether the beginning of a file is that of jsPsych's data."""
    named = "trial_type" in head.text and "trial_index" in head.text
    return named and (head.first_line[:1] in "[{" or head.has("trial_type", "trial_index"))


def _recognise(head: FileHead) -> str:
    clicks = looks_like_jspsych(head) and "mousemove" not in head.text
    return "jsPsych's trial_type and trial_index" if clicks else ""


@register("jspsych", yields="clicks", about="jsPsych click-to-reveal, JSON or CSV", recognise=_recognise)
def jspsych(path: Path) -> pd.DataFrame:
    """Return jsPsych's clicks, a row per click and one for each trial without a click; see `points_of`."""
    return points_of(path, moves=False)


def points_of(path: Path, *, moves: bool) -> pd.DataFrame:
    """Return the points of all trials with a picture: participant, image, trial, x, y, time, order and the answer.

    Points are those of ``clicks`` or ``click_history`` ({x, y, and t, time or rt}: ms and pixels of the picture), or of
    the extension mouse-tracking: its ``mousedown`` (clicks) or ``mousemove`` (moves), taken from the page to the
    picture by ``mouse_tracking_targets``. A trial without a point gives one row without a place. An answer that is the
    number of a button stands for that choice.

    Raises:
        InputError: if the file is not jsPsych's JSON or CSV, or no trial has points.
    """
    rows: list[dict[str, Any]] = []
    count = 0
    for index, trial in enumerate(_trials(path)):
        key = next((name for name in _POINTS if trial.get(name) not in _ABSENT), None)
        image = _image(trial)
        if image is None or (key is None and "clicks" not in trial):
            continue
        place = trial.get("trial_index", index)
        if not isinstance(place, str | int | float):
            raise InputError(f"trial_index is {str(place)[:60]!r}, not a number", where=path)
        answer = _answer(trial, path) | {"image": image, "trial": place}
        points = _points(trial, key, moves, path) if key else []
        count += len(points)
        empty: list[dict[str, Any]] = [{"x": np.nan, "y": np.nan, "time": np.nan, "order": np.nan}]
        rows += [answer | point for point in points or empty]
    if not count:
        raise InputError(f"no trial has {', '.join(_POINTS)} with points in it", where=path)
    return pd.DataFrame(rows)


def _trials(path: Path) -> list[Mapping[str, Any]]:
    """The trials of a file, each with its participant where only one can be meant."""
    head = FileHead.of(path)
    try:
        if head.first_line[:1] in "[{":
            parts = _participants_of(read_bytes(path).decode(head.encoding))
        else:
            parts = [read_delimited(path, short_rows=True).to_dict("records")]
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        what = f"is not jsPsych's JSON or CSV ({error})"
        raise InputError(what, where=path, hint="was it written to the end?") from error
    if not all(isinstance(trial, Mapping) for part in parts for trial in part):
        raise InputError("is not a list of trials", where=path)
    _refuse_the_unnamed(parts, path)
    return [trial for part in parts for trial in part]


def _participants_of(text: str) -> list[list[Any]]:
    """The trials of each participant: of JSON, or of JSON lines, such as JATOS's, with a participant in each line."""
    try:
        content: Any = parse_json(text)
    except json.JSONDecodeError as whole:
        lines = [line for line in text.splitlines() if line.strip()]
        try:
            content = [parse_json(line) for line in lines]
        except json.JSONDecodeError:
            raise whole from None
        if all(isinstance(line, Mapping) and "trial_type" in line for line in content):
            content = [content]
    if isinstance(content, Mapping):
        content = content.get("trials", content.get("data", ()))
    # Several participants' files joined are a list of lists, or of objects that hold their trials.
    parts = [part.get("trials", part.get("data", part)) if isinstance(part, Mapping) else part for part in content]
    nested = [part for part in parts if isinstance(part, list)]
    return [*nested, [part for part in parts if not isinstance(part, list)]]


def _refuse_the_unnamed(parts: list[list[Mapping[str, Any]]], path: Path) -> None:
    """Refuse trials of several people of whom not all have a name: they would become one person."""
    unnamed = [[trial for trial in part if not _first(trial, _PARTICIPANT)] for part in parts]
    unnamed = [part for part in unnamed if any(_image(trial) for trial in part)]
    indices = [trial.get("trial_index") for part in unnamed for trial in part if _image(trial)]
    told = [str(index) for index in indices if index not in _ABSENT]
    named = any(_first(trial, _PARTICIPANT) for part in parts for trial in part if _image(trial))
    if unnamed and (len(unnamed) > 1 or named or len(told) > len(set(told))):
        what = "its trials are of several participants, and not all name theirs"
        raise InputError(what, where=path, hint=f"add {_PARTICIPANT[0]!r} to the trials, or give a file for each")


def _first(trial: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((trial[name] for name in names if trial.get(name) not in _ABSENT), None)


def _image(trial: Mapping[str, Any]) -> str | None:
    """The picture's name; a stimulus may be the HTML that shows it."""
    stimulus = _first(trial, _IMAGE)
    if not isinstance(stimulus, str):
        return None
    source = _SRC.search(stimulus)
    return source[1] if source else stimulus if "<" not in stimulus else None


def _answer(trial: Mapping[str, Any], path: Path) -> dict[str, Any]:
    choices = _parsed(trial.get("choices"))
    response = _parsed(trial.get("response"))
    if isinstance(choices, list) and choices and isinstance(response, int) and not isinstance(response, bool):
        if not 0 <= response < len(choices):
            what = f"trial {trial.get('trial_index', '?')}: response {response} is none of the {len(choices)} choices"
            raise InputError(what, where=path, hint="responses that are numbers count the choices from 0")
        response = choices[response]
    answer = {
        "participant": _first(trial, _PARTICIPANT) or path.stem,
        "response": response,
        "label": _first(trial, _LABEL),
        "false_label": _first(trial, _FALSE),
    } | {name: trial.get(name) for name in ("correct", "rt", "block")}
    for name, value in answer.items():
        if isinstance(value, Mapping | list):
            what = f"trial {trial.get('trial_index', '?')}: {name} is {str(value)[:60]!r}, not one value"
            raise InputError(what, where=path)
    return {name: value for name, value in answer.items() if value not in _ABSENT}


def _parsed(value: Any) -> Any:
    """A value of a CSV cell that may be JSON."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        return value


def _points(trial: Mapping[str, Any], key: str, moves: bool, path: Path) -> list[dict[str, Any]]:
    listed, index = _parsed(trial[key]), trial.get("trial_index", "?")
    if not isinstance(listed, list) or not all(isinstance(point, Mapping) for point in listed):
        raise InputError(f"trial {index}: {key!r} is not a list of points", where=path)
    event = "mousemove" if moves else "mousedown"
    box = _box(trial, path)
    size = {name: box[name] for name in ("width", "height") if name in box}
    points: list[dict[str, Any]] = []
    for point in listed:
        if point.get("event", event) != event:
            continue
        x, y = (_number(point.get(name)) for name in ("x", "y"))
        time = _number(next((point[name] for name in ("t", "time", "rt") if point.get(name) is not None), np.nan))
        if x is None or y is None:
            raise InputError(f"trial {index}: the point {dict(point)} has no x and y", where=path)
        if time is None:
            raise InputError(f"trial {index}: the point {dict(point)} has a time that is no number", where=path)
        x, y = x - box.get("left", 0.0), y - box.get("top", 0.0)
        points.append({"x": x, "y": y, "time": time, "order": len(points) + 1} | size)
    return points


def _number(value: Any) -> float | None:
    """A value of JSON as a number, or None where it is none."""
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _box(trial: Mapping[str, Any], path: Path) -> dict[str, float]:
    """Where on the page the picture lies, and how large it is shown, if the extension tells.

    Raises:
        InputError: if several targets are told and none or several may be the picture, or its place is no numbers.
    """
    index, targets = trial.get("trial_index", "?"), _parsed(trial.get("mouse_tracking_targets"))
    if not isinstance(targets, Mapping) or not targets:
        return {}
    likely = [name for name in targets if _PICTURE.search(str(name))] if len(targets) > 1 else list(targets)
    if len(likely) != 1:
        what = f"trial {index}: which of the targets {', '.join(map(str, targets))} is the picture is not known"
        raise InputError(what, where=path, hint="record the picture's target alone, or one whose name ends in stimulus")
    target = targets[likely[0]]
    if not isinstance(target, Mapping):
        raise InputError(f"trial {index}: the target {likely[0]} has no place", where=path)
    box = {}
    for name, values in {
        "left": ("left", "x"),
        "top": ("top", "y"),
        "width": ("width",),
        "height": ("height",),
    }.items():
        given = next((target[key] for key in values if target.get(key) is not None), 0.0 if len(values) > 1 else np.nan)
        value = _number(given)
        if value is None:
            raise InputError(f"trial {index}: {name} of the target {likely[0]} is {given!r}, no number", where=path)
        box[name] = value
    return box
