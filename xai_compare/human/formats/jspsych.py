"""jsPsych: click-to-reveal and two-alternative tasks."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.human.formats import reads
from xai_compare.human.jspsych import looks_like_jspsych, points_of
from xai_compare.human.recognition import Head


def _recognise(head: Head) -> str:
    found = looks_like_jspsych(head) and "mousemove" not in head.text
    return "jsPsych's trial_type and trial_index" if found else ""


@reads("jspsych", yields="clicks", about="jsPsych click-to-reveal, JSON or CSV", recognise=_recognise)
def jspsych(path: Path) -> pd.DataFrame:
    """Return jsPsych's clicks, a row per click and one for each trial without a click; see `jspsych.points_of`."""
    return points_of(path, moves=False)
