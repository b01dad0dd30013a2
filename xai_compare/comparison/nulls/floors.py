"""Floors and p values in the table of scores, from the table of nulls."""

from __future__ import annotations

import pandas as pd
from scipy import stats

from xai_compare.comparison.dispatch import ALL
from xai_compare.comparison.registry import METRICS

_KEY = ["metric", "a", "b", "expression"]


def with_nulls(scores: pd.DataFrame, nulls: pd.DataFrame) -> pd.DataFrame:
    """Fill ``floor``, ``floor_kind``, ``p`` and ``p_adjusted`` of the scores of mean maps (fold ``"all"``).

    The floor is the best that any map gets that does not know the answer, on average; where chance is known it is one
    of them. ``p`` is that of the null ``surrogate``, and for scores taken picture by picture that of ``prior``.
    ``p_adjusted`` holds the false discovery rate over the rows of a metric (Benjamini and Hochberg 1995).

    Args:
        scores: a frame of `COLUMNS`.
        nulls: a frame of `NULL_COLUMNS`; of expression ``"all"``, ``other`` and ``permuted`` are about means over
            expressions and so no floors of a row.
    """
    table = scores.copy()
    if not len(table):
        return table
    order = table[_KEY].assign(row=table.index)[(table["fold"] == ALL)]
    of_row = nulls[~((nulls["expression"] == ALL) & nulls["null"].isin(["other", "permuted"]))]
    joined = order.merge(of_row, on=_KEY, how="inner")
    for metric, rows in joined.dropna(subset=["mean"]).groupby("metric", sort=False):
        higher = METRICS.get(str(metric)).direction == "higher"
        best = rows.loc[rows.groupby("row")["mean"].idxmax() if higher else rows.groupby("row")["mean"].idxmin()]
        best = best.set_index("row")
        floors = table.loc[best.index, "floor"]
        better = floors.isna() | (best["mean"] > floors if higher else best["mean"] < floors)
        improved = best.index[better]
        table.loc[improved, "floor"] = best.loc[improved, "mean"]
        table.loc[improved, "floor_kind"] = best.loc[improved, "null"]
    for null in ("prior", "surrogate"):
        p = joined[(joined["null"] == null) & joined["p"].notna()].set_index("row")["p"]
        table.loc[p.index, "p"] = p
    for _, rows in table[table["p"].notna()].groupby("metric", sort=False):
        table.loc[rows.index, "p_adjusted"] = stats.false_discovery_control(rows["p"].to_numpy(float))
    return table
