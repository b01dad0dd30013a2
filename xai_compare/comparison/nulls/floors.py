"""Floors and p values in the table of scores, from the table of nulls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xai_compare.comparison.dispatch import ALL
from xai_compare.comparison.image_scores import ImageScore, ImageScores
from xai_compare.comparison.nulls.null_table import NULL_COLUMNS
from xai_compare.comparison.registry import METRICS

_KEY = ["metric", "a", "b", "expression"]
_FEW = 3


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
    for metric, mine in joined.dropna(subset=["mean"]).groupby("metric", sort=False):
        higher = METRICS.get(str(metric)).direction == "higher"
        best = mine.loc[mine.groupby("row")["mean"].idxmax() if higher else mine.groupby("row")["mean"].idxmin()]
        best = best.set_index("row")
        there = table.loc[best.index, "floor"]
        better = there.isna() | (best["mean"] > there if higher else best["mean"] < there)
        rows = best.index[better]
        table.loc[rows, "floor"] = best.loc[rows, "mean"]
        table.loc[rows, "floor_kind"] = best.loc[rows, "null"]
    for null in ("prior", "surrogate"):
        known = joined[(joined["null"] == null) & joined["p"].notna()].set_index("row")["p"]
        table.loc[known.index, "p"] = known
    for _, rows in table[table["p"].notna()].groupby("metric", sort=False):
        table.loc[rows.index, "p_adjusted"] = stats.false_discovery_control(rows["p"].to_numpy(float))
    return table


def image_nulls(
    found: ImageScores, b: str, guesses: Mapping[tuple[str, str, str], Mapping[str, float]]
) -> pd.DataFrame:
    """Set scores taken picture by picture beside those of maps that do not know the picture.

    Args:
        found: the scores.
        b: what the regions are called in the table.
        guesses: by metric, source (``""``: whoever) and null, the score of each image.

    Returns:
        A frame of `NULL_COLUMNS`, over images. ``p``, of ``prior`` alone, is that of a one-sided paired t test: do the
        source's maps find the regions better than a map of where faces are? It is NaN below three images.
    """
    rows = []
    for (metric, a), pictures in found.found.items():
        higher = METRICS.get(metric).direction == "higher"
        for null in dict.fromkeys(key[2] for key in guesses):
            guess = guesses.get((metric, a, null), guesses.get((metric, "", null), {}))
            for expression in [*dict.fromkeys(one.expression for one in pictures if one.expression), ALL]:
                mine = _by_image(one for one in pictures if expression in (one.expression, ALL))
                pairs = np.array([(value, guess.get(image, np.nan)) for image, value in mine.items()], float)
                pairs = pairs.reshape(-1, 2)[np.isfinite(pairs).all(1)] if len(pairs) else np.empty((0, 2))
                if not len(pairs):
                    continue
                p, note = (np.nan, "") if null != "prior" else _paired(pairs, higher)
                rows.append((metric, a, b, expression, null, pairs[:, 1].mean(), np.nan, p, len(pairs), note))
    return pd.DataFrame(rows, columns=list(NULL_COLUMNS))


def _paired(pairs: npt.NDArray[Any], higher: bool) -> tuple[float, str]:
    """Return a one-sided p, and why there is none."""
    if len(pairs) < _FEW:
        return float("nan"), f"{len(pairs)} images are too few for a test"
    differences = pairs[:, 0] - pairs[:, 1]
    if not np.ptp(differences) > 0:
        return float("nan"), "every image gives the same difference"
    p = stats.ttest_1samp(differences, 0, alternative="greater" if higher else "less").pvalue
    return float(p), ""


def _by_image(pictures: Iterable[ImageScore]) -> dict[str, float]:
    values: dict[str, list[float]] = {}
    for one in pictures:
        values.setdefault(one.image, []).append(one.value)
    return {image: float(np.mean(some)) for image, some in values.items()}
