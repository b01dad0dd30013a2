"""Whether the networks are right: accuracy, recall of each expression, and what is taken for what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from xai_compare.expressions import ordered
from xai_compare.report.data import ReportData
from xai_compare.report.labels import counted
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.table import Cell, Table

_MOSTLY, _LEVEL = 0.5, 0.95
_FEW = 10
"""Of fewer labelled pictures the headline gives no accuracy, if other networks saw more."""


@SECTIONS.register("recognition")
class Recognition(Section):
    """Accuracy with its interval, recall and a confusion table for each network, on the labelled pictures."""

    title = "Are the networks right?"
    lead = (
        "How often each network's answer is the label, on the labelled pictures that it was shown. A map explains an "
        "answer; if the answer is wrong, the map explains a mistake."
    )
    order = 5

    def applies(self, data: ReportData) -> bool:
        return not answers(data).empty

    def tables(self, data: ReportData) -> list[Table]:
        table = answers(data)
        networks = list(dict.fromkeys(table["network"]))
        return [
            _rates(table),
            *(_confusion(name, table[table["network"] == name], folded=len(networks) > 1) for name in networks),
        ]

    def headlines(self, data: ReportData) -> list[Headline]:
        every = rates(answers(data)).query("expression == 'all'")
        enough = every[every["pictures"] >= _FEW]
        whole = enough if len(enough) else every
        low, high = 100 * whole["rate"].min(), 100 * whole["rate"].max()
        number = f"{low:.0f} %" if round(low) == round(high) else f"{low:.0f} to {high:.0f} %"
        label = "Accuracy" if len(whole) == 1 else f"Accuracy of {counted(len(whole), 'network')}"
        one = whole.iloc[0]
        ends = f", 95 % interval {100 * one['ci_low']:.0f} to {100 * one['ci_high']:.0f} %" if len(whole) == 1 else ""
        pictures = counted(int(whole["pictures"].max()), "labelled picture")
        sentence = f"How often the answer is the label, on {'up to ' if len(whole) > 1 else ''}{pictures}{ends}."
        few = [
            f"{row.network} ({row.pictures})" for row in every[~every["network"].isin(whole["network"])].itertuples()
        ]
        left_out = f"Too few labelled pictures for {', '.join(few)}." if few else ""
        warning = "See the warning below." if mistaken(data) else ""
        return [Headline(number, label, " ".join(filter(None, (sentence, left_out, warning))))]

    def csv_tables(self, data: ReportData) -> dict[str, pd.DataFrame]:
        return {"recognition": rates(answers(data))}

    def notices(self, data: ReportData) -> list[str]:
        return mistaken(data)


def answers(data: ReportData) -> pd.DataFrame:
    """``network, image, label, predicted``: what networks said of labelled pictures."""
    table = data.table("predictions")
    if table.empty:
        return pd.DataFrame(columns=["network", "image", "label", "predicted"])
    labelled = table[table["label"].fillna("").astype(str) != ""]
    network = labelled["model"].map(lambda name: data.trainings.get(str(name), str(name)))
    return labelled.assign(network=network)[["network", "image", "label", "predicted"]]


def rates(table: pd.DataFrame) -> pd.DataFrame:
    """``network, expression, pictures, right, rate, ci_low, ci_high``, by expression and for ``"all"``.

    A picture that several trainings of a network saw counts once, with the share of them that was right. The interval
    is Wilson's of 95 %, for that many pictures drawn at random.
    """
    rows = []
    for network, mine in table.groupby("network", sort=False):
        each = (mine["label"] == mine["predicted"]).groupby([mine["label"], mine["image"]]).mean()
        groups: dict[str, pd.Series] = {name: each.xs(name) for name in ordered(mine["label"])}
        for name, right in {**groups, "all": each}.items():
            low, high = binomtest(round(right.sum()), len(right)).proportion_ci(_LEVEL, "wilson")
            rows.append((network, name, len(right), round(float(right.sum()), 2), float(right.mean()), low, high))
    return pd.DataFrame(rows, columns=["network", "expression", "pictures", "right", "rate", "ci_low", "ci_high"])


def mistaken(data: ReportData) -> list[str]:
    """A sentence about networks some of whose mean maps come mostly from wrong answers."""
    maps = data.table("maps")
    if maps.empty or not {"kind", "label", "predicted", "group"} <= set(maps):
        return []
    mine = maps[(maps["kind"] == "model") & (maps["label"].fillna("") != "") & (maps["predicted"].fillna("") != "")]
    owner = mine["source"].map({source.name: source.model for source in data.sources})
    of_networks = {}
    for network, some in mine.groupby(owner, sort=False):
        told = []
        each = some.drop_duplicates(["image", "group"])
        for name in ordered(each["group"]):
            wrong = (each["label"] != each["predicted"])[each["group"] == name]
            if wrong.mean() > _MOSTLY:
                told.append(f"{name} ({wrong.sum()} of {len(wrong)})")
        if told:
            of_networks[str(network)] = ", ".join(told)
    if not of_networks:
        return []
    explain = "These maps explain mistakes, not how the network recognises the expression."
    if len(of_networks) == 1:
        ((network, which),) = of_networks.items()
        return [f"{network} was wrong about most of the pictures behind its maps of {which}. {explain}"]
    which = "; ".join(f"{network}: {groups}" for network, groups in of_networks.items())
    return [f"Networks were wrong about most of the pictures behind some of their maps ({which}). {explain}"]


def _rates(table: pd.DataFrame) -> Table:
    found = rates(table)
    names = ordered(name for name in set(found["expression"]) if name != "all")
    rows = []
    for network, mine in found.groupby("network", sort=False):
        by = mine.set_index("expression").reindex([*names, "all"])
        whole = by.loc["all"]
        cells = [_rate(row) for row in by.loc[names].to_dict("records")]
        interval = f"{100 * whole['ci_low']:.0f} to {100 * whole['ci_high']:.0f} %"
        rows.append([Cell(text) for text in (str(network), f"{100 * whole['rate']:.0f} %", interval, *cells)])
    pictures = table["image"].nunique()
    return Table(
        f"Accuracy on {counted(pictures, 'labelled picture')}, and recall of each expression",
        ["network", "accuracy", "95 % interval", *(name.capitalize() for name in names)],
        rows,
        range(1, 3 + len(names)),
        f"Always naming one of the {counted(len(names), 'labelled expression')} is right about "
        f"{100 / len(names):.0f} % of the time if all are equally frequent."
        if len(names) > 1
        else "",
    )


def _confusion(network: str, table: pd.DataFrame, folded: bool) -> Table:
    names = ordered({*table["label"], *table["predicted"]})
    numbers = pd.crosstab(table["label"], table["predicted"]).reindex(index=names, columns=names, fill_value=0)
    rows = [
        [Cell(row), *(Cell(str(numbers.loc[row, column]), row == column) for column in names)]
        for row in names
        if np.any(numbers.loc[row])
    ]
    return Table(
        f"Confusions of {network}: a row for each label, a column for each answer",
        ["label", *(name.capitalize() for name in names)],
        rows,
        range(1, 1 + len(names)),
        folded=folded,
    )


def _rate(row: dict[Any, Any]) -> str:
    """Recall and of how many; a dash where there is no picture."""
    return f"{100 * row['rate']:.0f} % of {int(row['pictures'])}" if row["pictures"] > 0 else "–"
