"""Fixations in delimited text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.human.formats import reads
from xai_compare.human.recognition import Head
from xai_compare.human.tables import named_columns
from xai_compare.human.text import read_table


def _recognise(head: Head) -> str:
    named = {"participant", "image", "x", "y", "duration"} <= named_columns(head.columns)
    return "its columns participant, image, x, y, duration" if named else ""


@reads("fixations", yields="fixations", about="fixations, delimited text with named columns", recognise=_recognise)
def fixations(path: Path) -> pd.DataFrame:
    """Return a delimited text file of fixations as text, a row per fixation."""
    return read_table(path)
