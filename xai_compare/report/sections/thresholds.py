"""Threshold pictures: a mean map cut by Otsu's threshold, beside the mask, and where the two overlap."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from xai_compare.comparison import otsu_masks
from xai_compare.report import style
from xai_compare.report.colouring import is_signed
from xai_compare.report.labels import column_names
from xai_compare.report.listing import decimals
from xai_compare.report.material import Block, LabelledSource, Material
from xai_compare.report.references import GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sections.heatmaps import block_sheet
from xai_compare.report.sheet import Sheet
from xai_compare.report.style import Picture

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


@SECTIONS.named("thresholds")
class Thresholds(Section):
    """The steps from a map to its IoU for the source nearest the masks, then the overlap of every source."""

    title = "Against the masks"
    lead = "What remains of a map above its threshold, and how it overlaps with the mask."
    order = 30
    folded = True
    papers = (GAYA_MOREY_2024,)

    def applies(self, material: Material) -> bool:
        return material.masked

    def figures(self, material: Material) -> list[Picture]:
        example = _nearest(material)
        steps = [] if example is None else [_steps(material, example)]
        return steps + [_overlaps(material, block) for block in material.blocks("human")]


def _iou(material: Material, source: LabelledSource, expression: str) -> float:
    row = material.value("iou", source.name, material.mask_name, expression)
    return float("nan") if row is None else float(row["value"])


def _nearest(material: Material) -> LabelledSource | None:
    """The network, failing that the people, with the greatest mean IoU."""
    candidates = material.contenders or material.of("human")

    def mean(source: LabelledSource) -> float:
        known = [v for e in material.expressions if np.isfinite(v := _iou(material, source, e))]
        return float(np.mean(known)) if known else -1.0

    return max(candidates, key=mean, default=None)


def _steps(material: Material, source: LabelledSource) -> Picture:
    name = style.plain(source.label, 44)
    signed = any(is_signed(values) for (who, _), values in material.maps.items() if who == source.name)
    rows = [
        ("Mean map", "red = for, blue = against" if signed else "dark = relevant"),
        ("Its relevant part", "above Otsu's threshold"),
        ("Mask", "where theory looks"),
        ("Overlap", "IoU below each"),
    ]
    sheet = Sheet(
        f"From map to score: {name}",
        "The map is cut at the threshold that separates its values best, then compared with the mask",
        rows,
        column_names(material.expressions),
        aspect=material.shape[0] / material.shape[1],
        simulated=source.simulated,
    )
    sheet.legend(_LEGEND)
    for column, expression in enumerate(material.expressions):
        values, mask = material.maps.get((source.name, expression)), material.masks.get(expression)
        if values is None:
            for row in range(4):
                sheet.empty(row, column)
            continue
        chosen = otsu_masks(values)
        sheet.map(0, column, values)
        sheet.mask(1, column, chosen)
        if mask is None:
            for row in (2, 3):
                sheet.empty(row, column, "no mask")
        else:
            sheet.mask(2, column, mask)
            sheet.picture(3, column, overlap(chosen, mask), _foot(material, source, expression), bold=True)
        for row in range(2 if mask is None else 4):
            sheet.outline(row, column, values.shape)
    return Picture(
        name="thresholds",
        title="From a map to a score",
        what=f"How the score of {name}, the source nearest the masks, comes about. Each mean map is cut into relevant "
        "and not relevant at Otsu's threshold, then laid over the mask of its expression.",
        how="IoU is the dark blue area divided by all three coloured areas: 1 if both cover the same places, 0 if they "
        "share none.",
        figure=sheet.finish(),
        raster=True,
        simulated=source.simulated,
    )


def _overlaps(material: Material, block: Block) -> Picture:
    title = "Relevant places against the masks"
    subtitle = "Mean maps above Otsu's threshold, laid over the mask"
    sheet = block_sheet(material, block, title, subtitle, [], foot=False, keyed=False)
    sheet.legend(_LEGEND)
    there = [(s.name, e) for s in block.sources for e in material.expressions if (s.name, e) in material.maps]
    cut = dict(zip(there, otsu_masks(np.stack([material.maps[one] for one in there])), strict=True)) if there else {}
    for row, source in enumerate(block.sources):
        for column, expression in enumerate(material.expressions):
            chosen, mask = cut.get((source.name, expression)), material.masks.get(expression)
            if chosen is None or mask is None:
                sheet.empty(row, column, "no image" if chosen is None else "no mask")
                continue
            sheet.picture(row, column, overlap(chosen, mask))
            sheet.outline(row, column, mask.shape)
    return Picture(
        name=f"overlap_{style.slug(block.explainer)}" if block.explainer else "overlap",
        title=title + (f": {block.title}" if block.explainer else ""),
        what="For every source and expression: where map and mask agree, and where only one of them looks.",
        how="Dark blue: the source attends where theory says the expression shows. Orange: it also attends elsewhere. "
        "Light blue: places in the mask that it passes over.",
        figure=sheet.finish(),
        raster=True,
        simulated=material.simulated(block.sources),
        fold=f"{title}: {block.title}" if block.explainer else title,
    )


def _foot(material: Material, source: LabelledSource, expression: str) -> str:
    return decimals(_iou(material, source, expression), 3)
