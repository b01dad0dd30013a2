"""Two groups of people side by side, such as clicks against gaze."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from matplotlib.figure import Figure

from xai_compare.faces import SHAPE
from xai_compare.report import style
from xai_compare.report.maps import column_names, overlay, row_label
from xai_compare.report.material import ALL, Material, Source
from xai_compare.report.sheet import Sheet, heat
from xai_compare.report.style import Picture
from xai_compare.report.tables import signed

_METRICS = (("pearson", "r ="), ("uncentred", "uncentred"), ("dice", "Dice"))


def human_pairs(material: Material) -> list[Picture]:
    """A sheet for every two human sources: their maps under one another, with what the scores say of them."""
    return [_pair(material, one, other) for one, other in combinations(material.of("human"), 2)]


def _pair(material: Material, one: Source, other: Source) -> Picture:
    names = [e for e in material.expressions if (one.name, e) in material.maps or (other.name, e) in material.maps]
    if ALL not in names and any((source.name, ALL) in material.maps for source in (one, other)):
        names.append(ALL)
    first, second = (style.plain(source.short, 20) for source in (one, other))
    title = f"{first.capitalize()} against {second}"
    draw = _beside if len(names) == 1 else _below
    return Picture(
        name=f"people_{style.slug(one.short)}_vs_{style.slug(other.short)}",
        section="pairs",
        title=title,
        what=f"Where people attend by two ways of asking them: {first} and {second}.",
        how="r is Pearson's correlation of the two mean maps (1 the same, 0 unrelated; its 95 % interval in "
        "brackets); uncentred is the correlation that leaves the means in; Dice is the overlap of the places "
        "attended to most.",
        figure=draw(material, one, other, names, title),
        raster=True,
        simulated=material.simulated((one, other)),
    )


_SHOWS = "Mean attention of each group of people on the standard face"
_KEY = "attention, each map from its own least to its greatest value"


def _below(material: Material, one: Source, other: Source, names: list[str], title: str) -> Figure:
    """A column per expression, the two groups under one another, their agreement at the foot."""
    shape, face = _canvas(material)
    rows = [row_label(source, False) for source in (one, other)]
    if face is not None:
        rows += [(label, ", ".join(filter(None, (more, "on the mean face")))) for label, more in rows]
    sheet = Sheet(
        title, _SHOWS, rows, column_names(names), aspect=shape[0] / shape[1], notes=4,
        simulated=material.simulated((one, other)),
    )  # fmt: skip
    sheet.colour_bar(_KEY)
    for column, expression in enumerate(names):
        for row, source in enumerate((one, other)):
            _place(sheet, material, source, expression, [(row, column), (row + 2, column)], face)
        sheet.note(column, _agreement(material, one, other, expression))
    return sheet.finish()


def _beside(material: Material, one: Source, other: Source, names: list[str], title: str) -> Figure:
    """The two groups side by side, where there is a single group of images."""
    shape, face = _canvas(material)
    labels = [style.plain(source.short.capitalize(), 16) for source in (one, other)]
    columns = labels + ([f"{label} on face" for label in labels] if face is not None else [])
    row = (column_names(names)[0], _agreement(material, one, other, names[0]))
    sheet = Sheet(
        title, _SHOWS, [row], columns, aspect=shape[0] / shape[1], largest=1.8,
        simulated=material.simulated((one, other)),
    )  # fmt: skip
    sheet.colour_bar(_KEY)
    for column, source in enumerate((one, other)):
        _place(sheet, material, source, names[0], [(0, column), (0, column + 2)], face)
    return sheet.finish()


def _canvas(material: Material) -> tuple[tuple[int, ...], np.ndarray | None]:
    """The size of the maps, and the mean face where it has that size."""
    shape = next(iter(material.maps.values())).shape
    face = material.mean_face
    return shape, face if face is not None and face.shape[:2] == shape else None


def _place(
    sheet: Sheet,
    material: Material,
    source: Source,
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
    sheet.picture(*places[0], heat(values), ", ".join(foot))
    if values.shape == SHAPE:
        sheet.outline(*places[0])
    if face is not None:
        sheet.picture(*places[1], overlay(face, values), "simulated" if source.simulated else "")


def _agreement(material: Material, one: Source, other: Source, expression: str) -> str:
    lines = []
    for metric, short in _METRICS:
        row = material.value(metric, one.name, other.name, expression)
        if row is None:
            continue
        value = float(row["value"])
        lines.append(f"{short} {signed(value)}" if np.isfinite(value) else f"{short} undefined")
        if metric == "pearson" and np.isfinite(row["ci_low"]):
            lines.append(f"[{signed(row['ci_low'])}, {signed(row['ci_high'])}]")
    return "\n".join(lines) or "not scored"
