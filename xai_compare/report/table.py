"""Tables of a page, and numbers as text."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

RowKind = Literal["", "average", "people"]


@dataclass(frozen=True)
class Cell:
    """Text of a table, whether it stands out, and how darkly it is shaded (0 not at all, 1 most)."""

    text: str
    strong: bool = False
    shade: float = 0.0


@dataclass(frozen=True)
class Table:
    """A table of the page.

    Attributes:
        title: its caption.
        columns: their names.
        rows: cells, as many as columns.
        numeric: which columns hold numbers.
        note: what its signs mean.
        folded: whether it is closed until the reader opens it.
        kinds: of each row, if any is special: an average, or people to compare with.
        simulated: whether it shows simulated data.
        opened: whether a folded table is open at first.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: Collection[int] = ()
    note: str = ""
    folded: bool = False
    kinds: Sequence[RowKind] = ()
    simulated: bool = False
    opened: bool = False

    def without_empty(self) -> Table:
        """The table without columns in which nothing stands; the note names those that are undefined throughout."""
        empty = [
            place
            for place in range(1, len(self.columns))
            if self.rows and all(row[place].text.strip("–* ") == "" for row in self.rows)
        ]
        if not empty:
            return self
        kept = [place for place in range(len(self.columns)) if place not in empty]
        gone = [self.columns[p] for p in empty if self.columns[p] and any(row[p].text.strip() for row in self.rows)]
        note = " ".join(filter(None, (self.note, f"Undefined throughout: {', '.join(gone)}." if gone else "")))
        return replace(
            self,
            columns=[self.columns[place] for place in kept],
            rows=[[row[place] for place in kept] for row in self.rows],
            numeric=[new for new, place in enumerate(kept) if place in self.numeric],
            note=note,
        )

    @classmethod
    def from_frame(cls, title: str, frame: pd.DataFrame, columns: Sequence[Column], **more: Any) -> Table:
        """Show some columns of a data frame.

        Args:
            title: its caption.
            frame: a row for each row of the table.
            columns: key in ``frame``, heading, and what makes text of a value. A column is numeric unless its text is
                made by `text`, or by a function that is not one of this module.
            more: further attributes of the table.
        """
        rows = [[Cell(show(row[key])) for key, _, show in columns] for row in frame.to_dict("records")]
        numeric = [place for place, (_, _, show) in enumerate(columns) if show in _NUMERIC]
        return cls(title, [heading for _, heading, _ in columns], rows, numeric, **more)


Column = tuple[str, str, Callable[[Any], str]]


def head_of_frame(title: str, note: str, frame: pd.DataFrame, most: int = 30) -> Table:
    """Show the first rows of a data frame with all its columns, numbers to three digits."""
    if len(frame) > most:
        note = f"{note} The first {most} of {len(frame)} rows."
    numeric = [place for place, kind in enumerate(frame.dtypes) if pd.api.types.is_numeric_dtype(kind)]
    rows = [[Cell(_short(value)) for value in row] for row in frame.head(most).itertuples(index=False)]
    return Table(title, [str(name).replace("_", " ") for name in frame.columns], rows, numeric, note)


def _short(value: Any) -> str:
    """A value as text, numbers to three digits; an en dash where it is undefined."""
    if isinstance(value, float):
        return "–" if np.isnan(value) else f"{value:.3g}"
    return str(value)


def decimals(value: float, places: int = 4) -> str:
    """Return a score as text; an en dash where it is undefined.

    >>> decimals(0.25), decimals(float("nan"))
    ('0.2500', '–')
    """
    return "–" if not np.isfinite(value) else f"{value:.{places}f}"


def signed(value: float, places: int = 2) -> str:
    """Return a number as text, with a minus sign rather than a hyphen; an en dash where it is undefined.

    >>> signed(-0.051), signed(0.5), signed(float("nan"))
    ('−0.05', '0.50', '–')
    """
    return decimals(value, places).replace("-", "−")


def thousandths(value: Any) -> str:
    """Return a number with three decimals."""
    return signed(float(value), 3)


def interval(low: float, high: float, places: int = 2) -> str:
    """Return an interval as text; an en dash where it is undefined.

    >>> interval(-0.1, 0.25)
    '−0.10 to 0.25'
    """
    return f"{signed(low, places)} to {signed(high, places)}" if np.isfinite(low) else "–"


def text(value: Any) -> str:
    """Return a value as text; nothing where it is missing."""
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)


def whole(value: Any) -> str:
    """Return a count; an en dash where it is undefined."""
    return "–" if pd.isna(value) else f"{float(value):g}"


def p_value(value: Any) -> str:
    """Return a p value.

    >>> p_value(0.0004), p_value(0.02)
    ('< 0.001', '0.020')
    """
    return "–" if pd.isna(value) else ("< 0.001" if float(value) < 0.001 else decimals(float(value), 3))


def percent(value: float) -> str:
    """Return a share as whole percent.

    >>> percent(0.972)
    '97 %'
    """
    return f"{100 * value:.0f} %"


_NUMERIC = (decimals, signed, thousandths, whole, p_value, percent)
