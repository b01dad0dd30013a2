"""Would the network trained anew look elsewhere? Scores with intervals over images, trainings and both."""

from __future__ import annotations

import pandas as pd

from xai_compare.report.data import ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, Table, signed

_SCORES = {"iou": "IoU with the masks", "dice": "Dice coefficient", "pearson": "correlation"}
_EVERY = "all"


@SECTIONS.register("trainings")
class Trainings(Section):
    """A table of every score of a network that has several trainings."""

    title = "Would the same network, trained again, score similarly?"
    lead = (
        "An interval over images holds for this network on other images. One over trainings holds for other trainings "
        "of it on these images, and one over both for other trainings and other images."
    )
    order = 46
    papers = (
        "H. H. Schütt, A. D. Kipnis, J. Diedrichsen, N. Kriegeskorte (2023). Statistical inference on representational "
        "geometries. eLife 12.",
    )

    def applies(self, data: ReportData) -> bool:
        return not data.table("trainings").empty

    def tables(self, data: ReportData) -> list[Table]:
        table = data.table("trainings")
        found = [_listing(data, table[table["expression"] == _EVERY], "all expressions together")]
        rest = table[table["expression"] != _EVERY]
        found += [_listing(data, rest, "expression by expression", folded=len(found[0].rows) > 0)]
        return [one for one in found if one.rows]


def _listing(data: ReportData, table: pd.DataFrame, about: str, folded: bool = False) -> Table:
    rows = []
    for row in table.to_dict("records"):
        a = data.by_name[row["a"]].label if row["a"] in data.by_name else str(row["a"])
        against = "" if row["b"] == "ekman" else f", {str(row['b']).removeprefix('human/')}"
        interval = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}" if pd.notna(row["ci_low"]) else "–"
        unit = str(row["unit"]).replace(" x ", " × ")
        name = str(row["expression"]).capitalize()
        score = _SCORES[str(row["metric"])] + against
        cells = (a, name, score, signed(row["value"]), unit, interval, str(int(row["n"])), row["note"] or "")
        rows.append([Cell(text) for text in cells])
    return Table(
        f"Scores with images, trainings or both resampled: {about}",
        ["source", "expression", "score", "value", "resampled", "95 % interval", "how many", "note"],
        rows,
        (3, 5, 6),
        "Computed on blocks of 4 × 4 pixels; people and masks are held fixed. If both are resampled, the number is "
        "that of the fewer.",
        folded=folded,
    )
