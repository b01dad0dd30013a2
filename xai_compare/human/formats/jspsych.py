"""jsPsych: click-to-reveal and two-alternative tasks, and paths of the mouse; trials with lists of points in them."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.file_head import FileHead
from xai_compare.human.formats import register

_ABSENT = (None, "", "null")
_PARTICIPANT = ("participant", "participant_id", "subject", "subject_id", "PROLIFIC_PID", "prolific_pid", "run_id")
_IMAGE = ("image", "picture", "stimulus")
_POINTS = ("clicks", "click_history", "mouse_tracking_data")
_LABEL, _FALSE = ("label", "true_label", "expression", "correct_response"), ("false_label", "distractor")
_SRC = re.compile(r"""src\s*=\s*["']?([^"'\s>]+)""")
_CSV_LIMIT = 1 << 27


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
        answer = _answer(trial, path) | {"image": image, "trial": trial.get("trial_index", index)}
        points = _points(trial, key, moves, path) if key else []
        count += len(points)
        empty: list[dict[str, Any]] = [{"x": np.nan, "y": np.nan, "time": np.nan, "order": np.nan}]
        rows += [answer | point for point in points or empty]
    if not count:
        raise InputError(f"no trial has {', '.join(_POINTS)} with points in it", where=path)
    return pd.DataFrame(rows)


def _trials(path: Path) -> list[Mapping[str, Any]]:
    head = FileHead.of(path)
    try:
        text = path.read_text(head.encoding)
        if head.first_line[:1] in "[{":
            content: Any = json.loads(text)
            content = content.get("trials", content.get("data", ())) if isinstance(content, dict) else content
            # Several participants' files joined are a list of lists.
            trials = [trial for part in content for trial in (part if isinstance(part, list) else [part])]
        else:
            csv.field_size_limit(_CSV_LIMIT)
            trials = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        what = f"is not jsPsych's JSON or CSV ({error})"
        raise InputError(what, where=path, hint="was it written to the end?") from error
    if not all(isinstance(trial, Mapping) for trial in trials):
        raise InputError("is not a list of trials", where=path)
    return trials


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
    if isinstance(choices, list) and isinstance(response, int) and 0 <= response < len(choices):
        response = choices[response]
    answer = {
        "participant": _first(trial, _PARTICIPANT) or path.stem,
        "response": response,
        "label": _first(trial, _LABEL),
        "false_label": _first(trial, _FALSE),
    } | {name: trial.get(name) for name in ("correct", "rt", "block")}
    return {name: value for name, value in answer.items() if value not in _ABSENT}


def _parsed(value: Any) -> Any:
    """A value of a CSV cell that may be JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _points(trial: Mapping[str, Any], key: str, moves: bool, path: Path) -> list[dict[str, Any]]:
    listed = _parsed(trial[key])
    if not isinstance(listed, list) or not all(isinstance(point, Mapping) for point in listed):
        raise InputError(f"trial {trial.get('trial_index', '?')}: {key!r} is not a list of points", where=path)
    event = "mousemove" if moves else "mousedown"
    box = _box(trial)
    size = {name: box[name] for name in ("width", "height") if name in box}
    points: list[dict[str, Any]] = []
    for point in listed:
        if point.get("event", event) != event:
            continue
        try:
            x, y = float(point["x"]) - box.get("left", 0.0), float(point["y"]) - box.get("top", 0.0)
        except (KeyError, TypeError, ValueError):
            what = f"trial {trial.get('trial_index', '?')}: the point {dict(point)} has no x and y"
            raise InputError(what, where=path) from None
        time = next((point[name] for name in ("t", "time", "rt") if name in point), np.nan)
        points.append({"x": x, "y": y, "time": time, "order": len(points) + 1} | size)
    return points


def _box(trial: Mapping[str, Any]) -> dict[str, float]:
    """Where on the page the picture lies, if the extension tells."""
    targets = _parsed(trial.get("mouse_tracking_targets"))
    if not isinstance(targets, Mapping) or not targets:
        return {}
    first = next(iter(targets.values()))
    left, top = first.get("left", first.get("x", 0.0)), first.get("top", first.get("y", 0.0))
    return {"left": left, "top": top, "width": first.get("width", np.nan), "height": first.get("height", np.nan)}
