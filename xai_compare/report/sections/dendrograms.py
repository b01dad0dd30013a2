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
from xai_compare.report.labels import column_names
from xai_compare.report.material import Block, LabelledSource, Material
from xai_compare.report.references import GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import Picture

_MANY, _FEWEST = 24, 3
_NAMES = {"pearson": "Pearson's r", "uncentred": "uncentred correlation, Equation 4"}


@SECTIONS.named("dendrograms")
class Dendrograms(Section):
    """A figure per form of correlation (and per explainer, where one tree of all would be too crowded)."""

    title = "Which sources attend to the same places?"
    lead = "Sources grouped by the correlation of their mean maps."
    order = 100
    papers = (GAYA_MOREY_2024,)

    def applies(self, material: Material) -> bool:
        return len(_leaves_of(material)) >= _FEWEST

    def figures(self, material: Material) -> list[Picture]:
        everything = _leaves_of(material)
        blocks = [Block("", everything)]
        if len(everything) > _MANY and len(material.explainers) > 1:
            people = tuple(source for source in everything if source.kind != "model")
            blocks = [
                Block(name, tuple(s for s in material.networks if s.explainer == name) + people)
                for name in material.explainers
            ]
        made = [_figure(material, block, form) for form in _NAMES for block in blocks]
        return [picture for picture in made if picture is not None]


def _leaves_of(material: Material) -> tuple[LabelledSource, ...]:
    return (*material.networks, *material.of("human", "known"))


def _figure(material: Material, block: Block, form: str) -> Picture | None:
    trees = {
        expression: tree
        for expression in material.expressions
        if (tree := _tree(material, block, expression, form == "pearson")) is not None
    }
    if not trees:
        return None
    leaves = max(len(names) for names, _, _ in trees.values())
    longest = max(len(_leaf(material, block, source)) for source in block.sources)
    columns = min(3 if leaves <= 6 and longest <= 18 else 2, len(trees))
    rows = math.ceil(len(trees) / columns)
    simulated = material.simulated(block.sources)
    panel, head, foot = max(0.155 * leaves, 0.8) + 0.42, 0.75 + 0.16 * simulated, 0.45
    width, height = (10.0 if columns > 1 else 6.4), head + rows * panel + foot
    figure = style.new_figure(width, round(height, 2))
    through = f", seen through {style.plain(block.title)}" if block.explainer else ""
    style.heading(
        figure,
        f"Which sources attend to the same places{through}?",
        f"Average linkage over 1 − r between mean maps; r: {_NAMES[form]}",
        simulated,
    )
    deepest = max(float(merges[:, 2].max()) for _, merges, _ in trees.values())
    headings = dict(zip(material.expressions, column_names(material.expressions), strict=True))
    label, gap = min(0.15 + 0.066 * longest, 2.8), 0.3
    for i, (expression, (names, merges, left_out)) in enumerate(trees.items()):
        row, column = divmod(i, columns)
        each = (width - 0.15) / columns
        top = head + row * panel
        box = (0.15 + column * each, height - top - panel + 0.14, each - label - gap, panel - 0.36)
        axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        _draw(axes, material, block, names, merges, deepest)
        axes.set_title(headings[expression], pad=3)
        note = f"last join {merges[-1, 2]:.3f}" + (f"; without {left_out} flat or missing" if left_out else "")
        axes.text(1.01, 1, note, transform=axes.transAxes, va="bottom", fontsize=7.5, color=style.MUTED)
        last = row == rows - 1 or i + columns >= len(trees)
        axes.tick_params(labelbottom=last)
        axes.set_xlabel("1 − r" if last else "")
    return Picture(
        name=f"dendrograms_{form}" + (f"_{style.slug(block.explainer)}" if block.explainer else ""),
        title=f"Similarity of sources ({_NAMES[form]})" + (f": {block.title}" if block.explainer else ""),
        what="A tree of the sources for each expression, built from the correlations of their mean maps. "
        + (
            "Pearson's r compares the shapes of two maps around their means."
            if form == "pearson"
            else "The uncentred form (Equation 4 of Gaya-Morey et al. 2024) also counts how much they cover."
        ),
        how="Two sources that join far to the right attend to almost the same places; groups that join only at the "
        "left attend to different ones. The number at the upper right is the height at which the last two groups "
        "join. All trees share one scale.",
        figure=figure,
        raster=False,
        simulated=simulated,
        fold=_NAMES[form][0].upper() + _NAMES[form][1:] + (f", {block.title}" if block.explainer else ""),
    )


def _tree(
    material: Material, block: Block, expression: str, centred: bool
) -> tuple[list[LabelledSource], np.ndarray, int] | None:
    """The sources that can be clustered, their merges, and how many could not; None with fewer than three."""
    sources = [source for source in block.sources if (source.name, expression) in material.maps]
    if len(sources) < _FEWEST:
        return None
    stack = np.stack([material.maps[source.name, expression] for source in sources])
    defined = ~np.isnan(correlation_matrix(stack, centred).diagonal())
    if defined.sum() < _FEWEST:
        return None
    kept = [source for source, known in zip(sources, defined, strict=True) if known]
    return kept, linkage(stack[defined], centred), len(block.sources) - len(kept)


def _draw(
    axes: Axes, material: Material, block: Block, sources: list[LabelledSource], merges: np.ndarray, deepest: float
) -> None:
    tree = dendrogram(merges, no_plot=True)
    lines = [np.column_stack([d, i]) for d, i in zip(tree["dcoord"], tree["icoord"], strict=True)]
    axes.add_collection(LineCollection(lines, colors=style.INK, linewidths=1.0))
    order = [sources[i] for i in tree["leaves"]]
    places = 5 + 10 * np.arange(len(order))
    axes.set(xlim=(deepest * 1.04, 0), ylim=(10 * len(order), 0), yticks=places)
    axes.yaxis.tick_right()
    axes.set_yticklabels([_leaf(material, block, source) for source in order], fontsize=8)
    hues = style.colours(material.explainers)
    for text, source in zip(axes.get_yticklabels(), order, strict=True):
        if source.kind != "model":
            text.set(color="black", weight="bold")
        elif len(material.explainers) > 1 and not block.explainer:
            text.set_color(_darker(hues[source.explainer]))
    axes.tick_params(axis="y", length=0, pad=3)
    axes.tick_params(axis="x", labelsize=7.5, length=2)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=style.RULE, lw=0.5)
    axes.set_axisbelow(True)


def _leaf(material: Material, block: Block, source: LabelledSource) -> str:
    if source.kind == "human":
        name = style.plain(source.label, 24)
        return f"{name} (simulated)" if source.simulated else name
    if source.kind == "known":
        return source.label
    alone = bool(block.explainer) or len(material.explainers) < 2
    return style.plain(source.network if alone and source.model else source.label, 44)


def _darker(colour: str) -> str:
    red, green, blue = to_rgb(colour)
    return to_hex((0.72 * red, 0.72 * green, 0.72 * blue))
