"""Texts of a study that can be written down again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from xai_compare.validation import MAX_VALUES


def texts(value: object) -> Iterable[str]:
    """Every text of nested keys and values."""
    waiting = [value]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, str | Path):
            yield str(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, Sequence) and not isinstance(one, bytes):
            waiting += one


def lone(text: str) -> bool:
    """Whether a text holds half a character, as names of files do whose bytes are not UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)
