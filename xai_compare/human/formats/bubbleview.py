"""MATLAB files of the BubbleView study: clicks (Kim et al. 2017), and the OSIE fixations beside them (Xu et al. 2014).

Both hold a struct array ``bubble``, one element per picture: ``filename`` and ``userdata``, one element per
participant, whose ``fixations.enc`` is (n, 2) x, y in pixels of the picture and ``fixations.enc_time`` one text per
point: a clock time to the second for clicks, a duration in ms for fixations. A participant is the place in
``userdata``, taken as the same person for every picture; an empty element is a picture without this person's points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.data_files import read_matlab
from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.human.formats import register

Columns = dict[str, np.ndarray]


def _recogniser(what: str, clock: bool) -> Callable[[FileHead], str]:
    """Both formats are one struct; they differ in whether a point's time is a time of day."""

    def recognise(head: FileHead) -> str:
        if not head.raw.startswith(b"MATLAB 5.0"):
            return ""
        try:
            first = next(iter(_trials(head.path)))[1][0]
        except (InputError, StopIteration, IndexError):
            return ""
        return f"a MATLAB struct 'bubble' with {what}" if (":" in first) == clock else ""

    return recognise


@register("bubbleview", yields="clicks", about="BubbleView clicks, MATLAB (Kim et al. 2017)",
       recognise=_recogniser("clock times", clock=True))  # fmt: skip
def bubbleview(path: Path) -> pd.DataFrame:
    """Return BubbleView clicks: participant, image, x, y, order from 1, time in ms since the trial's first click.

    The clock of these files counts seconds, so times are multiples of 1000.
    """

    def since_first(stamps: list[str]) -> np.ndarray:
        clock = pd.to_datetime(stamps, format="%Y-%m-%d %H:%M:%S").to_numpy(dtype="datetime64[ms]").astype(float)
        return np.asarray(clock - clock[0])

    return _table(path, "time", since_first)


@register("osie", yields="fixations", about="OSIE fixations, MATLAB (Xu et al. 2014)",
       recognise=_recogniser("durations", clock=False))  # fmt: skip
def osie(path: Path) -> pd.DataFrame:
    """Return OSIE fixations: participant, image, x, y, order from 1, duration in ms."""
    return _table(path, "duration", np.array)


def _table(path: Path, column: str, of_texts: Callable[[list[str]], np.ndarray]) -> pd.DataFrame:
    trials = [trial | {column: of_texts(texts)} for trial, texts in _trials(path)]
    if not trials:
        raise InputError("holds no point", where=path)
    return pd.DataFrame({name: np.concatenate([trial[name] for trial in trials]) for name in trials[0]})


def _trials(path: Path) -> Iterator[tuple[Columns, list[str]]]:
    """Each trial's points, as columns, and the text that goes with each."""
    try:
        for picture in _struct(path).ravel():
            image = str(picture["filename"].item())
            for person, seen in enumerate(picture["userdata"].ravel(), start=1):
                struct = seen["fixations"].ravel()
                if struct.size == 0 or struct[0]["enc"].size == 0:
                    continue
                points = np.asarray(struct[0]["enc"], dtype=float).reshape(-1, 2)
                texts = [str(np.asarray(cell).item()) for cell in struct[0]["enc_time"].ravel()]
                n = len(points)
                if len(texts) != n:
                    what = f"{image}, participant {person}: {n} points but {len(texts)} times"
                    raise InputError(what, where=path)
                trial = {"participant": np.full(n, f"{person:02d}"), "image": np.full(n, image)}
                yield trial | {"x": points[:, 0], "y": points[:, 1], "order": np.arange(1, n + 1)}, texts
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"its struct 'bubble' is not laid out as BubbleView's ({error})", where=path) from error


def _struct(path: Path) -> Any:
    content = read_matlab(path, ["bubble"])
    if "bubble" not in content:
        raise InputError("holds no struct 'bubble'", where=path, hint="only BubbleView's own layout is known")
    return content["bubble"]
