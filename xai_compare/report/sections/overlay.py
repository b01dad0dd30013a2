"""The mean maps laid over the mean face."""

from __future__ import annotations

import numpy as np

from xai_compare.report import style
from xai_compare.report.data import ReportData, SourceGroup
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sections.areas import where_most
from xai_compare.report.sections.heatmaps import group_grid, images_behind, signs_of
from xai_compare.report.style import FigureSpec


@SECTIONS.register("overlay")
class Overlay(Section):
    """The grids of maps once more, over the mean face; nothing where there are no images."""

    title = "On the mean face"
    lead = "The same maps over the average face."
    order = 20
    folded = True

    def applies(self, data: ReportData) -> bool:
        # Where there are only people, their maps stand over the face in their own section.
        return data.aligned_mean_face is not None and bool(data.networks or len(data.of_kind("human")) == 1)

    def figures(self, data: ReportData) -> list[FigureSpec]:
        face = data.aligned_mean_face
        return [] if face is None else [_overlays(data, group, face) for group in data.groups("human")]


def _overlays(data: ReportData, group: SourceGroup, face: np.ndarray) -> FigureSpec:
    title = "The same maps over the mean face"
    subtitle = "The mean of all images on the standard face, in grey; maps in colour"
    grid = group_grid(data, group, title, subtitle, [], foot=bool(data.counts))
    grid.colour_bars(signs_of(data, group))
    for row, source in enumerate(group.sources):
        for column, expression in enumerate(data.expressions):
            values = data.maps.get((source.name, expression))
            if values is None:
                grid.empty(row, column)
            else:
                grid.over(row, column, face, values, images_behind(data, source, expression))
    return FigureSpec(
        name=f"overlay_{style.slug(group.explainer)}" if group.explainer else "overlay",
        title=title + (f": {group.title}" if group.explainer else ""),
        what="The maps above, laid over the average face of the study.",
        how="Colour marks where the source attends; grey is the face, the same average of all expressions in every "
        "picture.",
        figure=grid.finish(),
        raster=True,
        simulated=data.simulated(group.sources),
        fold=group.title or "Over the mean face",
        alt=where_most(data, group.sources),
    )
