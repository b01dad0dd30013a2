"""Does the explainer find the region that differs? Bars on pictures where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from xai_compare.report import style
from xai_compare.report.charts import row_axes
from xai_compare.report.data import ALL, LabelledSource, Overall, ReportData
from xai_compare.report.ranking import beside_baseline, ranking_sentence
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.style import FigureSpec

_KNOWN = {
    "known_auc": "Area under the ROC curve (1 = perfect)",
    "known_energy": "Share of relevance inside the region (1 = all)",
}


_SAME = 0.005
"""Floors that differ by less are drawn as one line."""


@SECTIONS.register("known")
class KnownRegions(Section):
    """How well each explainer finds the region that is known to differ, with intervals and chance."""

    title = "Known regions"
    lead = "A check of the explainers themselves, on pictures where the right answer is known."
    order = 70

    def applies(self, data: ReportData) -> bool:
        return bool(_sources(data))

    def figures(self, data: ReportData) -> list[FigureSpec]:
        return [_figure(data, _sources(data))]

    def headlines(self, data: ReportData) -> list[Headline]:
        scores = {source.name: data.overall("known_auc", source.name) for source in data.rankable}
        means = {name: one.value for name, one in scores.items() if one is not None}
        if not means:
            return []
        order = sorted(means, key=lambda name: -means[name])
        top = "highest mean" if len(order) > 1 else "mean"
        ranks = [(name, means[name]) for name in order]
        sentences = [
            f"On pictures whose changed region is known, the {top} area under the ROC curve is {means[order[0]]:.2f}.",
            ranking_sentence(data, "known_auc", "known/region", ranks, "finds the region best"),
            _blind(data),
        ]
        sentence = " ".join(part for part in sentences if part)
        label = f"{top.capitalize()} AUC on known regions"
        beside = beside_baseline(data, "known_auc", "known/region", order[0], [ALL], "picture")
        return [Headline(f"{means[order[0]]:.2f}", label, sentence, beside=beside)]


def _blind(data: ReportData) -> str:
    """The scores of maps that ignore the picture."""
    nulls = data.table("nulls")
    if nulls.empty:
        return ""
    rows = nulls[(nulls["metric"] == "known_auc") & (nulls["expression"] == ALL)]
    means = rows.groupby("null")["mean"].mean()
    names = {"prior": "a blob over the face", "mean_map": "the mean map of all pictures"}
    scores = [f"{name} scores {means[null]:.2f}" for null, name in names.items() if null in means]
    return f"A uniform map scores 0.50; {' and '.join(scores)}, although they ignore the picture." if scores else ""


def _sources(data: ReportData) -> list[LabelledSource]:
    rows = data.scores[data.scores["metric"].isin(list(_KNOWN)) & (data.scores["fold"] == ALL)]
    scored = set(rows["a"])
    return [source for source in data.networks if source.name in scored]


def _figure(data: ReportData, sources: list[LabelledSource]) -> FigureSpec:
    scores = {
        metric: {s.name: found for s in sources if (found := data.overall(metric, s.name)) is not None}
        for metric in _KNOWN
        if (data.scores["metric"] == metric).any()
    }
    title = "Does the explainer find the region that differs?"
    subtitle = "Pictures whose changed region is known; means with 95 % intervals over images"
    width, names = 10.0 if len(scores) > 1 else 7.0, [source.label for source in sources]
    figure, panels = row_axes(names, title, subtitle, width=width, line=0.27, panels=len(scores), right=0.3)
    for axes, metric in zip(panels, scores, strict=True):
        _bars(axes, data, _KNOWN[metric], sources, scores[metric])
    chance = any(np.isfinite(one.floor) for found in scores.values() for one in found.values())
    return FigureSpec(
        name="known_regions",
        title=title,
        what="In these pictures only a known region was changed, so a correct explanation must point to it. The bars "
        "show how well each explainer does.",
        how="Area under the ROC curve: the probability that a place inside the region is marked more strongly than one "
        "outside. Share of relevance: how much of the map's total lies inside. The thin line is the 95 % interval."
        + (
            " The dashed line, the floor, is the best score of maps that ignore the picture: a bar that ends before it "
            "does no better than such a map."
            if chance
            else ""
        ),
        alt=" ".join(_told(sources, _KNOWN[metric], scores[metric]) for metric in scores),
        figure=figure,
        raster=False,
    )


def _told(sources: Sequence[LabelledSource], label: str, scores: dict[str, Overall]) -> str:
    """The numbers of a panel in words."""
    values = [f"{source.label} {scores[source.name].value:.2f}" for source in sources if source.name in scores]
    floors = [one.floor for one in scores.values() if np.isfinite(one.floor)]
    floor = f" Floor {min(floors):.2f} to {max(floors):.2f}." if floors else ""
    return f"{label}: {', '.join(values) or 'undefined'}.{floor}"


def _bars(
    axes: Axes, data: ReportData, label: str, sources: Sequence[LabelledSource], scores: dict[str, Overall]
) -> None:
    hues = style.colours(data.explainers)
    for y, source in enumerate(sources):
        one = scores.get(source.name)
        if one is None:
            axes.text(0.01, y, "undefined", va="center", size=8, color=style.MUTED)
            continue
        axes.barh(y, one.value, height=0.62, color=hues[source.explainer])
        if np.isfinite(one.low) and np.isfinite(one.high):
            for colour, thick in (("white", 2.6), (style.INK, 1.1)):
                axes.plot([one.low, one.high], [y, y], color=colour, lw=thick, solid_capstyle="butt")
        right = float(np.nanmax([one.value, one.high, one.floor]))
        axes.text(right + 0.012, y, f"{one.value:.3f}", va="center", size=8)
    _chance(axes, {y: scores[s.name].floor for y, s in enumerate(sources) if s.name in scores})
    axes.set(xlim=(0, 1.09), xlabel=label, xticks=np.linspace(0, 1, 6))


def _chance(axes: Axes, floors: dict[int, float]) -> None:
    """One line where chance is the same for all, else a piece of it beside each bar."""
    known = {y: floor for y, floor in floors.items() if np.isfinite(floor)}
    if not known:
        return
    low, high = min(known.values()), max(known.values())
    dashes: dict[str, Any] = {"color": style.INK, "lw": 0.9, "ls": (0, (4, 3))}
    if high - low < _SAME:
        axes.axvline(float(np.mean(list(known.values()))), **dashes)
        text = f"floor {np.mean(list(known.values())):.2f}"
    else:
        for y, floor in known.items():
            axes.plot([floor, floor], [y - 0.45, y + 0.45], **dashes)
        text = f"floor {low:.2f} to {high:.2f}"
    axes.text((low + high) / 2, -0.62, text, size=7.5, ha="center", va="bottom", color=style.MUTED)
