"""Scores laid out as the papers print them: a row per network, a column per expression, averages at both edges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd

from xai_compare.comparison.score_frame import is_few
from xai_compare.expressions import ordered
from xai_compare.report.data import ALL, LabelledSource, ReportData, SourceGroup
from xai_compare.report.table import Cell, RowKind, Table, decimals

AVERAGE = "average"


@dataclass(frozen=True)
class ScoreTable:
    """One metric of one group of sources.

    Attributes:
        group: whose scores they are.
        values: a row per network and a last row ``"average"``, a column per expression and a last column
            ``"average"``; float64, NaN where undefined. Averages leave out what is undefined or ``few``.
        references: rows of controls and people for comparison, which enter no average and are never the best; the same
            columns. Only the last of several tables has them.
        few: which scores are of fewer than three pictures, by network and expression: they are shown, but a mean map of
            two pictures is mostly noise, and would often be the highest of a column by chance alone.
    """

    group: SourceGroup
    values: pd.DataFrame
    references: pd.DataFrame
    few: pd.DataFrame

    def shown(self, data: ReportData) -> list[LabelledSource]:
        """The sources that have a row."""
        return [data.by_name[name] for name in [*self.values.index, *self.references.index] if name != AVERAGE]

    @cached_property
    def _best(self) -> pd.DataFrame:
        networks = self.values.drop(AVERAGE).mask(self.few.reindex(columns=self.values.columns, fill_value=False))
        return networks.eq(networks.max()) & (len(networks) > 1)

    def is_best(self, row: str, column: str) -> bool:
        """Whether the network's value is the greatest of its column."""
        return row in self._best.index and bool(self._best.at[row, column])

    def is_few(self, row: str, column: str) -> bool:
        """Whether the network's value is of fewer than three pictures."""
        return row in self.few.index and column in self.few and bool(self.few.at[row, column])


def score_tables(data: ReportData, metric: str, b: str) -> list[ScoreTable]:
    """Lay the scores of ``metric`` against ``b`` out, one table per explainer (or one of all, as the figures do).

    Args:
        data: the report's data.
        metric: such as ``"iou"`` or ``"dice"``; the scores of the mean maps are taken.
        b: the mask's name or a human source; rows that name it first are turned round.
    """
    rows = data.scores
    rows = rows[(rows["metric"] == metric) & (rows["fold"] == ALL) & (rows["expression"] != ALL)]
    turned = rows[rows["a"] == b].rename(columns={"a": "b", "b": "a"})
    rows = pd.concat([rows[rows["b"] == b], turned])
    if rows.empty:
        return []
    wide = rows.pivot_table(index="a", columns="expression", values="value", aggfunc="first", dropna=False)
    wide = wide[ordered(wide.columns)]
    wide.columns.name = wide.index.name = None
    few = rows.assign(few=is_few(rows)).pivot_table(index="a", columns="expression", values="few", aggfunc="first")
    few = few.reindex(index=wide.index, columns=wide.columns, fill_value=False).astype(bool)
    tables = []
    networks = {source.name for source in data.rankable}
    for group in data.groups():
        names = [source.name for source in group.sources if source.name in wide.index and source.name != b]
        values = wide.loc[[name for name in names if name in networks]]
        if len(values):
            no_references = _with_averages(wide.iloc[:0], few, foot=False)
            tables.append(
                ScoreTable(group, _with_averages(values, few, foot=True), no_references, few.loc[values.index])
            )
    if tables:
        others = [*(one for one in data.networks if one.control), *data.of_kind("human")]
        people = wide.loc[[s.name for s in others if s.name in wide.index and s.name != b]]
        tables[-1] = replace(tables[-1], references=_with_averages(people, few, foot=False))
    return tables


def score_frame(tables: Sequence[ScoreTable], data: ReportData) -> pd.DataFrame:
    """Tables as one, values as text of four decimals: columns ``explainer`` (if there are any), ``model``, ..."""
    parts = []
    for table in tables:
        frame = table.values.map(lambda value: f"{value:.4f}" if np.isfinite(value) else None)
        sources = [None if name == AVERAGE else data.by_name[name] for name in frame.index]
        frame.insert(0, "model", [AVERAGE if source is None else source.model for source in sources])
        explainers = [table.group.explainer if source is None else source.explainer for source in sources]
        frame.insert(0, "explainer", explainers)
        parts.append(frame)
    whole = pd.concat(parts, ignore_index=True)
    return whole if any(whole["explainer"]) else whole.drop(columns="explainer")


def score_listings(tables: Sequence[ScoreTable], data: ReportData, caption: str) -> list[Table]:
    """Tables as one table of text for the page, cells shaded by value."""
    if not tables:
        return []
    columns = list(tables[0].values.columns)
    greatest = max(float(np.nanmax(np.append(table.values.to_numpy(), 1e-9))) for table in tables)
    few = any(table.few.to_numpy().any() for table in tables)
    rows: list[list[Cell]] = []
    kinds: list[RowKind] = []
    for table in tables:
        for frame, muted in ((table.values, False), (table.references, True)):
            for name in frame.index:
                cells = [
                    Cell(
                        decimals(value := frame[column][name]) + ("*" if table.is_few(name, column) else ""),
                        not muted and table.is_best(name, column),
                        0.0 if muted or not np.isfinite(value) else max(value, 0) / greatest,
                    )
                    for column in columns
                ]
                rows.append([Cell(row_name(table, data, name)), *cells])
                kinds.append("people" if muted else ("average" if name == AVERAGE else ""))
    return [
        Table(
            title=caption,
            columns=["source", *(column.capitalize() for column in columns)],
            rows=rows,
            numeric=range(1, len(columns) + 1),
            kinds=kinds,
            note="Averages leave out undefined values (–)"
            + (" and, as bold print does, those of fewer than three pictures (*)." if few else ".")
            + (" Controls and people stand below and enter no average." if "people" in kinds else ""),
            simulated=any(data.simulated(table.shown(data)) for table in tables),
        )
    ]


def row_name(table: ScoreTable, data: ReportData, name: str) -> str:
    """What a row of a table is called."""
    if name == AVERAGE:
        return f"Average, {table.group.title}" if table.group.explainer else "Average"
    source = data.by_name[name]
    return f"{source.label} (simulated)" if source.simulated else source.label


def ranking(tables: Sequence[ScoreTable]) -> list[tuple[str, float, list[str]]]:
    """(source, mean over expressions, expressions that count), greatest first."""
    ranks = []
    for table in tables:
        for name in table.values.index.drop(AVERAGE):
            row = table.values.loc[name].drop(AVERAGE)[~table.few.loc[name]].dropna()
            average = float(table.values.loc[name].to_numpy(np.float64)[-1])  # The column of averages is the last.
            ranks.append((str(name), average, [str(expression) for expression in row.index]))
    return sorted((rank for rank in ranks if np.isfinite(rank[1])), key=lambda rank: -rank[1])


def _with_averages(values: pd.DataFrame, few: pd.DataFrame, foot: bool) -> pd.DataFrame:
    frame = values.astype(float).copy()
    enough = frame.mask(few.loc[frame.index])
    frame[AVERAGE] = enough[AVERAGE] = enough.mean(axis=1)
    if foot:
        frame.loc[AVERAGE] = enough.mean(axis=0)
    return frame
