"""What networks use of each part of the face, beside where people look, and which parts they use together."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch

from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.faces.areas import PARTS, face_parts
from xai_compare.report import charts, style
from xai_compare.report.data import ALL, ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Cell, Table, interval, signed

INDEX = "SII"


@SECTIONS.register("parts")
class Parts(Section):
    """Shapley values of the face's parts, people's shares of the same parts, and the parts' interactions."""

    title = "Which parts of the face do networks use, and which together?"
    lead = (
        "Each picture was shown with every set of eight parts of the face hidden. A part's Shapley value is what "
        "showing it adds to the probability of the explained expression, over all orders of showing them. Where people "
        "look, or click, is divided among the same parts."
    )
    order = 68
    papers = (
        "L. S. Shapley (1953). A value for n-person games. Contributions to the Theory of Games 2.",
        "M. Grabisch, M. Roubens (1999). An axiomatic approach to the concept of interaction among players in "
        "cooperative games. International Journal of Game Theory 28.",
        "C.-P. Tsai, C.-K. Yeh, P. Ravikumar (2023). Faith-Shap: the faithful Shapley interaction index. Journal of "
        "Machine Learning Research 24.",
    )

    def applies(self, data: ReportData) -> bool:
        return not data.table("part_values").empty

    def figures(self, data: ReportData) -> list[FigureSpec]:
        values, pairs = data.table("part_values"), data.table("part_interactions")
        simulated = data.simulated(data.sources)
        names = {source.name: source.label for source in data.sources if source.kind == "human"}
        made = [_shares(values[values["expression"] == ALL], names, simulated)]
        together = pairs[(pairs["expression"] == ALL) & (pairs["index"] == INDEX)]
        return made + ([_arcs(together, simulated)] if not together.empty else [])

    def findings(self, data: ReportData) -> list[str]:
        values, pairs = (data.table(name) for name in ("part_values", "part_interactions"))
        found = []
        for source, rows in values[(values["expression"] == ALL) & (values["kind"] == "model")].groupby("source"):
            if rows["value"].isna().all():
                continue
            if not (rows["value_low"] > 0).any():
                found.append(f"For no part of the face is it shown that {source} is surer when it is seen.")
                continue
            most = rows.iloc[int(np.nanargmax(rows["value"]))]
            sentence = (
                f"{source} uses the {most['part']} most, on average: showing them adds {signed(most['value'])} to the "
                f"probability (95 % interval {interval(most['value_low'], most['value_high'])}), "
                f"{100 * most['share']:.0f} % of what speaks for the expression on {100 * most['size']:.0f} % of the "
                "picture."
            )
            own = pairs[(pairs["source"] == source) & (pairs["expression"] == ALL) & (pairs["index"] == INDEX)]
            sure = own[(own["ci_low"] > 0) | (own["ci_high"] < 0)]
            if not sure.empty:
                strongest = sure.iloc[int(np.argmax(sure["value"].abs()))]
                how = "add to each other" if strongest["value"] > 0 else "partly replace each other"
                sentence += (
                    f" Of all pairs, {strongest['a']} and {strongest['b']} interact most: they {how} "
                    f"({signed(strongest['value'])})."
                )
            found.append(sentence)
        return found

    def tables(self, data: ReportData) -> list[Table]:
        values, simulated = data.table("part_values"), data.simulated(data.sources)
        made = []
        for expression in [ALL, *(name for name in dict.fromkeys(values["expression"]) if name != ALL)]:
            rows = []
            for source, own in values[values["expression"] == expression].groupby("source", sort=False):
                by = own.set_index("part")
                cells = [Cell(_value(by.loc[part])) for part in PARTS]
                rows.append([Cell(str(source)), Cell(str(by["n"].iloc[0])), *cells])
            made.append(
                Table(
                    "What is used of each part" + ("" if expression == ALL else f", {expression}"),
                    ["source", "pictures", *PARTS],
                    rows,
                    range(1, len(PARTS) + 2),
                    "Networks: mean Shapley value with its 95 % interval over pictures. People: percent of their maps.",
                    folded=expression != ALL,
                    simulated=simulated,
                )
            )
        return made


def _value(row: pd.Series) -> str:
    if row["kind"] == "human":
        return f"{signed(100 * row['share'], 1)} % {interval(100 * row['share_low'], 100 * row['share_high'], 1)}"
    return f"{signed(row['value'], 3)} {interval(row['value_low'], row['value_high'], 3)}"


def _shares(values: pd.DataFrame, names: Mapping[str, str], simulated: bool) -> FigureSpec:
    """Each part's share by source, as points with intervals; ``names`` are those of people."""
    sources = list(dict.fromkeys(values["source"]))
    figure, (axes,) = charts.row_axes(
        PARTS,
        "What is used of each part, and where people look",
        "Share of what speaks for the expression (networks) and of people's maps; bars: 95 % intervals over pictures",
        line=0.14 + 0.13 * (len(sources) + 1),
        below=0.95,
        simulated=simulated,
    )
    hues = style.colours(sources)
    for k, source in enumerate(sources):
        own = values[values["source"] == source].set_index("part").reindex(PARTS)
        y = np.arange(len(PARTS)) + 0.7 * ((k + 0.5) / (len(sources) + 1) - 0.5)
        low, high = own["share"] - own["share_low"], own["share_high"] - own["share"]
        people = (own["kind"] == "human").any()
        axes.errorbar(
            100 * own["share"], y, xerr=100 * np.nan_to_num([low, high]), fmt="D" if people else "o", ms=4.5, lw=1.1,
            color=hues[source], label=f"{style.plain(names.get(source, source), 36)} ({own['n'].iloc[0]} pictures)",
        )  # fmt: skip
    size = values.groupby("part")["size"].mean().reindex(PARTS)
    last = np.arange(len(PARTS)) + 0.7 * ((len(sources) + 0.5) / (len(sources) + 1) - 0.5)
    axes.plot(100 * size, last, "|", ms=9, color=style.MUTED, label="share of the picture")
    axes.set(xlabel="percent", xlim=(0, None))
    axes.legend(loc="upper right", fontsize=8)
    return FigureSpec(
        "parts",
        "What is used of each part, and where people look",
        "For each part of the face: the share of the positive Shapley values that lies on it, for each network, and "
        "the share of people's maps, with 95 % intervals over pictures.",
        "A network far to the right of people relies on a part that people look at less. The grey stroke is the part's "
        "share of the picture: what chance alone would give a map that knows nothing.",
        figure,
        False,
        simulated,
    )


@cache
def _centres() -> np.ndarray:
    """Where the parts' names stand on the standard face: ``(8, 2)``."""
    areas = face_parts(CANONICAL[:68], SHAPE)
    centres = np.array([np.argwhere(areas.mask(name)).mean(0)[::-1] for name in PARTS])
    # The middle of the jaw's ring would be the nose, and that of the background the face.
    centres[PARTS.index("jaw")] = CANONICAL[[8, 57]].mean(0)
    centres[PARTS.index("background")] = (SHAPE[1] - 26, 16)
    centres[PARTS.index("cheeks")] = CANONICAL[[3, 31]].mean(0)
    centres[PARTS.index("eyes")] = CANONICAL[42:48].mean(0)
    centres[PARTS.index("brows")] = CANONICAL[17:22].mean(0) - (0, 4)
    return centres


def _arcs(pairs: pd.DataFrame, simulated: bool) -> FigureSpec:
    """A face for each network with an arc between parts that interact, and the matrix beneath."""
    sources = list(dict.fromkeys(pairs["source"]))
    figure = style.new_figure(max(5.6, 3.3 * len(sources) + 0.3), 8.1 + 0.16 * simulated)
    style.heading(
        figure,
        "Which parts are used together",
        "Mean Shapley interaction of each pair: red, more together than apart; blue, one replaces the other",
        simulated,
    )
    most = max(float(pairs["value"].abs().max()), 1e-9)
    for k, source in enumerate(sources):
        own = pairs[pairs["source"] == source]
        left = 0.15 + 3.3 * k
        face = charts.inch_box(figure, left + 0.35, 3.75, 2.7, 3.3)
        face.set_title(style.plain(source, 30), loc="center")
        _face(face, own, most)
        _matrix(charts.inch_box(figure, left + 0.75, 0.85, 2.4, 2.4), own, most)
    return FigureSpec(
        "part-interactions",
        "Which parts are used together",
        "Above: an arc for each pair of parts whose mean interaction differs from 0 (95 % interval over pictures), "
        "as wide as it is strong. Beneath: the interactions of all pairs, in hundredths of probability; those that do "
        "not differ from 0 are grey.",
        "A positive interaction: showing both parts adds more than each alone does. A negative one: either part is "
        "nearly as good as both. Intervals are not corrected for the 28 pairs: one or two may differ by chance.",
        figure,
        False,
        simulated,
    )


def _face(axes: Axes, pairs: pd.DataFrame, most: float) -> None:
    charts.draw_face(axes, color=style.FRAME, lw=1.0)
    centres = _centres()
    for _, row in pairs.iterrows():
        if row["ci_low"] > 0 or row["ci_high"] < 0:
            strength = abs(row["value"]) / most
            a, b = (tuple(centres[PARTS.index(row[side])]) for side in ("a", "b"))
            colour = style.DIVERGING(0.9 if row["value"] > 0 else 0.12)
            arc = FancyArrowPatch(
                a, b, arrowstyle="-", connectionstyle="arc3,rad=0.25", lw=0.4 + 5 * strength, color=colour,
                alpha=0.35 + 0.6 * strength, shrinkA=0, shrinkB=0,
            )  # fmt: skip
            axes.add_patch(arc)
    for name, (x, y) in zip(PARTS, centres, strict=True):
        box = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": style.RULE, "lw": 0.6}
        axes.text(x, y, name, ha="center", va="center", size=7, bbox=box)
    axes.set(xlim=(-14, SHAPE[1] + 14), ylim=(SHAPE[0], -6), aspect="equal")
    axes.axis("off")


def _matrix(axes: Axes, pairs: pd.DataFrame, most: float) -> None:
    values = np.full((len(PARTS), len(PARTS)), np.nan)
    for _, row in pairs.iterrows():
        if not np.isfinite(row["value"]):
            continue
        i, j = PARTS.index(row["a"]), PARTS.index(row["b"])
        values[i, j] = values[j, i] = row["value"]
        sure = row["ci_low"] > 0 or row["ci_high"] < 0
        colour = "white" if abs(row["value"]) > 0.6 * most else style.INK if sure else style.MUTED
        number = f"{round(100 * row['value']):d}"
        for x, y in ((i, j), (j, i)):
            axes.text(x, y, number, ha="center", va="center", size=7, color=colour)
    axes.imshow(np.ma.masked_invalid(values), cmap=style.DIVERGING, vmin=-most, vmax=most)
    axes.set_xticks(range(len(PARTS)), PARTS, rotation=60, ha="right", fontsize=7)
    axes.set_yticks(range(len(PARTS)), PARTS, fontsize=7)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
