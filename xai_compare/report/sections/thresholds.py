"""Threshold pictures: a mean map cut by Otsu's threshold, beside the mask, and where the two overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.colors import to_rgb

from xai_compare.comparison import otsu_masks
from xai_compare.report import style
from xai_compare.report.data import LabelledSource, ReportData, SourceGroup
from xai_compare.report.image_grid import ImageGrid
from xai_compare.report.labels import column_names
from xai_compare.report.map_colours import is_signed
from xai_compare.report.references import GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sections.heatmaps import group_grid
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import decimals

_LEGEND = [
    (style.BOTH, "map and mask agree"),
    (style.ONLY_MAP, "only the map"),
    (style.ONLY_MASK, "only the mask"),
]
_COLOURS = np.array([to_rgb(c) for c in (style.NEITHER, style.ONLY_MASK, style.ONLY_MAP, style.BOTH)])
_COLOURS = np.round(_COLOURS * 255).astype(np.uint8)


def overlap(chosen: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Colour where two masks, bool ``(h, w)``, agree and differ: uint8 ``(h, w, 3)``."""
    return _COLOURS[2 * chosen + mask]


@SECTIONS.register("thresholds")
class Thresholds(Section):
    """The steps from a map to its IoU for the source nearest the masks, then the overlap of every source."""

    title = "Against the masks"
    lead = "The part of each map above its threshold, and how it overlaps with the mask."
    order = 30
    folded = True
    papers = (GAYA_MOREY_2024,)

    def applies(self, data: ReportData) -> bool:
        return data.has_masks

    def figures(self, data: ReportData) -> list[FigureSpec]:
        example = _nearest(data)
        steps = [] if example is None else [_steps(data, example)]
        return steps + [_overlaps(data, group) for group in data.groups("human")]


def _iou(data: ReportData, source: LabelledSource, expression: str) -> float:
    row = data.value("iou", source.name, data.mask_name, expression)
    return float("nan") if row is None else float(row["value"])


def _nearest(data: ReportData) -> LabelledSource | None:
    """The network, failing that the people, with the greatest mean IoU."""
    candidates = data.rankable or data.of_kind("human")

    def mean(source: LabelledSource) -> float:
        known = [v for e in data.expressions if np.isfinite(v := _iou(data, source, e))]
        return float(np.mean(known)) if known else -1.0

    return max(candidates, key=mean, default=None)


def _steps(data: ReportData, source: LabelledSource) -> FigureSpec:
    name = style.plain(source.label, 44)
    signed = any(is_signed(values) for (who, _), values in data.maps.items() if who == source.name)
    rows = [
        ("Mean map", "red = for, blue = against" if signed else "dark = relevant"),
        ("Its relevant part", "above Otsu's threshold"),
        ("Mask", "where theory looks"),
        ("Overlap", "IoU below each"),
    ]
    grid = ImageGrid(
        f"From map to score: {name}",
        "The map is cut at the threshold that separates its values best, then compared with the mask",
        rows,
        column_names(data.expressions),
        aspect=data.shape[0] / data.shape[1],
        simulated=source.simulated,
    )
    grid.legend(_LEGEND)
    for column, expression in enumerate(data.expressions):
        values, mask = data.maps.get((source.name, expression)), data.masks.get(expression)
        if values is None:
            for row in range(4):
                grid.empty(row, column)
            continue
        chosen = otsu_masks(values)
        grid.map(0, column, values)
        grid.mask(1, column, chosen)
        if mask is None:
            for row in (2, 3):
                grid.empty(row, column, "no mask")
        else:
            grid.mask(2, column, mask)
            grid.picture(3, column, overlap(chosen, mask), _foot(data, source, expression), bold=True)
        for row in range(2 if mask is None else 4):
            grid.outline(row, column, values.shape)
    return FigureSpec(
        name="thresholds",
        title="From a map to a score",
        what=f"How the score of {name}, the source that agrees best with the masks, is computed. Otsu's threshold cuts "
        "each mean map into relevant and irrelevant places, which are compared with the mask of its expression.",
        how="IoU is the dark blue area divided by all three coloured areas: 1 if both cover the same places, 0 if they "
        "share none.",
        figure=grid.finish(),
        raster=True,
        simulated=source.simulated,
        alt=_told(data, [source]),
    )


def _overlaps(data: ReportData, group: SourceGroup) -> FigureSpec:
    title = "Relevant places against the masks"
    subtitle = "Mean maps above Otsu's threshold, laid over the mask"
    grid = group_grid(data, group, title, subtitle, [], foot=False, keyed=False)
    grid.legend(_LEGEND)
    there = [(s.name, e) for s in group.sources for e in data.expressions if (s.name, e) in data.maps]
    cut = dict(zip(there, otsu_masks(np.stack([data.maps[one] for one in there])), strict=True)) if there else {}
    for row, source in enumerate(group.sources):
        for column, expression in enumerate(data.expressions):
            chosen, mask = cut.get((source.name, expression)), data.masks.get(expression)
            if chosen is None or mask is None:
                grid.empty(row, column, "no image" if chosen is None else "no mask")
                continue
            grid.picture(row, column, overlap(chosen, mask))
            grid.outline(row, column, mask.shape)
    return FigureSpec(
        name=f"overlap_{style.slug(group.explainer)}" if group.explainer else "overlap",
        title=title + (f": {group.title}" if group.explainer else ""),
        what="For every source and expression: where map and mask agree, and what only one of them covers.",
        how="Dark blue: the source attends where theory says the expression shows. Orange: it also attends elsewhere. "
        "Light blue: places in the mask that it ignores.",
        figure=grid.finish(),
        raster=True,
        simulated=data.simulated(group.sources),
        fold=f"{title}: {group.title}" if group.explainer else title,
        alt=_told(data, group.sources),
    )


def _told(data: ReportData, sources: Sequence[LabelledSource]) -> str:
    """The overlaps in words: the IoU of each source and expression."""
    parts = []
    for source in sources:
        values = [(name, _foot(data, source, name)) for name in data.expressions if name in data.masks]
        parts.append(f"{source.label}: {', '.join(f'{name} {value}' for name, value in values)}")
    return f"IoU with the masks. {'; '.join(parts)}."


def _foot(data: ReportData, source: LabelledSource, expression: str) -> str:
    return decimals(_iou(data, source, expression), 3)
