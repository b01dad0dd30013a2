"""Do networks and people err on the same pictures? Cohen's kappa on trials, with its interval."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xai_compare.analysis.responses import NEVER_ERRS
from xai_compare.report.data import ReportData
from xai_compare.report.labels import counted
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, Table, signed

_TITLES = {
    "error_consistency": "Do they err on the same pictures? Error consistency",
    "answers": "Do they name the same expressions? Agreement of answers",
}
_SUMMARIES = {"pooled": "all trials pooled", "mean": "mean over people"}


@SECTIONS.register("responses")
class Responses(Section):
    """A table for each measure: every network against people, and people against one another."""

    title = "Do networks and people make the same mistakes?"
    lead = (
        "Cohen’s kappa measures how much more often than by chance a network and people are right, and wrong, about "
        "the same pictures: 0 is what their accuracies alone would give, 1 is always."
    )
    order = 7
    papers = (
        "R. Geirhos, K. Meding, F. A. Wichmann (2020). Beyond accuracy: quantifying trial-by-trial behaviour of CNNs "
        "and humans by measuring error consistency. NeurIPS.",
    )

    def applies(self, data: ReportData) -> bool:
        return not data.table("error_consistency").empty

    def findings(self, data: ReportData) -> list[str]:
        table = data.table("error_consistency")
        never = table[_degenerate(table) & (table["a"] != table["b"]) & table["participant"].isin(list(_SUMMARIES))]
        said = []
        for people, rows in never.groupby("b", sort=False):
            names = ", ".join(dict.fromkeys(str(name) for name in rows["a"]))
            whose = str(people).removeprefix("human/")
            said.append(
                f"On the pictures that {names} and the people of {whose} both saw, one side is always right, or always "
                "wrong: there are no mistakes to compare."
            )
        return said

    def tables(self, data: ReportData) -> list[Table]:
        table = data.table("error_consistency")
        table = table[~_degenerate(table)]
        whole = table[table["participant"].isin(list(_SUMMARIES))]
        single = table[~table["participant"].isin(list(_SUMMARIES))]
        found = [_listing(title, whole[whole["measure"] == name]) for name, title in _TITLES.items()]
        if len(single):
            of_errors = single[single["measure"] == "error_consistency"]
            found.append(_listing("Error consistency, person by person", of_errors, folded=True))
        return [one for one in found if one.rows]


def _degenerate(table: pd.DataFrame) -> pd.Series:
    """Where an error consistency of 0 says nothing."""
    return table["note"].fillna("").str.contains(NEVER_ERRS, regex=False)


def _note(text: object) -> str:
    """The note without what the tag beside the title says already."""
    parts = str(text or "").split("; ")
    return "; ".join(part for part in parts if not part.endswith(": simulated"))


def _listing(title: str, table: pd.DataFrame, folded: bool = False) -> Table:
    rows = []
    for row in table.to_dict("records"):
        same = row["a"] == row["b"]
        people = str(row["b"]).removeprefix("human/")
        who = f"{people}, one another" if same else str(row["a"])
        interval = f"{signed(row['ci_low'])} to {signed(row['ci_high'])}" if np.isfinite(row["ci_low"]) else "–"
        name = _SUMMARIES.get(row["participant"], row["participant"])
        kappa = signed(row["kappa"]) if np.isfinite(row["kappa"]) else "–"
        cells = (
            who,
            people,
            name,
            kappa,
            interval,
            str(int(row["trials"])),
            str(int(row["images"])),
            _note(row["note"]),
        )
        rows.append([Cell(text) for text in cells])
    images = counted(int(table["images"].max()), "picture") if len(table) else ""
    return Table(
        f"{title}, on {images}" if images else title,
        ["network", "people", "trials of", "κ", "95 % interval", "trials", "pictures", "note"],
        rows,
        range(3, 7),
        "Intervals are over pictures, resampled with all their trials. A network chooses among all of its classes, "
        "even where people could choose among fewer.",
        folded=folded,
        simulated=bool(table["note"].fillna("").str.contains("simulated").any()),
    )
