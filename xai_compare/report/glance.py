"""The top of the report: is the network right, does it look where people look, is it where theory expects it?

Three sentences, written from the numbers, each true of any run: what was not asked, or not enough of, says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from xai_compare.report.data import ALL, LabelledSource, ReportData
from xai_compare.report.labels import counted, who
from xai_compare.report.ranking import baselines
from xai_compare.report.score_table import ranking, score_tables
from xai_compare.report.sections.recognition import answers, rates
from xai_compare.report.table import signed

FEW = 10
"""Labelled pictures below which a network's share of right answers is not told as its accuracy."""
_BLIND = ("whole", "prior")
_NAMES = "a blob over the face or the whole face"


def three_sentences(data: ReportData) -> list[str]:
    """Whether the networks are right, look where people look, and attend where the masks expect it."""
    return [_right(data), _like_people(data), _like_theory(data)]


def _right(data: ReportData) -> str:
    if not data.networks:
        return "No network takes part, so there are no answers that could be right or wrong."
    table = answers(data)
    if table.empty:
        return "Whether the networks are right is not known: none of their answers on labelled pictures is at hand."
    every = rates(table).query("expression == 'all'")
    enough = every[every["pictures"] >= FEW]
    left_out = every[every["pictures"] < FEW]
    few = ", ".join(f"{row.network} ({row.pictures})" for row in left_out.itertuples())
    if enough.empty:
        return f"Whether the networks are right cannot be told: they saw fewer than {FEW} labelled pictures ({few})."
    several = counted(len(enough), "network")
    several = several.capitalize() if few else f"The {several}"
    subject = str(enough["network"].iloc[0]) if len(enough) == 1 else several
    low, high = (round(100 * rate) for rate in (enough["rate"].min(), enough["rate"].max()))
    share = f"{low} %" if low == high else f"{low} to {high} %"
    most = int(enough["pictures"].max())
    pictures = f"{'up to ' if enough['pictures'].nunique() > 1 else ''}{most:,} labelled pictures"
    return (
        f"{subject} named the labelled expression in {share} of {pictures}, where the same answer to every picture "
        f"would have been right in {_constant(table, enough)}{_above_chance(table, enough)}."
        + (f" Too few labelled pictures to tell of {few}." if few else "")
    )


def _most_frequent(table: pd.DataFrame, network: str) -> float:
    """The share of the most frequent label among the pictures that a network saw."""
    labels = table[table["network"] == network].drop_duplicates("image")["label"]
    return float(labels.value_counts(normalize=True).iloc[0])


def _constant(table: pd.DataFrame, enough: pd.DataFrame) -> str:
    shares = [round(100 * _most_frequent(table, name)) for name in enough["network"]]
    return f"{min(shares)} %" if min(shares) == max(shares) else f"{min(shares)} to {max(shares)} %"


def _above_chance(table: pd.DataFrame, enough: pd.DataFrame) -> str:
    """Which networks are not shown to do better than one constant answer."""
    ends = zip(map(str, enough["network"]), enough["ci_low"].to_numpy(float), strict=True)
    doubtful = [network for network, low in ends if low <= _most_frequent(table, network)]
    if not doubtful:
        return ""
    if len(doubtful) == len(enough):
        return "; that is not shown to be better" if len(enough) == 1 else "; none is shown to do better"
    return f"; {' and '.join(doubtful[:3])}{' and others' if len(doubtful) > 3 else ''} not shown to do better"


class _Fit(NamedTuple):
    """How a source fits a reference, and what maps do that ignore the network, or that ignore the expression alone."""

    name: str
    mean: float
    blind: float
    over: int
    unspecific: float


def _fits(data: ReportData, metric: str, b: str) -> list[_Fit]:
    """Networks, best first; over expressions of three pictures or more."""
    fits = []
    for name, mean, expressions in ranking(score_tables(data, metric, b)):
        means, names = baselines(data, metric, b, name, expressions)
        blind = max((means[null] for null in _BLIND if null in means), default=float("nan"))
        unspecific = max((means[null] for null in names if null not in _BLIND), default=float("nan"))
        fits.append(_Fit(name, mean, blind, len(expressions), unspecific))
    return fits


def _like_people(data: ReportData) -> str:
    people = data.of_kind("human")
    if not people:
        return "No people took part, so nothing here says whether the networks look where people look."
    if not data.networks:
        return _people_alone(data, people)
    sentences, untold = [], []
    for person in people:
        fits = _fits(data, "dice", person.name)
        whom = f"{'simulated ' if person.simulated else ''}people ({person.short})"
        if fits:
            sentences.append(_compared(data, fits, f"where {whom} attend", "Dice") + _unspecific(fits))
        else:
            untold.append(whom)
    if untold:
        sentences.append(
            f"Whether the networks attend where {' or '.join(untold)} do is not told: no mean map of three pictures or "
            "more of one expression could be compared."
        )
    return " ".join(sentences)


def _people_alone(data: ReportData, people: Sequence[LabelledSource]) -> str:
    start = "No network takes part."
    if len(people) < 2:
        return f"{start} With one group of people there is nothing to compare their maps with."
    one, other = people[:2]
    names = [ALL] if data.value("pearson", one.name, other.name, ALL) is not None else list(data.expressions)
    rows = [row for name in names if (row := data.value("pearson", one.name, other.name, name)) is not None]
    values = [float(row["value"]) for row in rows if np.isfinite(row["value"])]
    if not values:
        return f"{start} The maps of {one.short} and {other.short} could not be compared."
    value = float(np.mean(values))
    means, _ = baselines(data, "pearson", str(rows[0]["b"]), str(rows[0]["a"]), names)
    blob = means.get("prior", float("nan"))
    start += f" The mean maps of {_whose(one)} and {_whose(other)} correlate at {signed(value)}"
    if not np.isfinite(blob):
        return f"{start}."
    order = "higher than" if value > blob else "no higher than"
    target = data.by_name[str(rows[0]["b"])].short
    return f"{start}, {order} a blob over the face does with the maps of {target} ({signed(blob)})."


def _whose(person: LabelledSource) -> str:
    return f"{person.short} (simulated)" if person.simulated else person.short


def _like_theory(data: ReportData) -> str:
    masks = "Ekman’s masks of each expression" if data.ekman else "the masks of each expression"
    if data.rows("iou", data.mask_name).empty:
        return "The maps were compared with no theory of where expressions show: none of these expressions has a mask."
    if not data.networks:
        return f"No network was compared with {masks}."
    fits = _fits(data, "iou", data.mask_name)
    if not fits:
        return (
            f"Whether the networks attend where theory expects it ({masks}) is not told: no mean map of three pictures "
            "or more of one expression could be compared."
        )
    where = f"where theory expects the expression to show ({masks})"
    return _compared(data, fits, where, "IoU") + _own_expression(data)


def _compared(data: ReportData, fits: Sequence[_Fit], where: str, score: str) -> str:
    """How many sources fit better than maps that ignore the network, and the best of them beside those."""
    best = fits[0]
    known = [fit for fit in fits if np.isfinite(fit.blind)]
    overlap = f"overlap{'s' if len(fits) == 1 else ''} by {best.mean:.2f} ({score}, 0 to 1)"
    if not known:
        return (
            f"How far networks attend {where}: {who(data, best.name)} reaches {best.mean:.2f} ({score}, 0 to 1). "
            "What a map that ignores the network reaches is not known."
        )
    beside = f", against {best.blind:.2f}" if np.isfinite(best.blind) else ""
    wins, total = sum(fit.mean > fit.blind for fit in known), len(known)
    blind = f"{where} than a map that ignores it would ({_NAMES})"
    if len(fits) == 1:
        return f"{who(data, best.name)} attends {'more' if wins else 'no more'} {blind}: it {overlap}{beside}."
    noun = "combinations of network and explainer" if data.by_name[best.name].explainer else "networks"
    among = f"{total} {noun}"
    if not wins:
        often = f"In none of {among} does the network attend more"
    else:
        often = f"In {f'all {among}' if wins == total else f'{wins} of {among}'}, the network attends more"
    return f"{often} {blind}: at best ({who(data, best.name)}) they {overlap}{beside}."


def _unspecific(fits: Sequence[_Fit]) -> str:
    """A sentence where maps that ignore the expression do as well as the best: the agreement is then with any face."""
    best = fits[0]
    if not best.unspecific >= best.mean:
        return ""
    return f" Maps that ignore the expression overlap by {best.unspecific:.2f}: this is not specific to the expression."


def _own_expression(data: ReportData) -> str:
    """Whether the fit is specific to the expression, where that was tested over all networks."""
    nulls = data.table("nulls")
    if nulls.empty:
        return ""
    rows = nulls[(nulls["metric"] == "iou") & (nulls["b"] == data.mask_name) & (nulls["null"] == "permuted")]
    whole = rows[(rows["a"] == "all models") & rows["p"].notna()]
    single = rows[rows["a"].isin([source.name for source in data.rankable]) & rows["p"].notna()]
    row = whole if len(whole) else single if len(single) == 1 else whole
    if row.empty:
        return ""
    shown = float(row["p"].iloc[0]) <= 0.05
    return (
        " The fit is specific to the expression."
        if shown
        else " It is not shown that this fit is specific to the expression."
    )
