"""Do maps of single pictures predict where people attend? The usual saliency metrics beside people's own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.comparison.observers import CEILING, ELSEWHERE, LEFT_OUT, PRIOR
from xai_compare.report.data import LabelledSource, ReportData
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, RowKind, Table, signed

_MANY = "very many such people (estimate)"
_METRICS = {
    "pearson": "r",
    "nss": "NSS",
    "auc_judd": "AUC-Judd",
    "auc_shuffled": "shuffled AUC",
    "similarity": "SIM",
    "kl_divergence": "KL ↓",
    "information_gain": "IG, bits",
}


@SECTIONS.register("single")
class SinglePictures(Section):
    """A table for each group of people: how well each map of a picture predicts it, on average over pictures."""

    title = "Picture by picture"
    lead = (
        "How well the map of each picture predicts where people attend in that picture, averaged over pictures. A mean "
        "map can look right although the single maps are wrong."
    )
    order = 53
    papers = (
        "Z. Bylinskii, T. Judd, A. Oliva, A. Torralba, F. Durand (2019). What do different evaluation metrics tell us "
        "about saliency models? IEEE TPAMI 41(3). (Metrics of single pictures.)",
    )

    def applies(self, data: ReportData) -> bool:
        return any(True for _ in _tables(data))

    def tables(self, data: ReportData) -> list[Table]:
        return [_listing(data, person, table) for person, table in _tables(data)]


def _tables(data: ReportData) -> Iterator[tuple[LabelledSource, pd.DataFrame]]:
    table = data.table("per_image")
    if table.empty:
        return
    for person in data.of_kind("human"):
        own = table[(table["b"] == person.name) & table["metric"].isin(_METRICS)]
        if own["value"].notna().any():
            yield person, own


def _listing(data: ReportData, person: LabelledSource, table: pd.DataFrame) -> Table:
    names = [source.name for source in data.sources if source.name in set(table["a"])]
    rows: list[tuple[str, pd.DataFrame, RowKind]] = [
        (data.by_name[name].label, table[table["a"] == name], "") for name in names
    ]
    rows += [
        ("one of these people, left out of the rest", table[table["a"] == f"{person.name}: {LEFT_OUT}"], "people"),
        ("a blob over the face", table[table["a"] == PRIOR], "average"),
        ("these people's map of the other pictures", table[table["a"] == f"{person.name}: {ELSEWHERE}"], "average"),
        (_MANY, table[table["a"] == CEILING], "people"),
    ]
    rows = [row for row in rows if row[1]["value"].notna().any()]
    return Table(
        f"Maps of single pictures against people: {person.short}",
        ["map", "pictures", *_METRICS.values()],
        [[Cell(label), Cell(f"{part['image'].nunique():,}"), *_cells(part)] for label, part, _ in rows],
        numeric=range(1, len(_METRICS) + 2),
        note="Mean over pictures and its 95 % interval (Student's t). The blob and the map of the other pictures "
        "ignore the picture: a map that scores no better has found nothing specific to it. IG: "
        "information gain over the map of the other pictures. KL: Kullback–Leibler divergence, less is better. "
        + _about_many(rows)
        + "Every single score is in tables/per_image.csv.",
        kinds=[kind for *_, kind in rows],
        simulated=person.simulated or any(data.by_name[name].simulated for name in names),
    )


def _about_many(rows: list[tuple[str, pd.DataFrame, RowKind]]) -> str:
    """What the row of very many people is, and that it is no limit where a map exceeds it."""
    means = {label: part.loc[part["metric"] == "pearson", "value"].mean() for label, part, _ in rows}
    if not np.isfinite(means.get(_MANY, np.nan)):
        return ""
    above = [label for label, mean in means.items() if mean > means[_MANY]]
    lie = "lies" if len(above) == 1 else "lie"
    beyond = f" {' and '.join(above[:2])} {lie} above it: it is no limit." if above else ""
    return f"Very many such people: estimated from how far these people agree (root of the reliability).{beyond} "


def _cells(part: pd.DataFrame) -> list[Cell]:
    means = part.groupby(["metric", "image"])["value"].mean()
    return [_cell(means[metric].dropna().to_numpy() if metric in means else np.array([])) for metric in _METRICS]


def _cell(values: np.ndarray) -> Cell:
    if not len(values):
        return Cell("–")
    mean = signed(float(values.mean()))
    if len(values) < 2:
        return Cell(mean)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return Cell(f"{mean} ± {half:.2f}")
