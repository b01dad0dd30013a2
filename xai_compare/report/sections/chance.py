"""What the scores are worth: networks beside maps that do not know the expression."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xai_compare.report import style
from xai_compare.report.data import ALL, LabelledSource, ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec

_NULLS = {
    "whole": "whole face",
    "prior": "face prior",
    "mean_map": "mean map of all",
    "other": "other expressions' masks",
    "other_map": "its maps of other expressions",
    "surrogate": "random, as smooth",
}
_MARKS = dict(zip(_NULLS, "|Xdsvo", strict=True))


@SECTIONS.register("chance")
class Chance(Section):
    """Each network's mean IoU beside what maps reach that do not know the expression."""

    title = "Is it this expression, or just faces?"
    lead = (
        "A score says something only beside that of maps that do not know the answer: the whole face, a blob where "
        "faces are, the masks of the other expressions, random maps as smooth as the network's."
    )
    order = 45
    papers = (
        "H. Nili, C. Wingfield, A. Walther, L. Su, W. Marslen-Wilson, N. Kriegeskorte (2014). A toolbox for "
        "representational similarity analysis. (Scores between a floor and a ceiling.)",
    )

    def applies(self, data: ReportData) -> bool:
        return data.has_masks and not _rows(data).empty and bool(_sources(data))

    def figures(self, data: ReportData) -> list[FigureSpec]:
        return [_figure(data)]

    def findings(self, data: ReportData) -> list[str]:
        table = data.table("nulls")
        rows = table[(table["metric"] == "iou") & (table["b"] == data.mask_name) & (table["null"] == "permuted")]
        rows = rows[rows["p"].notna()]
        found = []
        overall = rows[rows["a"] == "all models"]
        if len(overall):
            row = overall.iloc[0]
            told = "do not show" if float(row["p"]) > 0.05 else "show"
            found.append(
                f"Over all networks the maps {told} that they fit the mask of their own expression better than "
                f"those of others: {int(row['n']):,} orders of the masks give p = {float(row['p']):.3f}."
            )
        own = rows[rows["a"].isin([source.name for source in data.rankable])]
        if len(own):
            fit = int((own["p"] <= 0.05).sum())
            found.append(f"Taken one by one, {fit} of {len(own)} do so at p ≤ 0.05, before any correction.")
        scores = data.rows("iou", data.mask_name)
        tests = scores[scores["p"].notna() & scores["a"].isin([source.name for source in data.rankable])]
        if len(tests):
            better = int((tests["p_adjusted"] <= 0.05).sum())
            found.append(
                f"Of {len(tests)} scores, {better} are higher than those of random maps as smooth (at a false "
                "discovery rate of 5 %)."
            )
        return found


def _rows(data: ReportData) -> pd.DataFrame:
    table = data.table("nulls")
    if table.empty:
        return table
    chosen = (table["metric"] == "iou") & (table["b"] == data.mask_name) & (table["expression"] != ALL)
    return table[chosen & table["null"].isin(list(_NULLS))]


def _means(data: ReportData) -> pd.DataFrame:
    wide = _rows(data).pivot_table(index="a", columns="null", values="mean", aggfunc="mean")
    return wide[[null for null in _NULLS if null in wide]]


def _scores(data: ReportData) -> pd.Series:
    rows = data.rows("iou", data.mask_name)
    return rows[rows["expression"] != ALL].groupby("a")["value"].mean()


def _sources(data: ReportData) -> list[LabelledSource]:
    means, scores = _means(data), _scores(data)
    return [source for source in data.networks if source.name in means.index and source.name in scores.index]


def _figure(data: ReportData) -> FigureSpec:
    means, scores, sources = _means(data), _scores(data), _sources(data)
    line, head = 0.32, 0.75
    left = 0.35 + 0.072 * max(len(style.plain(source.label, 40)) for source in sources)
    width, height = 9.4, head + line * len(sources) + 1.25
    figure = style.new_figure(width, round(height, 2))
    title = "What the scores are worth: IoU beside maps that do not know the expression"
    style.heading(
        figure, title, "Means over expressions; the bar is the network's score with the mask of its expression"
    )
    axes = figure.add_axes((left / width, 1.05 / height, (width - left - 0.4) / width, (height - head - 1.1) / height))
    hues = style.colours(data.explainers)
    places = range(len(sources))
    axes.barh(
        places, [scores[s.name] for s in sources], height=0.6, color=[hues[s.explainer] for s in sources], alpha=0.55
    )
    for null in means.columns:
        values = [means[null].get(source.name, np.nan) for source in sources]
        axes.scatter(values, places, marker=_MARKS[null], s=42, color=style.INK, lw=1.1, label=_NULLS[null], zorder=3)
    axes.set(ylim=(len(sources) - 0.4, -0.6), xlabel="intersection over union")
    axes.set_xlim(left=0)
    axes.set_yticks(list(places), [style.plain(source.label, 40) for source in sources])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=style.RULE, lw=0.5)
    axes.set_axisbelow(True)
    figure.legend(*axes.get_legend_handles_labels(), loc="lower left", ncols=3, fontsize=8, frameon=False)
    return FigureSpec(
        name="chance",
        title=title,
        what="Each network's mean IoU (bar) beside the scores of maps that do not know which expression they are asked "
        "about (marks).",
        how="A bar that ends before the marks says that the network fits the masks no better than a map of where faces "
        "are, or than its own maps of other expressions. Only what lies beyond them speaks of the expression. The "
        "numbers are in tables/nulls.csv.",
        figure=figure,
        raster=False,
    )
