"""Are the maps faithful to the network? Curves, a table and two sentences, always beside the random map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from xai_compare.analysis.faithfulness.tables import AGAIN
from xai_compare.report import style
from xai_compare.report.curve_labels import label_curves
from xai_compare.report.data import ReportData, pretty
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Cell, Table, signed

RANDOM = "\0random"
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
        "Does a map show what its network really uses? That can be tested on the network itself. Each explainer is "
        "tested on a sample of pictures, beside maps drawn at random."
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
    width, height, head = 10.0, 4.25, 0.62
    figure = style.new_figure(width, height)
    name, most = style.plain(model, 44), int(rows["n"].max())
    style.heading(
        figure,
        f"Does {name} need what the maps mark?",
        f"Mean over {most} pictures; most strongly marked pixels first; dashed grey: a map drawn at random; the number "
        "is the area under the curve",
    )
    low, high = min(0.0, float(rows["mean"].min())), float(rows[["mean", "random_mean"]].to_numpy().max())
    panels = (
        ("deletion", "Deleting what is marked: low is faithful", "deleted"),
        ("insertion", "Showing what is marked: high is faithful", "shown"),
    )
    for i, (curve, title, what) in enumerate(panels):
        box = (0.62 + i * (width / 2 - 0.05), 0.55, width / 2 - 0.85, height - head - 0.85)
        axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        axes.set(xlim=(0, 1), ylim=(low, high + 0.1 * (high - low)), xlabel=f"share of the picture {what}")
        axes.set_title(title, size=9.5)
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylabel("mean probability of the explained expression" if i == 0 else "")
        axes.grid(color=style.RULE, lw=0.5)
        axes.set_axisbelow(True)
        _curves(axes, rows[rows["curve"] == curve], hues)
    return FigureSpec(
        name=f"faithfulness_{style.slug(model)}",
        title=f"Deletion and insertion: {name}",
        what="The network looks again while pixels are deleted (left) or shown (right), those that a map marks most "
        "strongly first.",
        how="Left, a faithful map's curve falls early and its area is small: the network needs what was marked. Right, "
        "it rises early and its area is large: what was marked is enough. A curve close to the dashed line says no "
        "more about the network than chance.",
        figure=figure,
        raster=False,
        fold=name,
    )


def _curves(axes: Axes, rows: pd.DataFrame, hues: dict[str, str]) -> None:
    explainers = list(dict.fromkeys(rows["explainer"]))
    if not explainers:
        return
    shares = rows[rows["explainer"] == explainers[0]]["share"].to_numpy(float)
    # Explainers may leave out different pictures; the random curve drawn is that on the most of them.
    widest = max(explainers, key=lambda name: int(rows.loc[rows["explainer"] == name, "n"].max()))
    drawn = {RANDOM: rows.loc[rows["explainer"] == widest, "random_mean"].to_numpy(float)}
    drawn |= {name: rows.loc[rows["explainer"] == name, "mean"].to_numpy(float) for name in explainers}
    colour = {RANDOM: style.MUTED, **hues}
    for i, (name, values) in enumerate(drawn.items()):
        if name == RANDOM:
            axes.plot(shares, values, color=style.MUTED, lw=1.6, ls=(0, (4, 2.5)), zorder=2)
        else:
            # Later curves are thinner, so that one that lies under another still shows.
            axes.plot(
                shares, values, color=colour[name], lw=max(3.4 - 0.6 * i, 1.5), ls=_DASHES[(i - 1) // 8 % 4], zorder=3
            )
    areas = {name: float(np.mean((v[1:] + v[:-1]) / 2)) for name, v in drawn.items()}
    texts = {n: f"{'random map' if n == RANDOM else style.plain(pretty(n), 40)} {areas[n]:.2f}" for n in drawn}
    label_curves(axes, shares, drawn, texts, {name: colour[name] for name in drawn})


def _in_short(table: pd.DataFrame, controls: set[str]) -> Table:
    """One row a network and explainer, each score beside that of its control."""
    scores = [score for score in _NAMES if score in set(table["score"])]
    rows = []
    for (model, explainer), some in table.groupby(["model", "explainer"], sort=False):
        by = {str(row["score"]): row for _, row in some.iterrows()}
        cells = [_short(by[score]) if score in by else Cell("–") for score in scores]
        control = " (control)" if explainer in controls else ""
        rows.append([Cell(f"{model} · {pretty(str(explainer))}{control}"), *cells])
    return Table(
        "Faithfulness of the maps, beside a control",
        ["source", *(_NAMES[score] for score in scores)],
        rows,
        range(1, 1 + len(scores)),
        f"Each cell: the explainer's maps | {_controls(table)}. Bold: better than the control, p < 0.05 "
        "corrected for all tests (Holm). ×: worse than the control by the same rule. ↓: low is faithful; ↑: "
        "high is. Deletion, insertion: areas under the curves above. Region: how well the map finds the region known "
        "to differ. Infidelity: share of the effects of hiding rectangles that the map does not predict. "
        "Parameter randomization: how much the map changes once the network's weights are shuffled; 0 means that "
        "it never depended on them.",
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


def _short(row: pd.Series) -> Cell:
    text = f"{signed(float(row['mean']))} | {signed(float(row['control_mean']))}"
    return Cell(text + (" ×" if _verdict(row) < 0 else ""), _verdict(row) > 0)


def _in_full(table: pd.DataFrame) -> Table:
    rows = []
    for _, row in table.iterrows():
        numbers = [str(row["n"]), *(signed(float(row[key]), 4) for key in ("mean", "control_mean", "difference"))]
        interval = f"{signed(float(row['ci_low']), 4)} to {signed(float(row['ci_high']), 4)}"
        names = [f"{row['model']} · {pretty(str(row['explainer']))}", _NAMES.get(row["score"], str(row["score"]))]
        rows.append([Cell(text) for text in (*names, *numbers, interval, str(row["note"] or ""))])
    columns = ["source", "score", "pictures", "maps", "control", "difference", "95 % interval", "note"]
    return Table("All numbers, with intervals and what was left out", columns, rows, range(2, 7), folded=True)


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
            "With no explainer do the networks lose their answer sooner when the places that its maps mark are deleted "
            "than when places drawn at random are."
        )
    networks = "network’s" if len(found[best]) == 1 else "networks’"
    return (
        f"The {networks} answer fades soonest when the places that {pretty(best)} marks are deleted first: the "
        f"probability of the expression is {mean:.2f} on average along the way, against {chance:.2f} when places are "
        "deleted at random."
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
    text = f"In {won} of {total} tests the maps beat random ones beyond the margin of error"
    if not doubtful:
        return f"{text}, and each explainer does so in at least half of its own."
    named = ", ".join(doubtful[:4]) + (f" and {len(doubtful) - 4} more" if len(doubtful) > 4 else "")
    return f"{text}; be careful with {named}, which beat{'s' if len(doubtful) == 1 else ''} them in fewer than half."
