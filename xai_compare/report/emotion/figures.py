"""Figures of self-report and seen expression: the gap, scores with intervals, and what each modality adds."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from xai_compare.emotion.protocols import PROTOCOLS, TITLES
from xai_compare.report import style
from xai_compare.report.charts import number_matrix, row_axes

HEADS = TITLES | {"intensity": "intensity of the seen expression"}


def gap(shares: pd.DataFrame, simulated: bool) -> Figure:
    """Of each self-report (rows), which share is seen as which expression (columns); rows without clips stay empty."""
    subtitle = "Share of each self-report's clips, in %"
    return number_matrix(
        100 * shares, "What is reported, and what is seen", subtitle,
        rows="self-report", columns="seen expression", limits=(0, 100), digits=0, simulated=simulated,
    )  # fmt: skip


def scores(table: pd.DataFrame, protocol: str, chance: float | None, simulated: bool) -> Figure:
    """Each setting's score with its interval: the share right, or the root mean squared error."""
    kind = PROTOCOLS[protocol]
    what = "Share of correct answers" if kind.kind == "classes" else "Root mean squared error (less is better)"
    title, subtitle = (
        f"{kind.title[0].upper()}{kind.title[1:]}",
        f"{what}, all folds together; bars: 95 % interval over people",
    )
    figure, (axes,) = row_axes(list(table["setting"]), title, subtitle, width=7.4, below=0.6, simulated=simulated)
    places = range(len(table))
    axes.hlines(places, table["ci_low"], table["ci_high"], color=style.PALETTE[0], lw=2)
    axes.plot(table["value"], places, "o", color=style.PALETTE[0], ms=5)
    if chance is not None:
        axes.axvline(chance, color=style.MUTED, lw=1, ls=":", label="always the most frequent class")
        axes.set_xlim(0, 1)
        figure.legend(loc="lower left", fontsize=7.5)
    return figure


def modalities(shares: pd.DataFrame, simulated: bool) -> Figure:
    """The fall in log probability without each modality, a panel for each protocol and setting, heads side by side."""
    groups = list(shares.groupby(["protocol", "setting"], sort=False))
    figure = style.new_figure(6.6, 0.95 + 1.75 * len(groups))
    subtitle = "Fall of the label's log probability without a modality, in nats; bars: 95 % interval over people"
    style.heading(figure, "What each modality contributes", subtitle, simulated)
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
