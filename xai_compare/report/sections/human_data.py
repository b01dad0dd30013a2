"""Whether the raw data of people that a study cleaned are usable, and what was removed of them."""

from __future__ import annotations

import pandas as pd

from xai_compare.report.data import ReportData
from xai_compare.report.labels import counted
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, Table


@SECTIONS.register("human_data")
class HumanData(Section):
    """A verdict on each group of people in plain words, and what was removed by reason."""

    title = "Are the people's data usable?"
    lead = "Raw recordings are cleaned before maps are made of them. The command “xai-compare human” shows more detail."
    order = 65

    def applies(self, data: ReportData) -> bool:
        return not (data.table("human_data").empty and data.table("human_removed").empty)

    def findings(self, data: ReportData) -> list[str]:
        table, removed = data.table("human_data"), data.table("human_removed")
        first = table.groupby("source", sort=False).first()["line"].items() if len(table) else ()
        found = [f"{source}: {line}" for source, line in first]
        pictures = removed[removed["what"] == "picture"] if len(removed) else removed
        for source, own in pictures.groupby("source", sort=False) if len(pictures) else ():
            names = ", ".join(sorted(map(str, own["image"])))
            match = "matches" if len(own) == 1 else "match"
            found.append(f"{source}: {counted(len(own), 'picture')} that people saw {match} none here: {names}")
        return found

    def tables(self, data: ReportData) -> list[Table]:
        said, removed = data.table("human_data"), data.table("human_removed")
        made = []
        if not said.empty:
            rows = [[Cell(str(row.source)), Cell(str(row.level)), Cell(str(row.line))] for row in said.itertuples()]
            made.append(Table("Quality of the data", ["people", "level", "what"], rows, simulated=_simulated(said)))
        if not removed.empty:
            sums = removed.groupby(["source", "what", "reason"], sort=False)["count"].sum().reset_index()
            rows = [
                [Cell(str(one.source)), Cell(str(one.what)), Cell(str(one.reason)), Cell(f"{one.number:,}")]
                for one in sums.rename(columns={"count": "number"}).itertuples()
            ]
            made.append(
                Table(
                    "What was removed or set aside",
                    ["people", "what", "why", "count"],
                    rows,
                    numeric=[3],
                    simulated=_simulated(removed),
                )
            )
        return made


def _simulated(table: pd.DataFrame) -> bool:
    return bool(table["simulated"].any())
