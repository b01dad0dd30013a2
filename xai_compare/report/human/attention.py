"""Figures of attention: maps on the standard face, areas, what was removed, agreement by number of people."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xai_compare.report import style
from xai_compare.report.charts import draw_face, framed, number_matrix, panels_in_a_row, row_axes

_ORDER = ("eyes", "brows", "nose", "mouth", "cheeks", "forehead", "rest")


def standard_maps(means: dict[str, np.ndarray], counts: dict[str, int], what: str, simulated: bool) -> Figure:
    """The mean map of each expression on the standard face, drawn over its landmarks."""
    subtitle = f"Mean over pictures, {what}; each map from 0 to its greatest"
    figure, panels = panels_in_a_row(
        len(means), "Attention on the standard face", subtitle, each=1.75, height=3.3, simulated=simulated
    )
    for axes, (name, values) in zip(panels, means.items(), strict=True):
        axes.imshow(values, cmap=style.HEAT, vmin=0, vmax=float(np.nanmax(values)) or 1.0)
        draw_face(axes, color=style.MUTED, linewidth=0.7, alpha=0.7)
        axes.set(xlim=(-0.5, 223.5), ylim=(274.5, -0.5))
        axes.set_title(f"{name}\n{counts.get(name, 0)} pictures", size=8, weight="normal")
        framed(axes)
    return figure


def areas(table: pd.DataFrame, simulated: bool) -> Figure:
    """The share of attention that falls on each area, by expression."""
    own = table[table["measure"] == table["measure"].iloc[0]]
    names = [name for name in _ORDER if name in set(own["area"])] or list(own["area"].unique())
    expressions = [name for name in own["expression"].unique() if name != "all"] or ["all"]
    figure = style.new_figure(max(7.0, 0.95 * len(names) + 1.4), 3.9)
    style.heading(
        figure, "Areas of the face", f"Share of the {own['measure'].iloc[0]} that fall on each area", simulated
    )
    axes = figure.add_axes((0.08, 0.1, 0.9, 0.54))
    width = 0.8 / len(expressions)
    for at, (expression, colour) in enumerate(style.colours(expressions).items()):
        share = own[own["expression"] == expression].set_index("area")["share"].reindex(names)
        axes.bar(
            np.arange(len(names)) + at * width - 0.4 + width / 2,
            100 * share,
            width * 0.92,
            color=colour,
            linewidth=0,
            label=expression,
        )
    size = own[own["expression"] == "all"].set_index("area")["size"].reindex(names)
    axes.scatter(
        np.arange(len(names)),
        100 * size,
        marker="_",
        s=300,
        color=style.INK,
        linewidth=1.2,
        label="share of the picture",
        zorder=3,
    )
    axes.set_xticks(range(len(names)), names)
    axes.set_ylabel("%")
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=min(5, len(expressions) + 1), fontsize=7.5)
    return figure


def transitions(table: pd.DataFrame, points: str, simulated: bool) -> Figure:
    """From which area people go to which; ``points`` are fixations, say."""
    names = [name for name in _ORDER if name in table.index] or list(table.index)
    shares = 100 * table.loc[names, names]
    most = max(1.0, float(np.nanmax(shares.to_numpy(float))))
    return number_matrix(
        shares, "From area to area", f"Percent of the next {points}; each row sums to 100",
        rows="from", columns="to", limits=(0.0, most), digits=0, simulated=simulated,
    )  # fmt: skip


def removals(table: pd.DataFrame, simulated: bool) -> Figure:
    """What was removed or set apart, and why."""
    sums = table.groupby(["what", "reason"])["count"].sum().sort_values(ascending=False)
    names = [f"{what}: {style.plain(reason, 46)}" for what, reason in sums.index]
    title = "What was removed or set aside, and why"
    subtitle = "Counts over all participants and pictures"
    figure, (axes,) = row_axes(names, title, subtitle, width=8.4, line=0.3, below=0.25, simulated=simulated)
    axes.barh(range(len(sums)), sums.to_numpy(float), 0.66, color=style.PALETTE[0], linewidth=0)
    for place, count in enumerate(sums):
        axes.text(count, place, f" {count:,}", va="center", size=8)
    axes.set_xticks([])
    axes.spines["bottom"].set_visible(False)
    axes.set_xlim(0, max(float(sums.max()) * 1.15, 1) if len(sums) else 1)
    return figure


def growth(table: pd.DataFrame, title: str, what: str, simulated: bool) -> Figure:
    """How agreement grows with the number of people."""
    figure = style.new_figure(5.2, 3.3)
    style.heading(figure, title, what, simulated)
    axes = figure.add_axes((0.12, 0.15, 0.83, 0.57))
    for (name, own), colour in zip(table.groupby("curve", sort=False), style.PALETTE, strict=False):
        axes.plot(own["people"], own["value"], color=colour, marker="o", markersize=3.5, linewidth=1.4, label=name)
        axes.fill_between(own["people"], own["low"], own["high"], color=colour, alpha=0.15, linewidth=0)
    axes.set(xlabel="people", ylabel="Pearson's r", ylim=(0, 1))
    axes.legend(loc="lower right", fontsize=8)
    return figure
