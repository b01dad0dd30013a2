"""Scores laid out as the papers print them: a row per network, a column per expression, averages at both edges."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.expressions import ordered
from xai_compare.report.material import ALL, Block, Material

AVERAGE = "average"


@dataclass(frozen=True)
class Table:
    """One metric of one block of sources.

    Attributes:
        block: whose scores they are.
        values: a row per network and a last row ``"average"``, a column per expression and a last column
            ``"average"``; float64, NaN where undefined. Averages leave out what is undefined.
        references: rows of people for comparison, which enter no average; the same columns. Only the last of several
            tables has them.
    """

    block: Block
    values: pd.DataFrame
    references: pd.DataFrame

    def is_best(self, row: str, column: str) -> bool:
        """Whether the network's value is the greatest of its column."""
        networks = self.values[column].drop(AVERAGE)
        return row in networks.index and len(networks) > 1 and bool(networks[row] == networks.max())


@dataclass(frozen=True)
class Cell:
    """Text of a plain table, and whether it stands out."""

    text: str
    strong: bool = False


@dataclass(frozen=True)
class Listing:
    """A plain table.

    Attributes:
        title: its caption.
        columns: their names.
        rows: cells, as many as columns.
        numbers: which columns hold numbers.
        note: what its signs mean.
        folded: whether it opens only when asked.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    numbers: Collection[int] = ()
    note: str = ""
    folded: bool = False


def score_tables(material: Material, metric: str, b: str) -> list[Table]:
    """Lay the scores of ``metric`` against ``b`` out, one table per explainer (or one of all, as the figures do).

    Args:
        material: the report's data.
        metric: such as ``"iou"`` or ``"dice"``; the scores of the mean maps are taken.
        b: the mask's name or a human source; rows that name it first are turned round.
    """
    rows = material.scores
    rows = rows[(rows["metric"] == metric) & (rows["fold"] == ALL) & (rows["expression"] != ALL)]
    turned = rows[rows["a"] == b].rename(columns={"a": "b", "b": "a"})
    rows = pd.concat([rows[rows["b"] == b], turned])
    if rows.empty:
        return []
    wide = rows.pivot_table(index="a", columns="expression", values="value", aggfunc="first", dropna=False)
    wide = wide[ordered(wide.columns)]
    wide.columns.name = wide.index.name = None
    tables = []
    networks = {source.name for source in material.networks}
    for block in material.blocks():
        names = [source.name for source in block.sources if source.name in wide.index and source.name != b]
        values = wide.loc[[name for name in names if name in networks]]
        if len(values):
            tables.append(Table(block, _with_averages(values, rows=True), _with_averages(wide.iloc[:0], rows=False)))
    if tables:
        people = wide.loc[[s.name for s in material.of("human") if s.name in wide.index and s.name != b]]
        tables[-1] = replace(tables[-1], references=_with_averages(people, rows=False))
    return tables


def write_table(tables: Sequence[Table], material: Material, path: Path) -> Path:
    """Write tables as one CSV, values to four decimals: columns ``explainer`` (if there are any), ``model``, ..."""
    lines = []
    for table in tables:
        frame = table.values.round(4)
        names = [material.by_name[name].model if name != AVERAGE else AVERAGE for name in frame.index]
        explainers = [
            material.by_name[name].explainer if name != AVERAGE else table.block.explainer for name in frame.index
        ]
        frame.insert(0, "model", names)
        frame.insert(0, "explainer", explainers)
        lines.append(frame)
    whole = pd.concat(lines, ignore_index=True)
    if not any(whole["explainer"]):
        whole = whole.drop(columns="explainer")
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.to_csv(path, index=False, float_format="%.4f", lineterminator="\n")
    return path


def _with_averages(values: pd.DataFrame, rows: bool) -> pd.DataFrame:
    frame = values.astype(float).copy()
    frame[AVERAGE] = frame.mean(axis=1)
    if rows:
        frame.loc[AVERAGE] = frame.mean(axis=0)
    return frame


def decimals(value: float, places: int = 4) -> str:
    """Return a score as text; an en dash where it is undefined.

    >>> decimals(0.25), decimals(float("nan"))
    ('0.2500', '–')
    """
    return "–" if not np.isfinite(value) else f"{value:.{places}f}"


def signed(value: float, places: int = 2) -> str:
    """Return a number as text, with a minus sign rather than a hyphen.

    >>> signed(-0.051), signed(0.5)
    ('−0.05', '0.50')
    """
    return f"{value:.{places}f}".replace("-", "−")
