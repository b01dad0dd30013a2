"""The data of jsPsych: trials with lists of points in them."""

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
from xai_compare.human.recognition import Head

_PARTICIPANT = ("participant", "participant_id", "subject", "subject_id", "PROLIFIC_PID", "prolific_pid", "run_id")
_IMAGE = ("image", "picture", "stimulus")
_POINTS = ("clicks", "click_history", "mouse_tracking_data")
_LABEL, _FALSE = ("label", "true_label", "expression", "correct_response"), ("false_label", "distractor")
_SRC = re.compile(r"""src\s*=\s*["']?([^"'\s>]+)""")
_CSV_LIMIT = 1 << 27


def looks_like_jspsych(head: Head) -> bool:
    """Whether the beginning of a file is that of jsPsych's data."""
    named = "trial_type" in head.text and "trial_index" in head.text
    return named and (head.first_line[:1] in "[{" or head.has("trial_type", "trial_index"))


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
    seen = 0
    for index, trial in enumerate(_trials(path)):
        key = next((name for name in _POINTS if trial.get(name) not in (None, "", "null")), None)
        image = _image(trial)
        if image is None or (key is None and "clicks" not in trial):
            continue
        answered = _answer(trial, path) | {"image": image, "trial": trial.get("trial_index", index)}
        points = _points(trial, key, moves, path) if key else []
        seen += len(points)
        empty: list[dict[str, Any]] = [{"x": np.nan, "y": np.nan, "time": np.nan, "order": np.nan}]
        rows += [answered | point for point in points or empty]
    if not seen:
        raise InputError(f"no trial has {', '.join(_POINTS)} with points in it", where=path)
    return pd.DataFrame(rows)


def _trials(path: Path) -> list[Mapping[str, Any]]:
    head = Head.of(path)
    try:
        text = path.read_text(head.encoding)
        if head.first_line[:1] in "[{":
            given: Any = json.loads(text)
            given = given.get("trials", given.get("data", ())) if isinstance(given, dict) else given
            # Several participants' files joined are a list of lists.
            trials = [one for part in given for one in (part if isinstance(part, list) else [part])]
        else:
            csv.field_size_limit(_CSV_LIMIT)
            trials = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    except (ValueError, TypeError, AttributeError, csv.Error) as error:
        raise InputError(
            f"is not jsPsych's JSON or CSV ({error})", where=path, hint="was it written to the end?"
        ) from error
    if not all(isinstance(one, Mapping) for one in trials):
        raise InputError("is not a list of trials", where=path)
    return trials


def _first(trial: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((trial[name] for name in names if trial.get(name) not in (None, "", "null")), None)


def _image(trial: Mapping[str, Any]) -> str | None:
    named = _first(trial, _IMAGE)
    if not isinstance(named, str):
        return None
    source = _SRC.search(named)
    return source[1] if source else named if "<" not in named else None


def _answer(trial: Mapping[str, Any], path: Path) -> dict[str, Any]:
    choices = _parsed(trial.get("choices"))
    response = _parsed(trial.get("response"))
    if isinstance(choices, list) and isinstance(response, int) and 0 <= response < len(choices):
        response = choices[response]
    label, false = _first(trial, _LABEL), _first(trial, _FALSE)
    found = {
        "participant": _first(trial, _PARTICIPANT) or path.stem,
        "response": response,
        "label": label,
        "false_label": false,
        "correct": trial.get("correct"),
        "rt": trial.get("rt"),
        "block": trial.get("block"),
    }
    return {name: value for name, value in found.items() if value not in (None, "null", "")}


def _parsed(value: Any) -> Any:
    """A value of a CSV cell that may be JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _points(trial: Mapping[str, Any], key: str, moves: bool, path: Path) -> list[dict[str, Any]]:
    given = _parsed(trial[key])
    if not isinstance(given, list) or not all(isinstance(point, Mapping) for point in given):
        raise InputError(f"trial {trial.get('trial_index', '?')}: {key!r} is not a list of points", where=path)
    event = "mousemove" if moves else "mousedown"
    box = _box(trial)
    points: list[dict[str, Any]] = []
    for point in given:
        if point.get("event", event) != event:
            continue
        try:
            x, y = float(point["x"]) - box.get("left", 0.0), float(point["y"]) - box.get("top", 0.0)
        except (KeyError, TypeError, ValueError):
            what = f"trial {trial.get('trial_index', '?')}: the point {dict(point)} has no x and y"
            raise InputError(what, where=path) from None
        time = next((point[name] for name in ("t", "time", "rt") if name in point), np.nan)
        size = {name: box[name] for name in ("width", "height") if name in box}
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
