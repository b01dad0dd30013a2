"""What figures, tables and sentences call things."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from xai_compare.report.data import ALL, LabelledSource, ReportData, pretty
from xai_compare.report.style import plain


def row_label(source: LabelledSource, with_explainer: bool) -> tuple[str, str]:
    """The two lines that name a source beside its row."""
    first, second = source.label, ""
    if source.kind == "model":
        first, second = source.network, source.explainer_label if with_explainer else ""
    elif source.kind == "known":
        second = "what truly differs"
    if source.simulated:
        second = f"{second} (simulated)" if second else "simulated"
    return _lines(first, 26), _lines(second, 30)


def _lines(text: str, width: int) -> str:
    """A name in at most two lines, whole unless it is longer than both."""
    return "\n".join(textwrap.wrap(plain(text, 2 * width), width)[:2])


def column_names(expressions: Sequence[str]) -> list[str]:
    """The headings of the columns of expressions."""
    return ["All" if name == ALL else plain(name.capitalize(), 16) for name in expressions]


def people_name(person: LabelledSource) -> str:
    """What a title calls a group of people."""
    return plain(person.short, 30) + (" (simulated)" if person.simulated else "")


def who(data: ReportData, name: str) -> str:
    """What a sentence calls a source."""
    source = data.by_name[name]
    return f"{source.model} seen through {pretty(source.explainer)}" if source.explainer else source.model


def share(number: int, total: int, noun: str) -> str:
    """Return how many of some things, in digits.

    >>> share(3, 12, "test"), share(0, 1, "network")
    ('3 of 12 tests', '0 of 1 network')
    """
    return f"{number:,} of {total:,} {noun}{'' if total == 1 else 's'}"


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, small numbers in words.

    >>> counted(1, "network"), counted(13, "expression")
    ('one network', '13 expressions')
    """
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    text = words[number] if number < len(words) else f"{number:,}"
    return f"{text} {noun}{'' if number == 1 else 's'}"
