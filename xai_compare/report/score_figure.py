"""Tables of scores as figures, cells shaded by value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from xai_compare.report import style
from xai_compare.report.listing import decimals
from xai_compare.report.material import Material
from xai_compare.report.score_table import AVERAGE, ScoreTable, row_name
from xai_compare.report.style import Picture

_SHADE = colormaps["Blues"]


def score_table_figure(
    tables: Sequence[ScoreTable],
    material: Material,
    *,
    simulated: bool = False,
    name: str,
    title: str,
    subtitle: str,
    what: str,
    how: str,
) -> Picture:
    """Draw tables of scores under one another, cells shaded by value, the best of each column in bold."""
    columns = list(tables[0].values.columns)
    simulated = simulated or any(material.simulated(table.shown(material)) for table in tables)
    left, cell, line, head = 2.3, min(1.05, 7.5 / len(columns)), 0.27, 0.78 + 0.16 * simulated
    blocks = [len(table.values) + len(table.references) + 1.3 + (1 if table.block.explainer else 0) for table in tables]
    width, height = max(left + cell * len(columns) + 0.15, 6.4), head + line * sum(blocks) + 0.05
    figure = style.new_figure(round(width, 2), round(height, 2))
    style.heading(figure, title, subtitle, simulated)
    axes = style.inch_axes(figure)
    greatest = max(float(np.nanmax(np.append(table.values.to_numpy(), 1e-9))) for table in tables)
    y = head
    for table in tables:
        y = _table(axes, table, material, y, (left, cell, line), greatest) + 0.3 * line
    return Picture(name, title, what, how, figure, raster=False, simulated=simulated)


def _table(
    axes: Axes, table: ScoreTable, material: Material, y: float, sizes: tuple[float, float, float], greatest: float
) -> float:
    left, cell, line = sizes
    columns, right = list(table.values.columns), left + cell * len(table.values.columns)
    if table.block.explainer:
        axes.text(0.12, y + line / 2, style.plain(table.block.title), weight="bold", size=9.5, va="center")
        y += line
    for i, column in enumerate(columns):
        heading = style.plain(column.capitalize(), 14)
        axes.text(left + (i + 0.5) * cell, y + line / 2, heading, ha="center", va="center", size=8.5, color=style.MUTED)
    y += line
    axes.plot([0.12, right], [y, y], color=style.INK, lw=0.8)
    for frame, muted in ((table.values, False), (table.references, True)):
        for row in frame.index:
            if row == AVERAGE:
                axes.plot([0.12, right], [y, y], color=style.MUTED, lw=0.6)
            label, ink = style.plain(row_name(table, material, row), 48), style.MUTED if muted else style.INK
            axes.text(0.12, y + line / 2, label, va="center", size=8.5, color=ink)
            for i, column in enumerate(columns):
                value = float(frame[column][row])
                if np.isfinite(value) and not muted:
                    shade = _SHADE(0.5 * max(value, 0) / greatest)
                    axes.add_patch(Rectangle((left + i * cell, y), cell, line, fc=shade, ec="white", lw=0.8))
                best = not muted and table.is_best(row, column)
                axes.text(
                    left + (i + 0.5) * cell,
                    y + line / 2,
                    decimals(value),
                    ha="center",
                    va="center",
                    size=8.5,
                    weight="bold" if best else "normal",
                    color=ink,
                )
            y += line
    return y
