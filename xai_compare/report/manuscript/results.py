"""The paragraph for the results section: what the tables say, and no claim that was not tested."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.comparison.score_frame import FEWEST
from xai_compare.report.data import ALL, LabelledSource, ReportData
from xai_compare.report.manuscript.methods import listed
from xai_compare.report.manuscript.sentences import Facts, Sentence, apa, apa_p

LEVEL = 0.05
FLOORS = {
    "whole": "the whole face",
    "prior": "a blob over the face",
    "mean_map": "the mean map of all pictures",
    "other": "masks of other expressions",
    "other_map": "maps of other expressions",
    "surrogate": "random maps of the same smoothness",
    "chance": "chance",
}
_MEASURES = {"pearson": "r", "dice": "Dice", "known_auc": "AUC", "iou": "IoU"}


def results(facts: Facts, data: ReportData) -> list[Sentence]:
    """The sentences of the results section."""
    made = [*_recognition(facts), *_masks(facts, data)]
    for person in data.of_kind("human"):
        made += _against(facts, data, "pearson", person)
    made += _against(facts, data, "known_auc", None)
    made += [*_differences(facts, data), *_faithfulness(facts, data)]
    return [sentence for sentence in made if sentence.text]


def named(data: ReportData, name: str) -> str:
    """What a sentence calls a source; it says what is simulated."""
    source = data.by_name.get(name)
    if source is None:
        return name
    if source.kind == "human":
        return f"{'simulated ' if source.simulated else ''}{source.short}"
    return f"{source.network} ({source.explainer_label})" if source.explainer else source.network


def _recognition(facts: Facts) -> Iterator[Sentence]:
    table = facts.table("recognition")
    for _, row in (table[table["expression"] == ALL] if len(table) else table).iterrows():
        right = facts.cell("recognition", row, "right", lambda value: f"{int(value):,}")
        number = facts.cell("recognition", row, "pictures", lambda value: f"{int(value):,}")
        rate, low, high = (facts.cell("recognition", row, key, apa) for key in ("rate", "ci_low", "ci_high"))
        pictures = "picture" if number == "1" else "pictures"
        yield facts.say(
            f"{row['network']} gave the label's expression for {right} of {number} {pictures} ({rate}, 95% CI "
            f"[{low}, {high}])."
        )


def _masks(facts: Facts, data: ReportData) -> Iterator[Sentence]:
    scores = facts.table("scores")
    own = {source.name for source in data.rankable}
    rows = scores[
        (scores["metric"] == "iou")
        & (scores["b"] == data.mask_name)
        & (scores["fold"] == ALL)
        & (scores["expression"] != ALL)
        & scores["a"].isin(own)
        & scores["value"].notna()
    ]
    if rows.empty:
        return
    best, worst = (rows.loc[getattr(rows["value"], which)()] for which in ("idxmax", "idxmin"))
    parts = []
    for row in (worst, best):
        value = facts.cell("scores", row, "value", apa)
        parts.append(f"{value} ({named(data, str(row['a']))}, {row['expression']})")
    yield facts.say(f"The IoU of single expressions with their masks was between {parts[0]} and {parts[1]}.")
    known = rows[rows["floor"].notna()] if "floor" in rows else rows.iloc[:0]
    if len(known):
        under = known[known["value"] < known["floor"]]
        number, total = facts.count("scores", under, "below their floors"), len(known)
        facts.count("scores", known, "with a floor")
        yield facts.say(
            f"{number} of {total} scores were below their own floors: there a map that ignores the expression fits the "
            "mask better."
        )
    tests = rows[rows["p_adjusted"].notna()] if "p_adjusted" in rows else rows.iloc[:0]
    if len(tests):
        passed = facts.count("scores", tests[tests["p_adjusted"] < LEVEL], "corrected p < .05")
        facts.count("scores", tests, "tested")
        yield facts.say(
            f"{passed} of {len(tests)} were higher than random maps of the same smoothness reach (corrected p < .05)."
        )
    nulls = facts.table("nulls")
    if len(nulls):
        orders = nulls[
            (nulls["metric"] == "iou")
            & (nulls["b"] == data.mask_name)
            & (nulls["null"] == "permuted")
            & nulls["a"].isin(own)
            & nulls["p"].notna()
        ]
        if len(orders):
            fit = facts.count("nulls", orders[orders["p"] <= LEVEL], "p ≤ .05")
            facts.count("nulls", orders, "sources tested")
            yield facts.say(
                "Compared with all orders of the masks, that maps fit the mask of their own expression better was "
                f"shown for {fit} of {len(orders)} source{'' if len(orders) == 1 else 's'} (p ≤ .05, not corrected)."
            )


def _against(facts: Facts, data: ReportData, metric: str, person: LabelledSource | None) -> Iterator[Sentence]:
    """A sentence for each source's score over all expressions, against a group of people or the known regions."""
    scores = facts.table("scores")
    against = person.name if person else "known/region"
    others = [one.name for one in data.of_kind("human") if person and one.name != person.name]
    rows = scores[(scores["metric"] == metric) & (scores["fold"] == ALL) & (scores["expression"] == ALL)]
    sources = [source.name for source in data.rankable]
    shown = rows[(rows["b"] == against) & rows["a"].isin([*sources, *others])]
    few = shown[shown["n"] < FEWEST]
    what = f"{'simulated ' if person.simulated else ''}people ({person.short})" if person else "the known regions"
    for _, row in shown[~shown.index.isin(few.index)].iterrows():
        text = _score(facts, row, _MEASURES[metric])
        yield facts.say(f"{named(data, str(row['a']))} against {what}: {text}")
    if len(few):
        names = listed([named(data, str(name)) for name in few["a"]])
        facts.count("scores", few, "fewer than three pictures")
        verb = "is" if len(few) == 1 else "are"
        yield facts.say(f"Not interpreted {verb} {names}: fewer than three pictures.")


def _score(facts: Facts, row: Any, measure: str) -> str:
    """A score with interval, p, floor and ceiling; what it means is said only of the floor."""
    if not np.isfinite(row["value"]):
        return f"{measure} is undefined ({row['note'] or 'no reason given'})."
    value = facts.cell("scores", row, "value", apa)
    n = facts.cell("scores", row, "n", lambda number: f"{int(number):,}")
    parts = [f"{measure} = {value}"]
    if np.isfinite(row["ci_low"]):
        low, high = (facts.cell("scores", row, key, apa) for key in ("ci_low", "ci_high"))
        few = " (too narrow, perhaps, for there are few pictures)" if "few" in str(row["note"]) else ""
        parts.append(f"95% CI [{low}, {high}]{few}")
    if "p_adjusted" in row and pd.notna(row["p_adjusted"]):
        parts.append(f"corrected {facts.cell('scores', row, 'p_adjusted', apa_p)}")
    parts.append(f"n = {n} pictures")
    ceiling = ""
    if "ceiling_low" in row and pd.notna(row["ceiling_low"]):
        low, high = (facts.cell("scores", row, key, apa) for key in ("ceiling_low", "ceiling_high"))
        ceiling = f" The noise ceiling is {low} to {high}."
    return f"{', '.join(parts)}{_floor(facts, row)}.{ceiling}"


def _floor(facts: Facts, row: Any) -> str:
    if "floor" not in row or pd.isna(row["floor"]):
        return "; no floor is known"
    floor = facts.cell("scores", row, "floor", apa)
    what = FLOORS.get(str(row["floor_kind"]), str(row["floor_kind"]))
    if row["value"] < row["floor"]:
        verdict = "which is below its own floor of"
    elif np.isfinite(row["ci_low"]) and row["ci_low"] > row["floor"]:
        verdict = "above its floor of"
    else:
        verdict = "not shown to be above its floor of"
    return f", {verdict} {floor} ({what})"


def _differences(facts: Facts, data: ReportData) -> Iterator[Sentence]:
    table = facts.table("differences")
    if table.empty:
        return
    whole = table[(table["expression"] == ALL) & table["p_adjusted"].notna() & table["metric"].isin(list(_MEASURES))]
    if "n" in whole:
        whole = whole[whole["n"] >= FEWEST]
    for (metric, b), rows in whole.groupby(["metric", "b"], sort=False):
        zero = (rows["ci_low"] <= 0) & (rows["ci_high"] >= 0)
        apart = rows[(rows["p_adjusted"] < LEVEL) & ~zero]
        number, total = facts.count("differences", apart, "corrected p < .05, interval without 0"), len(rows)
        facts.count("differences", rows, "pairs tested")
        against = "the masks" if b == data.mask_name else named(data, str(b)) if b in data.by_name else str(b)
        against = "the known regions" if b == "known/region" else against
        yield facts.say(
            f"In {_MEASURES[str(metric)]} with {against}, {number} of {total} differences between sources were "
            "significant (corrected p < .05)."
        )


def _faithfulness(facts: Facts, data: ReportData) -> Iterator[Sentence]:
    table = facts.table("faithfulness")
    if table.empty or "p_adjusted" not in table:
        return
    rows = table[~table["explainer"].isin(data.controls) & table["p_adjusted"].notna()]
    rows = rows[rows["score"] != "parameter_randomization"]
    if rows.empty:
        return
    sign = np.where(rows["better"] == "low", -1, 1)
    better = rows[(rows["p_adjusted"] < LEVEL) & (rows["difference"] * sign > 0)]
    number, total = facts.count("faithfulness", better, "better than random maps"), len(rows)
    facts.count("faithfulness", rows, "tested")
    least = int(rows["n"].min())
    yield facts.say(
        f"In {number} of {total} tests of faithfulness the maps were significantly better than random maps (corrected "
        f"p < .05; at least {least} pictures each)."
    )


def table_rows(facts: Facts, data: ReportData) -> pd.DataFrame:
    """The scores of the supplement: IoU for each expression, the others over all; the index is the row's place."""
    scores = facts.table("scores")
    one = (scores["metric"] == "iou") & (scores["b"] == data.mask_name) & (scores["expression"] != ALL)
    people = [source.name for source in data.of_kind("human")]
    over = scores["metric"].isin(["pearson", "dice"]) & scores["b"].isin(people)
    over = (over | (scores["metric"] == "known_auc")) & (scores["expression"] == ALL)
    rows = scores[(one | over) & (scores["fold"] == ALL)]
    return rows[rows["a"].isin([source.name for source in data.sources if source.kind != "known"])]
