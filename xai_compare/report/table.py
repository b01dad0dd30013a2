"""Plain tables of the page, and numbers as text."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

RowKind = Literal["", "average", "people"]


@dataclass(frozen=True)
class Cell:
    """Text of a plain table, whether it stands out, and how darkly it is shaded (0 not at all, 1 most)."""

    text: str
    strong: bool = False
    shade: float = 0.0


@dataclass(frozen=True)
class Table:
    """A plain table.

    Attributes:
        title: its caption.
        columns: their names.
        rows: cells, as many as columns.
        numeric: which columns hold numbers.
        note: what its signs mean.
        folded: whether it opens only when asked.
        kinds: of each row, if any is special: an average, or people to compare with.
        simulated: whether it shows simulated data.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numeric: Collection[int] = ()
    note: str = ""
    folded: bool = False
    kinds: Sequence[RowKind] = ()
    simulated: bool = False


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
