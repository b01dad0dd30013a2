"""Scores of mean maps with masks and with one another, whether maps were just computed or come from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from xai_compare.comparison import pairwise
from xai_compare.comparison.arrays import as_maps, size_text
from xai_compare.comparison.dispatch import (
    MASK_METRICS,
    PAIR_METRICS,
    Options,
    References,
    chosen,
    comparisons,
    evaluate,
    fast_path,
)
from xai_compare.comparison.metrics.maps import correlations
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.score_frame import (
    ALL_FOLDS,
    Counts,
    Intervals,
    MapKey,
    Maps,
    Rows,
    ScoreKey,
    as_table,
    of_mean_map,
)
from xai_compare.comparison.statistics.clustering import Merge, merges
from xai_compare.comparison.thresholds import otsu_scores
from xai_compare.errors import InputError, nearest
from xai_compare.expressions import ordered

MERGE_COLUMNS = ("expression", "form", *Merge._fields)


def with_mean_maps(maps: Maps) -> dict[MapKey, npt.NDArray[np.generic]]:
    """Add, under fold ``"all"``, the mean over folds (float64, each fold counting once) where it is not there yet.

    Args:
        maps: (a, expression, fold) to (h, w).
    """
    complete = {MapKey(*key): value for key, value in maps.items()}
    folds: dict[tuple[str, str], list[npt.NDArray[np.generic]]] = {}
    for key, value in complete.items():
        folds.setdefault((key.a, key.expression), []).append(value)
    for (a, expression), values in folds.items():
        if MapKey(a, expression, ALL_FOLDS) not in complete:
            complete[MapKey(a, expression, ALL_FOLDS)] = np.mean(np.stack(values).astype(np.float64), axis=0)
    return complete


def score_table(
    maps: Maps,
    metrics: Sequence[str],
    references: References,
    options: Options | None = None,
    counts: Counts | None = None,
    intervals: Intervals | None = None,
) -> pd.DataFrame:
    """Take every score that the metrics' needs allow, see `xai_compare.comparison.dispatch`.

    Args:
        maps: (a, expression, fold) to (h, w); ``a`` comes before ``b`` as they do here. Where a source has folds
            beside ``"all"``, rows of fold ``MEAN_OF_FOLDS`` are added.
        metrics: names, in the order of the table; those of a picture's known region give no rows here.
        references: masks, points, baselines.
        options: keyword arguments by metric.
        counts: images behind each map, by the same keys; without it ``n`` is empty. Of a pair the smaller.
        intervals: bootstrap (low, high) by (metric, a, b, expression, fold); without it both are empty.

    Returns:
        A frame of `COLUMNS`. An undefined value is NaN, with its reason in ``note``.

    Raises:
        InputError: if a metric is unknown or sizes differ.
    """
    rows: Rows = {}
    overlaps: dict[MapKey, dict[str, Any]] = {}
    for metric in chosen(metrics):
        if metric.needs[1] == "map":
            rows.update(_of_pairs(metric, maps, references, options or {}))
        elif metric.needs[1] not in ("region", "maps"):
            rows.update(_of_single_maps(metric, maps, references, options or {}, overlaps))
    return as_table(rows, counts, intervals)


def mask_scores(
    maps: Maps,
    masks: Mapping[str, npt.NDArray[np.bool_]],
    b: str = "ekman",
    counts: Counts | None = None,
    intervals: Intervals | None = None,
) -> pd.DataFrame:
    """Score each map, cut by Otsu's threshold, against the mask of its expression (Gaya-Morey et al. 2024, Table 3).

    Args:
        maps: (a, expression, fold) to (h, w); those of an expression without a mask are passed over.
        masks: expression to boolean (h, w).
        b: what the masks are called in the table.
        counts, intervals: as in `score_table`.

    Returns:
        A frame of `COLUMNS` with ``iou``, ``precision``, ``recall``, ``f1``.

    Raises:
        InputError: if no map has a mask, or sizes differ.
    """
    if maps and not {key[1] for key in maps} & set(masks):
        there = ", ".join(ordered(key[1] for key in maps))
        raise InputError(f"no map has a mask: maps of {there}; masks of {', '.join(ordered(masks))}")
    return score_table(maps, MASK_METRICS, References(masks, b), None, counts, intervals)


def pair_scores(
    maps: Maps,
    metrics: Sequence[str] = PAIR_METRICS,
    dice_threshold: float = 50,
    counts: Counts | None = None,
    intervals: Intervals | None = None,
) -> pd.DataFrame:
    """Compare every two sources that have a map of the same expression and fold.

    Args:
        maps: (a, expression, fold) to (h, w); ``a`` comes before ``b`` as they do here.
        metrics: any that compare two maps, such as ``dice``, ``pearson``, ``uncentred``.
        dice_threshold: see `dice`.
        counts, intervals: as in `score_table`.

    Returns:
        A frame of `COLUMNS`; it has no rows if no two sources share an expression and fold.

    Raises:
        InputError: if sizes differ or a metric is unknown.
    """
    for name in metrics:
        if name not in METRICS or METRICS.get(name).needs != ("map", "map"):
            raise InputError(f"unknown comparison of maps {name!r}", hint=nearest(name, PAIR_METRICS))
    return score_table(maps, metrics, References(), {"dice": {"threshold": dice_threshold}}, counts, intervals)


def merges_table(maps: Maps) -> pd.DataFrame:
    """Cluster the sources of each expression by their mean maps (fold ``"all"``), in both forms of correlation.

    Args:
        maps: (a, expression, fold) to (h, w).

    Returns:
        A frame of `MERGE_COLUMNS`: form ``pearson`` or ``uncentred``; steps counted from 1, lowest first; height is
        ``1 - correlation``; members joined by ``" + "``. Maps without a correlation (constant or missing) cannot be
        clustered: they are named in ``frame.attrs["left_out"]``, {(expression, form): [source, ...]}, and their
        `pair_scores` say why. An expression with fewer than two others has no rows.
    """
    rows, left_out = [], {}
    for expression in ordered(key[1] for key in maps if key[2] == ALL_FOLDS):
        keys = [key for key in _keys(maps, expression) if key.fold == ALL_FOLDS]
        stack, names = _stack(maps, keys), np.array([key.a for key in keys])
        for form in ("pearson", "uncentred"):
            defined = ~np.isnan(correlations(stack, form == "pearson").diagonal())
            if not defined.all():
                left_out[expression, form] = names[~defined].tolist()
            if defined.sum() > 1:
                for step, height, members in merges(stack[defined], names[defined].tolist(), form == "pearson"):
                    rows.append((expression, form, step, height, " + ".join(members)))
    frame = pd.DataFrame(rows, columns=list(MERGE_COLUMNS))
    frame.attrs["left_out"] = left_out
    return frame


def wide(scores: pd.DataFrame, metric: str = "iou", fold: str = ALL_FOLDS, b: str | None = None) -> pd.DataFrame:
    """Lay one metric out as the paper's Table 3: a row per ``a``, a column per expression, means at both edges.

    Args:
        scores: a frame of `COLUMNS`.
        metric, fold, b: which rows; ``b=None`` takes all, which must then be one.

    Returns:
        Values with the extra column and row ``"mean"`` (over those that are defined), in order of appearance.
    """
    chosen = scores[(scores["metric"] == metric) & (scores["fold"] == fold)]
    if b is not None:
        chosen = chosen[chosen["b"] == b]
    if chosen["b"].nunique() > 1:
        raise InputError(f"{metric} was measured against several", hint=f"choose b among {sorted(set(chosen['b']))}")
    table = chosen.pivot(index="a", columns="expression", values="value")
    table = table.loc[list(dict.fromkeys(chosen["a"])), ordered(table.columns)]
    table["mean"] = table.mean(axis=1)
    table.loc["mean"] = table.mean(axis=0)
    return table


def _of_single_maps(
    metric: Metric, maps: Maps, references: References, options: Options, overlaps: dict[MapKey, dict[str, Any]]
) -> Iterator[tuple[ScoreKey, tuple[float, str]]]:
    """Yield the scores of single maps, expression by expression, sources and folds as they come."""
    for expression in ordered(key[1] for key in maps):
        keys = _keys(maps, expression)
        if metric.needs[1] == "mask" and expression in references.masks:
            _check_sizes(maps, keys, references.masks[expression], f"the mask of {expression}")
        sources = list(dict.fromkeys(key.a for key in keys))
        of_group = list(comparisons(metric, sources, expression, references, np.shape(maps[keys[0]])))
        for key, comparison in ((key, one) for key in keys for one in of_group if one.a == key.a):
            if fast_path(metric) == "overlap":
                if key not in overlaps:
                    overlaps[key] = otsu_scores(maps[key], comparison.others[0])
                value = float(overlaps[key][metric.name])
                # A map with a threshold has pixels above it, so only one without leaves the IoU undefined.
                uncut = math.isnan(overlaps[key]["iou"])
            else:
                value = float(evaluate(comparison, np.asarray(maps[key])[None], options=options)[0])
                uncut = metric.needs[0] == "mask" and not np.ptp(maps[key]) > 0
            why = "no Otsu threshold, the map is constant, nowhere positive or missing" if uncut else None
            score = ScoreKey(metric.name, key.a, comparison.b, expression, key.fold)
            yield score, of_mean_map(metric.name, value, why)


def _of_pairs(
    metric: Metric, maps: Maps, references: References, options: Options
) -> Iterator[tuple[ScoreKey, tuple[float, str]]]:
    """Yield the scores of every two maps of one expression and fold."""
    for expression, fold in dict.fromkeys((key[1], key[2]) for key in maps):
        keys = [key for key in _keys(maps, expression) if key.fold == fold]
        stack = _stack(maps, keys)
        place = {key.a: i for i, key in enumerate(keys)}
        matrix = _matrix(metric, stack, options)
        for comparison in comparisons(metric, list(place), expression, references, stack.shape[1:]):
            i, j = place[comparison.a], place[comparison.b]
            value = evaluate(comparison, stack[i], stack[j], options) if matrix is None else matrix[i, j]
            score = ScoreKey(metric.name, comparison.a, comparison.b, expression, fold)
            yield score, of_mean_map(metric.name, float(value))


def _matrix(metric: Metric, stack: npt.NDArray[Any], options: Options) -> npt.NDArray[np.float64] | None:
    """Return the scores of all pairs at once, for the metrics that have a fast way; else None."""
    path = fast_path(metric)
    if path == "dice":
        maps = pairwise.Maps(stack, options)
        return pairwise.cross(metric, maps, maps, options)
    return correlations(stack, path == "pearson") if path else None


def _keys(maps: Maps, expression: str) -> list[MapKey]:
    return [MapKey(*key) for key in maps if key[1] == expression]


def _stack(maps: Maps, keys: Sequence[MapKey]) -> npt.NDArray[np.generic]:
    """Return the maps of ``keys`` as (n, h, w), checked to be of one size."""
    _check_sizes(maps, keys, maps[keys[0]], _text(keys[0]))
    return np.stack([np.asarray(maps[key]) for key in keys])


def _check_sizes(maps: Maps, keys: Sequence[MapKey], like: npt.NDArray[np.generic], called: str) -> None:
    for key in keys:
        shape = as_maps(maps[key]).shape
        if len(shape) != 2 or shape != np.shape(like):
            raise InputError(f"{_text(key)} has {size_text(np.asarray(maps[key]))} pixels, {called} {size_text(like)}")


def _text(key: MapKey) -> str:
    return f"the map of {key.a}, {key.expression}" + (f", fold {key.fold}" if key.fold != ALL_FOLDS else "")
