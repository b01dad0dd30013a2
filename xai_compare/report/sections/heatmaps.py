"""The mean maps themselves: a row per source, a column per expression, the masks last."""

from __future__ import annotations

from xai_compare.report import style
from xai_compare.report.colouring import is_signed
from xai_compare.report.labels import column_names, row_label
from xai_compare.report.material import Block, LabelledSource, Material
from xai_compare.report.references import EKMAN_FRIESEN, GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sheet import Sheet
from xai_compare.report.style import Picture

_MOST_ACROSS = 8
"""With few expressions and many sources a sheet is turned, so that it fills its width."""


@SECTIONS.named("heatmaps")
class Heatmaps(Section):
    """Grids of mean maps, one for each explainer."""

    title = "Heatmaps"
    lead = "Mean maps on one standard face, by source and expression."
    order = 10

    def applies(self, material: Material) -> bool:
        # Where there are only people, their maps stand beside one another in a section of their own.
        return bool(material.maps) and (bool(material.networks) or len(material.of("human")) < 2)

    def figures(self, material: Material) -> list[Picture]:
        return [_grid(material, block) for block in material.blocks("human", "known")]

    def references(self, material: Material) -> list[str]:
        return [GAYA_MOREY_2024] + ([EKMAN_FRIESEN] if material.ekman else [])


def block_sheet(
    material: Material,
    block: Block,
    title: str,
    subtitle: str,
    extra: list[tuple[str, str]],
    *,
    foot: bool = True,
    keyed: bool = True,
) -> Sheet:
    """A sheet with a row for each source of a block, and more rows below; ``keyed`` if it shows maps in colours."""
    rows = [row_label(source, not block.explainer) for source in block.sources] + extra
    through = f", seen through {style.plain(block.title)}" if block.explainer else ""
    return Sheet(
        f"{title}{through}",
        subtitle,
        rows,
        column_names(material.expressions),
        aspect=material.shape[0] / material.shape[1],
        simulated=material.simulated(block.sources),
        foot=foot,
        keys=len(kinds_of(material, block)) if keyed else 1,
        turned=len(material.expressions) < len(rows) <= _MOST_ACROSS,
    )


def kinds_of(material: Material, block: Block) -> set[bool]:
    """Whether the maps of a block are signed: one answer, or both; one where there is no map."""
    maps = [material.maps.get((s.name, e)) for s in block.sources for e in material.expressions]
    return {is_signed(one) for one in maps if one is not None} or {False}


def how_to_read(kinds: set[bool]) -> str:
    """What the colours of a sheet of maps say."""
    parts = []
    if False in kinds:
        parts.append("The darker a place, the more it mattered to a network or drew people's attention.")
    if True in kinds:
        only = "" if len(kinds) == 1 else "Signed maps: "
        text = "white places do not matter, red ones speak for the expression and blue ones against it."
        parts.append(only + (text if only else text.capitalize()))
    stretched = "Colours are stretched within each map: compare the shapes of two maps, not their darkness."
    return " ".join([*parts, stretched])


def images_behind(material: Material, source: LabelledSource, expression: str) -> str:
    """The line under a mean map."""
    number = material.counts.get((source.name, expression))
    return "" if number is None else f"n = {number:,}"


def _grid(material: Material, block: Block) -> Picture:
    title = "Where each source attends, by expression"
    counted = "; n = images in the mean" if material.counts else ""
    subtitle = f"Mean maps on the standard face{counted}"
    masks = [(material.mask_title, "theory")] if material.masked else []
    sheet = block_sheet(material, block, title, subtitle, masks, foot=bool(material.counts))
    kinds = kinds_of(material, block)
    sheet.colour_bars(kinds)
    for row, source in enumerate(block.sources):
        for column, expression in enumerate(material.expressions):
            values = material.maps.get((source.name, expression))
            if values is None:
                sheet.empty(row, column)
                continue
            flat = values.min() == values.max()
            sheet.map(row, column, values, "flat map" if flat else images_behind(material, source, expression))
            sheet.outline(row, column, values.shape)
    for column, expression in enumerate(material.expressions if masks else ()):
        if expression in material.masks:
            mask = material.masks[expression]
            sheet.mask(len(block.sources), column, mask)
            sheet.outline(len(block.sources), column, mask.shape)
        else:
            sheet.empty(len(block.sources), column, "no mask")
    gaps = any((s.name, e) not in material.maps for s in block.sources for e in material.expressions)
    return Picture(
        name=f"heatmaps_{style.slug(block.explainer)}" if block.explainer else "heatmaps",
        title=title + (f": {block.title}" if block.explainer else ""),
        what="Every picture is the average of many maps, each first moved onto one standard face, so that eyes "
        "lie on eyes and mouths on mouths. The thin lines show where the features are."
        + (" The last ones are the masks: where theory says the expression shows." if masks else ""),
        how=how_to_read(kinds) + (" Hatched: no image fell into that group." if gaps else ""),
        figure=sheet.finish(),
        raster=True,
        simulated=material.simulated(block.sources),
        fold=block.title,
    )
