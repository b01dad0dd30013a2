"""A section of the report."""

from __future__ import annotations

from typing import Any

from xai_compare.report import Cell, Listing, Section


class BrightnessSection(Section):
    """What the stage found."""

    title = "How bright the faces are"
    lead = "The mean of each face's pixels, as the network sees it."
    order = 95

    def applies(self, material: Any) -> bool:
        """Whether the stage has run."""
        return not material.table("brightness").empty

    def listings(self, material: Any) -> list[Listing]:
        """The brightest face."""
        table = material.table("brightness").nlargest(1, "brightness")
        rows = [[Cell(row.image), Cell(f"{row.brightness:.1f}")] for row in table.itertuples()]
        return [Listing("The brightest", ["image", "brightness"], rows, numbers=[1])]
