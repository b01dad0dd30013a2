"""EyeLink recordings converted to ASC, through pymovements."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.formats import reads
from xai_compare.human.recognition import Head
from xai_compare.human.screen import Screen

_LOAD = re.compile(r"!V IMGLOAD (?P<how>FILL|CENTER|TOP_LEFT)?\s*(?P<image>\S+)(?P<numbers>(?:\s+-?\d+(?:\.\d+)?)*)")
_NAMED = re.compile(r"(?:!V TRIAL_VAR )?(?:image|picture|stimulus)[:\s]+(?P<image>\S.*)", re.IGNORECASE)
_VALIDATION = re.compile(r"!CAL VALIDATION .*?\b(?P<result>GOOD|FAIR|POOR|ABORTED)\b")


def _recognise(head: Head) -> str:
    if head.text.startswith("** CONVERTED FROM") or re.search(r"^\*\* .*EYELINK", head.text, re.M):
        return "its first line, '** CONVERTED FROM ... .edf'"
    return ""


@reads("eyelink", yields="samples", about="EyeLink ASC, by edf2asc", recognise=_recognise)
def eyelink(path: Path) -> Iterator[pd.DataFrame]:
    """Yield an EyeLink recording, a table per trial. pymovements reads the whole file first.

    A trial lies between two messages TRIALID. Its picture is that of its ``!V IMGLOAD``, which also tells the place,
    of ``!V TRIAL_VAR image`` or of a message such as ``image a.jpg``; without one, what follows TRIALID. Samples before
    a message SYNCTIME, where there is one, are left out. Of two eyes the mean is taken, or the one that was found. The
    participant is the file's name. ``validation`` is the outcome of the last validation before the trial.

    Raises:
        InputError: if pymovements cannot read the file, or it has no trial.
    """
    gaze = _gaze(path)
    told = [] if gaze.messages is None else list(zip(gaze.messages["time"], gaze.messages["content"], strict=True))
    begins = [time for time, text in told if text.startswith("TRIALID")]
    if not begins:
        raise InputError("it has no message TRIALID", where=path, hint="trials are cut at these messages")
    samples, screen = _samples(gaze), _screen(gaze)
    for begin, end in pairwise([*begins, np.inf]):
        own = [(time, text) for time, text in told if begin <= time < end]
        over = next((time for time, text in own if text.startswith("TRIAL_RESULT")), end)
        onset = next((time for time, text in own if text.startswith(("SYNCTIME", "!V IMGLOAD"))), begin)
        part = samples[(samples["time"] >= onset) & (samples["time"] < over)]
        if not len(part):
            continue
        earlier = [found["result"] for time, text in told if time < begin and (found := _VALIDATION.search(text))]
        facts = _picture([text for _, text in own], screen) | {"validation": earlier[-1] if earlier else ""}
        table = part.assign(participant=path.stem.removesuffix(".asc"), trial=begin, **facts)
        table.attrs["screen"] = screen
        yield table


def _gaze(path: Path) -> Any:
    from pymovements.gaze.io import from_asc

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymovements warns of metadata that it finds missing.
            return from_asc(path, messages=True, events=True)
    except Exception as error:  # whatever its parser stumbles over, it is the file that the user can fix
        raise InputError(f"pymovements cannot read it ({type(error).__name__}: {error})", where=path) from error


def _samples(gaze: Any) -> pd.DataFrame:
    pixels = np.array(gaze.samples["pixel"].to_list(), float)
    pupil = np.array(gaze.samples["pupil"].to_list(), float).reshape(len(pixels), -1)
    pixels = pixels.reshape(len(pixels), -1, 2)
    found = np.isfinite(pixels).all(2, keepdims=True)
    count = found.sum(1)
    both = np.divide(np.where(found, pixels, 0).sum(1), count, out=np.full((len(pixels), 2), np.nan), where=count > 0)
    seen = np.where(pupil > 0, pupil, np.nan)
    some = np.isfinite(seen).any(1)
    size = np.full(len(seen), np.nan)
    size[some] = np.nanmean(seen[some], axis=1)
    time = gaze.samples["time"].to_numpy().astype(float)
    table = pd.DataFrame({"time": time, "screen_x": both[:, 0], "screen_y": both[:, 1], "pupil": size})
    return table.assign(event=_events(gaze, time))


def _events(gaze: Any, time: np.ndarray) -> np.ndarray:
    event = np.full(len(time), "other", object)
    frame = gaze.events.frame
    for name, onset, offset in zip(frame["name"], frame["onset"], frame["offset"], strict=True):
        event[(time >= onset) & (time <= offset)] = str(name).removesuffix("_eyelink")
    return event


def _screen(gaze: Any) -> Screen:
    resolution = gaze.experiment.screen.resolution if gaze.experiment else None
    return Screen((int(resolution[0]), int(resolution[1])) if resolution else None)


def _picture(told: list[str], screen: Screen) -> dict[str, Any]:
    """The picture's name, and its place on the screen where that is told."""
    for text in told:
        loaded = _LOAD.match(text)
        if loaded:
            numbers = [float(number) for number in loaded["numbers"].split()]
            return {"image": loaded["image"]} | _place(loaded["how"] or "", numbers, screen)
    for text in told:
        named = _NAMED.match(text)
        if named:
            return {"image": named["image"].strip()}
    return {"image": next(text for text in told if text.startswith("TRIALID")).removeprefix("TRIALID").strip() or "?"}


def _place(how: str, numbers: list[float], screen: Screen) -> dict[str, float]:
    if how == "FILL" and screen.resolution:
        return {"left": 0.0, "top": 0.0, "width": float(screen.resolution[0]), "height": float(screen.resolution[1])}
    if len(numbers) < 4:
        return {}
    x, y, width, height = numbers[:4]
    if how == "CENTER":
        x, y = x - width / 2, y - height / 2
    return {"left": x, "top": y, "width": width, "height": height}
