"""Figures of self-report and seen expression: the gap, scores with intervals, and what each modality adds."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from xai_compare.emotion.protocols import PROTOCOLS, TITLES
from xai_compare.report import style

HEADS = TITLES | {"intensity": "intensity of the seen expression"}


def _heading(figure: Figure, title: str, subtitle: str, simulated: bool) -> None:
    style.heading(
        figure, title, f"{subtitle}\nAll of it is simulated: no person was filmed." if simulated else subtitle
    )


def gap(shares: pd.DataFrame, simulated: bool) -> Figure:
    """Of each self-report (rows), which share is seen as which expression (columns); rows without clips stay empty."""
    n = len(shares)
    figure = style.new_figure(5.8, 5.3)
    _heading(figure, "What is reported, and what is seen", "Share of each self-report's clips, in %", simulated)
    axes = figure.add_axes((0.19, 0.17, 0.76, 0.62))
    values = 100 * shares.to_numpy(float)
    axes.imshow(values, cmap=style.HEAT, vmin=0, vmax=100, aspect="auto")
    for row in range(n):
        for column in range(n):
            value = values[row, column]
            if value == value:
                colour = "white" if value > 55 else style.INK
                axes.text(column, row, f"{value:.0f}", ha="center", va="center", size=8, color=colour)
    axes.set_xticks(range(n), list(shares.columns), rotation=35, ha="right")
    axes.set_yticks(range(n), list(shares.index))
    axes.set(xlabel="seen expression", ylabel="self-report")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return figure


def scores(table: pd.DataFrame, protocol: str, chance: float | None, simulated: bool) -> Figure:
    """Each setting's score with its interval: the share right, or the root mean squared error."""
    wanted = PROTOCOLS[protocol]
    n = len(table)
    height = 1.75 + 0.3 * n
    figure = style.new_figure(6.6, height)
    what = "Share right" if wanted.kind == "classes" else "Root mean squared error (less is better)"
    bars = "all folds together; bars: 95 % interval over people"
    _heading(figure, f"{wanted.title[0].upper()}{wanted.title[1:]}", f"{what}, {bars}", simulated)
    axes = figure.add_axes((0.42, 0.55 / height, 0.54, (0.3 * n + 0.1) / height))
    axes.hlines(range(n), table["ci_low"], table["ci_high"], color=style.PALETTE[0], lw=2)
    axes.plot(table["value"], range(n), "o", color=style.PALETTE[0], ms=5)
    if chance is not None:
        axes.axvline(chance, color=style.MUTED, lw=1, ls=":")
        axes.text(chance, -0.62, "always the commonest class", size=7.5, color=style.MUTED, ha="center", va="bottom")
        axes.set_xlim(0, 1)
    axes.set_yticks(range(n), [style.plain(name, 44) for name in table["setting"]])
    axes.set_ylim(n - 0.5, -0.5)
    axes.grid(axis="x", color=style.RULE, lw=0.6)
    axes.set_axisbelow(True)
    return figure


def modalities(shares: pd.DataFrame, simulated: bool) -> Figure:
    """The fall in log probability without each modality, a panel for each protocol and setting, heads side by side."""
    groups = list(shares.groupby(["protocol", "setting"], sort=False))
    figure = style.new_figure(6.6, 0.95 + 1.75 * len(groups))
    subtitle = "Fall of the label's log probability without a modality, in nats; bars: 95 % interval over people"
    _heading(figure, "What each modality contributes", subtitle, simulated)
    height = figure.get_size_inches()[1]
    colour = style.colours(list(HEADS))
    for k, ((protocol, setting), part) in enumerate(groups):
        top = 1.15 + 1.75 * k
        axes = figure.add_axes((0.16, 1 - (top + 1.1) / height, 0.56, 1.1 / height))
        names = list(dict.fromkeys(part["modality"]))
        heads = list(dict.fromkeys(part["head"]))
        for j, head in enumerate(heads):
            own = part[part["head"] == head].set_index("modality").reindex(names)
            places = [i + (j - (len(heads) - 1) / 2) * 0.28 for i in range(len(names))]
            axes.hlines(places, own["fall_low"], own["fall_high"], color=colour[head], lw=2)
            axes.plot(own["fall"], places, "os"[j % 2], color=colour[head], ms=5, label=HEADS[head])
        axes.axvline(0, color=style.MUTED, lw=0.8)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_title(f"{setting}, trained on {protocol}", size=9)
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), fontsize=8, title="head", title_fontsize=8)
    return figure
