"""A section of the report."""

from __future__ import annotations

from typing import Any

from xai_compare.report import Cell, Section, Table


class BrightnessSection(Section):
    """What the stage found."""

    title = "How bright the faces are"
    lead = "The mean of each face's pixels, as the network sees it."
    order = 95

    def applies(self, data: Any) -> bool:
        """Whether the stage has run."""
        return not data.table("brightness").empty

    def tables(self, data: Any) -> list[Table]:
        """The brightest face."""
        table = data.table("brightness").nlargest(1, "brightness")
        rows = [[Cell(row.image), Cell(f"{row.brightness:.1f}")] for row in table.itertuples()]
        return [Table("The brightest", ["image", "brightness"], rows, numeric=[1])]
