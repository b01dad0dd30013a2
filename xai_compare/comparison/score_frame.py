"""The rows of the tidy table of scores: their columns, their notes, the means over folds, and their order.

Two averages must never be mixed: the score *of the mean map* and the mean *of the folds' scores* differ by up to 0.11
on published heatmaps. Every row's ``note`` says which it is, and the second has its own fold, ``MEAN_OF_FOLDS``.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from xai_compare.comparison import registry
from xai_compare.comparison.dispatch import (
    ALL,
)
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.expressions import ordered

FEWEST = 3
"""Pictures that a source must have of an expression to enter a mean over expressions or a test of a difference."""

COLUMNS = (
    "metric",
    "a",
    "b",
    "expression",
    "fold",
    "value",
    "n",
    "ci_low",
    "ci_high",
    "note",
    "floor",
    "floor_kind",
    "ceiling_low",
    "ceiling_high",
    "p",
    "p_adjusted",
)
"""Columns of the tidy table of scores: what was measured, between whom, on which images, how surely, above what."""
ALL_FOLDS = ALL
MEAN_OF_FOLDS = "mean of folds"
OF_MEAN_MAP = "score of the mean map"
OF_FOLD_SCORES = "mean of the fold scores"
OF_MANY_IMAGES = "estimate for the mean maps of very many images"


class MapKey(NamedTuple):
    """Whose map it is: source ``a``, expression, and fold (``"all"``: the mean map over folds). A plain tuple does."""

    a: str
    expression: str
    fold: str


class ScoreKey(NamedTuple):
    """Which score it is: the first five columns of the table. A plain tuple does."""

    metric: str
    a: str
    b: str
    expression: str
    fold: str


# A mapping's type is invariant in its keys, so only Any lets both a plain tuple and its named kin be one.
Maps = Mapping[Any, npt.NDArray[Any]]
"""(a, expression, fold), as a tuple or a `MapKey`, to a map (h, w)."""
Counts = Mapping[Any, int]
Intervals = Mapping[Any, tuple[float, float]]
Rows = dict[ScoreKey, tuple[float, str]]


def of_mean_map(name: str, value: float, why: str | None = None) -> tuple[float, str]:
    """Return the value of one mean map's score and its note, which gives the reason where there is no value."""
    why = (why or registry.reason(name, value)) if math.isnan(value) else ""
    return float(value), OF_MEAN_MAP + (f"; undefined: {why}" if why else "")


def _fold_means(rows: Rows) -> Rows:
    """Return the rows of the means over folds, for every score that was taken on folds."""
    groups: dict[tuple[str, str, str, str], list[float]] = {}
    for key, (value, _) in rows.items():
        if key.fold != ALL_FOLDS:
            groups.setdefault(key[:4], []).append(value)
    means: Rows = {}
    for (name, a, b, expression), values in groups.items():
        known = [value for value in values if not math.isnan(value)]
        note = OF_FOLD_SCORES
        if len(known) < len(values):
            note += f"; undefined in {len(values) - len(known)} of {len(values)} folds"
        mean = float(np.mean(known)) if known else math.nan
        means[ScoreKey(name, a, b, expression, MEAN_OF_FOLDS)] = (mean, note)
    return means


def is_few(scores: pd.DataFrame) -> np.ndarray:
    """Which rows are of fewer than `FEWEST` pictures, bool; those that name no number are not."""
    if "n" not in scores:
        return np.zeros(len(scores), bool)
    return scores["n"].to_numpy(float, na_value=np.nan) < FEWEST


def as_table(rows: Rows, counts: Counts | None = None, intervals: Intervals | None = None) -> pd.DataFrame:
    """Add the means over folds, counts, intervals and floors; expressions in order, everything else as it came."""
    rows = {**rows, **_fold_means(rows)}
    folds: dict[tuple[str, str], list[int]] = {}
    for (a, expression, fold), number in (counts or {}).items():
        if fold != ALL_FOLDS:
            folds.setdefault((a, expression), []).append(number)
    every = {**(counts or {}), **{(*group, MEAN_OF_FOLDS): sum(numbers) for group, numbers in folds.items()}}
    table = []
    for key, (value, note) in rows.items():
        fewest = _fewest(every, key)
        low, high = (intervals or {}).get(key, (math.nan, math.nan))
        note += _few(key.metric, fewest, low)
        table.append((*key, value, fewest, low, high, note, *floor_of(METRICS.get(key.metric))))
    return in_order(as_frame(table))


def with_estimates(scores: pd.DataFrame, estimates: Mapping[Any, Any], counts: Counts) -> pd.DataFrame:
    """Add rows of `xai_compare.comparison.resampling.noise.Estimate` by (metric, a, b, expression, fold)."""
    rows = []
    for key, (value, low, high, why) in estimates.items():
        fewest = _fewest(counts, key)
        note = OF_MANY_IMAGES + (f"; {'undefined: ' if math.isnan(value) else ''}{why}" if why else "")
        rows.append((*key, value, fewest, low, high, note + _few(key[0], fewest, low), math.nan, ""))
    return pd.concat([scores, as_frame(rows)], ignore_index=True) if rows else scores


def _fewest(counts: Counts, key: Any) -> int | None:
    """The smaller number of images behind a score of (metric, a, b, expression, fold)."""
    _, a, b, expression, fold = key
    known = [counts[name, expression, fold] for name in (a, b) if (name, expression, fold) in counts]
    return min(known, default=None)


def floor_of(metric: Metric, area: float = math.nan) -> tuple[float, str]:
    """Return what guessing scores and what kind of floor that is, ``(nan, "")`` where it is not known.

    Args:
        metric: any.
        area: the share of the face that the known region covers, if there is one.
    """
    chance = area if metric.chance == "area" else float(metric.chance)
    return (math.nan, "") if math.isnan(chance) else (chance, "chance")


def _few(metric: str, images: int | None, low: float) -> str:
    """What must be said of an interval from few images."""
    if images is None or math.isnan(low) or images >= METRICS.get(metric).few():
        return ""
    return f"; {images} images are few: the interval may be too narrow"


def as_frame(rows: Iterable[tuple[Any, ...]]) -> pd.DataFrame:
    """Return rows as a frame of `COLUMNS` with their types, also of no rows; columns that rows lack are empty."""
    table = list(rows)
    frame = pd.DataFrame(table, columns=list(COLUMNS[: len(table[0]) if table else None]))
    numbers = ("value", "ci_low", "ci_high", "floor", "ceiling_low", "ceiling_high", "p", "p_adjusted")
    return frame.reindex(columns=list(COLUMNS)).astype({"n": "Int64", **dict.fromkeys(numbers, float)})


def in_order(scores: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by metric (as they came), then expression (as the vocabulary has them), the rest as they came."""
    metrics = _ranks(scores["metric"], list(dict.fromkeys(scores["metric"])))
    expressions = _ranks(scores["expression"], ordered(scores["expression"]))
    order = sorted(range(len(scores)), key=lambda row: (metrics[row], expressions[row]))
    return scores.iloc[order].reset_index(drop=True)


def _ranks(values: Iterable[str], order: Sequence[str]) -> list[int]:
    place = {value: i for i, value in enumerate(order)}
    return [place.get(value, len(place)) for value in values]
