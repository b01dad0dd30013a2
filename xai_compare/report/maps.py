"""Figures of the mean maps themselves: the grid, and the same maps laid over the mean face."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xai_compare.comparison import to_8bit
from xai_compare.faces import SHAPE
from xai_compare.report import style
from xai_compare.report.material import Block, Material, Source
from xai_compare.report.sheet import Sheet, heat
from xai_compare.report.style import Picture

_STRETCHED = "relevance, each map from its own least to its greatest value"
_LEAST, _MOST = 0.06, 0.8


def overlay(image: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Lay a map over a picture: the picture in light grey, coloured the more the higher the map is.

    Args:
        image: uint8 ``(h, w, 3)`` or ``(h, w)``.
        values: real ``(h, w)``, stretched from its own least to its greatest value; where it is not finite
            the picture is left grey.

    Returns:
        uint8 ``(h, w, 3)``.

    Raises:
        ValueError: if the sizes differ.
    """
    if image.shape[:2] != values.shape:
        raise ValueError(f"the picture is {image.shape[:2]}, the map {values.shape}")
    finite = np.isfinite(values)
    filled = np.where(finite, values, values[finite].min() if finite.any() else 0)
    level = to_8bit(filled)[..., None] / 255.0
    grey = image if image.ndim == 2 else image[..., :3] @ np.array([0.299, 0.587, 0.114])
    ground = (95 + grey * (160 / 255))[..., None]
    share = np.where(finite[..., None], _LEAST + (_MOST - _LEAST) * level**0.8, 0.0)
    return (ground * (1 - share) + heat(filled) * share).round().astype(np.uint8)


def heatmap_grids(material: Material) -> list[Picture]:
    """One grid of mean maps per explainer: a row per source, a column per expression, the masks last."""
    return [_grid(material, block) for block in material.blocks("human", "known")]


def face_overlays(material: Material) -> list[Picture]:
    """The same grids over the mean face; nothing where there are no images."""
    face = material.mean_face
    if face is None or not material.maps or face.shape[:2] != next(iter(material.maps.values())).shape:
        return []
    return [_overlays(material, block, face) for block in material.blocks("human")]


def row_label(source: Source, with_explainer: bool) -> tuple[str, str]:
    """The two lines that name a source beside its row."""
    if source.kind == "model":
        first, second = (source.network, source.label.partition(" · ")[2] if with_explainer else "")
    elif source.kind == "human":
        first, second = source.label, ""
    else:
        first, second = "Known region", "what truly differs"
    if source.simulated:
        second = f"{second} (simulated)".strip() if second else "simulated"
    return style.plain(first, 24), style.plain(second, 30)


def column_names(expressions: Sequence[str]) -> list[str]:
    """The headings of the columns of expressions."""
    return ["All" if name == "all" else style.plain(name.capitalize(), 16) for name in expressions]


def _sheet(material: Material, block: Block, title: str, subtitle: str, extra: list[tuple[str, str]]) -> Sheet:
    rows = [row_label(source, not block.explainer) for source in block.sources] + extra
    shape = next(iter(material.maps.values())).shape
    through = f", seen through {style.plain(block.title)}" if block.explainer else ""
    return Sheet(
        f"{title}{through}", subtitle, rows, column_names(material.expressions), aspect=shape[0] / shape[1],
        simulated=material.simulated(block.sources), foot=bool(material.counts),
    )  # fmt: skip


def _count(material: Material, source: Source, expression: str) -> str:
    number = material.counts.get((source.name, expression))
    return "" if number is None else f"n = {number:,}"


def _grid(material: Material, block: Block) -> Picture:
    masks = [(material.mask_title, "theory")]
    has_masks = any(expression in material.masks for expression in material.expressions)
    title = "Where each source attends, by expression"
    counted = "; n = images in the mean" if material.counts else ""
    sheet = _sheet(
        material, block, title, f"Mean maps on the standard face{counted}", masks if has_masks else []
    )  # fmt: skip
    sheet.colour_bar(_STRETCHED)
    for row, source in enumerate(block.sources):
        for column, expression in enumerate(material.expressions):
            values = material.maps.get((source.name, expression))
            if values is None:
                sheet.empty(row, column)
                continue
            flat = values.min() == values.max()
            sheet.picture(row, column, heat(values), "flat map" if flat else _count(material, source, expression))
            _outline(sheet, row, column, values)
    for column, expression in enumerate(material.expressions if has_masks else ()):
        if expression in material.masks:
            mask = material.masks[expression]
            sheet.picture(len(block.sources), column, np.where(mask[..., None], 96, 244).repeat(3, 2).astype(np.uint8))
            _outline(sheet, len(block.sources), column, mask)
        else:
            sheet.empty(len(block.sources), column, "no mask")
    return Picture(
        name=f"heatmaps_{style.slug(block.explainer)}" if block.explainer else "heatmaps",
        section="heatmaps",
        title=title + (f": {block.title}" if block.explainer else ""),
        what="Every picture is the average of many maps, each first moved onto one standard face, so that eyes "
        "lie on eyes and mouths on mouths. The thin lines show where the features are."
        + (" The last row is the mask: where theory says the expression shows." if has_masks else ""),
        how="The darker, the more that place mattered to a network or drew people's eyes. Colours are "
        "stretched within each map: compare "
        "the shapes of two maps, not their darkness."
        + (" Hatched: no image fell into that group." if _has_gap(material, block) else ""),
        figure=sheet.finish(),
        raster=True,
        simulated=material.simulated(block.sources),
    )


def _has_gap(material: Material, block: Block) -> bool:
    return any((s.name, e) not in material.maps for s in block.sources for e in material.expressions)


def _outline(sheet: Sheet, row: int, column: int, values: np.ndarray) -> None:
    if values.shape == SHAPE:
        sheet.outline(row, column)


def _overlays(material: Material, block: Block, face: np.ndarray) -> Picture:
    title = "The same maps over the mean face"
    sheet = _sheet(material, block, title, "The mean of all images on the standard face, in grey; maps in colour", [])
    sheet.colour_bar(_STRETCHED)
    for row, source in enumerate(block.sources):
        for column, expression in enumerate(material.expressions):
            values = material.maps.get((source.name, expression))
            if values is None:
                sheet.empty(row, column)
            else:
                sheet.picture(row, column, overlay(face, values), _count(material, source, expression))
    return Picture(
        name=f"overlay_{style.slug(block.explainer)}" if block.explainer else "overlay",
        section="overlay",
        title=title + (f": {block.title}" if block.explainer else ""),
        what="The maps above, laid over the average face of the study.",
        how="Colour marks where the source attends; grey shows the face below. The face is the same in every picture, "
        "an average of all expressions.",
        figure=sheet.finish(),
        raster=True,
        simulated=material.simulated(block.sources),
    )
