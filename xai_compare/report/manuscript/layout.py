"""From a figure of the report to one of a printed width: scaled, cut to what is drawn, no letter under 7 points."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import style as mpl_style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from xai_compare.errors import InputError, nearest
from xai_compare.report.style import INK, for_print, styled

COLUMNS = {1: 85.0, 2: 180.0}
"""Printed widths in mm of a figure over one column and over two."""
SMALLEST, LARGEST = 7.0, 9.0
"""Letters at the printed size, in points."""
NARROWEST_MM, WIDEST_MM = 60.0, 400.0
MM = 25.4
_LETTERS_ON_THE_PAGE = 9.0
_MARGIN = 0.03
_PRINT: Any = {
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "path",
    "font.size": _LETTERS_ON_THE_PAGE,
    "axes.titlesize": _LETTERS_ON_THE_PAGE,
}
SIMULATED = "Contains simulated data."


@contextmanager
def print_style(width_mm: float, style: str | Path | None = None) -> Iterator[None]:
    """Draw and save inside this block for print.

    Args:
        width_mm: printed width.
        style: a matplotlib style by name, or a ``.mplstyle`` file, laid over the house's.

    Raises:
        InputError: for a width outside 60 to 400 mm, or a style that matplotlib does not know.
    """
    if not NARROWEST_MM <= width_mm <= WIDEST_MM:
        hint = f"choose {NARROWEST_MM:g} to {WIDEST_MM:g}; a column has {COLUMNS[1]:g}, two have {COLUMNS[2]:g}"
        raise InputError(f"a figure cannot be {width_mm:g} mm wide", where="width_mm", hint=hint)
    with styled(), mpl.rc_context(_PRINT):
        if style is not None:
            try:
                mpl_style.use(style)
            except (OSError, ValueError) as error:
                hint = nearest(str(style), mpl_style.available)
                raise InputError(f"no matplotlib style {str(style)!r}", where="style", hint=hint) from error
            # Fonts stay embedded, whatever the style says.
            mpl.rcParams.update({"pdf.fonttype": 42, "ps.fonttype": 42, "text.parse_math": False})
        with for_print(width_mm / MM * _LETTERS_ON_THE_PAGE / SMALLEST):
            yield


def fit(figure: Figure, width_mm: float, simulated: bool) -> Figure:
    """Bring a figure that was drawn inside `print_style` to its printed width, and cut off what is empty.

    Args:
        figure: changed in place.
        width_mm: printed width.
        simulated: whether it must say that it holds simulated data.
    """
    width, height = (float(side) for side in figure.get_size_inches())
    scale = width_mm / MM / width
    for text in figure.findobj(Text):
        # Letters of the page's 9 points become 7.
        text.set_fontsize(float(np.clip(float(text.get_fontsize()) * scale, SMALLEST, LARGEST)))
    width, height = width * scale, height * scale
    spare = 0.5
    _move(figure, spare / (height + 2 * spare), height / (height + 2 * spare))
    height += 2 * spare
    figure.set_size_inches(width, height)
    _wrap_labels(figure)
    _draw_in(figure)
    below, above = _ink(figure)
    head = 0.17 if simulated else 0.0
    inner = above - below
    new_height = inner + 2 * _MARGIN + head
    _move(figure, (-below + _MARGIN) / new_height, height / new_height)
    figure.set_size_inches(width, new_height)
    if simulated:
        x, y = _MARGIN / width, 1 - _MARGIN / new_height
        figure.text(x, y, SIMULATED, size=SMALLEST, color=INK, style="italic", va="top")
    return figure


def _wrap_labels(figure: Figure) -> None:
    """Break a label of an axis that is longer than the figure is wide, or than the axis is high."""
    renderer = _rendered(figure)
    for axes in figure.axes:
        room = {axes.xaxis: 0.94 * figure.bbox.width, axes.yaxis: 1.15 * axes.bbox.height}
        for axis, most in room.items():
            box, text = axis.label.get_window_extent(renderer), axis.label.get_text()
            length = box.width if axis is axes.xaxis else box.height
            if text and length > most:
                axis.label.set_text(textwrap.fill(text, max(int(len(text) * most / length), 8)))


def _draw_in(figure: Figure) -> None:
    """Make room at the sides for letters that reach beyond the figure, by drawing its axes in."""
    width, edge = figure.bbox.width, _MARGIN * figure.dpi
    for _ in range(4):
        boxes = [text.get_window_extent(_rendered(figure)) for text in _written(figure)]
        left = max(0.0, edge - min((box.x0 for box in boxes), default=edge))
        right = max(0.0, max((box.x1 for box in boxes), default=0.0) - width + edge)
        if left + right < 1 or left + right > 0.5 * width:
            return
        for axes in figure.axes:
            box = axes.get_position()
            share = (width - left - right) / width
            axes.set_position((left / width + box.x0 * share, box.y0, box.width * share, box.height))


def _rendered(figure: Figure) -> Any:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return canvas.get_renderer()


def _written(figure: Figure) -> list[Text]:
    return [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]


def _ink(figure: Figure) -> tuple[float, float]:
    """Lower and upper end of what is drawn, in inches from the lower edge."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    drawn = np.asarray(canvas.buffer_rgba())[..., :3].min(axis=2) < 250
    rows, high = np.flatnonzero(drawn.any(axis=1)), drawn.shape[0]
    if not len(rows):
        return 0.0, float(figure.get_size_inches()[1])
    return (high - 1 - float(rows[-1])) / figure.dpi, (high - float(rows[0])) / figure.dpi


def _move(figure: Figure, offset: float, factor: float) -> None:
    """Give everything its place in a figure of another height."""
    for axes in figure.axes:
        box = axes.get_position()
        axes.set_position((box.x0, offset + box.y0 * factor, box.width, box.height * factor))
    for legend in figure.legends:
        anchor = legend.get_bbox_to_anchor().transformed(figure.transFigure.inverted())
        place = anchor.x0, offset + anchor.y0 * factor, anchor.width, anchor.height * factor
        legend.set_bbox_to_anchor(place, transform=figure.transFigure)
    for text in figure.texts:
        text.set_y(offset + float(text.get_position()[1]) * factor)
