"""EyeLink recordings converted to ASC, through pymovements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.file_head import FileHead
from xai_compare.human.formats import register
from xai_compare.human.formats._pymovements import event_labels, read_gaze
from xai_compare.human.screen import Screen

_LOAD = re.compile(r"!V IMGLOAD (?P<how>FILL|CENTER|TOP_LEFT)?\s*(?P<image>\S+)(?P<numbers>(?:\s+-?\d+(?:\.\d+)?)*)")
_NAMED = re.compile(r"(?:!V TRIAL_VAR )?(?:image|picture|stimulus)[:\s]+(?P<image>\S.*)", re.IGNORECASE)
_VALIDATION = re.compile(r"!CAL VALIDATION .*?\b(?P<result>GOOD|FAIR|POOR|ABORTED)\b")


def _recognise(head: FileHead) -> str:
    if head.text.startswith("** CONVERTED FROM") or re.search(r"^\*\* .*EYELINK", head.text, re.M):
        return "its first line, '** CONVERTED FROM ... .edf'"
    return ""


@register("eyelink", yields="samples", about="EyeLink ASC, by edf2asc", recognise=_recognise)
def eyelink(path: Path) -> Iterator[pd.DataFrame]:
    """Yield an EyeLink recording, a table per trial. pymovements reads the whole file first.

    A trial lies between two messages TRIALID. Its picture is that of its ``!V IMGLOAD``, which also tells the place,
    of ``!V TRIAL_VAR image`` or of a message such as ``image a.jpg``; without one, what follows TRIALID. Samples before
    a message SYNCTIME, where there is one, are left out. Of two eyes the mean is taken, or the one that was found. The
    participant is the file's name. ``validation`` is the outcome of the last validation before the trial.

    Raises:
        InputError: if pymovements cannot read the file, or it has no trial.
    """
    from pymovements.gaze.io import from_asc

    gaze = read_gaze(from_asc, path, messages=True, events=True)
    messages = [] if gaze.messages is None else list(zip(gaze.messages["time"], gaze.messages["content"], strict=True))
    begins = [time for time, text in messages if text.startswith("TRIALID")]
    if not begins:
        raise InputError("it has no message TRIALID", where=path, hint="trials are cut at these messages")
    samples, screen = _samples(gaze), _screen(gaze)
    for begin, end in pairwise([*begins, np.inf]):
        own = [(time, text) for time, text in messages if begin <= time < end]
        over = next((time for time, text in own if text.startswith("TRIAL_RESULT")), end)
        onset = next((time for time, text in own if text.startswith(("SYNCTIME", "!V IMGLOAD"))), begin)
        part = samples[(samples["time"] >= onset) & (samples["time"] < over)]
        if not len(part):
            continue
        validations = [_VALIDATION.search(text) for time, text in messages if time < begin]
        earlier = [outcome["result"] for outcome in validations if outcome]
        facts = _picture([text for _, text in own], screen) | {"validation": earlier[-1] if earlier else ""}
        table = part.assign(participant=path.stem.removesuffix(".asc"), trial=begin, **facts)
        table.attrs["screen"] = screen
        yield table


def _samples(gaze: Any) -> pd.DataFrame:
    pixels = np.array(gaze.samples["pixel"].to_list(), float)
    pupil = np.array(gaze.samples["pupil"].to_list(), float).reshape(len(pixels), -1)
    pixels = pixels.reshape(len(pixels), -1, 2)
    seen = np.isfinite(pixels).all(2, keepdims=True)
    eyes = seen.sum(1)
    mean = np.divide(np.where(seen, pixels, 0).sum(1), eyes, out=np.full((len(pixels), 2), np.nan), where=eyes > 0)
    sizes = np.where(pupil > 0, pupil, np.nan)
    known = np.isfinite(sizes).any(1)
    size = np.full(len(sizes), np.nan)
    size[known] = np.nanmean(sizes[known], axis=1)
    time = gaze.samples["time"].to_numpy().astype(float)
    table = pd.DataFrame({"time": time, "screen_x": mean[:, 0], "screen_y": mean[:, 1], "pupil": size})
    return table.assign(event=event_labels(gaze, time, "_eyelink"))


def _screen(gaze: Any) -> Screen:
    resolution = gaze.experiment.screen.resolution if gaze.experiment else None
    return Screen((int(resolution[0]), int(resolution[1])) if resolution else None)


def _picture(messages: list[str], screen: Screen) -> dict[str, Any]:
    """The picture's name, and its place on the screen where that is told."""
    for text in messages:
        loaded = _LOAD.match(text)
        if loaded:
            numbers = [float(number) for number in loaded["numbers"].split()]
            return {"image": loaded["image"]} | _place(loaded["how"] or "", numbers, screen)
    for text in messages:
        named = _NAMED.match(text)
        if named:
            return {"image": named["image"].strip()}
    return {
        "image": next(text for text in messages if text.startswith("TRIALID")).removeprefix("TRIALID").strip() or "?"
    }


def _place(how: str, numbers: list[float], screen: Screen) -> dict[str, float]:
    if how == "FILL" and screen.resolution:
        return {"left": 0.0, "top": 0.0, "width": float(screen.resolution[0]), "height": float(screen.resolution[1])}
    if len(numbers) < 4:
        return {}
    x, y, width, height = numbers[:4]
    if how == "CENTER":
        x, y = x - width / 2, y - height / 2
    return {"left": x, "top": y, "width": width, "height": height}
