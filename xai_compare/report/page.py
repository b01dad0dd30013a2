"""The page: one HTML file that holds its figures, runs nothing and loads nothing."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from xai_compare.comparison import METRICS
from xai_compare.files import write_atomically
from xai_compare.report.data import ALL, ReportData
from xai_compare.report.glance import three_sentences
from xai_compare.report.labels import column_names
from xai_compare.report.references import cautions, merged
from xai_compare.report.section import Headline, RenderedSection
from xai_compare.report.study_summary import lookup, question
from xai_compare.report.table import Cell, Table, decimals
from xai_compare.version import VERSION

_PIXELS_PER_INCH, _NARROW_PER_INCH = 106, 76
_VIEWS = {
    "heatmaps": "grid",
    "thresholds": "pair",
    "examples": "pictures",
    "single": "pictures",
    "pairs": "people",
    "iou": "numbers",
    "people": "numbers",
}
"""The view of the page to explore that shows what a section shows."""
_PLAIN = " ='/:;,.-+()!*@$[]{}|^~_"
"""What an address within double quotes may hold as it is."""
_MOST_HEADLINES, _MOST_ROWS, _MOST_FACTS = 4, 1500, 200


def write_page(path: Path, template: str, sections: Sequence[RenderedSection], **context: Any) -> Path:
    """Write a page.

    Args:
        path: the file to write.
        template: a template of this folder that extends ``base.html``.
        sections: what was rendered, in order, with its figures saved; their notices stand at the head of the page.
        context: what the template needs, at least ``title``, ``kind``, ``notices`` and ``left_out``.

    Everything that comes from outside (names, reasons, notes) is text to the template, which escapes it.
    """
    notices = [*context.pop("notices"), *(line for section in sections for line in section.notices)]
    notices = _by_reason([*notices, *context.pop("left_out")])
    text = (
        _environment()
        .get_template(template)
        .render(
            version=VERSION,
            css=Markup(files("xai_compare.report").joinpath("page.css").read_text("utf-8")),
            notices=notices,
            sections=[_section(section, bool(context.get("explore"))) for section in sections if section.visible],
            **context,
        )
    )
    write_atomically(path, text.encode("utf-8", "replace"))
    return path


def _by_reason(lines: Sequence[str]) -> list[str]:
    """What could not be made for the same reason in one line."""
    parts: dict[str, list[str]] = {}
    for line in lines:
        what, could_not, reason = line.partition(" could not be ")
        _, told, why = reason.partition(": ")
        parts.setdefault(why if could_not and told else line, []).append(what if could_not and told else "")
    return [
        why
        if whats == [""] * len(whats)
        else f"{whats[0]} could not be made: {why}"
        if len(whats) == 1
        else f"These parts could not be made: {'; '.join(whats)}. The reason: {why}"
        for why, whats in parts.items()
    ]


@cache
def _environment() -> Environment:
    loader = PackageLoader("xai_compare", "report")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=_readable, loader=loader)


def _readable(value: Any) -> Any:
    """Show control characters and reversed text direction in names, rather than obey them."""
    if isinstance(value, Markup) or not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return value
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in value)


def _section(section: RenderedSection, explore: bool = False) -> dict[str, Any]:
    figures = _figures(section)
    stays = any(figure["open"] for figure in figures) or not all(table.folded for table in section.tables)
    return {
        "id": section.name,
        "title": section.title,
        "lead": section.lead,
        "findings": section.findings,
        "view": _VIEWS.get(section.name, "") if explore else "",
        "figures": figures,
        "closed": not (stays or section.findings),
        "tables": [table for table in section.tables if not table.folded],
        "folded": [table for table in section.tables if table.folded],
    }


def _figures(section: RenderedSection) -> list[dict[str, Any]]:
    """Figures as the template shows them; a caption leaves out what the figure before it already said.

    Of the folds the first is open, or none; a lone figure of a section that is not folded needs no fold.
    """
    specs = [saved.spec for saved in section.saved]
    alone = len(specs) == 1 and not section.folded
    first = next((place for place, spec in enumerate(specs) if spec.fold), -1)
    shown = []
    for place, (saved, spec) in enumerate(zip(section.saved, specs, strict=True)):
        before = specs[place - 1] if place else None
        width, height = saved.inches
        shown.append(
            {
                "uri": _uri(saved.kind, saved.embedded.result()),
                "title": spec.title,
                "ends": "" if spec.title.endswith("?") else ".",
                "alt": spec.alt or spec.what,
                "says": "" if before and before.what == spec.what else spec.what,
                "reads": "" if before and before.how == spec.how else spec.how,
                "simulated": spec.simulated,
                "width": round(width * _PIXELS_PER_INCH),
                "height": round(height * _PIXELS_PER_INCH),
                "inches": f"{width:.2f}",
                "scrolls": width * _NARROW_PER_INCH > 360,
                "fold": "" if alone else spec.fold,
                "open": alone or not spec.fold or (place == first and not section.folded),
            }
        )
    return shown


def _uri(kind: str, content: bytes) -> Markup:
    """The bytes as an attribute's value; Markup, for nothing is left to escape and there are megabytes to look through.

    A chart stays text, which takes two thirds of what base64 does.
    """
    if kind != "image/svg+xml":
        return Markup(f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")
    text = re.sub(r"<!--.*?-->", "", content.decode("utf-8"), flags=re.DOTALL)
    text = re.sub(r"\s*\n\s*", " ", text)
    if "'" not in text:
        text = text.replace('"', "'")
    return Markup(f"data:{kind},{quote(text, safe=_PLAIN)}")


def report_context(
    data: ReportData,
    sections: Sequence[RenderedSection],
    *,
    kind: str,
    study: Sequence[tuple[str, str]] = (),
    skipped: pd.DataFrame | None = None,
    provenance: Mapping[str, Any] | None = None,
    notices: Sequence[str] = (),
    left_out: Sequence[str] = (),
    explore: bool = False,
) -> dict[str, Any]:
    """What the template of a run's report needs.

    Args:
        data: what is shown.
        sections: what was rendered.
        kind: a line above the title.
        study: what was run, as name and value; without it the page has no such section.
        skipped: columns ``image`` and ``reason``.
        provenance: nested facts.
        notices: sentences that a reader must not miss.
        left_out: which sections are not there, and why.
        explore: whether a page to explore stands beside the report.
    """
    facts = provenance or {}
    omitted = _skipped(skipped)
    headlines = _first_of_each(sections)
    cited = merged(paper for section in sections for paper in section.references)
    return {
        "title": data.title,
        "kind": kind,
        "question": question(data),
        "glance": three_sentences(data),
        "headlines": headlines[:_MOST_HEADLINES],
        "more_headlines": headlines[_MOST_HEADLINES:],
        "explore": explore,
        "simulated": [source.short for source in data.sources if source.simulated and source.kind == "human"],
        "notices": notices,
        "left_out": left_out,
        "study": study,
        "study_tables": [*_counts(data), *_not_computed(facts), *omitted],
        "skipped": bool(omitted),
        "scores": [_scores(str(metric), rows) for metric, rows in data.scores.groupby("metric", sort=False)],
        "provenance": _provenance(facts),
        "citations": [f"xai-compare, version {VERSION}.", *cited],
        "cautions": cautions(data),
    }


def _first_of_each(sections: Sequence[RenderedSection]) -> list[Headline]:
    """Every section's headlines: the first of each before any second."""
    ranked = [(place, headline) for section in sections for place, headline in enumerate(section.headlines)]
    return [headline for _, headline in sorted(ranked, key=lambda one: one[0])]


def _counts(data: ReportData) -> list[Table]:
    if not data.counts:
        return []
    names = [name for name in data.expressions if name != ALL]
    names += [ALL] if any(expression == ALL for _, expression in data.counts) else []
    rows = []
    for source in data.sources:
        numbers = [data.counts.get((source.name, name)) for name in names]
        label = source.label + (" (simulated)" if source.simulated else "")
        rows.append([Cell(label), *(Cell(f"{number:,}" if number else "–") for number in numbers)])
    columns = ["source", *column_names(names)]
    return [Table("Images behind each mean map", columns, rows, range(1, len(columns)), folded=True)]


def _not_computed(facts: Mapping[str, Any]) -> list[Table]:
    """What an explainer refused or failed to do, with the reasons."""
    listed = [*(facts.get("refused") or []), *(facts.get("failed") or [])]
    rows = [[Cell(str(lookup(one, key, ""))) for key in ("source", "reason")] for one in listed]
    title = f"{len(rows)} not computed, with reasons"
    return [Table(title, ["source", "reason"], rows, folded=True, opened=True)] if rows else []


def _skipped(skipped: pd.DataFrame | None) -> list[Table]:
    if skipped is None or skipped.empty:
        return []
    total, columns = len(skipped), ["image", "reason"]
    rows = [[Cell(str(value)) for value in row] for row in skipped[columns].head(_MOST_ROWS).to_numpy()]
    more = f"{total - _MOST_ROWS} more are in the run's tables." if total > _MOST_ROWS else ""
    title = f"{total} image{'' if total == 1 else 's'} skipped, with reasons"
    return [Table(title, columns, rows, note=more, folded=True, opened=total <= 5)]


def _scores(metric: str, rows: pd.DataFrame) -> Table:
    known = METRICS.get(metric) if metric in METRICS else None
    title, total = known.title if known else metric, len(rows)
    title = title if metric in title else f"{title} ({metric})"
    note = f"{known.source}. Undefined where {known.undefined}." if known else ""
    if total > _MOST_ROWS:
        note += f" The first {_MOST_ROWS:,} of {total:,} rows; all are in tables/scores.csv."
    return Table(
        f"{title}: {total:,} row{'' if total == 1 else 's'}",
        ["a", "b", "expression", "fold", "value", "images", "95 % interval", "note"],
        [_score(row) for row in rows.head(_MOST_ROWS).to_dict("records")],
        range(4, 7),
        note,
        folded=True,
    )


def _score(row: Mapping[Any, Any]) -> list[Cell]:
    low, high = row["ci_low"], row["ci_high"]
    interval = "" if pd.isna(low) or pd.isna(high) else f"{low:.4f} to {high:.4f}"
    images = "" if pd.isna(row["n"]) else f"{int(row['n']):,}"
    note = "" if row["note"] is None or pd.isna(row["note"]) else str(row["note"])
    names = [str(row[key]) for key in ("a", "b", "expression", "fold")]
    return [Cell(text) for text in (*names, decimals(float(row["value"])), images, interval, note)]


def _provenance(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Facts by their first key: plain ones together, each nested one under its own heading."""
    facts = {str(key): value for key, value in facts.items() if key not in ("skipped", "refused", "failed")}
    nested = {key: value for key, value in facts.items() if isinstance(value, Mapping)}
    groups = [("In short", [(key, str(value)) for key, value in facts.items() if key not in nested])]
    for name, value in nested.items():
        unit = " s" if name == "stages" else ""
        groups.append((name.capitalize(), [(key, f"{text}{unit}") for key, text in _leaves(value)]))
    return [
        {"title": title, "rows": rows[:_MOST_FACTS], "more": max(len(rows) - _MOST_FACTS, 0)}
        for title, rows in groups
        if rows
    ]


def _leaves(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path} / {key}" if path else str(key))
    else:
        yield path, str(value)
