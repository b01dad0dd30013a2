"""How every figure looks: one set of colours and sizes, one way to make a figure."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from seaborn.cm import rocket_r

DPI = 160
_PRINT_DPI = 256
_PRINTED: ContextVar[float | None] = ContextVar("printed", default=None)
"""Inches that a figure for print may be wide before it is scaled down; None on the page."""
INK, MUTED, RULE, FRAME, GROUND = "#1b2430", "#5d6878", "#d3d9e0", "#c3c9d2", "#f3f4f6"
SIMULATED = "#9c3d00"

# Each at least 4.5:1 against white, and any two apart for the three common kinds of colour blindness.
PALETTE = ("#0072B2", "#C24E00", "#004D40", "#A8437F", "#4C0073", "#0024D9", "#8C0000", "#103040")

BOTH, ONLY_MAP, ONLY_MASK, NEITHER = "#1F3A6E", "#E08A1E", "#A6CFEA", "#F4F4F1"
"""Where a thresholded map and a mask agree and differ; also apart in grey print (dark, middle, light, paper)."""


def _heat() -> ListedColormap:
    colours = rocket_r(np.linspace(0.0, 0.9, 256))
    # Towards white at the low end: a plain beginning would look like skin behind the drawn features.
    share = np.clip(np.linspace(0, 1 / 0.45, 256), 0, 1)[:, None]
    return ListedColormap(1 - share * (1 - colours), name="xai_compare_heat")


HEAT = _heat()
"""Relevance: lightness falls evenly from paper (least) to nearly black (most), so it also prints in grey."""


def _diverging() -> ListedColormap:
    towards = np.linspace(0, 1, 128)
    against = colormaps["Blues"](0.9 * towards)
    # Towards white at 0, as the other ramp.
    share = np.clip(np.linspace(0, 1 / 0.45, 128), 0, 1)[:, None]
    against = 1 - share * (1 - against)
    return ListedColormap(np.concatenate([against[::-1], HEAT(towards)]), name="xai_compare_diverging")


DIVERGING = _diverging()
"""Signed relevance: white at 0, `HEAT` for what speaks for the class, blue for what speaks against it."""

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.unicode_minus": True,
    "hatch.linewidth": 0.6,
    "image.composite_image": False,
    "legend.frameon": False,
    "svg.hashsalt": "xai-compare",
    "text.color": INK,
    # Letters keep their own widths, as in print; fitting them to the pixels takes longer too.
    "text.hinting": "none",
    # Names of models and files are text, also where they hold a dollar sign.
    "text.parse_math": False,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
}


@dataclass(frozen=True)
class FigureSpec:
    """One figure of a report and the words that go with it.

    Attributes:
        name: file name without its suffix, of ``[a-z0-9_-]``.
        title, what, how: what it is called, what it shows, how to read it.
        figure: the figure itself.
        raster: whether it is made of maps (kept as PNG only) or is a chart (kept as SVG too).
        simulated: whether it shows data of simulated people.
        fold: what the fold of the page is called that the picture stands in; without it the picture stands open.
        alt: what is to be seen, with its main numbers, for those who cannot see it; by default ``what``.
    """

    name: str
    title: str
    what: str
    how: str
    figure: Figure
    raster: bool
    simulated: bool = False
    fold: str = ""
    alt: str = ""


@contextmanager
def styled() -> Iterator[None]:
    """Draw and save inside this block with the house's settings; nothing outside it changes."""
    with mpl.rc_context(_RC), warnings.catch_warnings():
        # A name in a script the bundled font lacks shows as boxes in a figure; the page itself has it in full.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from", category=UserWarning)
        yield


@contextmanager
def for_print(widest: float) -> Iterator[None]:
    """Lay out what is drawn inside this block for print: at most ``widest`` inches wide, and without headings.

    A figure for print carries its title in its caption. Maps are painted with more pixels.
    """
    token = _PRINTED.set(widest)
    try:
        yield
    finally:
        _PRINTED.reset(token)


def printing() -> bool:
    """Whether figures are laid out for print."""
    return _PRINTED.get() is not None


def narrow() -> bool:
    """Whether figures are laid out for a single column of print."""
    return (_PRINTED.get() or 10.0) < 6


def fitted(width: float) -> float:
    """A width in inches, for print no wider than there is room."""
    return min(width, _PRINTED.get() or width)


def ground_dpi() -> int:
    """Pixels per inch with which maps are painted into a figure."""
    return _PRINT_DPI if printing() else DPI


def new_figure(width: float, height: float) -> Figure:
    """Return an empty white figure of ``width`` x ``height`` inches, outside pyplot's state."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def inch_axes(figure: Figure) -> Axes:
    """Return axes over the whole figure whose coordinates are inches from its upper left corner."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, width), ylim=(height, 0))
    axes.axis("off")
    return axes


def heading(figure: Figure, title: str, subtitle: str, simulated: bool = False) -> None:
    """Write title and subtitle at the upper left, and the word *simulated* under them where it is due.

    For print there is none.
    """
    if printing():
        return
    height = figure.get_size_inches()[1]
    left = 0.12 / figure.get_size_inches()[0]
    figure.text(left, 1 - 0.12 / height, title, size=12, weight="bold", va="top")
    if simulated:
        subtitle = f"{subtitle}\nContains simulated data: what is marked “simulated” shows no real person."
    figure.text(left, 1 - 0.38 / height, subtitle, size=8.5, color=MUTED, va="top", linespacing=1.35)


def plain(text: object, longest: int = 28) -> str:
    """Return ``text`` as one line without control characters, shortened in the middle to ``longest`` characters."""
    line = "".join("·" if unicodedata.category(c) in ("Cc", "Cs", "Cf", "Co", "Cn") else c for c in str(text)).strip()
    if len(line) <= longest:
        return line
    tail = longest // 3
    return f"{line[: longest - tail - 1]}…{line[-tail:]}"


def slug(text: str) -> str:
    """Return a file name of ``[a-z0-9_-]`` for ``text``; a name that had to change carries a piece of its hash.

    >>> slug("grad_cam"), slug("../x") != slug("x")
    ('grad_cam', True)
    """
    clean = re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:40]
    if clean and clean == text:
        return clean
    return f"{clean or 'x'}-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:6]}"


def colours(names: Sequence[str]) -> dict[str, str]:
    """Give each name a colour of the palette, in order; past its end it starts anew."""
    return {name: PALETTE[i % len(PALETTE)] for i, name in enumerate(dict.fromkeys(names))}
