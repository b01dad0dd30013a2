"""The page: one HTML file that holds its figures, runs nothing and loads nothing."""

from __future__ import annotations

import base64
import io
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from PIL import Image, features

from xai_compare.comparison import METRICS
from xai_compare.report.material import ALL, Material
from xai_compare.report.notes import CAUTIONS, PAPERS, SECTIONS
from xai_compare.report.style import Picture
from xai_compare.report.tables import AVERAGE, Listing, Table, decimals
from xai_compare.report.words import get, headlines, question
from xai_compare.version import VERSION

_PIXELS_PER_INCH, _NARROW_PER_INCH = 106, 76
_MOST_ROWS = 1500
_MOST_FACTS = 200


@dataclass(frozen=True)
class Saved:
    """A picture and the files it was written to."""

    picture: Picture
    png: Path
    svg: Path


def write_page(
    path: Path,
    material: Material,
    saved: Sequence[Saved],
    tables: Mapping[str, Sequence[tuple[str, Table]]],
    *,
    kind: str,
    lists: Mapping[str, Sequence[Listing]] | None = None,
    says: Mapping[str, Sequence[str]] | None = None,
    asked: Sequence[tuple[str, str]] = (),
    skipped: pd.DataFrame | None = None,
    provenance: Mapping[str, Any] | None = None,
    notices: Sequence[str] = (),
) -> Path:
    """Write the report.

    Args:
        path: the file to write.
        material, saved: what is shown, and its figures on disk.
        tables: section to (caption, table) pairs, shown as text below the section's figures.
        kind: a line above the title.
        lists: section to plain tables, shown below the others.
        says: section to sentences about what was found, shown after the section's lead.
        asked: what was run, as name and value; without it the page has no such section.
        skipped: columns ``image`` and ``reason``.
        provenance: nested facts.
        notices: sentences that a reader must not miss.

    Everything that comes from outside (names, reasons, notes) is text to the template, which escapes it.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, finalize=_readable)
    template = environment.from_string(_asset("page.html"))
    text = template.render(
        title=material.title,
        kind=kind,
        version=VERSION,
        css=Markup(_asset("page.css")),
        question=question(material),
        headlines=headlines(material),
        simulated=[source.short for source in material.sources if source.simulated and source.kind == "human"],
        notices=list(notices),
        sections=_sections(material, saved, tables, lists or {}, says or {}),
        asked=list(asked),
        counts=_counts(material),
        skipped=_skipped(skipped),
        refused=_refused(provenance or {}),
        scores=_scores(material.scores),
        provenance=_provenance(provenance or {}),
        citations=[f"xai-compare, version {VERSION}.", *PAPERS],
        cautions=CAUTIONS,
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
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "".join(f"\\x{ord(c):02x}" if unicodedata.category(c) in ("Cc", "Cf", "Cs") else c for c in value)


def embed(saved: Saved) -> Markup:
    """A figure as a ``data:`` address: charts as SVG, maps as WebP (a sixth of the PNG's size)."""
    if not saved.picture.raster:
        return _data("image/svg+xml", saved.svg.read_bytes())
    if not features.check("webp"):
        return _data("image/png", saved.png.read_bytes())
    buffer = io.BytesIO()
    with Image.open(saved.png) as image:
        image.convert("RGB").save(buffer, "WEBP", quality=90, method=2)
    return _data("image/webp", buffer.getvalue())


def _data(kind: str, content: bytes) -> Markup:
    # Markup, for base64 has nothing to escape and megabytes to look through.
    return Markup(f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}")


def _sections(
    material: Material,
    saved: Sequence[Saved],
    tables: Mapping[str, Sequence[tuple[str, Table]]],
    lists: Mapping[str, Sequence[Listing]],
    says: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    sections = []
    for name, (title, lead) in SECTIONS.items():
        pictures = _said_once([_picture(one) for one in saved if one.picture.section == name])
        shown = [_table(material, caption, table) for caption, table in tables.get(name, ())]
        listed = list(lists.get(name, ()))
        if pictures or shown or listed:
            sections.append({"id": name, "title": title, "lead": lead, "says": list(says.get(name, ())),
                             "pictures": pictures, "tables": shown, "lists": listed})  # fmt: skip
    return sections


def _said_once(pictures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out of a caption what the figure before it already said."""
    said: list[dict[str, Any]] = []
    for i, one in enumerate(pictures):
        before = pictures[i - 1] if i else {}
        said.append({**one, "says": "" if one["what"] == before.get("what") else one["what"],
                     "reads": "" if one["how"] == before.get("how") else one["how"]})  # fmt: skip
    return said


def _picture(saved: Saved) -> dict[str, Any]:
    width, height = saved.picture.figure.get_size_inches()
    narrow = round(width * _NARROW_PER_INCH)
    return {
        "uri": embed(saved), "title": saved.picture.title, "what": saved.picture.what, "how": saved.picture.how,
        "simulated": saved.picture.simulated, "width": round(width * _PIXELS_PER_INCH),
        "height": round(height * _PIXELS_PER_INCH), "narrow": narrow, "scrolls": narrow > 360,
    }  # fmt: skip


def _table(material: Material, caption: str, table: Table) -> dict[str, Any]:
    columns = list(table.values.columns)
    rows = []
    for frame, people in ((table.values, False), (table.references, True)):
        for name in frame.index:
            source = material.by_name.get(name)
            label = "Average" if source is None else source.label
            if source is not None and source.kind == "model" and table.block.explainer:
                label = source.network
            if source is not None and source.simulated:
                label += " (simulated)"
            cells = [
                {"text": decimals(float(frame.loc[name, c])), "best": not people and table.is_best(name, c)}
                for c in columns
            ]
            rows.append({"label": label, "cells": cells, "kind": _row_kind(name, people)})
    shown = [material.by_name[name] for name in [*table.values.index, *table.references.index] if name != AVERAGE]
    return {
        "title": caption, "columns": [c.capitalize() for c in columns], "rows": rows,
        "several": not table.block.explainer, "simulated": material.simulated(shown),
    }  # fmt: skip


def _row_kind(name: str, people: bool) -> str:
    return "people" if people else ("average" if name == AVERAGE else "")


def _counts(material: Material) -> dict[str, Any] | None:
    if not material.counts:
        return None
    names = [
        *[e for e in material.expressions if e != ALL],
        *([ALL] if any(e == ALL for _, e in material.counts) else []),
    ]
    rows = [
        {
            "label": source.label,
            "simulated": source.simulated,
            "cells": [f"{number:,}" if (number := material.counts.get((source.name, e))) else "–" for e in names],
        }
        for source in material.sources
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
        groups.append(
            {
                "title": f"{known.title} ({metric})" if known else str(metric),
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


def asked_of(run: Any) -> list[tuple[str, str]]:
    """What a study asks, as name and value, in plain words."""
    study = run.study
    images = study.images
    many = "all there are" if images.per_expression is None else f"at most {images.per_expression:,}"
    by = "the class the network predicts" if images.choose_by == "predicted" else "their label"
    grouped = "their pair of label and false label" if images.pairs else by
    looked = get(run.provenance, "images.looked_at")
    scaling = {
        "min_max": "each map from its own least to its greatest value (0 to 1) before averaging",
        "positive": "negative values set to 0, then divided by the greatest, before averaging",
        "none": "not scaled before averaging",
    }
    rows = [
        ("Networks", ", ".join(model.label for model in study.models) or "none"),
        ("Explainers", ", ".join(_explainer(one) for one in study.explainers) or "none"),
        ("People", ", ".join(h.name + (" (simulated)" if h.simulated else "") for h in study.human) or "none"),
        ("Masks", "Ekman masks (EMFACS)" if study.masks == "ekman" else str(study.masks or "none")),
        (
            "Images",
            f"{many} per expression and network, grouped by {grouped}" + (f"; {looked:,} looked at" if looked else ""),
        ),
        ("Seed", str(study.seed)),
        ("Scaling", scaling.get(study.compare.scaling, str(study.compare.scaling))),
        ("Thresholds", f"IoU: Otsu; Dice: above {study.compare.thresholds.dice:g} of 255"),
        (
            "Intervals",
            f"{study.compare.bootstrap:,} bootstrap replicates over images" if study.compare.bootstrap else "none",
        ),
    ]
    if study.faithfulness:
        rows.append(("Faithfulness", _faithfulness(study.faithfulness)))
    return rows + ([("Note", study.note)] if study.note else [])


def _faithfulness(wanted: Any) -> str:
    fill = {"black": "black", "blur": "a strong blur"}[wanted.fill]
    anew = "explained once more with shuffled weights" if wanted.forgetting else "not explained anew"
    return (
        f"at most {wanted.images:,} pictures per network; curves of {wanted.steps} steps, deleted pixels {fill}; "
        f"{wanted.rectangles} rectangles; {anew}"
    )


def _explainer(spec: Any) -> str:
    options = ", ".join(f"{key} {value}" for key, value in spec.options.items())
    return f"{spec.label} ({options})" if options else str(spec.label)
