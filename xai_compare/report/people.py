"""Two groups of people side by side, such as clicks against gaze."""

from __future__ import annotations

from itertools import combinations

import numpy as np

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
    shape = next(iter(material.maps.values())).shape
    face = material.mean_face if material.mean_face is not None and material.mean_face.shape[:2] == shape else None
    kinds = ["", "on the mean face"] if face is not None else [""]
    rows = [row_label(source, False) for source in (one, other)]
    rows = [(first, ", ".join(filter(None, (second, kind)))) for kind in kinds for first, second in rows]
    first, second = (style.plain(s.short, 20) for s in (one, other))
    simulated = material.simulated((one, other))
    sheet = Sheet(
        f"{first.capitalize()} against {second}", "Mean attention of each group of people on the standard face",
        rows, column_names(names), aspect=shape[0] / shape[1],
        simulated=simulated, notes=4,
    )  # fmt: skip
    sheet.colour_bar("attention, each map from its own least to its greatest value")
    for column, expression in enumerate(names):
        for row, source in enumerate((one, other)):
            values = material.maps.get((source.name, expression))
            if values is None:
                for kind in range(len(kinds)):
                    sheet.empty(row + 2 * kind, column)
                continue
            number = material.counts.get((source.name, expression))
            sheet.picture(row, column, heat(values), "" if number is None else f"n = {number:,}")
            if values.shape == SHAPE:
                sheet.outline(row, column)
            if face is not None:
                sheet.picture(row + 2, column, overlay(face, values))
        sheet.note(column, _agreement(material, one, other, expression))
    return Picture(
        name=f"people_{style.slug(one.short)}_vs_{style.slug(other.short)}",
        section="pairs",
        title=f"{first.capitalize()} against {second}",
        what=f"Where people attend by two ways of asking them: {first} and {second}.",
        how="r is Pearson's correlation of the two mean maps (1 the same, 0 unrelated; its 95 % interval in "
        "brackets); uncentred is the correlation that leaves the means in; Dice is the overlap of the places "
        "attended to most.",
        figure=sheet.finish(),
        raster=True,
        simulated=simulated,
    )


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
