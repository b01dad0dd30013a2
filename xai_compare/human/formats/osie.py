"""OSIE fixations in the MATLAB layout of BubbleView (Xu et al. 2014)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.human.formats import reads
from xai_compare.human.matlab import joined, times_look_like, trials
from xai_compare.human.recognition import Head


def _recognise(head: Head) -> str:
    return "a MATLAB struct 'bubble' with durations" if times_look_like(head.path, head.raw, "") else ""


@reads("osie", yields="fixations", about="OSIE fixations, MATLAB (Xu et al. 2014)", recognise=_recognise)
def osie(path: Path) -> pd.DataFrame:
    """Return OSIE fixations: participant, image, x, y, order from 1, duration in ms."""
    return joined([trial | {"duration": np.array(durations)} for trial, durations in trials(path)], path)
