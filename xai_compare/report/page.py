"""The page: one HTML file that holds its figures, runs nothing and loads nothing."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from xai_compare.comparison import METRICS
from xai_compare.report.data import ALL, ReportData
from xai_compare.report.figure_files import SavedFigure
from xai_compare.report.references import cautions
from xai_compare.report.section import RenderedSection
from xai_compare.report.study_summary import get, question
from xai_compare.report.table import decimals
from xai_compare.version import VERSION

_PIXELS_PER_INCH, _NARROW_PER_INCH = 106, 76
_PLAIN = " ='/:;,.-+()!*@$[]{}|^~_"
"""What an address within double quotes may hold as it is."""
_MOST_HEADLINES = 8
_MOST_ROWS = 1500
_MOST_FACTS = 200


@dataclass(frozen=True)
class Shown:
    """A section's part of the page, and its figures once they are drawn."""

    part: RenderedSection
    figures: Sequence[SavedFigure]


def write_page(
    path: Path,
    data: ReportData,
    sections: Sequence[Shown],
    *,
    kind: str,
    asked: Sequence[tuple[str, str]] = (),
    skipped: pd.DataFrame | None = None,
    provenance: Mapping[str, Any] | None = None,
    notices: Sequence[str] = (),
    left_out: Sequence[str] = (),
) -> Path:
    """Write the report.

    Args:
        path: the file to write.
        data: what is shown.
        sections: in their order.
        kind: a line above the title.
        asked: what was run, as name and value; without it the page has no such section.
        skipped: columns ``image`` and ``reason``.
        provenance: nested facts.
        notices: sentences that a reader must not miss.
        left_out: which sections are not there, and why.

    Everything that comes from outside (names, reasons, notes) is text to the template, which escapes it.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=_readable)
    template = environment.from_string(_asset("page.html"))
    text = template.render(
        title=data.title,
        kind=kind,
        version=VERSION,
        css=Markup(_asset("page.css")),
        question=question(data),
        headlines=[one for shown in sections for one in shown.part.headlines][:_MOST_HEADLINES],
        simulated=[source.short for source in data.sources if source.simulated and source.kind == "human"],
        notices=[*notices, *(line for shown in sections for line in shown.part.notices)],
        left_out=list(left_out),
        sections=[_section(shown) for shown in sections],
        asked=list(asked),
        counts=_counts(data),
        skipped=_skipped(skipped),
        refused=_refused(provenance or {}),
        scores=_scores(data.scores),
        provenance=_provenance(provenance or {}),
        citations=[f"xai-compare, version {VERSION}.", *dict.fromkeys(_cited(sections))],
        cautions=cautions(data),
    )
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8", errors="replace", newline="\n")
    part.replace(path)
    return path


@cache
def _asset(name: str) -> str:
    return files("xai_compare.report").joinpath(name).read_text("utf-8")


def _readable(value: Any) -> Any:
    """Show control characters and reversed text direction in names, rather than obey them."""
    if isinstance(value, Markup) or not isinstance(value, str) or (value.isascii() and value.isprintable()):
        return value
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in value)


def _cited(sections: Sequence[Shown]) -> Iterable[str]:
    return (paper for shown in sections for paper in shown.part.references)


def _section(shown: Shown) -> dict[str, Any]:
    part = shown.part
    pictures = _folded(_said_once([_picture(one) for one in shown.figures]), part.section.folded)
    stays = any(one["open"] for one in pictures) or not all(one.folded for one in part.tables)
    return {
        "id": part.name,
        "title": part.section.title,
        "lead": part.section.lead,
        "says": part.findings,
        "pictures": pictures,
        "closed": not (stays or part.findings),
        "lists": [one for one in part.tables if not one.folded],
        "folded": [one for one in part.tables if one.folded],
    }


def _said_once(pictures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of a caption what the figure before it already said."""
    said: list[dict[str, Any]] = []
    for i, one in enumerate(pictures):
        before = pictures[i - 1] if i else {}
        what, how = ("" if one[key] == before.get(key) else one[key] for key in ("what", "how"))
        said.append({**one, "says": what, "reads": how})
    return said


def _folded(pictures: list[dict[str, Any]], closed: bool) -> list[dict[str, Any]]:
    """Say which folds are open: the first, or none; a lone figure of a section that is not folded needs no fold."""
    if len(pictures) == 1 and not closed:
        return [{**pictures[0], "fold": "", "open": True}]
    first = next((i for i, one in enumerate(pictures) if one["fold"]), -1)
    return [{**one, "open": not one["fold"] or (i == first and not closed)} for i, one in enumerate(pictures)]


def _picture(saved: SavedFigure) -> dict[str, Any]:
    width, height = saved.inches
    return {
        "uri": _uri(saved.kind, saved.embedded.result()),
        "title": saved.title,
        "ends": "" if saved.title.endswith("?") else ".",
        "what": saved.what,
        "how": saved.how,
        "simulated": saved.simulated,
        "width": round(width * _PIXELS_PER_INCH),
        "height": round(height * _PIXELS_PER_INCH),
        "inches": f"{width:.2f}",
        "scrolls": width * _NARROW_PER_INCH > 360,
        "fold": saved.fold,
        "open": True,
    }


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


def _counts(data: ReportData) -> dict[str, Any] | None:
    if not data.counts:
        return None
    names = [
        *[e for e in data.expressions if e != ALL],
        *([ALL] if any(e == ALL for _, e in data.counts) else []),
    ]
    rows = [
        {
            "label": source.label,
            "simulated": source.simulated,
            "cells": [f"{number:,}" if (number := data.counts.get((source.name, e))) else "–" for e in names],
        }
        for source in data.sources
    ]
    return {"columns": ["All" if name == ALL else name.capitalize() for name in names], "rows": rows}


def _skipped(skipped: pd.DataFrame | None) -> dict[str, Any]:
    rows = [] if skipped is None else skipped[["image", "reason"]].astype(str).to_dict("records")
    return {"total": len(rows), "rows": rows[:_MOST_ROWS], "more": max(len(rows) - _MOST_ROWS, 0)}


def _refused(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(source, reason) of what an explainer refused or failed to do."""
    listed = [*(facts.get("refused") or []), *(facts.get("failed") or [])]
    return [(str(get(one, "source", "")), str(get(one, "reason", ""))) for one in listed]


def _scores(scores: pd.DataFrame) -> list[dict[str, Any]]:
    groups = []
    for metric, rows in scores.groupby("metric", sort=False):
        known = METRICS.get(str(metric)) if metric in METRICS else None
        title = known.title if known else str(metric)
        groups.append(
            {
                "title": title if str(metric) in title else f"{title} ({metric})",
                "source": f"{known.source}. Undefined where {known.undefined}." if known else "",
                "total": len(rows),
                "rows": [_score(row) for row in rows.head(_MOST_ROWS).to_dict("records")],
                "more": max(len(rows) - _MOST_ROWS, 0),
            }
        )
    return groups


def _score(row: Mapping[Any, Any]) -> dict[str, Any]:
    low, high = row["ci_low"], row["ci_high"]
    interval = "" if pd.isna(low) or pd.isna(high) else f"{low:.4f} to {high:.4f}"
    images = "" if pd.isna(row["n"]) else f"{int(row['n']):,}"
    note = "" if row["note"] is None or pd.isna(row["note"]) else str(row["note"])
    return {
        "names": [str(row[key]) for key in ("a", "b", "expression", "fold")],
        "numbers": [decimals(float(row["value"])), images, interval],
        "note": note,
    }


def _provenance(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Facts by their first key: plain ones together, each nested one under its own heading."""
    facts = {str(key): value for key, value in facts.items() if key not in ("skipped", "refused", "failed")}
    nested = {key: value for key, value in facts.items() if isinstance(value, Mapping)}
    flat = [(key, str(value)) for key, value in facts.items() if key not in nested]
    groups = [("In short", flat)] if flat else []
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
