"""Clicks in delimited text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.human.formats import reads
from xai_compare.human.formats.mouse import dense
from xai_compare.human.recognition import Head
from xai_compare.human.tables import named_columns
from xai_compare.human.text import read_table


def _recognise(head: Head) -> str:
    named = named_columns(head.columns)
    if {"participant", "image", "x", "y"} <= named and not named & {"duration", "pupil"} and not dense(head):
        return "its columns participant, image, x, y without a duration"
    return ""


@reads("clicks", yields="clicks", about="clicks, delimited text with named columns", recognise=_recognise)
def clicks(path: Path) -> pd.DataFrame:
    """Return a delimited text file of clicks as text, a row per click."""
    return read_table(path)
