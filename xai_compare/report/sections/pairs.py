"""Two groups of people side by side, such as clicks against gaze."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from xai_compare.report import style
from xai_compare.report.labels import column_names, row_label
from xai_compare.report.listing import signed
from xai_compare.report.material import ALL, LabelledSource, Material
from xai_compare.report.references import GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.sheet import Sheet
from xai_compare.report.style import Picture
from xai_compare.report.telling import beside_floor

_METRICS = (("pearson", "r ="), ("uncentred", "uncentred"), ("dice", "Dice"))
_FLOORS = {"prior": "a blob", "whole": "whole face", "other_map": "others' maps"}


@SECTIONS.named("pairs")
class Pairs(Section):
    """A sheet for every two groups of people: their maps under one another, with what the scores say of them."""

    title = "People against people"
    lead = "Two ways of asking people where they look, compared with each other."
    order = 60
    papers = (
        GAYA_MOREY_2024,
        "A. Bruckert, L. Lévêque, M. Perreira Da Silva, P. Le Callet (2023). A dataset of gaze and mouse patterns in "
        "the context of facial expression recognition. ACM IMX. (Gaze against mouse.)",
    )

    def applies(self, material: Material) -> bool:
        return len(material.of("human")) > 1

    def figures(self, material: Material) -> list[Picture]:
        return [_pair(material, one, other) for one, other in combinations(material.of("human"), 2)]

    def headlines(self, material: Material) -> list[Headline]:
        one, other = material.of("human")[:2]
        row = material.value("pearson", one.name, other.name, ALL)
        scope = "all expressions together" if row is not None else "mean over expressions"
        names = [ALL] if row is not None else material.expressions
        rows = [material.value("pearson", one.name, other.name, name) for name in names]
        known = [float(row["value"]) for row in rows if row is not None and np.isfinite(row["value"])]
        if not known:
            return []
        number = signed(float(np.mean(known)))
        simulated = material.simulated((one, other))
        more = "; some of these data are simulated" if simulated else ""
        sentence = f"The maps of {one.short} and {other.short} correlate with r = {number} ({scope}){more}."
        first, second = next((row["a"], row["b"]) for row in rows if row is not None)
        floor = beside_floor(material, "pearson", second, first, names)
        ceiling = _ceiling([row for row in rows if row is not None], material.by_name[second].short)
        return [
            Headline(
                number,
                "Agreement of people (correlation)",
                " ".join(filter(None, (sentence, floor, ceiling))),
                simulated,
            )
        ]


def _ceiling(rows: list[Mapping[str, Any]], whose: str) -> str:
    """Between what a person left out and the mean of all reach, on average (Nili et al. 2014)."""
    both = [[float(row.get(end, np.nan)) for row in rows] for end in ("ceiling_low", "ceiling_high")]
    if not np.isfinite(both).all():
        return ""
    low, high = np.mean(both, axis=1)
    return f"The noise ceiling of {whose} is {low:.2f} to {high:.2f}: no map can agree better with such people."


def _pair(material: Material, one: LabelledSource, other: LabelledSource) -> Picture:
    names = [e for e in material.expressions if (one.name, e) in material.maps or (other.name, e) in material.maps]
    if ALL not in names and any((source.name, ALL) in material.maps for source in (one, other)):
        names.append(ALL)
    first, second = (style.plain(source.short, 20) for source in (one, other))
    title = f"{first.capitalize()} against {second}"
    draw = _beside if len(names) == 1 else _below
    return Picture(
        name=f"people_{style.slug(one.short)}_vs_{style.slug(other.short)}",
        title=title,
        what=f"Where people attend by two ways of asking them: {first} and {second}.",
        how="r is Pearson's correlation of the two mean maps (1 the same, 0 unrelated; its 95 % interval in "
        "brackets). Below it stands the best of the maps that know nothing of the answer: a blob over the face, or "
        "the same people's maps of the other expressions. Uncentred is the correlation that leaves the means in; Dice "
        "is the overlap of the places attended to most.",
        figure=draw(material, one, other, names, title),
        raster=True,
        simulated=material.simulated((one, other)),
    )


_SHOWS = "Mean attention of each group of people on the standard face"
_KEY = "attention, each map from its own least to its greatest value"


def _below(material: Material, one: LabelledSource, other: LabelledSource, names: list[str], title: str) -> Figure:
    """A column per expression, the two groups under one another, their agreement at the foot."""
    face = material.fitting_face
    rows = [row_label(source, False) for source in (one, other)]
    if face is not None:
        rows += [(label, ", ".join(filter(None, (more, "on the mean face")))) for label, more in rows]
    sheet = Sheet(
        title,
        _SHOWS,
        rows,
        column_names(names),
        aspect=material.shape[0] / material.shape[1],
        notes=5,
        simulated=material.simulated((one, other)),
    )
    sheet.colour_bars({False}, _KEY)
    for column, expression in enumerate(names):
        for row, source in enumerate((one, other)):
            _place(sheet, material, source, expression, [(row, column), (row + 2, column)], face)
        sheet.note(column, _agreement(material, one, other, expression))
    return sheet.finish()


def _beside(material: Material, one: LabelledSource, other: LabelledSource, names: list[str], title: str) -> Figure:
    """The two groups side by side, where there is a single group of images."""
    face = material.fitting_face
    labels = [style.plain(source.short.capitalize(), 16) for source in (one, other)]
    columns = labels + ([f"{label} on face" for label in labels] if face is not None else [])
    row = (column_names(names)[0], _agreement(material, one, other, names[0]))
    sheet = Sheet(
        title,
        _SHOWS,
        [row],
        columns,
        aspect=material.shape[0] / material.shape[1],
        largest=1.8,
        simulated=material.simulated((one, other)),
    )
    sheet.colour_bars({False}, _KEY)
    for column, source in enumerate((one, other)):
        _place(sheet, material, source, names[0], [(0, column), (0, column + 2)], face)
    return sheet.finish()


def _place(
    sheet: Sheet,
    material: Material,
    source: LabelledSource,
    expression: str,
    places: list[tuple[int, int]],
    face: np.ndarray | None,
) -> None:
    """Put a group's map, and with a face its overlay, at their (row, column)."""
    values = material.maps.get((source.name, expression))
    if values is None:
        for row, column in places[: 1 if face is None else 2]:
            sheet.empty(row, column)
        return
    number = material.counts.get((source.name, expression))
    foot = [*([] if number is None else [f"n = {number:,}"]), *(["simulated"] if source.simulated else [])]
    sheet.map(*places[0], values, ", ".join(foot))
    sheet.outline(*places[0], values.shape)
    if face is not None:
        sheet.over(*places[1], face, values, "simulated" if source.simulated else "")


def _agreement(material: Material, one: LabelledSource, other: LabelledSource, expression: str) -> str:
    lines = []
    for metric, short in _METRICS:
        row = material.value(metric, one.name, other.name, expression)
        if row is None:
            continue
        value = float(row["value"])
        lines.append(f"{short} {signed(value)}" if np.isfinite(value) else f"{short} undefined")
        if metric == "pearson" and np.isfinite(row["ci_low"]):
            lines.append(f"[{signed(row['ci_low'])}, {signed(row['ci_high'])}]")
            if (floor := _FLOORS.get(str(row.get("floor_kind")))) is not None:
                lines.append(f"{floor}: {signed(row['floor'])}")
    return "\n".join(lines) or "not scored"
