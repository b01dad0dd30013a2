"""How stable the maps are: LIME's repeatability, and whether Extremal Perturbation had come to rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xai_compare.report import style
from xai_compare.report.charts import row_axes, write_right_of
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
    _Measure("progress", "share of the whole gain that came in the last tenth of the search", high=False),
)


@SECTIONS.register("repeatable")
class Repeatable(Section):
    """A dot for each picture's repeatability, and the pictures whose maps are least stable."""

    title = "Would a second run give the same maps?"
    lead = (
        "Some explainers try random changes of a picture, or search step by step. How stable the result is, is stored "
        "with every map."
    )
    order = 90

    def applies(self, data: ReportData) -> bool:
        return any(_values(data, measure) for measure in _MEASURES)

    def figures(self, data: ReportData) -> list[FigureSpec]:
        found = _values(data, _MEASURES[0])
        return [_figure(data, found)] if found else []

    def tables(self, data: ReportData) -> list[Table]:
        return [_least_stable(data)]

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
    subtitle = "A dot is one picture; the line is the median, printed at the right"
    title, names = "Repeatability of single maps", [source.label for source, _ in found]
    figure, (axes,) = row_axes(names, title, subtitle, width=8.6, line=0.36, right=0.75)
    hues = style.colours(data.explainers)
    least = min(float(rows["repeatability"].min()) for _, rows in found)
    for y, (source, rows) in enumerate(found):
        values = rows["repeatability"].to_numpy(float)
        spread = np.random.default_rng(y).uniform(-0.24, 0.24, len(values))
        axes.scatter(values, y + spread, s=12, color=hues[source.explainer], alpha=0.75, edgecolor="white", lw=0.3)
        middle = float(np.median(values))
        axes.plot([middle, middle], [y - 0.36, y + 0.36], color=style.INK, lw=1.6)
        write_right_of(axes, y, f"{middle:.3f}")
    floor = min(0.9, np.floor(least * 10) / 10)
    axes.set_xlim(floor, 1 + 0.01 * (1 - floor))
    axes.set_xlabel("repeatability: expected correlation of the maps of two runs (1: identical)")
    return FigureSpec(
        name="repeatability",
        title="Repeatability of single maps",
        what="The correlation to expect between the maps of two independent runs on the same picture, worked out "
        "from each map's own standard errors.",
        how="Near 1 the map is stable. Far to the left, chance played a large part in the map: more samples would "
        "help, or nothing in the picture matters much to the network.",
        figure=figure,
        raster=False,
        alt="Medians: "
        + ", ".join(f"{source.label} {float(np.median(rows['repeatability'])):.3f}" for source, rows in found),
    )


def _least_stable(data: ReportData) -> Table:
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
    note = "The values of every single map are in tables/maps.csv."
    return Table("How stable the maps are, and the least stable pictures", columns, rows, range(2, 5), note, True)


def _a_second_run(found: list[tuple[LabelledSource, pd.DataFrame]]) -> str:
    """What a second run would change."""
    names = " and ".join(dict.fromkeys(pretty(source.explainer) for source, _ in found))
    values = np.concatenate([rows["repeatability"].to_numpy(float) for _, rows in found])
    middle, low = float(np.median(values)), int((values < 0.9).sum())
    rest = f"{low:,} of {len(values):,} maps below 0.9" if low else "none of them below 0.9"
    if middle >= 0.9:
        typical = f"a typical map is expected to be almost the same (correlation {middle:.3f})"
    else:
        typical = f"a typical map is expected to correlate with the present one at only {middle:.2f}"
        rest += "; use more samples before reading single maps"
    return f"If {names} were run again, {typical}; {rest}."
