"""Further tests of single pictures: do sources differ, are they equal, where on the face, what would show it?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.report import style
from xai_compare.report.charts import inch_box
from xai_compare.report.data import ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Table, p_value, text, thousandths, whole

_SCORES = {"iou": "IoU with the mask", "pearson": "correlation with people", "known_auc": "known region, AUC"}
_POWER = 0.8


def _score(value: Any) -> str:
    return _SCORES.get(str(value), str(value))


_COLUMNS = {
    "metric": ("score", _score),
    "b": ("against", text),
    "a": ("source", text),
    "a1": ("first", text),
    "a2": ("second", text),
    "explainer_1": ("first", text),
    "explainer_2": ("second", text),
    "effect": ("effect", text),
    "kind": ("kind", text),
    "unit": ("resampled", text),
    "units": ("people", text),
    "known_from": ("known from", text),
    "note": ("note", text),
    "f": ("F", thousandths),
    "chi2": ("χ²", thousandths),
    "value": ("value", thousandths),
    "share": ("share", thousandths),
    "difference": ("difference", thousandths),
    "ci_low": ("from", thousandths),
    "ci_high": ("to", thousandths),
    "partial_eta_squared": ("η²p", thousandths),
    "generalized_eta_squared": ("η²G", thousandths),
    "confusion_r": ("r of confusions", thousandths),
    "confusion_r_mistakes": ("without diagonal", thousandths),
    "kappa": ("κ of errors", thousandths),
    "rho": ("ρ", thousandths),
    "power": ("power", thousandths),
    "repeatability": ("correlation of two runs", thousandths),
    "df": ("df", whole),
    "df_error": ("df error", whole),
    "n": ("pictures", whole),
    "expressions": ("expressions", whole),
    "p": ("p", p_value),
    "p_corrected": ("p", p_value),
    "p_adjusted": ("p, corrected", p_value),
}
"""Heading and format of every column that a table of tests may show."""

_TABLES = {
    "anova": (
        "Analysis of variance over pictures",
        "metric b effect f df df_error p_corrected p_adjusted partial_eta_squared generalized_eta_squared units note",
        "Repeated measures: explainer and network within pictures, expression between pictures. p: "
        "Greenhouse-Geisser; corrected: false discovery rate over the table. η²p and η²G: partial and generalized "
        "effect size.",
    ),
    "mixed": (
        "Mixed models",
        "metric b effect kind value chi2 df p p_adjusted note",
        "Random effects: pictures, and against people also participants. Fixed effects: Wald’s χ², too optimistic with "
        "few pictures or people. Variance: shares after the fixed effects. R²: marginal and conditional.",
    ),
    "tukey": (
        "Tukey’s test of every two explainers",
        "metric b explainer_1 explainer_2 difference ci_low ci_high p",
        "As papers report it. It assumes that all scores are independent, which those of one picture are not.",
    ),
    "equivalence": (
        "Are two sources practically equal?",
        "metric b a1 a2 difference ci_low ci_high p p_adjusted n note",
        "Two one-sided paired tests over pictures, with their 90 % interval.",
    ),
    "decisions": (
        "Do the networks make the same mistakes?",
        "a1 a2 confusion_r confusion_r_mistakes kappa ci_low ci_high n",
        "r of the two confusion matrices, with and without the diagonal. Cohen’s κ of which pictures are answered "
        "correctly, beyond what the accuracies alone would give, with its 95 % interval over pictures.",
    ),
    "geometry": (
        "Are the same expressions similar?",
        "a1 a2 rho p p_adjusted expressions note",
        "Spearman’s ρ between the matrices of 1 − r between the mean maps of expressions; p permutes expressions.",
    ),
    "power": (
        "How many pictures and people would show that two sources differ?",
        "metric b a1 a2 n units power ci_low ci_high note",
        "Share of simulated studies, drawn from the observed differences, in which a paired t test gives p < 0.05. "
        "This treats the observed differences as the truth, which is too optimistic with few pictures.",
    ),
    "noise": (
        "How much of it is the explainer’s own randomness?",
        "a n repeatability known_from share note",
        "Share of the variation of maps over pictures that the explainer would produce again on the very same "
        "pictures. Intervals over pictures already include it.",
    ),
    "units": (
        "What is resampled for an interval",
        "metric a b unit value ci_low ci_high n note",
        "Correlation of mean maps with people’s. An interval over images holds people fixed, and the reverse; images x "
        "participants resamples both, with the correction of Schütt et al. (2023).",
    ),
}
"""Title, columns and note of each table; the first is open, the others are folded."""
_HEADINGS = {
    ("mixed", "value"): "share",
    ("anova", "units"): "pictures",
    ("units", "b"): "people",
    ("units", "value"): "score",
    ("units", "n"): "n",
}
"""Where a table calls a column otherwise."""


@SECTIONS.register("tests")
class Tests(Section):
    """Where two sources differ, drawn; and the tables of tests."""

    __test__ = False
    title = "Do the differences hold, picture by picture?"
    lead = (
        "Each picture is its own control: its maps by different explainers or networks are compared with one another. "
        "Pictures, and people, are treated as samples from larger populations."
    )
    order = 55
    papers = (
        "S. M. Smith, T. E. Nichols (2009). Threshold-free cluster enhancement. NeuroImage 44.",
        "D. Lakens (2017). Equivalence tests. Social Psychological and Personality Science 8.",
        "R. Geirhos, K. Meding, F. A. Wichmann (2020). Beyond accuracy: quantifying trial-by-trial behaviour of CNNs "
        "and humans by measuring error consistency. NeurIPS.",
        "H. H. Schütt, A. D. Kipnis, J. Diedrichsen, N. Kriegeskorte (2023). Statistical inference on representational "
        "geometries. eLife 12.",
    )

    def applies(self, data: ReportData) -> bool:
        return any(not data.table(f"tests_{name}").empty for name in ("anova", "equivalence", "units"))

    def figures(self, data: ReportData) -> list[FigureSpec]:
        table = data.table("tests_where")
        if table.empty:
            return []
        return [_figure(data, str(a1), str(a2), rows) for (a1, a2), rows in table.groupby(["a1", "a2"], sort=False)]

    def findings(self, data: ReportData) -> list[str]:
        return [*_equal(data), *_power(data)]

    def tables(self, data: ReportData) -> list[Table]:
        shown = {name: table for name in _TABLES if not (table := data.table(f"tests_{name}")).empty}
        return [_table(name, table) for name, table in shown.items()]


def _table(name: str, table: pd.DataFrame) -> Table:
    title, keys, note = _TABLES[name]
    columns = []
    for key in keys.split():
        heading, show = _COLUMNS[key]
        count = (name, key) == ("anova", "units")
        columns.append((key, _HEADINGS.get((name, key), heading), whole if count else show))
    return Table.from_frame(title, table, columns, note=note, folded=name != "anova")


def _equal(data: ReportData) -> list[str]:
    table = data.table("tests_equivalence")
    known = table[table["p_adjusted"].notna()] if len(table) else table
    if known.empty:
        return []
    sentences = []
    for margin, rows in known.groupby("margin", sort=False):
        shown = int((rows["p_adjusted"] < 0.05).sum())
        times = f"{shown} of {len(rows)} comparisons" if len(rows) > 1 else f"{shown} of one comparison"
        rest = "" if shown == len(rows) else " In the others this is not shown, which does not mean that they differ."
        rest = " That this is not shown does not mean that they differ." if not shown else rest
        sentences.append(
            f"That two sources’ mean scores differ by less than {margin:g} is shown in {times} (two one-sided tests, "
            f"p < 0.05 after Holm’s correction).{rest}"
        )
    return sentences


def _power(data: ReportData) -> list[str]:
    table = data.table("tests_power")
    sentences = []
    groups = table.groupby(["metric", "b", "a1", "a2"], sort=False) if len(table) else ()
    for (metric, b, a1, a2), rows in groups:
        known = rows[rows["power"].notna()]
        if known.empty:
            continue
        known = known[known["units"] == known["units"].iloc[0]]
        reached = known[known["power"] >= _POWER].sort_values("n")
        people = f" and {known['units'].iloc[0]}" if known["units"].iloc[0] else ""
        against = _SCORES[str(metric)] + (f" ({str(b).removeprefix('human/')})" if metric == "pearson" else "")
        if len(reached):
            needed = f"about {int(reached['n'].iloc[0])} pictures{people} would"
        else:
            needed = f"even {int(known['n'].max())} pictures{people} would not"
        sentences.append(
            f"{a1} and {a2}, {against}: if the true difference is the observed one, {needed} show it in four of five "
            "studies."
        )
    return sentences


def _figure(data: ReportData, a1: str, a2: str, rows: pd.DataFrame) -> FigureSpec:
    shape = int(rows["y"].max()) + 1, int(rows["x"].max()) + 1
    t, p = (rows[name].to_numpy(float).reshape(shape) for name in ("t", "p"))
    known = [data.by_name[name] for name in (a1, a2) if name in data.by_name]
    first, second = (data.by_name[name].label if name in data.by_name else name for name in (a1, a2))
    simulated = data.simulated(known)
    figure = style.new_figure(6.4, 5.6)
    title = f"Where they differ: {style.plain(first, 30)}, {style.plain(second, 30)}"
    significant = bool((p < 0.05).any())
    where = "outlined: p < 0.05" if significant else "p < 0.05 nowhere"
    subtitle = f"Student’s t over {int(rows['n'].iloc[0])} pictures; {where}, corrected over the face"
    style.heading(figure, title, subtitle, simulated)
    _draw_differences(inch_box(figure, 0.38, 0.22, 4.35, 4.5), data, t, p if significant else None, first)
    return FigureSpec(
        name=f"where_{style.slug(f'{a1}-{a2}')}",
        title=title,
        what="Each map is standardized to mean 0 and standard deviation 1; then the two sources’ maps of the same "
        "pictures are compared pixel by pixel.",
        how="Red: the first source marks the place more strongly; blue: the second. Inside the outline the difference "
        "is larger than random signs of the pictures’ differences produce anywhere on the face (threshold-free cluster "
        "enhancement).",
        figure=figure,
        raster=True,
        simulated=simulated,
    )


def _draw_differences(axes: Any, data: ReportData, t: np.ndarray, p: np.ndarray | None, first: str) -> None:
    """Draw t over the mean face, and an outline where p is below 0.05."""
    height, width = data.shape
    extent: Sequence[float] = (0, width, height, 0)
    face = data.aligned_mean_face
    if face is not None:
        axes.imshow(np.repeat(face.mean(2, keepdims=True) / 255, 3, 2), extent=extent)
    most = max(float(np.abs(t).max()), 1e-9)
    image = axes.imshow(t, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.72, extent=extent, interpolation="bilinear")
    if p is not None:
        y, x = ((np.arange(size) + 0.5) * whole / size for size, whole in zip(t.shape, data.shape, strict=True))
        axes.contour(x, y, (p < 0.05).astype(float), levels=[0.5], colors=style.INK, linewidths=1.6)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    axes.axis("off")
    bar = axes.figure.colorbar(image, cax=inch_box(axes.figure, 5.06, 0.78, 0.19, 3.36))
    bar.outline.set_visible(False)
    bar.set_label(f"red: {style.plain(first, 34)} looks here more", size=8)
