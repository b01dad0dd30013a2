"""The mean maps laid over the mean face."""

from __future__ import annotations

import numpy as np

from xai_compare.report import style
from xai_compare.report.material import Block, Material
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sections.heatmaps import block_sheet, images_behind, kinds_of
from xai_compare.report.style import Picture


@SECTIONS.named("overlay")
class Overlay(Section):
    """The grids of maps once more, over the mean face; nothing where there are no images."""

    title = "On the mean face"
    lead = "The same maps over the average face."
    order = 20
    folded = True

    def applies(self, material: Material) -> bool:
        # Where there are only people, their maps stand over the face in their own section.
        return material.fitting_face is not None and bool(material.networks or len(material.of("human")) == 1)

    def figures(self, material: Material) -> list[Picture]:
        face = material.fitting_face
        return [] if face is None else [_overlays(material, block, face) for block in material.blocks("human")]


def _overlays(material: Material, block: Block, face: np.ndarray) -> Picture:
    title = "The same maps over the mean face"
    subtitle = "The mean of all images on the standard face, in grey; maps in colour"
    sheet = block_sheet(material, block, title, subtitle, [], foot=bool(material.counts))
    sheet.colour_bars(kinds_of(material, block))
    for row, source in enumerate(block.sources):
        for column, expression in enumerate(material.expressions):
            values = material.maps.get((source.name, expression))
            if values is None:
                sheet.empty(row, column)
            else:
                sheet.over(row, column, face, values, images_behind(material, source, expression))
    return Picture(
        name=f"overlay_{style.slug(block.explainer)}" if block.explainer else "overlay",
        title=title + (f": {block.title}" if block.explainer else ""),
        what="The maps above, laid over the average face of the study.",
        how="Colour marks where the source attends; grey shows the face below. The face is the same in every picture, "
        "an average of all expressions.",
        figure=sheet.finish(),
        raster=True,
        simulated=material.simulated(block.sources),
        fold=block.title or "Over the mean face",
    )
