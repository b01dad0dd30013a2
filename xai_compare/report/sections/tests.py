"""Further tests of single pictures: do sources differ, are they equal, where on the face, what would show it?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.report import style
from xai_compare.report.data import ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Cell, Table, decimals, signed

_SCORES = {"iou": "IoU with the mask", "pearson": "correlation with people", "known_auc": "known region, AUC"}
_POWER = 0.8
_Column = tuple[str, str, Callable[[Any], str]]


@SECTIONS.register("tests")
class Tests(Section):
    """Where two sources differ, drawn; and the tables of tests."""

    __test__ = False
    title = "Do the differences hold, picture by picture?"
    lead = (
        "Every picture is its own control: it is compared with itself under another explainer or network. Pictures, "
        "and people, are taken for samples of many more."
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
        return [text for text in (_equal(data), *_power(data)) if text]

    def tables(self, data: ReportData) -> list[Table]:
        return [one for one in (_anova(data), *_others(data)) if one is not None]


def _equal(data: ReportData) -> str:
    table = data.table("tests_equivalence")
    known = table[table["p_adjusted"].notna()] if len(table) else table
    if known.empty:
        return ""
    same = int((known["p_adjusted"] < 0.05).sum())
    return (
        f"In {same} of {len(known)} comparisons the two sources are equal for practical purposes: their mean "
        f"difference is shown to be smaller than {float(known['margin'].iloc[0]):g} (two one-sided tests, corrected by "
        "Holm’s method)."
    )


def _power(data: ReportData) -> list[str]:
    table = data.table("tests_power")
    found = []
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
            said = f"about {int(reached['n'].iloc[0])} pictures{people} would tell them apart in four studies of five"
        else:
            said = f"not even {int(known['n'].max())} pictures{people} would tell them apart in four studies of five"
        found.append(f"{a1} and {a2}, {against}: if the truth is what these maps show, {said}.")
    return found


def _figure(data: ReportData, a1: str, a2: str, rows: pd.DataFrame) -> FigureSpec:
    shape = int(rows["y"].max()) + 1, int(rows["x"].max()) + 1
    t, p = (rows[name].to_numpy(float).reshape(shape) for name in ("t", "p"))
    one, other = (data.by_name[name].label if name in data.by_name else name for name in (a1, a2))
    simulated = data.simulated([data.by_name[name] for name in (a1, a2) if name in data.by_name])
    width, height, head = 6.4, 5.6, 0.85
    figure = style.new_figure(width, height)
    title = f"Where they differ: {style.plain(one, 30)}, {style.plain(other, 30)}"
    pictures = int(rows["n"].iloc[0])
    found = np.nanmin(p) < 0.05 if np.isfinite(p).any() else False
    told = "outlined: p < 0.05, corrected over the face" if found else "nowhere is p < 0.05, corrected over the face"
    style.heading(figure, title, f"Student’s t over {pictures} pictures; {told}", simulated)
    axes = figure.add_axes((0.06, 0.04, 0.68, (height - head - 0.25) / height))
    extent = (0, data.shape[1], data.shape[0], 0)
    face = data.aligned_mean_face
    if face is not None:
        axes.imshow(np.repeat(face.mean(2, keepdims=True) / 255, 3, 2), extent=extent)
    most = max(float(np.abs(t).max()), 1e-9)
    image = axes.imshow(t, cmap="RdBu_r", vmin=-most, vmax=most, alpha=0.72, extent=extent, interpolation="bilinear")
    if found:
        step = data.shape[0] / shape[0], data.shape[1] / shape[1]
        y, x = ((np.arange(size) + 0.5) * one for size, one in zip(shape, step, strict=True))
        axes.contour(x, y, (p < 0.05).astype(float), levels=[0.5], colors=style.INK, linewidths=1.6)
    axes.set_xlim(extent[:2])
    axes.set_ylim(extent[2:])
    axes.axis("off")
    bar = figure.colorbar(image, cax=figure.add_axes((0.79, 0.14, 0.03, 0.6)))
    bar.outline.set_visible(False)
    bar.set_label(f"red: {style.plain(one, 34)} looks here more", size=8)
    return FigureSpec(
        name=f"where_{style.slug(f'{a1}-{a2}')}",
        title=title,
        what="Each map is brought to mean 0 and standard deviation 1, then the two sources’ maps of the same pictures "
        "are compared pixel by pixel.",
        how="Red: the first marks the place more strongly; blue: the second. Inside the outline the difference is more "
        "than random signs of the pictures’ differences give anywhere on the face (threshold-free cluster "
        "enhancement).",
        figure=figure,
        raster=True,
        simulated=simulated,
    )


def _number(value: Any) -> str:
    return signed(float(value), 3)


def _text(value: Any) -> str:
    return "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)


def _whole(value: Any) -> str:
    return "–" if pd.isna(value) else f"{float(value):g}"


def _p(value: Any) -> str:
    return "–" if pd.isna(value) else ("< 0.001" if float(value) < 0.001 else decimals(float(value), 3))


def _against(value: Any) -> str:
    return _SCORES.get(str(value), str(value))


def _listing(
    data: ReportData, name: str, title: str, columns: Sequence[_Column], note: str, folded: bool = True
) -> Table | None:
    table = data.table(f"tests_{name}")
    if table.empty:
        return None
    rows = [[Cell(told(row[key])) for key, _, told in columns] for row in table.to_dict("records")]
    numbers = [place for place, (_, _, told) in enumerate(columns) if told in (_number, _whole, _p)]
    return Table(title, [called for _, called, _ in columns], rows, numbers, note, folded)


def _anova(data: ReportData) -> Table | None:
    columns = (
        ("metric", "score", _against),
        ("b", "against", _text),
        ("effect", "effect", _text),
        ("f", "F", _number),
        ("df", "df", _whole),
        ("df_error", "df error", _whole),
        ("p_corrected", "p", _p),
        ("p_adjusted", "p, corrected", _p),
        ("partial_eta_squared", "η²p", _number),
        ("generalized_eta_squared", "η²G", _number),
        ("units", "pictures", _whole),
        ("note", "note", _text),
    )
    note = (
        "Repeated measures: explainer and network within pictures, expression between them. p: after Greenhouse and "
        "Geisser; corrected: false discovery rate over the table. η²p and η²G: partial and generalized effect size."
    )
    return _listing(data, "anova", "Analysis of variance over pictures", columns, note, folded=False)


def _others(data: ReportData) -> list[Table | None]:
    pair: tuple[_Column, ...] = (("a1", "first", _text), ("a2", "second", _text))
    score: tuple[_Column, ...] = (("metric", "score", _against), ("b", "against", _text))
    interval: tuple[_Column, ...] = (("ci_low", "from", _number), ("ci_high", "to", _number))
    both: tuple[_Column, ...] = (("p", "p", _p), ("p_adjusted", "p, corrected", _p))
    mixed = (
        *score,
        ("effect", "effect", _text),
        ("kind", "kind", _text),
        ("value", "share", _number),
        ("chi2", "χ²", _number),
        ("df", "df", _whole),
        *both,
        ("note", "note", _text),
    )
    tukey = (
        *score,
        ("explainer_1", "first", _text),
        ("explainer_2", "second", _text),
        ("difference", "difference", _number),
        *interval,
        ("p", "p", _p),
    )
    equal = (
        *score,
        *pair,
        ("difference", "difference", _number),
        *interval,
        *both,
        ("n", "pictures", _whole),
        ("note", "note", _text),
    )
    decisions = (
        *pair,
        ("confusion_r", "r of confusions", _number),
        ("confusion_r_mistakes", "without diagonal", _number),
        ("kappa", "κ of errors", _number),
        *interval,
        ("n", "pictures", _whole),
    )
    geometry = (*pair, ("rho", "ρ", _number), *both, ("expressions", "expressions", _whole), ("note", "note", _text))
    power = (
        *score,
        *pair,
        ("n", "pictures", _whole),
        ("units", "people", _text),
        ("power", "power", _number),
        *interval,
        ("note", "note", _text),
    )
    noise = (
        ("a", "source", _text),
        ("n", "pictures", _whole),
        ("repeatability", "two runs correlate by", _number),
        ("known_from", "known from", _text),
        ("share", "share", _number),
        ("note", "note", _text),
    )
    drawn = (
        ("metric", "score", _against),
        ("a", "source", _text),
        ("b", "people", _text),
        ("unit", "drawn", _text),
        ("value", "score", _number),
        *interval,
        ("n", "n", _whole),
        ("note", "note", _text),
    )
    return [
        _listing(
            data,
            "mixed",
            "Mixed models",
            mixed,
            "Pictures, and against people participants too, differ at random. Fixed effects: Wald’s χ², too hopeful "
            "where pictures or people are few. Variance: shares after the fixed effects. R²: marginal and conditional.",
        ),
        _listing(
            data,
            "tukey",
            "Tukey’s test of every two explainers",
            tukey,
            "As papers report it. It takes all scores for independent, which those of one picture are not.",
        ),
        _listing(
            data,
            "equivalence",
            "Are two sources as good as equal?",
            equal,
            "Two one-sided paired tests over pictures; the interval is the 90 % one that belongs to them.",
        ),
        _listing(
            data,
            "decisions",
            "Do the networks make the same mistakes?",
            decisions,
            "r of the two confusion matrices, with the diagonal and without it; Cohen’s κ of which pictures are "
            "answered rightly, beyond what accuracy alone makes of it, with its 95 % interval over pictures.",
        ),
        _listing(
            data,
            "geometry",
            "Are the same expressions alike?",
            geometry,
            "Spearman’s ρ between the matrices of 1 − r between the mean maps of expressions; p permutes expressions.",
        ),
        _listing(
            data,
            "power",
            "How many pictures and people would tell two sources apart?",
            power,
            "Share of studies, drawn from the differences at hand, whose paired t test gives p < 0.05. It holds what "
            "is at hand for the truth, which from few pictures is too hopeful.",
        ),
        _listing(
            data,
            "noise",
            "How much of it is the explainer’s own chance?",
            noise,
            "Share of the spread of maps over pictures that the explainer would make anew on the very same pictures. "
            "Intervals over pictures hold it already.",
        ),
        _listing(
            data,
            "units",
            "What is drawn for an interval",
            drawn,
            "Correlation of mean maps with people’s. An interval over images holds people fixed, and the reverse; "
            "images x participants draws both, with the correction of Schütt et al. (2023).",
        ),
    ]
