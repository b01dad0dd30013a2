"""Datasets that say subject and expression in words."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.expressions import ALIASES
from xai_compare.images.dataset_index import DatasetIndex, pictures_in

_MORE = {"enjoyment": "happiness", "sadnes": "sadness", "suprise": "surprise", "contemptous": "contempt"}
WORDS = {word: name for word, name in {**ALIASES, **_MORE}.items() if len(word) > 2}
"""Words for an expression; two-letter codes would be taken for initials."""


def read_by_words(folder: Path, index: DatasetIndex, *, digits: bool = False) -> None:
    """Fill a index: one word of a path names the expression, the first other word the subject.

    Args:
        folder: of the dataset.
        index: to fill.
        digits: whether subjects are numbered, so that digits belong to their names.
    """
    for path in pictures_in(folder):
        relative = path.relative_to(folder)
        parts = [word for part in (*relative.parts[:-1], relative.stem) for word in re.split(r"[^A-Za-z0-9]+", part)]
        words = [word for word in parts if word]
        named = {WORDS[_letters(word)] for word in words if _letters(word) in WORDS}
        others = [word for word in words if _letters(word) not in WORDS]
        if len(named) != 1 or not others:
            count = "no" if not named else "more than one"
            index.skip(
                relative.as_posix(),
                f"its name holds {count} expression" if others or not named else "its name holds no subject",
            )
            continue
        subject = others[0] if digits else (others[0].rstrip("0123456789") or others[0])
        index.add(path, named.pop(), subject)


def _letters(word: str) -> str:
    return word.lower().rstrip("0123456789")
