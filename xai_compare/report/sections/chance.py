"""What the scores are worth: networks beside maps that ignore the expression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xai_compare.report import style
from xai_compare.report.charts import row_axes
from xai_compare.report.data import ALL, LabelledSource, ReportData
from xai_compare.report.labels import share
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import p_value

_NULLS = {
    "whole": "whole face",
    "prior": "face prior",
    "mean_map": "mean map of all",
    "other": "other expressions' masks",
    "other_map": "its maps of other expressions",
    "surrogate": "random, equally smooth",
}
_LEVEL = 0.05
_MARKS = dict(zip(_NULLS, "|XdsvP", strict=True))


@SECTIONS.register("chance")
class Chance(Section):
    """Each network's mean IoU beside that of maps that ignore the expression."""

    title = "Are the scores specific to the expression?"
    lead = (
        "A score means little by itself. Here it stands beside the scores of maps that ignore the expression: the "
        "whole face, a blob where faces usually are, the masks of the other expressions, and random maps as smooth as "
        "the network's."
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
        sentences = []
        overall = rows[rows["a"] == "all models"]
        if len(overall):
            row = overall.iloc[0]
            orders, p = int(row["n"]), float(row["p"])
            shown = "the maps fit" if p <= _LEVEL else "it is not shown that the maps fit"
            least = f"; the least p possible is {1 / orders:.2f}" if orders * _LEVEL < 1 else ""
            sentences.append(
                f"Over all networks, {shown} the mask of their own expression better than the masks of "
                f"others (permutation test over {orders:,} orders of the masks, p = {p_value(p)}{least})."
            )
        own = rows[rows["a"].isin([source.name for source in data.rankable])]
        if len(own):
            count = int((own["p"] <= _LEVEL).sum())
            sentences.append(
                f"Tested one by one, this is shown for {share(count, len(own), 'source')} (p ≤ 0.05, not corrected)."
            )
        scores = data.rows("iou", data.mask_name)
        tests = scores[scores["p"].notna() & scores["a"].isin([source.name for source in data.rankable])]
        if len(tests):
            better = int((tests["p_adjusted"] <= _LEVEL).sum())
            sentences.append(
                f"{share(better, len(tests), 'score')} {'is' if better == 1 else 'are'} significantly higher "
                "than those of random maps of the same smoothness (false discovery rate 5 %)."
            )
        return sentences


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
    title = "What the scores are worth: IoU beside maps that ignore the expression"
    subtitle = "Means over expressions; the bar is the network's score with the mask of its expression"
    names, below = [source.label for source in sources], 1.4 if style.narrow() else 1.17
    figure, (axes,) = row_axes(names, title, subtitle, line=0.2 + 0.085 * len(means.columns), below=below)
    hues, places = style.colours(data.explainers), np.arange(len(sources))
    axes.barh(places, [scores[s.name] for s in sources], height=0.12, color=[hues[s.explainer] for s in sources])
    # Each kind of map has a line of its own within the row, so that no mark hides another.
    lanes = np.linspace(-0.33, 0.33, len(means.columns)) if len(means.columns) > 1 else [0.0]
    for null, lane in zip(means.columns, lanes, strict=True):
        values = [means[null].get(source.name, np.nan) for source in sources]
        look: dict[str, Any] = {"marker": _MARKS[null], "s": 24, "color": style.INK, "lw": 1.1}
        axes.scatter(values, places + lane, label=_NULLS[null], zorder=3, **look)
    for place in places[1:]:
        axes.axhline(place - 0.5, color=style.RULE, lw=0.6)
    axes.set_xlabel("intersection over union")
    axes.set_xlim(left=0)
    figure.legend(
        *axes.get_legend_handles_labels(), loc="lower left", ncols=2 if style.narrow() else 3, fontsize=8, frameon=False
    )
    return FigureSpec(
        name="chance",
        title=title,
        what="Each network's mean IoU (bar) and the scores of maps that ignore the expression (marks).",
        how="Where a bar ends before the marks, the network fits the masks no better than a map of where faces usually "
        "are, or than its own maps of other expressions. Only the part beyond the marks is specific to the expression. "
        "The numbers are in tables/nulls.csv.",
        figure=figure,
        raster=False,
        alt="; ".join(
            f"{s.label} {scores[s.name]:.2f}, best map that ignores the expression {means.loc[s.name].max():.2f}"
            for s in sources
        ),
    )
