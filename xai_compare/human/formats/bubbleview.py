"""BubbleView clicks in MATLAB files, as distributed by Kim et al. (2017)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.human.formats import reads
from xai_compare.human.matlab import joined, times_look_like, trials
from xai_compare.human.recognition import Head


def _recognise(head: Head) -> str:
    return "a MATLAB struct 'bubble' with clock times" if times_look_like(head.path, head.raw, ":") else ""


@reads("bubbleview", yields="clicks", about="BubbleView clicks, MATLAB (Kim et al. 2017)", recognise=_recognise)
def bubbleview(path: Path) -> pd.DataFrame:
    """Return BubbleView clicks: participant, image, x, y, order from 1, time in ms since the trial's first click.

    The clock of these files counts seconds, so times are multiples of 1000.
    """
    timed = []
    for trial, stamps in trials(path):
        clock = pd.to_datetime(stamps, format="%Y-%m-%d %H:%M:%S").to_numpy(dtype="datetime64[ms]").astype(float)
        timed.append(trial | {"time": clock - clock[0]})
    return joined(timed, path)
