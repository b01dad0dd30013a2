"""EyeLink recordings converted to ASC, through pymovements."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.human.formats import register
from xai_compare.human.formats._pymovements import event_labels, read_gaze
from xai_compare.human.screen import Screen

_LOAD = re.compile(
    r"!V IMGLOAD\s+(?:(?P<how>FILL|CENTER|TOP_LEFT)\s+)?(?P<image>\S.*?)(?P<numbers>(?:\s+-?\d+(?:\.\d+)?)*)\s*$"
)
_NAMED = re.compile(r"(?P<key>!V TRIAL_VAR\s+)?(?:image|picture|stimulus)(?P<colon>\s*:\s*|\s+)(?P<image>\S.*)", re.I)
_SUFFIX = re.compile(r"\.(?:jpe?g|png|bmp|tiff?|gif|webp|p[gp]m)$", re.I)
_OFFSET = re.compile(r"(?P<offset>-?\d+)\s+(?P<text>\S.*)")
_SHOWN = re.compile(r"(?:stimulus|image|picture|face|display|screen)[\s_]*(?:onset|on|shown|displayed)\b", re.I)
_NO_NAME = re.compile(r"(?:on|off|onset|offset|start|end|begin|stop|shown|displayed|drawn|loaded|presented)\b", re.I)
_WIDE = re.compile(r"^SAMPLES\b.*\b(?:VEL|RES|HTARGET)\b", re.M)
_VALIDATION = re.compile(r"!CAL VALIDATION .*?\b(?P<result>GOOD|FAIR|POOR|ABORTED)\b")


def _recognise(head: FileHead) -> str:
    if head.text.startswith("** CONVERTED FROM") or re.search(r"^\*\* .*EYELINK", head.text, re.M):
        return "its first line, '** CONVERTED FROM ... .edf'"
    return ""


@register("eyelink", yields="samples", about="EyeLink ASC, by edf2asc", recognise=_recognise)
def eyelink(path: Path) -> Iterator[pd.DataFrame]:
    """Yield an EyeLink recording, a table per trial. pymovements reads the whole file first.

    A trial lies between two messages TRIALID. Its pictures are those of its ``!V IMGLOAD``, which also tell the place,
    or that of ``!V TRIAL_VAR image`` or of a message such as ``image a.jpg``; without one, what follows TRIALID. A
    picture is shown from the message SYNCTIME, without one from such as "stimulus onset", else from its IMGLOAD, until
    the next picture. A number before a message's text is its delay, which is taken off its time. Of two eyes the mean
    is taken, or the one that was found. The participant is the file's name. ``validation`` is the outcome of the last
    validation before the trial.

    Raises:
        InputError: if pymovements cannot read the file, it has no trial, or shows two pictures side by side.
    """
    from pymovements.gaze.io import from_asc

    gaze = read_gaze(from_asc, _eyes_only(path), where=path, messages=True, events=True)
    sent = [] if gaze.messages is None else zip(gaze.messages["time"], gaze.messages["content"], strict=True)
    messages = [_on_time(float(time), str(text)) for time, text in sent]
    begins = [time for time, text in messages if text.startswith("TRIALID")]
    if not begins:
        raise InputError("it has no message TRIALID", where=path, hint="trials are cut at these messages")
    samples, screen = _samples(gaze), _screen(gaze)
    for begin, end in pairwise([*begins, np.inf]):
        own = [(time, text) for time, text in messages if begin <= time < end]
        over = next((time for time, text in own if text.startswith("TRIAL_RESULT")), end)
        validations = [_VALIDATION.search(text) for time, text in messages if time < begin]
        earlier = [outcome["result"] for outcome in validations if outcome]
        shown = _shown(own, begin, screen, path)
        for number, (onset, facts) in enumerate(shown):
            until = shown[number + 1][0] if number + 1 < len(shown) else over
            part = samples[(samples["time"] >= onset) & (samples["time"] < until)]
            if not len(part):
                continue
            facts = facts | {"validation": earlier[-1] if earlier else ""}
            table = part.assign(participant=path.stem.removesuffix(".asc"), trial=begin, **facts)
            table.attrs["screen"] = screen
            yield table


def _on_time(time: float, text: str) -> tuple[float, str]:
    """When what a message tells of happened: "3 SYNCTIME" was sent 3 ms after it."""
    late = _OFFSET.match(text)
    return (time - int(late["offset"]), late["text"]) if late else (time, text)


def _eyes_only(path: Path) -> Path | io.StringIO:
    """The file, or a copy in memory without the columns that pymovements takes for an eye's.

    Velocity, resolution and the remote target follow the columns of the eyes, which are three each.
    """
    try:
        text = path.read_text("utf-8", "replace")
    except OSError as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    if not _WIDE.search(text):
        return path
    lines, kept = [], 4
    for line in text.splitlines():
        if line.startswith("SAMPLES"):
            line = re.sub(r"\s(?:VEL|RES|HTARGET)\b", "", line)
            kept = 1 + 3 * max(1, len(re.findall(r"\b(?:LEFT|RIGHT)\b", line)))
        elif line[:1].isdigit():
            line = "\t".join([*line.split()[:kept], "..."])
        lines.append(line + "\n")
    return io.StringIO("".join(lines))


def _shown(
    own: list[tuple[float, str]], begin: float, screen: Screen, path: Path
) -> list[tuple[float, dict[str, Any]]]:
    """The pictures of a trial in their order, each with its onset."""
    loads = [(time, match) for time, text in own if (match := _LOAD.match(text))]
    told = [time for time, text in own if text.startswith("SYNCTIME")]
    told = told or [time for time, text in own if _SHOWN.match(text)]
    if not loads:
        return [(told[0] if told else begin, _named([text for _, text in own]))]
    shown: list[tuple[float, dict[str, Any]]] = []
    for time, match in loads:
        # A picture is loaded before or, as it were, just after it appears: the message nearest to it tells when.
        onset = next((later for later in told if later >= time), time if shown or not told else told[-1])
        if len(loads) == 1 and told:
            onset = told[0]
        numbers = [float(number) for number in match["numbers"].split()]
        facts = {"image": match["image"]} | _place(match["how"] or "", numbers, screen)
        if shown and shown[-1][0] == onset:
            other = shown.pop()[1]
            if other["image"] != facts["image"] and _apart(other, facts):
                what = f"a trial shows {other['image']!r} and {facts['image']!r} side by side"
                raise InputError(what, where=path, hint="only one picture at a time can be told")
        shown.append((onset, facts))
    return shown


def _apart(a: dict[str, Any], b: dict[str, Any]) -> bool:
    """Whether two pictures lie beside one another, neither over the other."""
    return {"left", "top"} <= a.keys() & b.keys() and any(
        first[edge] + first[size] <= second[edge]
        for first, second in ((a, b), (b, a))
        for edge, size in (("left", "width"), ("top", "height"))
    )


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


def _named(messages: list[str]) -> dict[str, Any]:
    """The picture's name where none is loaded. A message such as "stimulus onset" names no picture."""
    for named in filter(None, map(_NAMED.match, messages)):
        image = named["image"].strip()
        word = named["key"] or ":" in named["colon"] or " " not in image
        if _SUFFIX.search(image) or (word and not _NO_NAME.match(image)):
            return {"image": image}
    told = next((text for text in messages if text.startswith("TRIALID")), "")
    return {"image": told.removeprefix("TRIALID").strip() or "?"}


def _place(how: str, numbers: list[float], screen: Screen) -> dict[str, float]:
    if how == "FILL" and screen.resolution:
        return {"left": 0.0, "top": 0.0, "width": float(screen.resolution[0]), "height": float(screen.resolution[1])}
    if len(numbers) < 4:
        return {}
    x, y, width, height = numbers[:4]
    if how == "CENTER":
        x, y = x - width / 2, y - height / 2
    return {"left": x, "top": y, "width": width, "height": height}
