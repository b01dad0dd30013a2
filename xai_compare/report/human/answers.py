"""Figures of answers and clicks: matrices by pair, agreement, order of clicks, the movement of a mouse."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xai_compare.report import style
from xai_compare.report.charts import framed, panels_in_a_row


def agreement(table: pd.DataFrame, simulated: bool) -> Figure:
    """How far people agree on each picture, with the pictures agreed on most and least by name."""
    ranked = table.dropna(subset=["agreement"]).sort_values("agreement", ascending=False).reset_index(drop=True)
    figure = style.new_figure(9.6, 3.3)
    high, low = (ranked["agreement"] > 0.9).mean(), (ranked["agreement"] < 0.5).mean()
    style.heading(figure, "Agreement on what a face shows",
                  f"P of {len(ranked)} pictures: {high:.0%} above 0.9, {low:.0%} below 0.5", simulated)  # fmt: skip
    axes = figure.add_axes((0.06, 0.15, 0.36, 0.62))
    right = ranked["as_labelled"].astype(object).where(ranked["as_labelled"].notna(), True)
    colours = [style.PALETTE[0] if one else style.PALETTE[1] for one in right]
    axes.bar(np.arange(len(ranked)), ranked["agreement"], 1.0, color=colours, linewidth=0)
    axes.set(xlim=(-0.5, max(len(ranked) - 0.5, 0.5)), ylim=(0, 1.02), ylabel="agreement P")
    axes.set_xlabel("pictures, by agreement (orange: the majority answered otherwise than labelled)", size=8)
    axes.set_xticks([])
    for at, (title, part) in enumerate((("Most agreed", ranked.head(6)), ("Least agreed", ranked.tail(6)[::-1]))):
        left = 0.44 + 0.28 * at
        figure.text(left, 0.74, title, weight="bold", size=8.5)
        for line, one in enumerate(part.itertuples()):
            name = style.plain(PurePosixPath(str(one.image)).name, 24)
            said = f"{one.agreement:.2f}  {name}: {str(one.majority) or 'tied'}"
            figure.text(left, 0.67 - 0.085 * line, style.plain(said, 46), size=7)
    return figure


def click_order(pictures: dict[str, tuple[np.ndarray, np.ndarray, str]], simulated: bool) -> Figure:
    """The order in which people uncovered pictures: red first, yellow last; fainter where fewer uncovered it."""
    subtitle = "Red: first; yellow: last; fainter where fewer people clicked"
    figure, panels = panels_in_a_row(
        len(pictures), "Order of clicks", subtitle, each=2.2, height=3.5, simulated=simulated
    )
    for axes, (image, (colours, share, note)) in zip(panels, pictures.items(), strict=True):
        alpha = np.clip(share[..., None] * 1.5, 0, 1)
        axes.imshow(colours * alpha + 1 * (1 - alpha))
        axes.set_title(f"{style.plain(image, 26)}\n{note}", size=7.5, weight="normal")
        framed(axes)
    return figure


def movement(points: pd.DataFrame, simulated: bool) -> Figure:
    """How fast the mouse moves, and how its speed changes (Bruckert et al. 2023, Figure 5)."""
    figure = style.new_figure(7.2, 3.0)
    style.heading(figure, "Movement of the mouse", f"{len(points):,} points of the tracks that are kept", simulated)
    parts = (("velocity", "velocity (px/s)"), ("acceleration", "acceleration (px/s²)"))
    for at, (name, label) in enumerate(parts):
        values = points[name].dropna().to_numpy(float)
        axes = figure.add_axes((0.09 + 0.5 * at, 0.19, 0.38, 0.52))
        low, high = np.quantile(values, [0.01, 0.99]) if len(values) else (0.0, 1.0)
        edges = np.linspace(min(low, 0.0), max(high, low + 1e-9), 41)
        counts, _ = np.histogram(values, edges)
        axes.bar(edges[:-1], 100 * counts / max(len(values), 1), np.diff(edges), align="edge",
                 color=style.PALETTE[0], linewidth=0)  # fmt: skip
        axes.set_yscale("log")
        axes.set(xlabel=label, ylabel="% of points")
        median = f"median {np.median(np.abs(values)):.0f}" if len(values) else "none"
        axes.set_title(median + (" (size)" if name == "acceleration" else ""), size=8, weight="normal")
    return figure
