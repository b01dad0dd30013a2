"""Which sources attend to the same places: one small tree per expression."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex, to_rgb
from scipy.cluster.hierarchy import dendrogram

from xai_compare.comparison import correlation_matrix, linkage
from xai_compare.report import style
from xai_compare.report.data import LabelledSource, ReportData, SourceGroup
from xai_compare.report.labels import column_names
from xai_compare.report.references import GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec

_MANY, _FEWEST = 14, 3
_NAMES = {"pearson": "Pearson's r", "uncentred": "uncentred correlation, Equation 4"}


@SECTIONS.register("dendrograms")
class Dendrograms(Section):
    """A figure per form of correlation (and per explainer, where one tree of all would be too crowded)."""

    title = "Which sources attend to the same places?"
    lead = "Sources grouped by the correlation of their mean maps."
    order = 100
    papers = (GAYA_MOREY_2024,)

    def applies(self, data: ReportData) -> bool:
        return len(_leaves_of(data)) >= _FEWEST

    def figures(self, data: ReportData) -> list[FigureSpec]:
        everything = _leaves_of(data)
        groups = [SourceGroup("", everything)]
        if len(everything) > _MANY and len(data.explainers) > 1:
            people = tuple(source for source in everything if source.kind != "model")
            groups = [
                SourceGroup(name, tuple(s for s in data.networks if s.explainer == name) + people)
                for name in data.explainers
            ]
        made = [_figure(data, group, form) for form in _NAMES for group in groups]
        return [picture for picture in made if picture is not None]


def _leaves_of(data: ReportData) -> tuple[LabelledSource, ...]:
    return (*data.networks, *data.of_kind("human", "known"))


def _figure(data: ReportData, group: SourceGroup, form: str) -> FigureSpec | None:
    trees = {
        expression: tree
        for expression in data.expressions
        if (tree := _tree(data, group, expression, form == "pearson")) is not None
    }
    if not trees:
        return None
    leaves = max(len(names) for names, _, _ in trees.values())
    longest = max(len(_leaf(data, group, source)) for source in group.sources)
    columns = 1 if style.narrow() else min(3 if leaves <= 6 and longest <= 18 else 2, len(trees))
    rows = math.ceil(len(trees) / columns)
    simulated = data.simulated(group.sources)
    panel, head, foot = max(0.19 * leaves, 0.8) + 0.42, 0.75 + 0.16 * simulated, 0.45
    width, height = style.fitted(10.0 if columns > 1 else 6.4), head + rows * panel + foot
    figure = style.new_figure(width, round(height, 2))
    through = f", seen through {style.plain(group.title)}" if group.explainer else ""
    style.heading(
        figure,
        f"Which sources attend to the same places{through}?",
        f"Average linkage over 1 − r between mean maps; r: {_NAMES[form]}",
        simulated,
    )
    deepest = max(float(merges[:, 2].max()) for _, merges, _ in trees.values())
    headings = dict(zip(data.expressions, column_names(data.expressions), strict=True))
    label, gap = min(0.15 + 0.066 * longest, 2.8), 0.3
    for i, (expression, (names, merges, left_out)) in enumerate(trees.items()):
        row, column = divmod(i, columns)
        each = (width - 0.15) / columns
        top = head + row * panel
        box = (0.15 + column * each, height - top - panel + 0.14, each - label - gap, panel - 0.36)
        axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        _draw(axes, data, group, names, merges, deepest)
        axes.set_title(headings[expression], pad=3)
        note = f"last join {merges[-1, 2]:.3f}" + (f"; without {left_out} flat or missing" if left_out else "")
        axes.text(1.01, 1, note, transform=axes.transAxes, va="bottom", fontsize=7.5, color=style.MUTED)
        last = row == rows - 1 or i + columns >= len(trees)
        axes.tick_params(labelbottom=last)
        axes.set_xlabel("1 − r" if last else "")
    return FigureSpec(
        name=f"dendrograms_{form}" + (f"_{style.slug(group.explainer)}" if group.explainer else ""),
        title=f"Similarity of sources ({_NAMES[form]})" + (f": {group.title}" if group.explainer else ""),
        what="A tree of the sources for each expression, built from the correlations of their mean maps. "
        + (
            "Pearson's r compares the shapes of two maps around their means."
            if form == "pearson"
            else "The uncentred form (Equation 4 of Gaya-Morey et al. 2024) also counts how much they cover."
        ),
        how="Sources that join far to the right attend to almost the same places; groups that join only at the left "
        "attend to different ones. The number at the upper right is the distance at which the last two groups join. "
        "All trees share one scale.",
        figure=figure,
        raster=False,
        simulated=simulated,
        alt=" ".join(
            f"{expression.capitalize()}: {_leaf(data, group, names[int(min(merges[0, :2]))])} and "
            f"{_leaf(data, group, names[int(max(merges[0, :2]))])} are most alike (1 − r = {merges[0, 2]:.2f}); the "
            f"last two groups join at {merges[-1, 2]:.2f}."
            for expression, (names, merges, _) in trees.items()
        ),
        fold=_NAMES[form][0].upper() + _NAMES[form][1:] + (f", {group.title}" if group.explainer else ""),
    )


def _tree(
    data: ReportData, group: SourceGroup, expression: str, centred: bool
) -> tuple[list[LabelledSource], np.ndarray, int] | None:
    """The sources that can be clustered, their merges, and how many could not; None with fewer than three."""
    sources = [source for source in group.sources if (source.name, expression) in data.maps]
    if len(sources) < _FEWEST:
        return None
    stack = np.stack([data.maps[source.name, expression] for source in sources])
    defined = ~np.isnan(correlation_matrix(stack, centred).diagonal())
    if defined.sum() < _FEWEST:
        return None
    kept = [source for source, known in zip(sources, defined, strict=True) if known]
    return kept, linkage(stack[defined], centred), len(group.sources) - len(kept)


def _draw(
    axes: Axes, data: ReportData, group: SourceGroup, sources: list[LabelledSource], merges: np.ndarray, deepest: float
) -> None:
    tree = dendrogram(merges, no_plot=True)
    lines = [np.column_stack([d, i]) for d, i in zip(tree["dcoord"], tree["icoord"], strict=True)]
    axes.add_collection(LineCollection(lines, colors=style.INK, linewidths=1.0))
    order = [sources[i] for i in tree["leaves"]]
    places = 5 + 10 * np.arange(len(order))
    axes.set(xlim=(deepest * 1.04, 0), ylim=(10 * len(order), 0), yticks=places)
    axes.yaxis.tick_right()
    axes.set_yticklabels([_leaf(data, group, source) for source in order], fontsize=8)
    hues = style.colours(data.explainers)
    for text, source in zip(axes.get_yticklabels(), order, strict=True):
        if source.kind != "model":
            text.set(color="black", weight="bold")
        elif len(data.explainers) > 1 and not group.explainer:
            text.set_color(_darker(hues[source.explainer]))
    axes.tick_params(axis="y", length=0, pad=3)
    axes.tick_params(axis="x", labelsize=7.5, length=2)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=style.RULE, lw=0.5)
    axes.set_axisbelow(True)


def _leaf(data: ReportData, group: SourceGroup, source: LabelledSource) -> str:
    if source.kind == "human":
        name = style.plain(source.label, 24)
        return f"{name} (simulated)" if source.simulated else name
    if source.kind == "known":
        return source.label
    alone = bool(group.explainer) or len(data.explainers) < 2
    return style.plain(source.network if alone and source.model else source.label, 44)


def _darker(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return to_hex((0.72 * red, 0.72 * green, 0.72 * blue))
