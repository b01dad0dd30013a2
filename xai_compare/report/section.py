"""What a section of the report is: one file that says what it needs, what it draws, and its words.

A section is a class registered in `SECTIONS`; those of this package stand in `xai_compare.report.sections`, another
package names its own in the entry-point group ``xai_compare.sections``. Nothing else has to know of it::

    from xai_compare.report import SECTIONS, Cell, Table, ReportData, Section

    @SECTIONS.register("blinks")
    class Blinks(Section):
        title = "Blinks"
        lead = "How often people blinked."
        order = 85

        def applies(self, data: ReportData) -> bool:
            return not data.table("blinks").empty

        def tables(self, data: ReportData) -> list[Table]:
            rows = [[Cell(row.person), Cell(str(row.blinks))] for row in data.table("blinks").itertuples()]
            return [Table("Blinks", ["person", "blinks"], rows, numeric=[1])]
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pandas as pd

from xai_compare.registry import Registry
from xai_compare.report.data import ReportData
from xai_compare.report.style import FigureSpec, styled
from xai_compare.report.table import Table

_NAME = re.compile(r"[a-z0-9_-]+")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Headline:
    """One number of the page's head: the number, what it is, and the sentence that says what it means."""

    number: str
    label: str
    sentence: str
    simulated: bool = False


class Section:
    """A section of the report. Every method may be left as it is.

    Attributes:
        title: heading of the section.
        lead: one or two sentences under the heading.
        order: where the section stands; those of this package have 10 to 100, in steps of ten.
        papers: references that the page cites when the section is shown.
        folded: whether all its folds are closed until they are asked for; else the first one is open.
    """

    title: ClassVar[str] = ""
    lead: ClassVar[str] = ""
    order: ClassVar[int] = 1000
    papers: ClassVar[Sequence[str]] = ()
    folded: ClassVar[bool] = False

    def applies(self, data: ReportData) -> bool:
        """Whether the run holds what the section needs."""
        return True

    def figures(self, data: ReportData) -> Sequence[FigureSpec]:
        """Figures, in order; drawn inside `xai_compare.report.style.styled`. Their names are file names."""
        return []

    def tables(self, data: ReportData) -> Sequence[Table]:
        """Tables shown as text below the figures."""
        return []

    def csv_tables(self, data: ReportData) -> Mapping[str, pd.DataFrame]:
        """Tables written as ``tables/NAME.csv``, by name."""
        return {}

    def findings(self, data: ReportData) -> Sequence[str]:
        """What was found, in plain sentences after the lead."""
        return []

    def headlines(self, data: ReportData) -> Sequence[Headline]:
        """Numbers for the head of the page."""
        return []

    def notices(self, data: ReportData) -> Sequence[str]:
        """Warnings for the head of the page, which a reader must not miss."""
        return []

    def references(self, data: ReportData) -> Sequence[str]:
        """The papers that are cited for this data."""
        return self.papers


def _problem(thing: Any) -> str:
    """Why what a plug-in offers is not a section; ``""`` if it is one."""
    if not (isinstance(thing, type) and issubclass(thing, Section)):
        return "is not a subclass of xai_compare.report.Section"
    return "" if thing.title else "has no title"


SECTIONS: Registry[type[Section]] = Registry(
    "section of the report", "xai_compare.sections", ("xai_compare.report.sections.*",), check=_problem
)


@dataclass(frozen=True)
class RenderedSection:
    """All that a section gave."""

    name: str
    section: Section
    figures: Sequence[FigureSpec]
    tables: Sequence[Table]
    csv_tables: Mapping[str, pd.DataFrame]
    findings: Sequence[str]
    headlines: Sequence[Headline]
    references: Sequence[str]
    notices: Sequence[str] = ()


def render_sections(data: ReportData, left_out: list[str]) -> Iterator[RenderedSection]:
    """Ask section after section, in their order, for what it has to show of this data.

    Args:
        data: what there is to show.
        left_out: gains a line for each section of another package that fails, which the log gets too. A failure of a
            section of this package is a fault and is raised.
    """
    known = SECTIONS.all()
    for name, reason in SECTIONS.broken.items():
        _leave_out(left_out, name, reason)
    taken: set[str] = set()
    for name, kind in sorted(known.items(), key=lambda one: (one[1].order, one[0])):
        try:
            part = _part(name, kind(), data)
            if part is None:
                continue
            part = _named_apart(part, taken)
            _spare_the_run(part, data)
        except Exception as error:
            if kind.__module__.startswith("xai_compare."):
                raise
            _leave_out(left_out, name, f"{type(error).__name__}: {error}")
            continue
        taken |= {one.name for one in part.figures} | {f"{name}.csv" for name in part.csv_tables}
        yield part


def _part(name: str, section: Section, data: ReportData) -> RenderedSection | None:
    """What a section shows; None if it has nothing."""
    if not section.applies(data):
        return None
    with styled():
        figures = list(section.figures(data))
    tables, findings = list(section.tables(data)), list(section.findings(data))
    if not (figures or tables or findings):
        return None
    return RenderedSection(
        name=name,
        section=section,
        figures=figures,
        tables=tables,
        csv_tables=dict(section.csv_tables(data)),
        findings=findings,
        headlines=list(section.headlines(data)),
        references=list(section.references(data)),
        notices=list(section.notices(data)),
    )


def _named_apart(part: RenderedSection, taken: set[str]) -> RenderedSection:
    """Give a figure another name where one has it already; two tables of one name are a fault."""
    for name in (*part.csv_tables, *(picture.name for picture in part.figures)):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a file name (letters a-z, digits, - and _)")
    doubled = sorted({f"{name}.csv" for name in part.csv_tables} & taken)
    if doubled:
        raise ValueError(f"table {doubled[0]!r} is there already")
    figures, used = [], set(taken)
    for picture in part.figures:
        name, number = picture.name, 1
        while name in used:
            number += 1
            name = f"{picture.name}-{number}"
        used.add(name)
        figures.append(replace(picture, name=name))
    return replace(part, figures=figures)


def _spare_the_run(part: RenderedSection, data: ReportData) -> None:
    """No section may write over a table of the run itself."""
    for name in part.csv_tables:
        if not data.table(name).empty:
            raise ValueError(f"table '{name}.csv' is one of the run's own")


def _leave_out(left_out: list[str], name: str, reason: str) -> None:
    line = " ".join(f"The section {name!r} is left out: {reason}".split())
    _LOG.warning("%s", line)
    left_out.append(line)
