"""Do networks attend where people do? Dice coefficients as tables and boxes."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from xai_compare.report import style
from xai_compare.report.charts import grid_behind, inch_box, write_right_of
from xai_compare.report.data import ALL, LabelledSource, ReportData, pretty
from xai_compare.report.labels import counted, people_name
from xai_compare.report.ranking import baseline_sentence, beside_baseline, ranking_sentence
from xai_compare.report.score_table import ScoreTable, ranking, score_frame, score_listings, score_tables
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Table

_MOST_HEADLINES, _MOST_PARTS = 2, 6
BOTH = "that both have"
"""By this a note says that a score was taken on the same pictures."""


@SECTIONS.register("people")
class People(Section):
    """The Dice coefficient of every network and expression with each group of people."""

    title = "Networks against people"
    lead = (
        "Do networks attend where people click or look? The Dice coefficient of each mean map with that of people is "
        "twice the shared area divided by the sum of both (1: the same places, 0: none shared). Bold: the highest "
        "value of a column among an explainer's networks."
    )
    order = 50
    papers = (
        "S. Park, C. Wallraven (2022). Comparing facial expression recognition in humans and machines: using CAM, "
        "GradCAM, and extremal perturbation. (Dice coefficients of maps with human clicks.)",
    )

    def applies(self, data: ReportData) -> bool:
        return any(True for _ in _tables(data))

    def findings(self, data: ReportData) -> list[str]:
        return [text for person, _ in _tables(data) for text in other_pictures(data, person)]

    def figures(self, data: ReportData) -> list[FigureSpec]:
        return [box for person in data.of_kind("human") for box in _boxes(data, person)]

    def tables(self, data: ReportData) -> list[Table]:
        return [
            listing
            for person, tables in _tables(data)
            for listing in score_listings(tables, data, f"Dice with people: {person.short}")
        ]

    def csv_tables(self, data: ReportData) -> dict[str, pd.DataFrame]:
        return {f"dice_table_{style.slug(person.short)}": score_frame(tables, data) for person, tables in _tables(data)}

    def headlines(self, data: ReportData) -> list[Headline]:
        found = [_headline(data, person, tables) for person, tables in _tables(data)]
        return [one for one in found if one is not None][:_MOST_HEADLINES]


def _tables(data: ReportData) -> Iterator[tuple[LabelledSource, list[ScoreTable]]]:
    for person in data.of_kind("human"):
        if tables := score_tables(data, "dice", person.name):
            yield person, tables


def other_pictures(data: ReportData, person: LabelledSource) -> list[str]:
    """Which mean maps of networks are not of the pictures that these people's are of, and what was done about it."""
    maps = data.table("maps")
    if not {"source", "image", "group"} <= set(maps):
        return []
    of_source = {str(name): rows for name, rows in maps.groupby("source", sort=False)}
    if person.name not in of_source:
        return []
    seen = set(of_source[person.name]["image"])
    parts: dict[bool, dict[tuple[str, int, int, int], list[str]]] = {True: {}, False: {}}
    for source in data.networks:
        for expression in data.expressions if source.name in of_source else ():
            ours, theirs = (_pictures(of_source[name], expression) for name in (source.name, person.name))
            if ours and theirs and ours != theirs:
                row = data.value("dice", source.name, person.name, expression)
                key = (expression, len(ours), len(theirs), len(ours & seen))
                networks = parts[row is not None and BOTH in str(row["note"])].setdefault(key, [])
                networks += [source.model] * (source.model not in networks)
    told = {same: _listed(person, keys) for same, keys in parts.items() if keys}
    sentences = []
    if True in told:
        sentences.append(f"Compared on the pictures that both have, where each has others too: {told[True]}.")
    if False in told:
        sentences.append(
            f"These mean maps are of different pictures: {told[False]}. Where they differ, it may be for the pictures."
        )
    return sentences


def _pictures(rows: pd.DataFrame, expression: str) -> set[str]:
    return set(rows["image"] if expression == ALL else rows["image"][rows["group"] == expression])


def _listed(person: LabelledSource, parts: dict[tuple[str, int, int, int], list[str]]) -> str:
    texts = [
        f"{expression} ({', '.join(networks)}: {ours}; {person.short}: {theirs}; both: {both})"
        for (expression, ours, theirs, both), networks in parts.items()
    ]
    more = len(texts) - _MOST_PARTS
    return "; ".join(texts[:_MOST_PARTS]) + (
        f"; and {more} more, see the notes in tables/scores.csv" if more > 0 else ""
    )


def _headline(data: ReportData, person: LabelledSource, tables: list[ScoreTable]) -> Headline | None:
    ranks = ranking(tables)
    if not ranks:
        return None
    best = ranks[0]
    top = "The highest mean" if len(ranks) > 1 else "The mean"
    people = f"{'simulated ' if person.simulated else ''}people ({person.short})"
    sentences = [
        f"{top} Dice coefficient with {people} is {best[1]:.2f} (over {counted(len(best[2]), 'expression')}).",
        ranking_sentence(
            data, "dice", person.name, [(name, mean) for name, mean, _ in ranks], f"attends most like {people}"
        ),
        baseline_sentence(data, "dice", person.name, best[0], best[2]),
    ]
    label = f"{top.removeprefix('The ').capitalize()} Dice with {'simulated ' if person.simulated else ''}people"
    beside = beside_baseline(data, "dice", person.name, best[0], best[2])
    return Headline(f"{best[1]:.2f}", label, " ".join(part for part in sentences if part), person.simulated, beside)


def _boxes(data: ReportData, person: LabelledSource) -> list[FigureSpec]:
    """A box per explainer of its Dice coefficients with people, as Figure 10 of Park and Wallraven 2022."""
    groups: dict[str, list[float]] = {}
    for source in data.rankable:
        for expression in data.expressions:
            row = data.value("dice", source.name, person.name, expression)
            if row is not None and np.isfinite(row["value"]):
                groups.setdefault(source.explainer, []).append(float(row["value"]))
    return [_box_figure(data, person, groups)] if groups else []


def _box_figure(data: ReportData, person: LabelledSource, groups: dict[str, list[float]]) -> FigureSpec:
    people = people_name(person)
    head = 0.75 + 0.16 * person.simulated
    width, height = style.fitted(10.0), head + 2.6
    figure = style.new_figure(width, height)
    style.heading(
        figure,
        f"Do networks attend where people do? Dice with {people}",
        f"A point is one network and one expression; maps scaled to 0–255 and cut at {data.dice_level:g}",
        person.simulated,
    )
    axes = inch_box(figure, 0.75, 0.55, width - 1.6, height - head - 0.75)
    hues = style.colours(data.explainers)
    boxes = axes.boxplot(
        list(groups.values()),
        positions=range(len(groups)),
        widths=0.3,
        patch_artist=True,
        showfliers=False,
        medianprops={"color": style.INK, "lw": 1.6},
        whiskerprops={"color": style.MUTED},
        capprops={"color": style.MUTED},
    )
    for i, (explainer, values) in enumerate(groups.items()):
        boxes["boxes"][i].set(facecolor=hues[explainer], alpha=0.35, edgecolor=style.MUTED)
        spread = np.random.default_rng(i).uniform(-0.09, 0.09, len(values))
        axes.scatter(i + spread, values, s=13, color=hues[explainer], edgecolor="white", lw=0.4, zorder=3)
        axes.text(i + 0.18, np.median(values), f"{np.median(values):.2f}", va="center", size=8)
    names = [style.plain(pretty(name) or "maps", 48) for name in groups]
    names = [textwrap.fill(name, 12, break_long_words=False) for name in names] if style.narrow() else names
    labels = [f"{name}\n{len(values)} values" for name, values in zip(names, groups.values(), strict=True)]
    axes.set(ylim=(0, 1), xlim=(-0.6, len(groups) - 0.3), ylabel="Dice coefficient (0 none, 1 full overlap)")
    axes.set_xticks(range(len(groups)), labels)
    axes.tick_params(axis="x", length=0)
    grid_behind(axes, "y")
    _ceiling(axes, data, person)
    return FigureSpec(
        name=f"dice_boxes_{style.slug(person.short)}",
        title=f"Dice coefficients with {people}",
        what="How much the places that networks attend to most overlap with those of people, by explainer.",
        how="A box holds the middle half of the values, its line is the median (printed beside it), whiskers reach to "
        "1.5 box lengths. Higher is nearer to people."
        + (
            " The dashed line shows how well groups of people agree with one another." if _between(data, person) else ""
        ),
        figure=figure,
        raster=False,
        simulated=person.simulated,
        alt="Medians: "
        + ", ".join(f"{pretty(name) or 'maps'} {np.median(values):.2f}" for name, values in groups.items()),
    )


def _between(data: ReportData, person: LabelledSource) -> list[float]:
    """Dice coefficients of this group of people with the other groups."""
    others = [other.name for other in data.of_kind("human") if other.name != person.name]
    rows = [data.value("dice", person.name, other, e) for other in others for e in data.expressions]
    return [float(row["value"]) for row in rows if row is not None and np.isfinite(row["value"])]


def _ceiling(axes: Axes, data: ReportData, person: LabelledSource) -> None:
    values = _between(data, person)
    if values:
        level = float(np.mean(values))
        axes.axhline(level, color=style.INK, lw=0.9, ls=(0, (4, 3)))
        write_right_of(axes, level, f"people with\npeople {level:.2f}")
