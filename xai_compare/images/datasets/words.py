"""Datasets that say subject and expression in words, in names of files or folders: FEGA and WSEFEP."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.expressions import ALIASES
from xai_compare.images.dataset_index import DatasetIndex, pictures_in
from xai_compare.images.datasets import reads_dataset

_MORE = {"enjoyment": "happiness", "sadnes": "sadness", "suprise": "surprise", "contemptous": "contempt"}
WORDS = {word: name for word, name in {**ALIASES, **_MORE}.items() if len(word) > 2}
"""Words for an expression; two-letter codes would be taken for initials."""


@reads_dataset(
    "fega",
    title="FEGA",
    layout="file names or folders that hold the subject and the expression, such as 012/happy.jpg or 012_happy.jpg",
    source="the paper's description; no copy of the folder was at hand, so check the counts (51 people, 7 pictures "
    "each)",
    rule="The expression is the one word of the file's name or folders that names one; the first other word is the "
    "subject.",
)
def fega(folder: Path, index: DatasetIndex) -> None:
    """Facial Expression, Gender and Age (Ramis et al. 2022), whose subjects are numbered."""
    _read_words(folder, index, digits=True)


@reads_dataset(
    "wsefep",
    title="WSEFEP",
    layout="file names that hold the actor's initials and the expression, such as MK_anger_0321.jpg, or MK/anger.jpg",
    source="the set's description; no copy of the folder was at hand, so check the counts (30 people, 7 pictures each)",
    rule="The expression is the one word of the file's name or folder that names one (`joy` and `enjoyment` are "
    "happiness); the first other word, without digits at its end, is the subject.",
)
def wsefep(folder: Path, index: DatasetIndex) -> None:
    """Warsaw Set of Emotional Facial Expression Pictures (Olszanowski et al. 2015)."""
    _read_words(folder, index, digits=False)


def _read_words(folder: Path, index: DatasetIndex, *, digits: bool) -> None:
    """One word of a path names the expression, the first other word the subject, with its digits or without."""
    for path in pictures_in(folder):
        relative = path.relative_to(folder)
        parts = [word for part in (*relative.parts[:-1], relative.stem) for word in re.split(r"[^A-Za-z0-9]+", part)]
        words = [word for word in parts if word]
        named = {WORDS[_letters(word)] for word in words if _letters(word) in WORDS}
        others = [word for word in words if _letters(word) not in WORDS]
        if len(named) != 1 or not others:
            count = "no" if not named else "more than one"
            problem = f"its name holds {count} expression" if others or not named else "its name holds no subject"
            index.skip(relative.as_posix(), problem)
            continue
        subject = others[0] if digits else (others[0].rstrip("0123456789") or others[0])
        index.add(path, named.pop(), subject)


def _letters(word: str) -> str:
    return word.lower().rstrip("0123456789")
