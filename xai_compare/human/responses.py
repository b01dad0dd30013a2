"""What people answered: a row for each trial, from a file of answers or beside clicks and fixations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.clicks.answers import trial_table
from xai_compare.human.file_readers import read_table
from xai_compare.human.image_matching import match_images
from xai_compare.human.point_tables import expression_of, validate_points

COLUMNS = ("participant", "image", "response", "right")


def read_responses(path: str | Path, images: Sequence[str]) -> pd.DataFrame:
    """Read a delimited text file of answers, a row for each trial.

    Args:
        path: with the columns ``participant``, ``image`` and ``response``, or ``correct`` in its place; usual other
            names are known (`xai_compare.human.point_tables.COLUMN_ALIASES`).
        images: of the study; trials of other images are left out.

    Returns:
        ``participant, image, response, right``: the image as the study names it, the expression that is answered (or
        the answer in lower case, ``""`` where there is none), and whether it is said to be right (boolean, NA where the
        label must tell).

    Raises:
        InputError: if the file cannot be read, a column is absent, or none of its images is in the study.
    """
    table = validate_points(read_table(Path(path)), path, ("participant", "image"), unplaced=True)
    if not {"response", "correct"} & set(table):
        raise InputError("no column 'response' or 'correct'", where=path, hint="name the answers")
    answers = _of_images(table, images)
    if answers.empty:
        few = ", ".join(str(name) for name in table["image"].unique()[:3])
        raise InputError(f"holds no answer to an image of the study (it has {few} ...)", where=path)
    return answers


def responses_of(points: pd.DataFrame, images: Sequence[str]) -> pd.DataFrame:
    """The answers that stand beside clicks or fixations, as `read_responses` returns them; empty if none do."""
    if not {"response", "correct"} & set(points):
        return pd.DataFrame(columns=list(COLUMNS))
    return _of_images(trial_table(points), images)


def _of_images(trials: pd.DataFrame, images: Sequence[str]) -> pd.DataFrame:
    meant, _ = match_images(trials["image"].astype(str).unique(), images)
    absent = pd.Series(pd.NA, index=trials.index)
    given, right = (trials.get(name, absent) for name in ("response", "correct"))
    answers = given.map(lambda answer: "" if pd.isna(answer) or not str(answer).strip() else expression_of(answer))
    table = pd.DataFrame(
        {
            "participant": trials["participant"].astype(str),
            "image": trials["image"].astype(str).map(meant),
            "response": answers.astype(str),
            "right": right.astype("boolean"),
        }
    )
    known = table["image"].notna() & ((table["response"] != "") | table["right"].notna())
    return table[known].reset_index(drop=True)
