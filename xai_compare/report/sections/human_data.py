"""Whether the raw data of people that a study cleaned are usable, and what was removed of them."""

from __future__ import annotations

import pandas as pd

from xai_compare.report.data import ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, Table


@SECTIONS.register("human_data")
class HumanData(Section):
    """A verdict on each group of people in plain words, and what was removed by reason."""

    title = "Are the people's data usable?"
    lead = "Raw recordings are cleaned before maps are made of them. The command “xai-compare human” shows more detail."
    order = 65

    def applies(self, data: ReportData) -> bool:
        return not data.table("human_data").empty

    def findings(self, data: ReportData) -> list[str]:
        table = data.table("human_data").groupby("source", sort=False).first()
        return [f"{source}: {line}" for source, line in table["line"].items()]

    def tables(self, data: ReportData) -> list[Table]:
        said, removed = data.table("human_data"), data.table("human_removed")
        rows = [[Cell(str(row.source)), Cell(str(row.level)), Cell(str(row.line))] for row in said.itertuples()]
        made = [Table("Quality of the data", ["people", "level", "what"], rows, simulated=_simulated(said))]
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
