"""The mean maps themselves: a row per source, a column per expression, the masks last."""

from __future__ import annotations

from xai_compare.report import style
from xai_compare.report.data import LabelledSource, ReportData, SourceGroup
from xai_compare.report.image_grid import ImageGrid
from xai_compare.report.labels import column_names, row_label
from xai_compare.report.map_colours import is_signed
from xai_compare.report.references import EKMAN_FRIESEN, GAYA_MOREY_2024
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sections.areas import where_most
from xai_compare.report.style import FigureSpec

_MOST_ACROSS = 8
"""With few expressions and many sources a grid is turned, so that it fills its width."""


@SECTIONS.register("heatmaps")
class Heatmaps(Section):
    """Grids of mean maps, one for each explainer."""

    title = "Heatmaps"
    lead = "Mean maps on one standard face, by source and expression."
    order = 10

    def applies(self, data: ReportData) -> bool:
        # Where there are only people, their maps stand beside one another in a section of their own.
        return bool(data.maps) and (bool(data.networks) or len(data.of_kind("human")) < 2)

    def figures(self, data: ReportData) -> list[FigureSpec]:
        return [_grid(data, group) for group in data.groups("human", "known")]

    def references(self, data: ReportData) -> list[str]:
        return [GAYA_MOREY_2024] + ([EKMAN_FRIESEN] if data.ekman else [])


def group_grid(
    data: ReportData,
    group: SourceGroup,
    title: str,
    subtitle: str,
    extra: list[tuple[str, str]],
    *,
    foot: bool = True,
    keyed: bool = True,
) -> ImageGrid:
    """A grid with a row for each source of a group, and more rows below; ``keyed`` if it shows maps in colours."""
    rows = [row_label(source, not group.explainer) for source in group.sources] + extra
    through = f", seen through {style.plain(group.title)}" if group.explainer else ""
    return ImageGrid(
        f"{title}{through}",
        subtitle,
        rows,
        column_names(data.expressions),
        aspect=data.shape[0] / data.shape[1],
        simulated=data.simulated(group.sources),
        foot=foot,
        keys=len(signs_of(data, group)) if keyed else 1,
        turned=len(data.expressions) < len(rows) <= _MOST_ACROSS,
    )


def signs_of(data: ReportData, group: SourceGroup) -> set[bool]:
    """Whether the maps of a group are signed: one answer, or both; one where there is no map."""
    maps = [data.maps.get((s.name, e)) for s in group.sources for e in data.expressions]
    return {is_signed(one) for one in maps if one is not None} or {False}


def how_to_read(kinds: set[bool]) -> str:
    """What the colours of a grid of maps say."""
    parts = []
    if False in kinds:
        parts.append("The darker a place, the more it mattered to the network or attracted people's attention.")
    if True in kinds:
        only = "" if len(kinds) == 1 else "Signed maps: "
        text = "white places do not matter, red ones count for the expression and blue ones against it."
        parts.append(only + (text if only else text.capitalize()))
    stretched = "Each map has its own colour scale: compare the shapes of two maps, not their darkness."
    return " ".join([*parts, stretched])


def images_behind(data: ReportData, source: LabelledSource, expression: str) -> str:
    """The line under a mean map."""
    number = data.counts.get((source.name, expression))
    return "" if number is None else f"n = {number:,}"


def _grid(data: ReportData, group: SourceGroup) -> FigureSpec:
    title = "Where each source attends, by expression"
    counted = "; n = images in the mean" if data.counts else ""
    subtitle = f"Mean maps on the standard face{counted}"
    masks = [(data.mask_title, "theory")] if data.has_masks else []
    grid = group_grid(data, group, title, subtitle, masks, foot=bool(data.counts))
    kinds = signs_of(data, group)
    grid.colour_bars(kinds)
    for row, source in enumerate(group.sources):
        for column, expression in enumerate(data.expressions):
            values = data.maps.get((source.name, expression))
            if values is None:
                grid.empty(row, column)
                continue
            flat = values.min() == values.max()
            grid.map(row, column, values, "flat map" if flat else images_behind(data, source, expression))
            grid.outline(row, column, values.shape)
    for column, expression in enumerate(data.expressions if masks else ()):
        if expression in data.masks:
            mask = data.masks[expression]
            grid.mask(len(group.sources), column, mask)
            grid.outline(len(group.sources), column, mask.shape)
        else:
            grid.empty(len(group.sources), column, "no mask")
    gaps = any((s.name, e) not in data.maps for s in group.sources for e in data.expressions)
    return FigureSpec(
        name=f"heatmaps_{style.slug(group.explainer)}" if group.explainer else "heatmaps",
        title=title + (f": {group.title}" if group.explainer else ""),
        what="Each picture is the mean of many maps, all warped onto one standard face so that eyes lie on eyes and "
        "mouths on mouths. The thin lines mark the features."
        + (" Last come the masks: where theory says that the expression shows." if masks else ""),
        how=how_to_read(kinds) + (" Hatched: no image fell into that group." if gaps else ""),
        figure=grid.finish(),
        raster=True,
        simulated=data.simulated(group.sources),
        fold=group.title,
        alt=where_most(data, group.sources),
    )
