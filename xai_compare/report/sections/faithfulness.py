"""Are the maps faithful to the network? Curves, a table and two sentences, always beside the random map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from xai_compare.analysis.faithfulness.tables import AGAIN
from xai_compare.report import style
from xai_compare.report.charts import grid_behind, inch_box
from xai_compare.report.data import ReportData, pretty
from xai_compare.report.labels import share
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Cell, Column, Table, interval, signed, text, whole

_NAMES = {
    "deletion": "Deletion ↓",
    "insertion": "Insertion ↑",
    "infidelity": "Infidelity ↓",
    "parameter_randomization": "Parameter randomization ↑",
    "known_auc": "Region, AUC ↑",
    "known_energy": "Region, share ↑",
}
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))


_PAPERS = {
    "deletion": "V. Petsiuk, A. Das, K. Saenko (2018). RISE: randomized input sampling for explanation of black-box "
    "models. (Deletion and insertion curves.)",
    "infidelity": "C.-K. Yeh and others (2019). On the (in)fidelity and sensitivity of explanations. (Infidelity.)",
    "parameter_randomization": "J. Adebayo and others (2018). Sanity checks for saliency maps. (Their parameter test.)",
}


@SECTIONS.register("faithfulness")
class Faithfulness(Section):
    """For each network the mean deletion and insertion curves of its explainers, and all scores beside random maps."""

    title = "Are the maps faithful to the network?"
    lead = (
        "Does a map show what the network really uses? This can be tested on the network itself. Each explainer is "
        "tested on a sample of pictures and compared with random maps."
    )
    order = 80

    def applies(self, data: ReportData) -> bool:
        return not data.table("faithfulness").empty

    def figures(self, data: ReportData) -> list[FigureSpec]:
        table = data.table("faithfulness_curves")
        if table.empty:
            return []
        hues = style.colours(list(dict.fromkeys(table["explainer"])))
        return [_figure(str(model), rows, hues) for model, rows in table.groupby("model", sort=False)]

    def tables(self, data: ReportData) -> list[Table]:
        table = data.table("faithfulness")
        return [_in_short(table, data.controls), _in_full(table)]

    def findings(self, data: ReportData) -> list[str]:
        table = data.table("faithfulness")
        rows = [row for _, row in table[~table["explainer"].isin(data.controls)].iterrows()]
        return [text for text in (_fastest(rows), _balance(rows)) if text]

    def references(self, data: ReportData) -> list[str]:
        scores = set(data.table("faithfulness")["score"])
        return [paper for score, paper in _PAPERS.items() if score in scores]


def _figure(model: str, rows: pd.DataFrame, hues: dict[str, str]) -> FigureSpec:
    name, pictures = style.plain(model, 44), int(rows["n"].max())
    across, each = (1, style.fitted(10.0)) if style.narrow() else (2, style.fitted(10.0) / 2)
    figure = style.new_figure(across * each, 4.25 if across == 2 else 7.9)
    style.heading(
        figure,
        f"Does {name} need what the maps mark?",
        f"Mean over {pictures} pictures; pixels marked most strongly come first; in the legend the area under the "
        "curve",
    )
    both = rows[["mean", "random_mean"]].to_numpy(float)
    low, high = (float(end) for end in (np.nanmin([0.0, *rows["mean"]]), np.nanmax([1e-9, *both.ravel()])))
    panels = (
        ("deletion", "Deleting what is marked: low is faithful", "deleted"),
        ("insertion", "Showing what is marked: high is faithful", "shown"),
    )
    for place, (curve, title, what) in enumerate(panels):
        column, below = place % across, (1 - place // across) * (2 - across)
        axes = inch_box(figure, 0.62 + (each - 0.05) * column, 0.55 + 3.65 * below, each - 0.85, 2.78)
        axes.set(xlim=(0, 1), ylim=(low, high + 0.1 * (high - low)), xlabel=f"share of the picture {what}")
        axes.set_title(title, size=9.5)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylabel("mean probability of the explained expression" if column == 0 else "")
        grid_behind(axes)
        _curves(axes, rows[rows["curve"] == curve], hues)
        axes.legend(
            loc="upper right" if curve == "deletion" else "lower right", fontsize=7.5, frameon=True, edgecolor="none"
        )
    return FigureSpec(
        name=f"faithfulness_{style.slug(model)}",
        title=f"Deletion and insertion: {name}",
        what="The network’s answer while pixels are deleted (left) or shown (right), those that a map marks most "
        "strongly first.",
        how="Left, a faithful map’s curve falls early and its area is small: the network needs what was marked. Right, "
        "it rises early and its area is large: what was marked is enough. A curve close to the dashed grey one, of a "
        "random map, says no more about the network than chance.",
        figure=figure,
        raster=False,
        fold=name,
        alt=f"Areas under the curves of {name}. "
        + " ".join(_told(rows[rows["curve"] == one[0]], one[2]) for one in panels),
    )


def _told(rows: pd.DataFrame, what: str) -> str:
    """The areas under a panel's curves in words."""
    curves = {pretty(str(name)): own for name, own in rows.groupby("explainer", sort=False)}
    if not curves:
        return ""
    areas = [f"{name} {signed(_area(own['mean'].to_numpy(float)))}" for name, own in curves.items()]
    random = _area(next(iter(curves.values()))["random_mean"].to_numpy(float))
    return f"Pixels {what}: {', '.join(areas)}; random map {signed(random)}."


def _curves(axes: Axes, rows: pd.DataFrame, hues: dict[str, str]) -> None:
    explainers = list(dict.fromkeys(rows["explainer"]))
    if not explainers:
        return
    by = {name: rows[rows["explainer"] == name] for name in explainers}
    shares = by[explainers[0]]["share"].to_numpy(float)
    # Explainers may leave out different pictures; the random curve drawn is that of the most pictures.
    widest = max(explainers, key=lambda name: int(by[name]["n"].max()))
    random = by[widest]["random_mean"].to_numpy(float)
    dashed: dict[str, Any] = {"color": style.MUTED, "lw": 1.6, "ls": (0, (4, 2.5)), "zorder": 2}
    axes.plot(shares, random, label=f"random map {_area(random):.2f}", **dashed)
    for place, name in enumerate(explainers):
        values = by[name]["mean"].to_numpy(float)
        # Later curves are thinner, so that one that lies under another still shows.
        look: dict[str, Any] = {"lw": max(2.8 - 0.6 * place, 1.5), "ls": _DASHES[place // 8 % 4], "zorder": 3}
        axes.plot(
            shares, values, color=hues[name], label=f"{style.plain(pretty(name), 40)} {_area(values):.2f}", **look
        )


def _area(values: np.ndarray) -> float:
    return float(np.mean((values[1:] + values[:-1]) / 2))


def _in_short(table: pd.DataFrame, controls: set[str]) -> Table:
    """One row a network and explainer, each score beside that of its control."""
    scores = [score for score in _NAMES if score in set(table["score"])]
    rows = []
    for (model, explainer), some in table.groupby(["model", "explainer"], sort=False):
        by = {str(row["score"]): row for _, row in some.iterrows()}
        cells = [beside_control(by[score], _verdict(by[score])) if score in by else Cell("–") for score in scores]
        control = " (control)" if explainer in controls else ""
        rows.append([Cell(f"{model} · {pretty(str(explainer))}{control}"), *cells])
    return Table(
        "Faithfulness of the maps, compared with a control",
        ["source", *(_NAMES[score] for score in scores)],
        rows,
        range(1, 1 + len(scores)),
        f"Each cell: the explainer's maps | {_controls(table)}. Bold: better than the control, p < 0.05 "
        "corrected for all tests (Holm). ×: worse than the control by the same rule; neither: not shown. ↓: low is "
        "faithful; ↑: high is. Deletion, insertion: areas under the curves below. Region: how well the map finds the "
        "region known to differ. Infidelity: share of the effects of hiding rectangles that the map does not predict. "
        "Parameter randomization: how much the map changes when the network's weights are shuffled; 0 means that it "
        "does not depend on them.",
    )


def _controls(table: pd.DataFrame) -> str:
    """What the scores are held against, in words."""
    again = "control" in table and (table["control"] == AGAIN).any()
    return "random maps of the same pictures" + (
        f", for parameter randomization {AGAIN} with another seed" if again else ""
    )


def _verdict(row: pd.Series) -> int:
    """1 where a score is better than its control's, corrected for all tests, -1 where it is worse, else 0."""
    if "p_adjusted" in row and not float(row["p_adjusted"]) < 0.05:
        return 0
    sign = -1 if row["better"] == "low" else 1
    low, high = float(row["ci_low"]) * sign, float(row["ci_high"]) * sign
    return 1 if min(low, high) > 0 else (-1 if max(low, high) < 0 else 0)


def beside_control(row: Any, verdict: int) -> Cell:
    """A score beside its control's: bold where it is better (verdict 1), marked × where it is worse (-1)."""
    return Cell(f"{signed(row['mean'])} | {signed(row['control_mean'])}{' ×' if verdict < 0 else ''}", verdict > 0)


def _in_full(table: pd.DataFrame) -> Table:
    sources = [f"{model} · {pretty(str(name))}" for model, name in zip(table["model"], table["explainer"], strict=True)]
    intervals = [interval(*ends, places=4) for ends in zip(table["ci_low"], table["ci_high"], strict=True)]
    columns: list[Column] = [
        ("source", "source", text),
        ("score", "score", lambda score: _NAMES.get(score, str(score))),
        ("n", "pictures", whole),
        ("mean", "maps", _four),
        ("control_mean", "control", _four),
        ("difference", "difference", _four),
        ("interval", "95 % interval", text),
        ("note", "note", text),
    ]
    shown = table.assign(source=sources, interval=intervals)
    title = "All numbers, with intervals and what was left out"
    return replace(Table.from_frame(title, shown, columns, folded=True), numeric=range(2, 7))


def _four(value: Any) -> str:
    return signed(float(value), 4)


def _fastest(rows: Sequence[pd.Series]) -> str:
    """The explainer whose marked places the networks miss most."""
    found: dict[str, list[pd.Series]] = {}
    for row in rows:
        if row["score"] == "deletion" and np.isfinite(row["difference"]):
            found.setdefault(str(row["explainer"]), []).append(row)
    if not found:
        return ""
    gain = {name: float(np.mean([row["difference"] for row in some])) for name, some in found.items()}
    best = min(gain, key=lambda name: gain[name])
    mean, chance = (float(np.mean([row[key] for row in found[best]])) for key in ("mean", "control_mean"))
    if gain[best] >= 0:
        return (
            "For no explainer do the networks, on average, lose their answer sooner when the marked places are deleted "
            "than when random places are."
        )
    networks = "network’s" if len(found[best]) == 1 else "networks’"
    soonest = "soonest, on average," if len(gain) > 1 else "sooner than by chance"
    sure = sum(_verdict(row) > 0 for row in found[best])
    shown = f"significantly for {share(sure, len(found[best]), 'network')}"
    return (
        f"The {networks} answer fades {soonest} when the places marked by {pretty(best)} are deleted first: the mean "
        f"probability of the expression along the way is {mean:.2f}, against {chance:.2f} when random places are "
        f"deleted ({shown})."
    )


def _balance(rows: Sequence[pd.Series]) -> str:
    """How often the explainers beat chance, and which of them do not."""
    tests: dict[str, list[int]] = {}
    for row in rows:
        if np.isfinite(row["ci_low"]) and row["score"] != "parameter_randomization":
            tests.setdefault(f"{pretty(str(row['explainer']))} on {row['model']}", []).append(_verdict(row))
    if not tests:
        return ""
    total, won = sum(map(len, tests.values())), sum(one > 0 for some in tests.values() for one in some)
    doubtful = [name for name, some in tests.items() if 2 * sum(one > 0 for one in some) < len(some)]
    text = f"In {won} of {total} tests the maps are significantly better than random maps"
    if not doubtful:
        return f"{text}, and each explainer is so in at least half of its own tests."
    named = ", ".join(doubtful[:4]) + (f" and {len(doubtful) - 4} more" if len(doubtful) > 4 else "")
    tests_of = "its" if len(doubtful) == 1 else "their"
    return f"{text}. Be careful with {named}: better in fewer than half of {tests_of} tests."
