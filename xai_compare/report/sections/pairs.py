"""Two groups of people side by side, such as clicks against gaze."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from xai_compare.report import style
from xai_compare.report.data import ALL, LabelledSource, ReportData
from xai_compare.report.image_grid import ImageGrid
from xai_compare.report.labels import column_names, row_label
from xai_compare.report.ranking import baseline_sentence, beside_baseline
from xai_compare.report.references import GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import signed

_METRICS = (("pearson", "r ="), ("uncentred", "uncentred"), ("dice", "Dice"))
_FLOORS = {"prior": "a blob", "whole": "whole face", "other_map": "others' maps"}


@SECTIONS.register("pairs")
class Pairs(Section):
    """A grid for every two groups of people: their maps under one another, with what the scores say of them."""

    title = "People against people"
    lead = "Two ways of measuring where people attend, compared with each other."
    order = 60
    papers = (
        GAYA_MOREY_2024,
        "A. Bruckert, L. Lévêque, M. Perreira Da Silva, P. Le Callet (2023). A dataset of gaze and mouse patterns in "
        "the context of facial expression recognition. ACM IMX. (Gaze against mouse.)",
    )

    def applies(self, data: ReportData) -> bool:
        return len(data.of_kind("human")) > 1

    def figures(self, data: ReportData) -> list[FigureSpec]:
        return [_pair(data, one, other) for one, other in combinations(data.of_kind("human"), 2)]

    def headlines(self, data: ReportData) -> list[Headline]:
        one, other = data.of_kind("human")[:2]
        row = data.value("pearson", one.name, other.name, ALL)
        scope = "all expressions together" if row is not None else "mean over expressions"
        names = [ALL] if row is not None else data.expressions
        rows = [data.value("pearson", one.name, other.name, name) for name in names]
        known = [float(row["value"]) for row in rows if row is not None and np.isfinite(row["value"])]
        if not known:
            return []
        number = signed(float(np.mean(known)))
        simulated = data.simulated((one, other))
        more = "; some of these data are simulated" if simulated else ""
        sentence = f"The maps of {one.short} and {other.short} correlate with r = {number} ({scope}){more}."
        first, second = next((row["a"], row["b"]) for row in rows if row is not None)
        floor = baseline_sentence(data, "pearson", second, first, names)
        ceiling = _like_people([row for row in rows if row is not None], data.by_name[second].short)
        return [
            Headline(
                number,
                "Agreement of people (correlation)",
                " ".join(filter(None, (sentence, floor, ceiling))),
                simulated,
                beside_baseline(data, "pearson", second, first, names),
            )
        ]


def _like_people(rows: list[Mapping[str, Any]], whose: str) -> str:
    """What one person left out reaches, what very many would, and on which side of both the score lies."""
    both = [[float(row.get(end, np.nan)) for row in rows] for end in ("ceiling_low", "ceiling_high")]
    if not np.isfinite(both).all():
        return ""
    low, high = np.mean(both, axis=1)
    value = float(np.mean([float(row["value"]) for row in rows]))
    place = "below" if value < low else "above both, so that neither is a limit" if value > high else "between"
    return (
        f"One person of {whose} agrees with the others at {low:.2f} on average; very many such people would at about "
        f"{high:.2f} (an estimate). The score lies {place}{' these' if place in ('below', 'between') else ''}."
    )


def _pair(data: ReportData, one: LabelledSource, other: LabelledSource) -> FigureSpec:
    names = [e for e in data.expressions if (one.name, e) in data.maps or (other.name, e) in data.maps]
    if ALL not in names and any((source.name, ALL) in data.maps for source in (one, other)):
        names.append(ALL)
    first, second = (style.plain(source.short, 20) for source in (one, other))
    title = f"{first.capitalize()} against {second}"
    draw = _beside if len(names) == 1 else _below
    return FigureSpec(
        name=f"people_{style.slug(one.short)}_vs_{style.slug(other.short)}",
        title=title,
        what=f"Where people attend, measured in two ways: {first} and {second}.",
        how="r is Pearson's correlation of the two mean maps (1 the same, 0 unrelated; its 95 % interval in "
        "brackets). Below it: the best of the maps that ignore the expression, a blob over the face or the same "
        "people's maps of the other expressions. Uncentred is the correlation without subtracting the means; Dice is "
        "the overlap of the places attended to most.",
        figure=draw(data, one, other, names, title),
        raster=True,
        simulated=data.simulated((one, other)),
        alt="; ".join(f"{name}: {_agreement(data, one, other, name)}".replace("\n", ", ") for name in names),
    )


_SHOWS = "Mean attention of each group of people on the standard face"
_KEY = "attention, each map from its own least to its greatest value"


def _below(data: ReportData, one: LabelledSource, other: LabelledSource, names: list[str], title: str) -> Figure:
    """A column per expression, the two groups under one another, their agreement at the foot."""
    face = data.aligned_mean_face
    rows = [row_label(source, False) for source in (one, other)]
    if face is not None:
        rows += [(label, ", ".join(filter(None, (more, "on the mean face")))) for label, more in rows]
    grid = ImageGrid(
        title,
        _SHOWS,
        rows,
        column_names(names),
        aspect=data.shape[0] / data.shape[1],
        notes=5,
        simulated=data.simulated((one, other)),
    )
    grid.colour_bars({False}, _KEY)
    for column, expression in enumerate(names):
        for row, source in enumerate((one, other)):
            _place(grid, data, source, expression, [(row, column), (row + 2, column)], face)
        grid.note(column, _agreement(data, one, other, expression))
    return grid.finish()


def _beside(data: ReportData, one: LabelledSource, other: LabelledSource, names: list[str], title: str) -> Figure:
    """The two groups side by side, where there is a single group of images."""
    face = data.aligned_mean_face
    labels = [style.plain(source.short.capitalize(), 16) for source in (one, other)]
    columns = labels + ([f"{label} on face" for label in labels] if face is not None else [])
    row = (column_names(names)[0], _agreement(data, one, other, names[0]))
    grid = ImageGrid(
        title,
        _SHOWS,
        [row],
        columns,
        aspect=data.shape[0] / data.shape[1],
        largest=1.8,
        simulated=data.simulated((one, other)),
    )
    grid.colour_bars({False}, _KEY)
    for column, source in enumerate((one, other)):
        _place(grid, data, source, names[0], [(0, column), (0, column + 2)], face)
    return grid.finish()


def _place(
    grid: ImageGrid,
    data: ReportData,
    source: LabelledSource,
    expression: str,
    places: list[tuple[int, int]],
    face: np.ndarray | None,
) -> None:
    """Put a group's map, and with a face its overlay, at their (row, column)."""
    values = data.maps.get((source.name, expression))
    if values is None:
        for row, column in places[: 1 if face is None else 2]:
            grid.empty(row, column)
        return
    number = data.counts.get((source.name, expression))
    foot = [*([] if number is None else [f"n = {number:,}"]), *(["simulated"] if source.simulated else [])]
    grid.map(*places[0], values, ", ".join(foot))
    grid.outline(*places[0], values.shape)
    if face is not None:
        grid.over(*places[1], face, values, "simulated" if source.simulated else "")


def _agreement(data: ReportData, one: LabelledSource, other: LabelledSource, expression: str) -> str:
    lines = []
    for metric, short in _METRICS:
        row = data.value(metric, one.name, other.name, expression)
        if row is None:
            continue
        value = float(row["value"])
        lines.append(f"{short} {signed(value)}" if np.isfinite(value) else f"{short} undefined")
        if metric == "pearson" and np.isfinite(row["ci_low"]):
            lines.append(f"[{signed(row['ci_low'])}, {signed(row['ci_high'])}]")
            if (floor := _FLOORS.get(str(row.get("floor_kind")))) is not None:
                lines.append(f"{floor}: {signed(row['floor'])}")
    return "\n".join(lines) or "not scored"
