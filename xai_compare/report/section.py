"""What a section of a page is: one class that says what it needs, what it shows, and its words.

The three pages (a run's report, the page of an experiment with people, the page of clips) are made of sections of one
kind, each registered in the registry of its page. Those of the run stand in `xai_compare.report.sections`; another
package names its own in the entry-point group ``xai_compare.sections``. Nothing else has to know of it::

    from xai_compare.report import SECTIONS, ReportData, Section, Table
    from xai_compare.report.table import text, whole

    @SECTIONS.register("blinks")
    class Blinks(Section):
        title = "Blinks"
        lead = "How often people blinked."
        order = 85

        def applies(self, data: ReportData) -> bool:
            return not data.table("blinks").empty

        def tables(self, data: ReportData) -> list[Table]:
            columns = [("person", "person", text), ("blinks", "blinks", whole)]
            return [Table.from_frame("Blinks", data.table("blinks"), columns)]
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Generic, TypeVar

import pandas as pd

from xai_compare.errors import InputError
from xai_compare.registry import Registry
from xai_compare.report.data import PageData, ReportData
from xai_compare.report.figure_files import SavedFigure
from xai_compare.report.style import FigureSpec, styled
from xai_compare.report.table import Table

_NAME = re.compile(r"[a-z0-9_-]+")
_LOG = logging.getLogger(__name__)
D = TypeVar("D", bound=PageData)


@dataclass(frozen=True)
class Headline:
    """One number of the page's head: the number, what it is, how it compares, and what it means in full."""

    number: str
    label: str
    sentence: str
    simulated: bool = False
    beside: str = ""


@dataclass(frozen=True)
class RenderedSection:
    """What a section shows; see the methods of `Section`. `render_sections` fills the name, title, lead and folds."""

    figures: Sequence[FigureSpec] = ()
    tables: Sequence[Table] = ()
    findings: Sequence[str] = ()
    csv_tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    headlines: Sequence[Headline] = ()
    notices: Sequence[str] = ()
    references: Sequence[str] = ()
    name: str = ""
    title: str = ""
    lead: str = ""
    folded: bool = False
    saved: Sequence[SavedFigure] = ()

    @property
    def visible(self) -> bool:
        """Whether there is anything to read under its heading."""
        return bool(self.figures or self.saved or self.tables or self.findings)


class BaseSection(Generic[D]):
    """A section of a page. Every method may be left as it is; one that makes all at once overrides `build`.

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

    def applies(self, data: D) -> bool:
        """Whether the page's data hold what the section needs."""
        return True

    def build(self, data: D) -> RenderedSection:
        """Make everything the section shows."""
        figures, tables = list(self.figures(data)), list(self.tables(data))
        findings = list(self.findings(data))
        if not (figures or tables or findings):
            return RenderedSection()
        return RenderedSection(
            figures,
            tables,
            findings,
            dict(self.csv_tables(data)),
            list(self.headlines(data)),
            list(self.notices(data)),
            list(self.references(data)),
        )

    def figures(self, data: D) -> Sequence[FigureSpec]:
        """Figures, in order; drawn inside `xai_compare.report.style.styled`. Their names are file names."""
        return []

    def tables(self, data: D) -> Sequence[Table]:
        """Tables shown as text below the figures."""
        return []

    def csv_tables(self, data: D) -> Mapping[str, pd.DataFrame]:
        """Tables written as ``tables/NAME.csv``, by name."""
        return {}

    def findings(self, data: D) -> Sequence[str]:
        """What was found, in plain sentences after the lead."""
        return []

    def headlines(self, data: D) -> Sequence[Headline]:
        """Numbers for the head of the page."""
        return []

    def notices(self, data: D) -> Sequence[str]:
        """Warnings for the head of the page, which a reader must not miss."""
        return []

    def references(self, data: D) -> Sequence[str]:
        """The papers that are cited for these data."""
        return self.papers


class Section(BaseSection[ReportData]):
    """A section of a run's report."""


def _problem(thing: Any) -> str:
    """Why what a plug-in offers is not a section; ``""`` if it is one."""
    if not (isinstance(thing, type) and issubclass(thing, BaseSection)):
        return "is not a subclass of xai_compare.report.Section"
    return "" if thing.title else "has no title"


def _registry(page: str, group: str, room: str) -> Registry[Any]:
    return Registry(f"section of {page}", group, (room,), check=_problem)


SECTIONS: Registry[type[BaseSection[ReportData]]] = _registry(
    "the report", "xai_compare.sections", "xai_compare.report.sections.*"
)
HUMAN_SECTIONS = _registry("the human page", "xai_compare.human_sections", "xai_compare.report.human.sections.*")
EMOTION_SECTIONS = _registry("the emotion page", "xai_compare.emotion_sections", "xai_compare.report.emotion.sections")


def render_sections(
    data: D,
    left_out: list[str],
    registry: Registry[type[BaseSection[D]]] = SECTIONS,  # type: ignore[assignment]
    announce: Callable[[str], None] = lambda title: None,
) -> Iterator[RenderedSection]:
    """Ask section after section, in their order, for what it has to show of these data.

    Args:
        data: what there is to show.
        left_out: gains a line, which the log gets too, for each section of another package that fails, and for each
            that input makes impossible if the page skips those. Any other failure is a fault and is raised.
        registry: the sections of the page.
        announce: is told the title of each section that applies before it is built.
    """
    known = registry.all()
    for name, reason in registry.broken.items():
        _leave_out(left_out, f"The section {name!r} is left out: {reason}")
    taken: set[str] = set()
    for name, kind in sorted(known.items(), key=lambda item: (item[1].order, item[0])):
        try:
            section = kind()
            if not section.applies(data):
                continue
            announce(section.title)
            with styled():
                built = section.build(data)
            rendered = replace(built, name=name, title=section.title, lead=section.lead, folded=section.folded)
            rendered = _with_free_names(rendered, taken, data)
        except InputError as error:
            if not data.skips_impossible and kind.__module__.startswith("xai_compare."):
                raise
            _leave_out(left_out, f"{kind.title} could not be made: {error}.")
            continue
        except Exception as error:
            if kind.__module__.startswith("xai_compare."):
                raise
            _leave_out(left_out, f"The section {name!r} is left out: {type(error).__name__}: {error}")
            continue
        taken |= {figure.name for figure in rendered.figures} | {f"{name}.csv" for name in rendered.csv_tables}
        yield rendered


def _with_free_names(rendered: RenderedSection, taken: set[str], data: PageData) -> RenderedSection:
    """Give a figure another name where one has it already; a table that would replace another is a fault."""
    for name in (*rendered.csv_tables, *(figure.name for figure in rendered.figures)):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a file name (letters a-z, digits, - and _)")
    for name in sorted(rendered.csv_tables):
        if f"{name}.csv" in taken:
            raise ValueError(f"table '{name}.csv' is there already")
        if not data.table(name).empty:
            raise ValueError(f"table '{name}.csv' is one of the run's own")
    figures, used = [], set(taken)
    for figure in rendered.figures:
        name, number = figure.name, 1
        while name in used:
            number += 1
            name = f"{figure.name}-{number}"
        used.add(name)
        figures.append(replace(figure, name=name))
    return replace(rendered, figures=figures)


def _leave_out(left_out: list[str], line: str) -> None:
    line = " ".join(line.split())
    _LOG.warning("%s", line)
    left_out.append(line)
