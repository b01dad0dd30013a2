"""Charts of scores: tables with shaded cells, boxes of Dice coefficients, bars of known regions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from xai_compare.report import style
from xai_compare.report.material import ALL, Material, Source, pretty
from xai_compare.report.style import Picture
from xai_compare.report.tables import AVERAGE, Table, decimals, score_tables

_SHADE = colormaps["Blues"]


def score_table_figure(
    tables: Sequence[Table],
    material: Material,
    *,
    simulated: bool = False,
    name: str,
    section: str,
    title: str,
    subtitle: str,
    what: str,
    how: str,
) -> Picture:
    """Draw tables of scores under one another, cells shaded by value, the best of each column in bold."""
    columns = list(tables[0].values.columns)
    people = [material.by_name[name] for name in tables[-1].references.index]
    shown = [source for table in tables for source in table.block.sources] + people
    simulated = simulated or material.simulated(shown)
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
    return Picture(name, section, title, what, how, figure, raster=False, simulated=simulated)


def _table(
    axes: Axes, table: Table, material: Material, y: float, sizes: tuple[float, float, float], greatest: float
) -> float:
    left, cell, line = sizes
    columns, right = list(table.values.columns), left + cell * len(table.values.columns)
    if table.block.explainer:
        axes.text(0.12, y + line / 2, style.plain(table.block.title), weight="bold", size=9.5, va="center")
        y += line
    for i, column in enumerate(columns):
        axes.text(left + (i + 0.5) * cell, y + line / 2, style.plain(column.capitalize(), 14), ha="center", va="center",
                  size=8.5, color=style.MUTED)  # fmt: skip
    y += line
    axes.plot([0.12, right], [y, y], color=style.INK, lw=0.8)
    for frame, muted in ((table.values, False), (table.references, True)):
        for row in frame.index:
            if row == AVERAGE:
                axes.plot([0.12, right], [y, y], color=style.MUTED, lw=0.6)
            source = material.by_name.get(row)
            label = "Average" if source is None else _name(source, bool(table.block.explainer))
            axes.text(0.12, y + line / 2, label, va="center", size=8.5, color=style.MUTED if muted else style.INK)
            for i, column in enumerate(columns):
                value = float(frame.loc[row, column])
                if np.isfinite(value) and not muted:
                    shade = _SHADE(0.5 * max(value, 0) / greatest)
                    axes.add_patch(Rectangle((left + i * cell, y), cell, line, fc=shade, ec="white", lw=0.8))
                best = not muted and table.is_best(row, column)
                axes.text(left + (i + 0.5) * cell, y + line / 2, decimals(value), ha="center", va="center", size=8.5,
                          weight="bold" if best else "normal", color=style.MUTED if muted else style.INK)  # fmt: skip
            y += line
    return y


def _name(source: Source, alone: bool) -> str:
    name = style.plain(source.network if alone and source.kind == "model" else source.label, 36)
    return f"{name} (simulated)" if source.simulated else name


def dice_boxes(material: Material) -> list[Picture]:
    """A box per explainer of its Dice coefficients with people, as Figure 10 of Park and Wallraven 2022."""
    pictures = []
    for person in material.of("human"):
        groups: dict[str, list[float]] = {}
        for source in material.networks:
            for expression in material.expressions:
                row = material.value("dice", source.name, person.name, expression)
                if row is not None and np.isfinite(row["value"]):
                    groups.setdefault(source.explainer, []).append(float(row["value"]))
        if groups:
            pictures.append(_boxes(material, person, groups))
    return pictures


def _boxes(material: Material, person: Source, groups: dict[str, list[float]]) -> Picture:
    people = style.plain(person.short, 30) + (" (simulated)" if person.simulated else "")
    head = 0.75 + 0.16 * person.simulated
    width, height = max(6.4, 1.0 + 1.5 * len(groups)), head + 3.5
    figure = style.new_figure(width, height)
    title = f"Do networks attend where people do? Dice with {people}"
    style.heading(figure, title, "A point is one network and one expression; maps scaled to 0–255 and cut "
                  f"at {material.dice_level:g}", person.simulated)  # fmt: skip
    axes = figure.add_axes((0.75 / width, 0.55 / height, (width - 1.6) / width, (height - head - 0.75) / height))
    hues = style.colours(material.explainers)
    boxes = axes.boxplot(
        list(groups.values()), positions=range(len(groups)), widths=0.42, patch_artist=True, showfliers=False,
        medianprops={"color": style.INK, "lw": 1.6}, whiskerprops={"color": style.MUTED},
        capprops={"color": style.MUTED},
    )  # fmt: skip
    for i, (explainer, values) in enumerate(groups.items()):
        boxes["boxes"][i].set(facecolor=hues[explainer], alpha=0.35, edgecolor=style.MUTED)
        spread = np.random.default_rng(i).uniform(-0.13, 0.13, len(values))
        axes.scatter(i + spread, values, s=13, color=hues[explainer], edgecolor="white", lw=0.4, zorder=3)
        axes.text(i + 0.26, np.median(values), f"{np.median(values):.2f}", va="center", size=8)
    labels = [f"{style.plain(pretty(name) or 'maps', 22)}\n{len(values)} values" for name, values in groups.items()]
    axes.set(ylim=(0, 1), xlim=(-0.6, len(groups) - 0.3), ylabel="Dice coefficient (0 none, 1 full overlap)")
    axes.set_xticks(range(len(groups)), labels)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", color=style.RULE, lw=0.5)
    axes.set_axisbelow(True)
    _ceiling(axes, material, person)
    return Picture(
        name=f"dice_{style.slug(person.short)}",
        section="people",
        title=f"Dice coefficients with {people}",
        what="How much the places that networks and people attend to most overlap, by explainer.",
        how="A box holds the middle half of the values, its line is the median (printed beside it), whiskers reach to "
        "1.5 box lengths. Higher is nearer to people."
        + (" The dashed line is how well groups of people agree." if _between(material, person) else ""),
        figure=figure,
        raster=False,
        simulated=person.simulated,
    )  # fmt: skip


def _between(material: Material, person: Source) -> list[float]:
    """Dice coefficients of this group of people with the other groups."""
    others = [other.name for other in material.of("human") if other.name != person.name]
    rows = [material.value("dice", person.name, other, e) for other in others for e in material.expressions]
    return [float(row["value"]) for row in rows if row is not None and np.isfinite(row["value"])]


def _ceiling(axes: Axes, material: Material, person: Source) -> None:
    values = _between(material, person)
    if values:
        level = float(np.mean(values))
        axes.axhline(level, color=style.INK, lw=0.9, ls=(0, (4, 3)))
        axes.annotate(f"people with\npeople {level:.2f}", (1, level), (4, 0), xycoords=("axes fraction", "data"),
                      textcoords="offset points", va="center", size=8)  # fmt: skip


_KNOWN = {
    "known_auc": "Area under the ROC curve (1 = perfect)",
    "known_energy": "Share of relevance inside the region (1 = all)",
}


def known_regions(material: Material) -> list[Picture]:
    """Bars of how well each explainer finds the region that is known to differ, with intervals and chance."""
    rows = material.scores[material.scores["metric"].isin(list(_KNOWN)) & (material.scores["fold"] == ALL)]
    names = [s for s in material.networks if s.name in set(rows["a"])]
    metrics = [name for name in _KNOWN if name in set(rows["metric"])]
    if not names or not metrics:
        return []
    line, head = 0.27, 0.75
    left = 0.35 + 0.072 * max(len(style.plain(source.label, 40)) for source in names)
    width, height = 10.0 if len(metrics) > 1 else 7.0, head + line * len(names) + 0.75
    figure = style.new_figure(width, round(height, 2))
    style.heading(figure, "Does the explainer find what truly differs?",
                  "Pictures whose changed region is known; means with 95 % intervals over images")  # fmt: skip
    each = (width - left) / len(metrics)
    for i, metric in enumerate(metrics):
        box = (left + i * each, 0.5, each - 0.3, height - head - 0.6)
        axes = figure.add_axes((box[0] / width, box[1] / height, box[2] / width, box[3] / height))
        _bars(axes, material, metric, names, labelled=i == 0)
    return [
        Picture(
            name="known_regions",
            section="known",
            title="Does the explainer find what truly differs?",
            what="On pictures whose changed region is known, a right explanation must point to that region. The bars "
            "show how well each explainer does so.",
            how="Area under the ROC curve: the chance that a place inside the region is marked stronger than a place "
            "outside. Share of relevance: how much of the map's total lies inside. The dashed line is what guessing "
            "would reach; the thin line is the 95 % interval.",
            figure=figure,
            raster=False,
        )
    ]  # fmt: skip


def overall(material: Material, metric: str, name: str) -> tuple[float, float, float] | None:
    """A source's score over all expressions with its interval: the row ``"all"``, else the mean (no interval)."""
    rows = material.scores
    rows = rows[(rows["metric"] == metric) & (rows["a"] == name) & (rows["fold"] == ALL)]
    whole = rows[rows["expression"] == ALL]
    if len(whole) and np.isfinite(whole["value"].iloc[0]):
        row = whole.iloc[0]
        return float(row["value"]), float(row["ci_low"]), float(row["ci_high"])
    value = float(rows["value"].mean()) if len(rows) else float("nan")
    return (value, float("nan"), float("nan")) if np.isfinite(value) else None


def _chance(material: Material, metric: str) -> float | None:
    """What guessing would score: 0.5 for an area under the ROC curve, else what the rows' notes say."""
    if metric == "known_auc":
        return 0.5
    notes = material.scores.loc[material.scores["metric"] == metric, "note"].astype(str)
    found = notes.str.extract(r"chance ([01]?\.\d+)")[0].dropna()
    return float(found.iloc[0]) if len(found) else None


def _bars(axes: Axes, material: Material, metric: str, names: Sequence[Source], labelled: bool) -> None:
    label, chance = _KNOWN[metric], _chance(material, metric)
    hues = style.colours(material.explainers)
    for y, source in enumerate(names):
        found = overall(material, metric, source.name)
        if found is None:
            axes.text(0.01, y, "undefined", va="center", size=8, color=style.MUTED)
            continue
        value, low, high = found
        start = chance or 0.0
        axes.barh(y, value - start, left=start, height=0.62, color=hues[source.explainer], alpha=0.85)
        if np.isfinite(low) and np.isfinite(high):
            axes.plot([low, high], [y, y], color=style.INK, lw=1.1, solid_capstyle="butt")
        axes.text(
            max(value, high if np.isfinite(high) else value, start) + 0.012, y, f"{value:.3f}", va="center", size=8
        )
    if chance is not None:
        axes.axvline(chance, color=style.INK, lw=0.9, ls=(0, (4, 3)))
        axes.text(chance, -0.62, f"chance {chance:.2f}", size=7.5, ha="center", va="bottom", color=style.MUTED)
    axes.set(xlim=(0, 1.09), ylim=(len(names) - 0.4, -0.6), xlabel=label, xticks=np.linspace(0, 1, 6))
    axes.set_yticks(range(len(names)), [style.plain(s.label, 40) for s in names] if labelled else [""] * len(names))
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=style.RULE, lw=0.5)
    axes.set_axisbelow(True)


def iou_figure(material: Material) -> list[Picture]:
    """The IoU of every network and expression with the masks, as Table 3 of Gaya-Morey et al. 2024."""
    tables = score_tables(material, "iou", material.mask_name)
    if not tables:
        return []
    return [
        score_table_figure(
            tables, material, name="iou_table", section="iou", title="How well maps agree with the masks (IoU)",
            subtitle="Mean maps cut by Otsu's threshold; 1 = same places, 0 = none shared; bold = best of its column",
            what="Each number says how much the places a network uses for an expression overlap with the mask of that "
            "expression. They are scores of mean maps, recomputed here.",
            how="Read along a row to see for which expressions a network looks where theory looks; read down a column "
            "to compare networks. Averages leave out undefined values (–)."
            + (" People stand below the average and do not enter it." if len(tables[-1].references) else ""),
        )
    ]  # fmt: skip


def dice_figures(material: Material) -> list[Picture]:
    """The Dice coefficient of every network and expression with each group of people."""
    pictures = []
    for person in material.of("human"):
        tables = score_tables(material, "dice", person.name)
        if tables:
            people = style.plain(person.short, 30)
            people += " (simulated)" if person.simulated else ""
            pictures.append(
                score_table_figure(
                    tables, material, simulated=person.simulated,
                    name=f"dice_table_{style.slug(person.short)}",
                    section="people", title=f"How well maps agree with people: {people} (Dice)",
                    subtitle="1 = same places, 0 = none shared; bold = best of its column",
                    what="The Dice coefficient of each network's mean map with the mean map of people, by expression.",
                    how="Higher is nearer to people. Dice counts the shared area twice and divides by the sum of both "
                    "areas.",
                )
            )  # fmt: skip
    return pictures
