"""Charts that several sections draw alike: rows with their names at the left, matrices of numbers, panels of maps."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xai_compare.faces import CANONICAL
from xai_compare.report import style

FACE_LINES = (
    *(np.arange(*ends) for ends in ((0, 17), (17, 22), (22, 27), (27, 31), (31, 36))),
    *(np.array([*range(*ends), ends[0]]) for ends in ((36, 42), (42, 48), (48, 60), (60, 68))),
)
"""Landmarks of jaw, brows, nose, eyes and mouth, each in the order in which a line joins them."""


def row_axes(
    names: Sequence[str],
    title: str,
    subtitle: str,
    *,
    width: float = 9.4,
    line: float = 0.32,
    below: float = 0.62,
    right: float = 0.4,
    panels: int = 1,
    simulated: bool = False,
) -> tuple[Figure, list[Axes]]:
    """Make a figure with a row for each name, first above, and a grid behind; names stand left of the first panel.

    Args:
        names: of the rows.
        title, subtitle, simulated: as `xai_compare.report.style.heading` takes them.
        width: of the figure, in inches.
        line, below, right: height of a row, and room below the rows and right of each panel, in inches.
        panels: how many axes stand side by side.
    """
    head = 0.75 + 0.16 * simulated + 0.16 * subtitle.count("\n")
    labels, width = [style.plain(name, 44) for name in names], style.fitted(width)
    if style.narrow():
        labels, line = [textwrap.fill(label, 22) for label in labels], max(line, 0.38)
    left = 0.35 + 0.072 * max(len(part) for label in labels for part in label.split("\n"))
    # In one column panels stand under one another.
    across = 1 if style.narrow() else panels
    block = line * len(names) + below + 0.3
    height = round(head + line * len(names) + below + (panels - across) * block, 2)
    figure = style.new_figure(width, height)
    style.heading(figure, title, subtitle, simulated)
    each = (width - left) / across
    made = []
    for panel in range(panels):
        column, above = panel % across, panel // across
        bottom = below - 0.12 + ((panels - 1) // across - above) * block
        axes = inch_box(figure, left + column * each, bottom, each - right, line * len(names) + 0.07)
        axes.set_yticks(range(len(names)), labels if column == 0 else [""] * len(names))
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        grid_behind(axes, "x")
        made.append(axes)
    return figure, made


def write_right_of(axes: Axes, y: float, text: str) -> None:
    """Write a text just right of the axes, at the height of ``y``."""
    axes.annotate(
        text, (1, y), (6, 0), xycoords=("axes fraction", "data"), textcoords="offset points", va="center", size=8.5
    )


def inch_box(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Return axes whose place in the figure is given in inches from its lower left corner."""
    across, up = figure.get_size_inches()
    return figure.add_axes((left / across, bottom / up, width / across, height / up))


def grid_behind(axes: Axes, axis: str = "both") -> None:
    """Draw a thin grid behind everything else."""
    axes.grid(axis=axis, color=style.RULE, lw=0.5)  # type: ignore[arg-type]
    axes.set_axisbelow(True)


def framed(axes: Axes) -> None:
    """Take the ticks from a panel that shows a picture, and draw a thin frame round it."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=style.FRAME)


def number_matrix(
    table: pd.DataFrame,
    title: str,
    subtitle: str,
    *,
    rows: str,
    columns: str,
    limits: tuple[float, float] | None = None,
    root: bool = False,
    digits: int | None = None,
    simulated: bool = False,
) -> Figure:
    """Draw a matrix with its numbers.

    Args:
        table: the numbers, with the names of rows and columns.
        title, subtitle, simulated: as `xai_compare.report.style.heading` takes them.
        rows, columns: what the names are.
        limits: values that are drawn lightest and darkest, by default the least and the greatest.
        root: colours by square root, so that small values show (Park & Wallraven 2022, Figures 2 and 3).
        digits: decimals of the numbers; by default the fewer the greater a number is.
    """
    values = table.to_numpy(float)
    count, across = values.shape
    figure = style.new_figure(max(4.6, 0.62 * across + 2.0), max(3.6, 0.5 * count + 1.7) + 0.16 * simulated)
    style.heading(figure, title, subtitle, simulated)
    width, height = figure.get_size_inches()
    axes = inch_box(figure, 1.15, 0.95, width - 1.35, height - 1.75 - 0.16 * simulated)
    scaled = np.sqrt(values) if root else values
    finite = scaled[np.isfinite(scaled)]
    low, high = limits or ((float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0))
    low = 0.0 if root else low
    axes.imshow(np.ma.masked_invalid(scaled), cmap=style.HEAT, vmin=low, vmax=max(high, low + 1e-9), aspect="auto")
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        places = digits if digits is not None else (0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2)
        dark = (scaled[row, column] - low) / max(high - low, 1e-9) > 0.55
        colour = "white" if dark else style.INK
        axes.text(column, row, f"{value:.{places}f}", ha="center", va="center", size=7.5, color=colour)
    axes.set_xticks(range(across), list(table.columns), rotation=40, ha="right")
    axes.set_yticks(range(count), list(table.index))
    axes.set(xlabel=columns, ylabel=rows)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def draw_face(axes: Axes, landmarks: np.ndarray | None = None, **line: object) -> None:
    """Draw the lines of a face, float ``(68, 2)``, by default those of the standard face."""
    points = CANONICAL if landmarks is None else landmarks
    for part in FACE_LINES:
        axes.plot(*points[part].T, **line)  # type: ignore[arg-type]


def panels_in_a_row(
    count: int, title: str, subtitle: str, *, each: float, height: float, simulated: bool
) -> tuple[Figure, list[Axes]]:
    """Make a figure of panels side by side, each so many inches wide."""
    figure = style.new_figure(style.fitted(max(5.4, each * count + 0.2)), height)
    style.heading(figure, title, subtitle, simulated)
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.03, top=0.65, wspace=0.06)
    return figure, [figure.add_subplot(1, count, place + 1) for place in range(count)]
