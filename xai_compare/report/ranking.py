"""Which sources the report may rank: those whose difference does not include 0 (table ``differences``)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xai_compare.comparison.score_frame import FEWEST
from xai_compare.report.data import ALL, ReportData, pretty
from xai_compare.report.labels import counted, who

LEVEL = 0.05
CORRELATIONS = ("pearson", "spearman")
_NAMED = 3


def apart(data: ReportData, metric: str, b: str, one: str, other: str) -> bool | None:
    """Whether two sources differ over all expressions, corrected for all pairs; None where that was not tested."""
    table = data.table("differences")
    if table.empty:
        return None
    rows = table[(table["metric"] == metric) & (table["b"] == b) & (table["expression"] == ALL)]
    rows = rows[rows["a1"].isin([one, other]) & rows["a2"].isin([one, other])]
    if rows.empty or not np.isfinite(float(rows["p_adjusted"].iloc[0])):
        return None
    row = rows.iloc[0]
    if float(row.get("n", FEWEST)) < FEWEST:
        return None
    holds_zero = float(row["ci_low"]) <= 0 <= float(row["ci_high"])
    return bool(float(row["p_adjusted"]) < LEVEL and not holds_zero)


def within_error(data: ReportData, metric: str, b: str, first: str, others: Sequence[str]) -> list[str]:
    """Those whose difference from ``first`` was tested and may be 0."""
    return [other for other in others if other != first and apart(data, metric, b, first, other) is False]


def untested(data: ReportData, metric: str, b: str, first: str, others: Sequence[str]) -> list[str]:
    """Those whose difference from ``first`` was not tested, as where they share fewer than three pictures."""
    return [other for other in others if other != first and apart(data, metric, b, first, other) is None]


def ranking_sentence(data: ReportData, metric: str, b: str, ranks: Sequence[tuple[str, float]], what: str) -> str:
    """A sentence about the order of sources, highest first, that claims no difference which the data do not show.

    Args:
        data: the report's data.
        metric, b: of the score.
        ranks: sources and their means, highest first.
        what: such as ``"comes nearest to the Ekman masks"``.
    """
    names = [name for name, _ in ranks]
    if len(names) < 2:
        return ""
    first, others = names[0], names[1:]
    equal = [name for name, mean in ranks if mean == ranks[0][1]]
    tied, unknown = (select(data, metric, b, first, others) for select in (within_error, untested))
    highest = f"{who(data, first)} has the highest mean"
    if len(equal) == len(names):
        return "All sources have the same mean."
    if len(equal) > 1:
        highest = f"{who(data, first)} and {_listed(data, equal[1:], others)} have the highest mean"
        return f"{highest}; {_why_untested(data, metric, b)}." if unknown else f"{highest}."
    if len(unknown) == len(others):
        lowest = f" and {who(data, names[-1])} the lowest" if ranks[-2][1] > ranks[-1][1] else ""
        return f"{highest}{lowest}; {_why_untested(data, metric, b)}."
    if tied:
        sentence = f"{highest}, but its differences from {_listed(data, tied, others)} are within error."
    elif unknown:
        sentence = (
            f"{highest}; its differences from all others that were tested are larger than their margins of error."
        )
    else:
        return f"{who(data, first)} {what}; its differences from all others are larger than their margins of error."
    if not unknown:
        return sentence
    subject, verb = ("difference", "was") if len(unknown) == 1 else ("differences", "were")
    return f"{sentence} Its {subject} from {_listed(data, unknown, others)} {verb} not tested."


def _listed(data: ReportData, names: Sequence[str], others: Sequence[str]) -> str:
    if len(names) == len(others):
        return "all other sources"
    more = f" and {counted(len(names) - _NAMED, 'other source')}" if len(names) > _NAMED else ""
    return ", ".join(who(data, name) for name in names[:_NAMED]) + more


def _why_untested(data: ReportData, metric: str, b: str) -> str:
    """The reason that the table itself gives, where all its rows give the same one."""
    table = data.table("differences")
    if len(table) and "note" in table:
        notes = table[(table["metric"] == metric) & (table["b"] == b)]["note"].dropna().unique()
        if len(notes) == 1 and notes[0]:
            return f"whether they differ by more than chance was not tested, because {notes[0]}"
    return "whether they differ by more than chance was not tested"


def baseline_sentence(
    data: ReportData, metric: str, b: str, name: str, expressions: Sequence[str] | None = None
) -> str:
    """A sentence that sets a source's mean over expressions beside that of maps that ignore the expression.

    Args:
        data: the report's data.
        metric, b: of the score.
        name: of the source.
        expressions: whose mean it is; all but their union by default.
    """
    expressions = data.expressions if expressions is None else expressions
    means, names = baselines(data, metric, b, name, expressions)
    if not names:
        return ""
    scores_text = ", ".join(f"{text} {means[null]:.2f}" for null, text in names.items())
    beaten = _mean(data, metric, name, b, expressions) <= max(means[null] for null in names)
    before = "Maps that ignore the expression score as high or higher" if beaten else "For comparison"
    return f"{before}: {scores_text}."


def beside_baseline(
    data: ReportData, metric: str, b: str, name: str, expressions: Sequence[str], ignored: str = "expression"
) -> str:
    """How a card's number compares: ``"below a map that ignores the expression (0.95)"``; empty if unknown."""
    means, names = baselines(data, metric, b, name, expressions)
    score = _mean(data, metric, name, b, expressions)
    if not names or not np.isfinite(score):
        return ""
    best = max(names, key=lambda null: means[null])
    shown, other = round(score, 2), round(means[best], 2)
    order = "as high as" if shown == other else "below" if shown < other else "above"
    what = f"a map that ignores the {ignored}" if best in _NULLS else names[best]
    return f"{order} {what} ({other:.2f})"


def baselines(
    data: ReportData, metric: str, b: str, name: str, expressions: Sequence[str]
) -> tuple[dict[str, float], dict[str, str]]:
    """Mean scores of maps that ignore the expression or the network, and what each is called."""
    nulls = data.table("nulls")
    if nulls.empty:
        return {}, {}
    rows = nulls[(nulls["metric"] == metric) & (nulls["b"] == b) & nulls["expression"].isin(expressions)]
    means = dict(rows[(rows["a"] == name) & rows["mean"].notna()].groupby("null")["mean"].mean())
    names = {null: text for null, text in _NULLS.items() if null in means}
    if metric in CORRELATIONS and "surrogate" in names:
        # Correlations of random maps are 0 on average, however far single ones are from it.
        means["surrogate"] = rows[(rows["a"] == name) & (rows["null"] == "surrogate")]["q95"].mean()
        names["surrogate"] = "one in twenty equally smooth random maps more than"
    for control in data.networks:
        if control.control and control.model == data.by_name[name].model:
            score = _mean(data, metric, control.name, b, expressions)
            if np.isfinite(score):
                means[control.name], names[control.name] = score, f"the control {pretty(control.explainer)}"
    return means, names


def _mean(data: ReportData, metric: str, a: str, b: str, expressions: Sequence[str]) -> float:
    values = [_value(data, metric, a, b, expression) for expression in expressions]
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")


def _value(data: ReportData, metric: str, a: str, b: str, expression: str) -> float:
    row = data.value(metric, a, b, expression)
    return float("nan") if row is None else float(row["value"])


_NULLS = {
    "whole": "the whole face",
    "prior": "a blob over the face",
    "other_map": "its mean map of the other expressions",
    "mean_map": "the mean map of all networks",
    "surrogate": "equally smooth random maps",
}
