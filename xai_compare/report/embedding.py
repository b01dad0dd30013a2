"""Figures and tables as a page made of one file holds them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from importlib.resources import files
from io import BytesIO

import pandas as pd
from jinja2 import Environment, PackageLoader, Template
from markupsafe import Markup
from matplotlib.figure import Figure

from xai_compare.report import style

_PIXELS_PER_INCH = 104
_MOST_ROWS = 30


def template(name: str) -> Template:
    """A template of this folder, such as ``"human/page.html"``; what it is given is escaped."""
    return Environment(autoescape=True, loader=PackageLoader("xai_compare", "report")).get_template(name)


def css() -> Markup:
    """The style grid of every page."""
    return Markup(files("xai_compare.report").joinpath("page.css").read_text("utf-8"))


def figure(name: str, drawn: Figure, words: str) -> Mapping[str, object]:
    """A figure as base64 PNG ``data``, with ``alt``, ``width`` in pixels of the page and ``words``."""
    raw = BytesIO()
    with style.styled():
        drawn.savefig(raw, format="png", dpi=style.DPI, metadata={"Software": None})
    width = round(drawn.get_size_inches()[0] * _PIXELS_PER_INCH)
    return {"data": base64.b64encode(raw.getvalue()).decode(), "alt": name, "width": width, "words": words}


def table(title: str, words: str, held: pd.DataFrame) -> Mapping[str, object]:
    """The first rows of a table as text: ``title``, ``words``, ``columns``, ``rows``."""
    shown = held.head(_MOST_ROWS)
    more = f" The first {_MOST_ROWS} of {len(held)} rows." if len(held) > _MOST_ROWS else ""
    rows = [
        [f"{cell:.3g}" if isinstance(cell, float) else str(cell) for cell in row]
        for row in shown.itertuples(index=False)
    ]
    return {"title": title, "words": words + more, "columns": list(shown.columns), "rows": rows}
