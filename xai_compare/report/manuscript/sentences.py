"""Sentences whose numbers say where they stand: in which table and row, or under which key of the study."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError

CITED = re.compile(r"\{@([a-z0-9_]+)\}")


def apa(value: float, digits: int = 2) -> str:
    """A number that cannot pass 1, as APA style prints it: without a leading zero.

    >>> apa(0.456), apa(-0.04), apa(1.0), apa(0.004, 3)
    ('.46', '−.04', '1.00', '.004')
    """
    if not np.isfinite(value):
        return "undefined"
    text = f"{abs(value):.{digits}f}"
    return ("−" if value < 0 and float(text) else "") + (text[1:] if text.startswith("0") else text)


def apa_p(value: float) -> str:
    """A p value with its sign, as APA style prints it.

    >>> apa_p(0.0004), apa_p(0.0312), apa_p(1.0)
    ('p < .001', 'p = .031', 'p > .999')
    """
    if not np.isfinite(value):
        return "p undefined"
    if value < 0.001:
        return "p < .001"
    return "p > .999" if value > 0.999 else f"p = {apa(value, 3)}"


@dataclass(frozen=True)
class Sentence:
    """A sentence, and where its numbers stand.

    Attributes:
        text: plain text; ``{@key}`` cites a paper of `xai_compare.report.manuscript.bibliography`.
        sources: such as ``"tables/scores.csv row 12 value"``; rows are counted from 1 below the heading.
    """

    text: str
    sources: Sequence[str] = ()

    @property
    def cited(self) -> list[str]:
        """The papers it cites."""
        return CITED.findall(self.text)


@dataclass
class Facts:
    """The tables and settings of a run, read so that every number is noted with its place."""

    read: Callable[[str], pd.DataFrame]
    provenance: Mapping[str, Any]
    study: Any = None
    _noted: list[str] = field(default_factory=list)

    def table(self, name: str) -> pd.DataFrame:
        """A table with rows numbered from 0 as they are stored; empty if there is none."""
        return self.read(name).reset_index(drop=True)

    def cell(self, name: str, row: Any, column: str, form: Callable[[Any], str]) -> str:
        """A number of a table as text; ``row`` is one of the rows that `table` gives."""
        self._note(f"tables/{name}.csv row {int(row.name) + 1} {column}")
        return form(row[column])

    def count(self, name: str, rows: pd.DataFrame, what: str) -> int:
        """How many rows of a table these are."""
        places = _runs([int(index) + 1 for index in rows.index])
        self._note(f"tables/{name}.csv {f'rows {places}' if places else 'no row'} ({what}: {len(rows)})")
        return len(rows)

    def total(self, name: str, rows: pd.DataFrame, column: str, form: Callable[[Any], str]) -> str:
        """The sum of a column over rows of a table."""
        self._note(f"tables/{name}.csv rows {_runs([int(index) + 1 for index in rows.index])} {column} (sum)")
        return form(rows[column].sum() if column in rows else float("nan"))

    def key(self, path: str, form: Callable[[Any], str] = str) -> str:
        """A setting of the study, by its dotted path."""
        self._note(f"study.yaml {path}")
        value = self.study
        for part in path.split("."):
            if isinstance(value, Mapping):
                value = value[part]
            else:
                value = value[int(part)] if part.isdigit() else getattr(value, part)
        return form(value)

    def fact(self, *path: str, form: Callable[[Any], str] = str, default: Any = "") -> str:
        """A fact of ``provenance.json``."""
        value: Any = self.provenance
        for part in path:
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            return str(default)
        self._note(f"provenance.json {'.'.join(path)}")
        return form(value)

    def say(self, text: str) -> Sentence:
        """End a sentence: what was noted since the last one belongs to it."""
        noted, self._noted = list(dict.fromkeys(self._noted)), []
        return Sentence(text, noted)

    def _note(self, place: str) -> None:
        self._noted.append(place)


def _runs(numbers: Sequence[int]) -> str:
    """Numbers in a row as ranges.

    >>> _runs([1, 2, 3, 7])
    '1-3, 7'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)


_LATEX = {char: f"\\{char}" for char in "&%$#_{}"} | {
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "\\": r"\textbackslash{}",
    "<": "$<$",
    ">": "$>$",
    "−": "$-$",
    "×": r"$\times$",
    "°": r"$^\circ$",
}


def latex(text: str) -> str:
    """Plain text with citations as LaTeX."""
    parts = CITED.split(text)
    escaped = ["".join(_LATEX.get(char, char) for char in part) for part in parts[::2]]
    keys = [rf"\citep{{{key}}}" for key in parts[1::2]] + [""]
    return "".join(part + key for part, key in zip(escaped, keys, strict=True))


def markdown(text: str) -> str:
    """Plain text with citations as Pandoc's Markdown."""
    safe = re.sub(r"([*_<`|\\])", r"\\\1", CITED.sub(lambda found: f"\0{found[1]}\1", text))
    return re.sub("\0(.*?)\1", lambda found: f"[@{found[1].replace(chr(92), '')}]", safe)


def needs_scores(facts: Facts, where: Any) -> None:
    """Refuse a run without scores.

    Raises:
        InputError: if there are none.
    """
    if facts.table("scores").empty:
        raise InputError("the run has no scores to write about", where=where, hint="run the study to its end first")
