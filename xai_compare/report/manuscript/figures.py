"""The figures of a report, each by itself: which there are, of which sources and expressions, and their captions."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from xai_compare.errors import InputError, nearest
from xai_compare.expressions import canonical
from xai_compare.files import write_atomically
from xai_compare.report.data import ALL, ALL_MODELS, LabelledSource, ReportData, SourceGroup
from xai_compare.report.manuscript.layout import COLUMNS, fit, print_style
from xai_compare.report.section import SECTIONS
from xai_compare.report.style import FigureSpec
from xai_compare.version import VERSION

FORMATS = ("pdf", "svg", "png")
PNG_DPI = 600
_OVER_ALL = ("faithfulness", "multiverse", "repeatable", "tests", "trainings")
"""Sections whose tables hold no expressions, so that a choice of expressions changes nothing there."""


class _Chosen(ReportData):
    """Data of the sources that were asked for, which share one figure."""

    def groups(self, *references: str) -> list[SourceGroup]:
        """All of them in one group, in the order that was asked for."""
        shown = tuple(source for source in self.of_kind("model", *references))
        return [SourceGroup("", shown)] if shown else []


@dataclass(frozen=True)
class PrintedFigure:
    """A figure at its printed size.

    Attributes:
        name: file name without suffix.
        figure: the figure.
        caption: plain text: what is shown, n, what is simulated, what the intervals mean.
    """

    name: str
    figure: Figure
    caption: str


def chosen(data: ReportData, sources: Sequence[str] = (), expressions: Sequence[str] = ()) -> ReportData:
    """Data with these sources and expressions only.

    Args:
        data: of a run or of ready-made heatmaps.
        sources: names as in the tables, or patterns (``"*/lime"``), or a network or an explainer; none for all.
        expressions: any usual name; none for all.

    Raises:
        InputError: for a source or an expression that the data do not have, naming the nearest.
    """
    if sources:
        data = _of_sources(data, sources)
    if not expressions:
        return data
    names = [ALL if name == ALL else canonical(name) for name in expressions]
    for name in names:
        if not any(expression == name for _, expression in data.maps):
            known = ", ".join(data.expressions)
            raise InputError(f"no map of the expression {name!r}", where="expressions", hint=f"there are {known}")
    read = data.read

    def filtered(table: pd.DataFrame) -> pd.DataFrame:
        return table[table["expression"].isin(names)] if "expression" in table else table

    return replace(
        data,
        maps={key: values for key, values in data.maps.items() if key[1] in names},
        counts={key: number for key, number in data.counts.items() if key[1] in names},
        # Rows over all expressions would speak of those that are left out.
        scores=filtered(data.scores),
        read=lambda name: filtered(read(name)),
    )


def _of_sources(data: ReportData, asked: Sequence[str]) -> ReportData:
    taken: list[LabelledSource] = []
    known = {name for source in data.sources for name in (source.name, source.model, source.explainer) if name}
    for name in asked:
        found = [
            source
            for source in data.sources
            if name in (source.model, source.explainer, source.label) or fnmatchcase(source.name, name)
        ]
        if not found:
            raise InputError(f"no source {name!r}", where="sources", hint=nearest(name, sorted(known)))
        taken += [source for source in found if source not in taken]
    names = {source.name for source in taken}
    kept: dict[str, Any] = {one.name: getattr(data, one.name) for one in fields(data)}
    kept["sources"] = tuple(taken)
    kept["maps"] = {key: values for key, values in data.maps.items() if key[0] in names}
    kept["counts"] = {key: number for key, number in data.counts.items() if key[0] in names}
    return _Chosen(**kept)


def names(data: ReportData) -> list[str]:
    """The names of the figures, in the order of the report."""
    with print_style(COLUMNS[2]):
        return [spec.name for _, spec in _specs(data)]


def draw(
    data: ReportData,
    names: Sequence[str] = (),
    *,
    width_mm: float = COLUMNS[2],
    style: str | Path | None = None,
    intervals: str = "",
    expressions: Sequence[str] = (),
) -> Iterator[PrintedFigure]:
    """Draw figures at their printed size.

    Args:
        data: what is shown, see `chosen`.
        names: figures, or sections whose figures are all drawn; none for all.
        width_mm: printed width.
        style: a matplotlib style, laid over the house's.
        intervals: what the caption says of intervals.
        expressions: what was asked for, which captions say where a figure could not follow.

    Raises:
        InputError: for a name that is none of theirs, naming the nearest, or if there is nothing to draw.
    """
    there: list[str] = []
    left = set(names)
    with print_style(width_mm, style):
        for section, spec in _specs(data):
            there += [spec.name, section]
            if names and not {spec.name, section} & set(names):
                continue
            left -= {spec.name, section}
            figure = fit(spec.figure, width_mm, spec.simulated or any(source.simulated for source in data.sources))
            yield PrintedFigure(spec.name, figure, caption(data, spec, intervals, _chosen_words(section, expressions)))
    if left:
        name = min(left)
        raise InputError(f"no figure {name!r}", where="figures", hint=nearest(name, list(dict.fromkeys(there))))
    if not there:
        raise InputError("there is no figure to draw", where=data.title, hint="run the study to its end first")


def _chosen_words(section: str, expressions: Sequence[str]) -> str:
    """What a choice of expressions did to a figure."""
    if expressions and section in _OVER_ALL:
        return "Computed over all expressions of the run."
    if expressions and section == "known":
        return "A mean over some of the expressions has no interval."
    return ""


def _specs(data: ReportData) -> Iterator[tuple[str, FigureSpec]]:
    taken: set[str] = set()
    for name, kind in sorted(SECTIONS.all().items(), key=lambda item: (item[1].order, item[0])):
        section = kind()
        if not section.applies(data):
            continue
        for spec in section.figures(data):
            number, free = 1, spec.name
            while free in taken:
                number += 1
                free = f"{spec.name}-{number}"
            taken.add(free)
            yield name, replace(spec, name=free)


def caption(data: ReportData, spec: FigureSpec, intervals: str = "", chosen: str = "") -> str:
    """The caption of a figure: title, what it shows, how to read it, n, what is simulated, what intervals mean."""
    ends = "" if spec.title.endswith(("?", ".")) else "."
    parts = [f"{spec.title}{ends} {spec.what}", spec.how, _pictures(data), chosen]
    if spec.simulated or any(source.simulated for source in data.sources):
        parts.append(f"Simulated data, of no real person: {_simulated(data)}.")
    if "interval" in f"{spec.what} {spec.how}":
        parts.append(intervals)
    return "\n".join(part for part in parts if part) + "\n"


def _simulated(data: ReportData) -> str:
    shown = [source for source in data.sources if source.simulated]
    networks = list(
        dict.fromkeys(source.model for source in shown if source.kind == "model" and source.model != ALL_MODELS)
    )
    seen = [f"the pictures that {', '.join(networks)} saw"] if networks else []
    return "; ".join([*seen, *(source.label for source in shown if source.kind != "model")]) or "the pictures"


def _pictures(data: ReportData) -> str:
    numbers = {key: number for key, number in data.counts.items() if key[1] != ALL and number}
    numbers = numbers or {key: number for key, number in data.counts.items() if number}
    if not numbers:
        return "How many pictures lie behind these ready-made maps is not known." if not data.counts else ""
    least, most = min(numbers.values()), max(numbers.values())
    each = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    return f"n = {each} picture{'' if most == 1 else 's'} for each source and expression."


def content(printed: PrintedFigure, kind: str) -> bytes:
    """A figure as a file: ``"pdf"`` (TrueType fonts embedded), ``"svg"`` (letters as paths) or ``"png"`` (600 dpi).

    To be called inside `print_style`.
    """
    title = printed.caption.split("\n", 1)[0]
    about: dict[str, dict[str, Any]] = {
        "pdf": {"Title": title[:200], "Creator": f"xai-compare {VERSION}", "CreationDate": None},
        "svg": {"Title": title[:200], "Creator": f"xai-compare {VERSION}", "Date": None},
        "png": {"Title": title[:200], "Software": f"xai-compare {VERSION}"},
    }
    buffer = io.BytesIO()
    printed.figure.savefig(buffer, format=kind, dpi=PNG_DPI, metadata=about[kind])
    return buffer.getvalue()


def write(printed: PrintedFigure, folder: Path, kinds: Sequence[str], width_mm: float, style: Any = None) -> list[Path]:
    """Write a figure in each format, and its caption as ``NAME.txt``; returns the figure's files."""
    made = []
    with print_style(width_mm, style):
        for kind in kinds:
            made.append(folder / f"{printed.name}.{kind}")
            write_atomically(made[-1], content(printed, kind))
    write_atomically(folder / f"{printed.name}.txt", printed.caption.encode())
    return made
