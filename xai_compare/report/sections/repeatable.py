"""How settled the maps are: LIME's repeatability, and whether Extremal Perturbation had come to rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xai_compare.report import style
from xai_compare.report.data import LabelledSource, ReportData, pretty
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Cell, Table, signed

_WORST = 3


@dataclass(frozen=True)
class _Measure:
    """What an explainer says of its own certainty: its column, name, and whether low or high is good."""

    column: str
    name: str
    high: bool


_MEASURES = (
    _Measure("repeatability", "repeatability (correlation of two runs)", high=True),
    _Measure("progress", "gained in the last tenth of the search (share of the whole gain)", high=False),
)


@SECTIONS.register("repeatable")
class Repeatable(Section):
    """A dot for each picture's repeatability, and the pictures whose maps are least settled."""

    title = "Would the explainer say the same again?"
    lead = (
        "Some explainers try out random changes of a picture, or search step by step. How settled their maps are is "
        "stored with every map."
    )
    order = 90

    def applies(self, data: ReportData) -> bool:
        return any(_values(data, measure) for measure in _MEASURES)

    def figures(self, data: ReportData) -> list[FigureSpec]:
        found = _values(data, _MEASURES[0])
        return [_figure(data, found)] if found else []

    def tables(self, data: ReportData) -> list[Table]:
        return [_least_settled(data)]

    def findings(self, data: ReportData) -> list[str]:
        found = _values(data, _MEASURES[0])
        return [_a_second_run(found)] if found else []


def _values(data: ReportData, measure: _Measure) -> list[tuple[LabelledSource, pd.DataFrame]]:
    table = data.table("maps")
    if measure.column not in table:
        return []
    known = table[np.isfinite(pd.to_numeric(table[measure.column]))]
    found = [(source, known[known["source"] == source.name]) for source in data.networks]
    return [(source, rows) for source, rows in found if len(rows)]


def _figure(data: ReportData, found: list[tuple[LabelledSource, pd.DataFrame]]) -> FigureSpec:
    line, head = 0.36, 0.72
    left = 0.35 + 0.072 * max(len(style.plain(source.label, 40)) for source, _ in found)
    width, height = 8.6, head + line * len(found) + 0.62
    figure = style.new_figure(width, round(height, 2))
    subtitle = "A dot is one picture; the line is the median, printed at the right"
    style.heading(figure, "Would a second run give the same map?", subtitle)
    axes = figure.add_axes((left / width, 0.5 / height, (width - left - 0.75) / width, (height - head - 0.55) / height))
    hues = style.colours(data.explainers)
    least = min(float(rows["repeatability"].min()) for _, rows in found)
    for y, (source, rows) in enumerate(found):
        values = rows["repeatability"].to_numpy(float)
        spread = np.random.default_rng(y).uniform(-0.24, 0.24, len(values))
        axes.scatter(values, y + spread, s=12, color=hues[source.explainer], alpha=0.75, edgecolor="white", lw=0.3)
        middle = float(np.median(values))
        axes.plot([middle, middle], [y - 0.36, y + 0.36], color=style.INK, lw=1.6)
        axes.annotate(
            f"{middle:.3f}",
            (1, y),
            (6, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            va="center",
            size=8.5,
        )
    floor = min(0.9, np.floor(least * 10) / 10)
    axes.set(xlim=(floor, 1 + 0.01 * (1 - floor)), ylim=(len(found) - 0.4, -0.6))
    axes.set_xlabel("repeatability: expected correlation of the maps of two runs (1: the same)")
    axes.set_yticks(range(len(found)), [style.plain(source.label, 40) for source, _ in found])
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=style.RULE, lw=0.5)
    axes.set_axisbelow(True)
    return FigureSpec(
        name="repeatability",
        title="Repeatability of single maps",
        what="The correlation to expect between the maps of two independent runs on the same picture, worked out "
        "from each map's own standard errors.",
        how="Near 1 the map is settled. A picture far to the left has a map in which chance played a large part: more "
        "samples would help, or nothing in the picture matters much to the network.",
        figure=figure,
        raster=False,
    )


def _least_settled(data: ReportData) -> Table:
    """Median and worst pictures, a row for each network, explainer and measure."""
    rows = []
    for measure in _MEASURES:
        for source, table in _values(data, measure):
            ranking_sentence = table.sort_values([measure.column, "image"], ascending=[measure.high, True])
            values = ranking_sentence[measure.column].to_numpy(float)
            worst = [
                f"{style.plain(image, 48)} ({signed(value, 3)})"
                for image, value in zip(ranking_sentence["image"].head(_WORST), values[:_WORST], strict=True)
            ]
            numbers = [str(len(values)), signed(float(np.median(values)), 3), signed(float(values[0]), 3)]
            texts = [source.label, measure.name, *numbers, ", ".join(worst)]
            rows.append([Cell(text) for text in texts])
    columns = ["source", "measure", "pictures", "median", "worst", "worst pictures"]
    note = "What is known about every single map is in tables/maps.csv."
    return Table("How settled the maps are, and the least settled pictures", columns, rows, range(2, 5), note, True)


def _a_second_run(found: list[tuple[LabelledSource, pd.DataFrame]]) -> str:
    """What a second run would change."""
    names = " and ".join(dict.fromkeys(pretty(source.explainer) for source, _ in found))
    values = np.concatenate([rows["repeatability"].to_numpy(float) for _, rows in found])
    middle, low = float(np.median(values)), int((values < 0.9).sum())
    rest = f"{low:,} of {len(values):,} maps would correlate below 0.9" if low else "no map would correlate below 0.9"
    if middle >= 0.9:
        typical = f"a typical map would come out almost the same (correlation {middle:.3f})"
    else:
        typical = f"a typical map would correlate with the present one at only {middle:.2f}"
        rest += "; ask for more samples before reading single maps"
    return f"If {names} were run again, {typical}; {rest}."
