"""What would come out under other choices: every universe's scores, and how far the order of networks holds."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xai_compare.report import style
from xai_compare.report.data import ReportData, pretty
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Cell, Table, signed

_FACTORS = {"explainer": "explainer", "scaling": "scaling", "cut": "threshold", "sigma": "people’s sigma ×"}
_LEVELS = {
    "min_max": "least to greatest",
    "positive": "positive, to greatest",
    "positive_part": "positive, unscaled",
    "none": "as they are",
    "otsu": "Otsu",
    "level": "fixed level",
    "equal_area": "equal area",
}
_METRICS = {"iou": "IoU with the masks", "dice": "Dice coefficient with people"}


@SECTIONS.register("multiverse")
class Multiverse(Section):
    """A curve of all universes with the choices below it, and how far each choice moves scores and order."""

    title = "Do the results depend on the choices made?"
    lead = (
        "How maps are scaled and thresholded, which explainer is used and how wide a fixation is drawn are choices. "
        "Here every combination of them is scored."
    )
    order = 48
    papers = (
        "S. Steegen, F. Tuerlinckx, A. Gelman, W. Vanpaemel (2016). Increasing transparency through a multiverse "
        "analysis. Perspectives on Psychological Science 11.",
    )

    def applies(self, data: ReportData) -> bool:
        return not data.table("multiverse").empty

    def figures(self, data: ReportData) -> list[FigureSpec]:
        table = data.table("multiverse")
        return [_figure(data, str(b), rows) for b, rows in table.groupby("b", sort=False) if _drawn(rows)]

    def findings(self, data: ReportData) -> list[str]:
        found = []
        for (metric, b), rows in data.table("multiverse_factors").groupby(["metric", "b"], sort=False):
            ranking_sentence = rows[rows["tau_mean"].notna()]
            if ranking_sentence.empty:
                continue
            worst = ranking_sentence.sort_values("tau_mean").iloc[0]
            most = rows.sort_values("eta_squared", na_position="first").iloc[-1]
            against = "the masks" if metric == "iou" else f"the people of {str(b).removeprefix('human/')}"
            same = float(ranking_sentence["tau_least"].min()) == 1
            found.append(
                f"Against {against}, {_moves(most, rows)} "
                + (
                    f"The order of {worst['compared']} is the same for all choices."
                    if same
                    else f"The order of {worst['compared']} depends most on the choice of {_choice(worst)} (mean "
                    f"Kendall’s τ {signed(float(worst['tau_mean']))}; another comes first in "
                    f"{float(worst['first_changes']):.0%} of the pairs of analyses that differ in it alone)."
                )
            )
        return found

    def tables(self, data: ReportData) -> list[Table]:
        rows = []
        for _, row in data.table("multiverse_factors").iterrows():
            against = _METRICS[str(row["metric"])] + (f": {row['b']}" if row["metric"] == "dice" else "")
            numbers = [float(row[key]) for key in ("spread", "eta_squared", "tau_mean", "tau_least", "first_changes")]
            texts = [against, _choice(row), str(row["levels"])]
            rows.append([Cell(text) for text in (*texts, *(signed(number) for number in numbers), str(row["pairs"]))])
        columns = ["score", "choice", "levels", "moves by", "η²", "mean τ", "least τ", "first changes", "pairs"]
        note = (
            "Moves by: greatest less least of the levels’ mean scores. η²: share of the variance of all scores. τ: "
            "Kendall’s rank correlation between the orders under two analyses that differ in this choice alone; 1 is "
            "the same order, −1 the reverse. First changes: share of these pairs in which another one comes first."
        )
        return [Table("How far each choice moves scores and order", columns, rows, range(2, len(columns)), note)]


def _moves(most: pd.Series, rows: pd.DataFrame) -> str:
    """Which choice moves scores most, if any does."""
    if not float(rows["spread"].max()) > 0:
        return "no choice moves the scores."
    verb = "moves scores most" if len(rows) > 1 else "moves scores"
    return f"the choice of {_choice(most)} {verb} (by {float(most['spread']):.2f} on average)."


def _choice(row: pd.Series) -> str:
    return _FACTORS[str(row["factor"])].removesuffix(" ×")


def _drawn(rows: pd.DataFrame) -> bool:
    return bool(np.isfinite(rows["value"].to_numpy(float)).any())


def _figure(data: ReportData, b: str, rows: pd.DataFrame) -> FigureSpec:
    networks = list(dict.fromkeys(rows["model"]))
    factors = [name for name in _FACTORS if rows[name].notna().any() and rows[name].nunique() > 1]
    wide = rows.pivot_table(index=factors, columns="model", values="value", sort=False)[networks] if factors else None
    if wide is None or len(wide) < 2:
        wide, factors = rows.set_index("model")["value"].to_frame().T, []
    order = wide.mean(axis=1).sort_values().index
    wide = wide.loc[order]
    levels = [(name, level) for name in factors for level in dict.fromkeys(rows[name].dropna())]
    line, head, curve = 0.2, 0.95, 2.6
    width, height = style.fitted(10.0), head + curve + line * len(levels) + 0.45
    figure = style.new_figure(width, round(height, 2))
    metric = _METRICS[str(rows["metric"].iloc[0])]
    simulated = data.simulated([source for source in data.sources if source.name == b])
    title = f"{metric} under every combination of choices"
    style.heading(figure, title, f"Each column is one of {len(wide)} analyses, sorted by mean score", simulated)
    left = 2.3
    box = (left / width, (height - head - curve + 0.1) / height, (width - left - 0.25) / width, curve / height)
    axes = figure.add_axes(box)
    hues = style.colours(networks)
    x = np.arange(len(wide))
    for name in networks:
        axes.plot(x, wide[name], "o", ms=3.4, color=hues[name], mec="none", label=style.plain(name, 30))
    axes.set(xlim=(-0.7, len(wide) - 0.3), ylabel=metric)
    axes.set_xticks([])
    axes.grid(axis="y", color=style.RULE, lw=0.5)
    axes.legend(fontsize=8, frameon=False, ncols=4, loc="upper left", bbox_to_anchor=(0, 1.12), borderaxespad=0)
    if levels:
        below = (box[0], 0.3 / height, box[2], line * len(levels) / height)
        _choices(figure.add_axes(below, sharex=axes), wide.index, factors, levels)
    return FigureSpec(
        name=f"multiverse_{style.slug(b)}",
        title=title,
        what="Above: each network’s mean score over expressions in every analysis. Below: the choices of that "
        "analysis.",
        how="Where the colours change places from column to column, the order depends on the choices, not on the "
        "networks. Where the marks of a row gather at one end, that choice changes the scores.",
        figure=figure,
        raster=False,
        simulated=simulated,
    )


def _choices(axes: Axes, index: pd.Index, factors: list[str], levels: list[tuple[str, object]]) -> None:
    """Which level of each factor makes the analysis of each column."""
    universes = [one if isinstance(one, tuple) else (one,) for one in index]
    for row, (factor, level) in enumerate(levels):
        place = factors.index(factor)
        chosen = [x for x, universe in enumerate(universes) if universe[place] == level]
        axes.plot(chosen, [row] * len(chosen), "|", ms=7, mew=1.4, color=style.INK)
        if row and levels[row - 1][0] != factor:
            axes.axhline(row - 0.5, color=style.FRAME, lw=0.6)
    names = [_named(factor, level) for factor, level in levels]
    axes.set(ylim=(len(levels) - 0.4, -0.6), xlabel="analyses")
    axes.set_xticks([])
    axes.set_yticks(range(len(levels)), names)
    axes.tick_params(axis="y", length=0)
    axes.spines[["left", "bottom"]].set_visible(False)


def _named(factor: str, level: object) -> str:
    if factor == "explainer":
        return style.plain(pretty(str(level)), 30)
    return f"{_FACTORS[factor]} {level:g}" if isinstance(level, float) else _LEVELS.get(str(level), str(level))
