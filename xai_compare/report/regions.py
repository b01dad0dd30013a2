"""Threshold pictures: a mean map cut by Otsu's threshold, beside the mask, and where the two overlap."""

from __future__ import annotations

import numpy as np
from matplotlib.colors import to_rgb

from xai_compare.comparison import otsu_masks
from xai_compare.faces import SHAPE
from xai_compare.report import style
from xai_compare.report.maps import column_names, row_label
from xai_compare.report.material import Block, Material, Source
from xai_compare.report.sheet import Sheet, heat
from xai_compare.report.style import Picture
from xai_compare.report.tables import decimals

_LEGEND = [
    (style.BOTH, "map and mask agree"),
    (style.ONLY_MAP, "only the map"),
    (style.ONLY_MASK, "only the mask"),
]


def overlap(chosen: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Colour where two masks, bool ``(h, w)``, agree and differ: uint8 ``(h, w, 3)``."""
    rgb = np.empty((*mask.shape, 3), np.uint8)
    for where, colour in (
        (chosen & mask, style.BOTH),
        (chosen & ~mask, style.ONLY_MAP),
        (~chosen & mask, style.ONLY_MASK),
        (~chosen & ~mask, style.NEITHER),
    ):
        rgb[where] = np.round(np.array(to_rgb(colour)) * 255)
    return rgb


def threshold_pictures(material: Material) -> list[Picture]:
    """The steps from a map to its IoU for the source nearest the masks, then the overlap of every source."""
    if not any(expression in material.masks for expression in material.expressions):
        return []
    pictures = []
    example = _nearest(material)
    if example is not None:
        pictures.append(_steps(material, example))
    return pictures + [_overlaps(material, block) for block in material.blocks("human")]


def _iou(material: Material, source: Source, expression: str) -> float:
    row = material.value("iou", source.name, material.mask_name, expression)
    return float("nan") if row is None else float(row["value"])


def _nearest(material: Material) -> Source | None:
    """The network, failing that the people, with the greatest mean IoU."""
    candidates = material.networks or material.of("human")

    def mean(source: Source) -> float:
        known = [v for e in material.expressions if np.isfinite(v := _iou(material, source, e))]
        return float(np.mean(known)) if known else -1.0

    return max(candidates, key=mean, default=None)


def _steps(material: Material, source: Source) -> Picture:
    name = style.plain(source.label, 44)
    rows = [
        ("Mean map", "dark = relevant"),
        ("Its relevant part", "above Otsu's threshold"),
        ("Mask", "where theory looks"),
        ("Overlap", "IoU below each"),
    ]
    sheet = Sheet(
        f"From map to score: {name}",
        "The map is cut at the threshold that separates its values best, then compared with the mask",
        rows, column_names(material.expressions), aspect=_aspect(material), simulated=source.simulated,
    )  # fmt: skip
    sheet.legend(_LEGEND)
    for column, expression in enumerate(material.expressions):
        values, mask = material.maps.get((source.name, expression)), material.masks.get(expression)
        if values is None:
            for row in range(4):
                sheet.empty(row, column)
            continue
        chosen = otsu_masks(values)
        flat = [heat(values), _black(chosen)] + ([_black(mask), overlap(chosen, mask)] if mask is not None else [])
        for row, rgb in enumerate(flat):
            sheet.picture(row, column, rgb, _foot(material, source, expression) if row == 3 else "", bold=True)
            if mask is None or mask.shape == SHAPE:
                sheet.outline(row, column)
        for row in range(len(flat), 4):
            sheet.empty(row, column, "no mask")
    return Picture(
        name="thresholds",
        section="thresholds",
        title="From a map to a score",
        what=f"How the score of {name} comes about, the source nearest the masks. A mean map is cut into relevant and "
        "not relevant at Otsu's threshold and laid over the mask of its expression.",
        how="IoU is the dark blue area divided by all three coloured areas: 1 if both cover the same places, 0 if they "
        "share none.",
        figure=sheet.finish(),
        raster=True,
        simulated=source.simulated,
    )


def _overlaps(material: Material, block: Block) -> Picture:
    through = f", seen through {style.plain(block.title)}" if block.explainer else ""
    sheet = Sheet(
        f"Relevant places against the masks{through}",
        "Maps above Otsu's threshold, laid over the mask; the number is the IoU",
        [row_label(source, not block.explainer) for source in block.sources],
        column_names(material.expressions), aspect=_aspect(material), simulated=material.simulated(block.sources),
    )  # fmt: skip
    sheet.legend(_LEGEND)
    for row, source in enumerate(block.sources):
        for column, expression in enumerate(material.expressions):
            values, mask = material.maps.get((source.name, expression)), material.masks.get(expression)
            if values is None or mask is None:
                sheet.empty(row, column, "no image" if values is None else "no mask")
                continue
            sheet.picture(row, column, overlap(otsu_masks(values), mask), _foot(material, source, expression))
            if mask.shape == SHAPE:
                sheet.outline(row, column)
    return Picture(
        name=f"overlap_{style.slug(block.explainer)}" if block.explainer else "overlap",
        section="thresholds",
        title="Relevant places against the masks" + (f": {block.title}" if block.explainer else ""),
        what="For every source and expression: where map and mask agree, and where only one of them looks.",
        how="Much dark blue: the source attends where theory says the expression shows. Orange: it also attends "
        "elsewhere. Light blue: places it passes over.",
        figure=sheet.finish(),
        raster=True,
        simulated=material.simulated(block.sources),
    )


def _foot(material: Material, source: Source, expression: str) -> str:
    return decimals(_iou(material, source, expression), 3)


def _black(mask: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], 70, 244).repeat(3, axis=2).astype(np.uint8)


def _aspect(material: Material) -> float:
    shape = next(iter(material.maps.values())).shape
    return shape[0] / shape[1]
