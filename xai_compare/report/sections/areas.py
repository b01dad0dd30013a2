"""Which areas of the face people and networks attend to (Bruckert et al. 2023, Tables 2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd

from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.human.areas import Areas, face_areas, map_shares
from xai_compare.report.data import ALL, LabelledSource, ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, Table


@SECTIONS.register("areas")
class AreaShares(Section):
    """The share of every source's mean map that lies on each area of the standard face."""

    title = "Which areas of the face are attended to?"
    lead = (
        "The share of each mean map, on the standard face, that lies on the eyes, brows, nose, mouth, cheeks and "
        "forehead. Of signed maps only the positive part is used."
    )
    order = 67

    def applies(self, data: ReportData) -> bool:
        self._shares = shares(data) if data.of_kind("human") else pd.DataFrame()
        return not self._shares.empty

    def csv_tables(self, data: ReportData) -> dict[str, pd.DataFrame]:
        return {"areas": self._shares}

    def tables(self, data: ReportData) -> list[Table]:
        table = self._shares
        names = list(dict.fromkeys(table["area"]))
        made = []
        for expression in [*(name for name in data.expressions if name != ALL), ALL]:
            own = table[table["expression"] == expression]
            if own.empty:
                continue
            wide = own.pivot(index="source", columns="area", values="share").reindex(columns=names)
            rows = [
                [Cell(source.label), *(Cell(f"{100 * wide.loc[source.name, name]:.1f}") for name in names)]
                for source in data.sources
                if source.name in wide.index
            ]
            size = own.drop_duplicates("area").set_index("area")["size"]
            rows.append([Cell("share of the face's picture"), *(Cell(f"{100 * size[name]:.1f}") for name in names)])
            title = "Percent of the map on each area" + ("" if expression == ALL else f", {expression}")
            simulated = any(source.simulated for source in data.sources)
            made.append(
                Table(
                    title,
                    ["source", *names],
                    rows,
                    numeric=range(1, len(names) + 1),
                    folded=expression != ALL,
                    simulated=simulated,
                )
            )
        return made


@cache
def _areas() -> Areas:
    return face_areas(CANONICAL[:68], SHAPE).both_sides()


def where_most(data: ReportData, sources: Sequence[LabelledSource]) -> str:
    """In words, for those who cannot see the maps: on which area of the face each source's maps lie most densely."""
    table = shares(data, sources)
    if table.empty:
        return ""
    table = table[(table["area"] != "rest") & table["expression"].isin(data.expressions)]
    table = table.assign(density=table["share"] / table["size"]).dropna(subset=["density"])
    parts = []
    for source in sources:
        own = table[table["source"] == source.name]
        best = own.loc[own.groupby("expression", sort=False)["density"].idxmax()] if len(own) else own
        told = ", ".join(f"{row.expression} on the {row.area}" for row in best.itertuples())
        parts.append(f"{source.label}: {told or 'no map'}")
    return f"Where the maps are densest. {'; '.join(parts)}."


def shares(data: ReportData, sources: Sequence[LabelledSource] | None = None) -> pd.DataFrame:
    """``expression, area, source, measure, share, n, size``: a row for each area of each source and expression."""
    parts = []
    for source in data.sources if sources is None else sources:
        for expression in dict.fromkeys([*data.expressions, ALL]):
            values = data.maps.get((source.name, expression))
            if values is None or values.shape != SHAPE or not np.isfinite(values).all():
                continue
            kind = "map" if source.kind == "human" else "attention"
            one = map_shares({"mean": values}, _areas(), {"mean": expression}, source=source.name, measure=kind)
            one = one[one["expression"] == expression].drop_duplicates("area")
            parts.append(one.assign(n=data.counts.get((source.name, expression), 0)))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
