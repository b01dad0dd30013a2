"""Maps against fixations or clicks: NSS, three kinds of AUC, information gain.

Points are (n, 2): x to the right, y down, in pixels with pixel centres at integers; each counts, also twice at the same
pixel. The caller names the non-fixations where a metric lets them be chosen. The AUCs are exact areas under the
curve, ties one half, unless said otherwise; no jitter is added.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, as_maps, flat, ratio, same_size
from xai_compare.comparison.metrics.maps import density
from xai_compare.comparison.registry import register
from xai_compare.comparison.roc import auc
from xai_compare.errors import InputError

_MIT = "MIT/Tuebingen saliency benchmark (Bylinskii et al. 2019)"
_MIT_EPSILON = 2.2204e-16
_Pixels = npt.NDArray[np.intp]


@register(
    "nss",
    title="Normalised scanpath saliency",
    range=(float("-inf"), float("inf")),
    needs=("map", "points"),
    chance=0.0,
    source=f"Peters et al. 2005; {_MIT}",
    undefined="the map is constant or missing, or there are no points",
)
def nss(maps: npt.ArrayLike, points: npt.ArrayLike) -> Floats:
    """Mean value at the points once the map has mean 0 and (population) standard deviation 1; 0 is chance.

    Args:
        maps: (..., h, w), any real dtype.
        points: (n, 2) x, y.

    Returns:
        float64 (...); NaN if the map is constant or there are no points.

    Raises:
        InputError: if a point lies outside the map.

    >>> round(float(nss([[0.0, 0.0], [0.0, 4.0]], [[1, 1]])), 3)
    1.732
    """
    array, pixels = _with_points(maps, points)
    values = flat(array)
    if not pixels.size:
        return np.full(array.shape[:-2], np.nan)[()]
    varies = values.max(-1) > values.min(-1)
    with np.errstate(invalid="ignore"):
        scores = ratio(values[..., pixels].mean(-1) - values.mean(-1), values.std(-1))
    return np.where(varies, scores, np.nan)[()]


@register(
    "auc_uniform",
    title="AUC (all pixels)",
    needs=("map", "points"),
    chance=0.5,
    source="Tuebingen benchmark's and pysaliency's AUC: non-fixations are all pixels",
    undefined="the map is missing, or there are no points",
)
def auc_uniform(maps: npt.ArrayLike, points: npt.ArrayLike) -> Floats:
    """Probability that a fixated pixel outranks a pixel drawn from the whole map, in [0, 1].

    One of the two meanings of "AUC-Judd" in use: the exact curve, all pixels as non-fixations (pysaliency's ``AUC``).
    For the other see `auc_judd`. Arguments and errors as `nss`; a constant map gets 0.5.
    """
    array, pixels = _with_points(maps, points)
    return _each(array, lambda row: auc(row[pixels], row))


@register(
    "auc_judd",
    title="AUC-Judd",
    needs=("map", "points"),
    chance=0.5,
    source="Judd et al. 2009, code of the MIT benchmark, without its jitter; points at one pixel count each",
    undefined="the map is missing, there are no points, or every pixel has one",
)
def auc_judd(maps: npt.ArrayLike, points: npt.ArrayLike) -> Floats:
    """AUC-Judd as the MIT benchmark's code has it: non-fixations are the pixels nobody fixated, in [0, 1].

    The curve has points only at the fixated values and straight lines between them, which lifts it above the exact one
    where fixations are few: a single fixation never scores below 0.5. For the other meaning of the name (all pixels
    as non-fixations, exact curve) see `auc_uniform`. Points at one pixel count each, where the original marks a
    fixated pixel once. Where the original adds random jitter against ties, equal
    values here pass a threshold together. Arguments and errors as `nss`.

    >>> float(auc_judd([[0.0, 1.0], [2.0, 3.0]], [[0, 1], [1, 1]])), float(auc_judd([[0.0, 1.0], [2.0, 3.0]], [[1, 0]]))
    (1.0, 0.6666666666666666)
    """
    array, pixels = _with_points(maps, points)
    free = np.ones(array.shape[-2] * array.shape[-1], dtype=bool)
    free[pixels] = False
    return _each(array, lambda row: _judd(row[pixels], row[free]))


@register(
    "auc_borji",
    title="AUC-Borji",
    needs=("map", "points"),
    chance=0.5,
    bootstrap=False,
    source="Borji et al. 2013, exact curve instead of steps of 0.1",
    undefined="the map is missing, or there are no points",
)
def auc_borji(maps: npt.ArrayLike, points: npt.ArrayLike, splits: int = 100, seed: int = 0) -> Floats:
    """Mean AUC against as many pixels as there are points, drawn anew from the whole map for each split, in [0, 1].

    It estimates `auc_uniform`, which needs no chance and is to be preferred. Arguments and errors as `nss`, and:

    Args:
        splits: how many draws.
        seed: of the draws.

    >>> float(auc_borji([[0.0, 1.0], [2.0, 3.0]], [[1, 1]], splits=4))
    0.875
    """
    array, pixels = _with_points(maps, points)
    drawn = np.random.default_rng(seed).integers(array.shape[-2] * array.shape[-1], size=(splits, pixels.size))
    return _each(array, lambda row: float(np.mean([auc(row[pixels], row[others]) for others in drawn])))


@register(
    "auc_shuffled",
    title="Shuffled AUC",
    needs=("map", "points", "nonfixations"),
    chance=0.5,
    source=f"Tatler et al. 2005; {_MIT}",
    undefined="the map is missing, or there are no points or no non-fixations",
)
def auc_shuffled(maps: npt.ArrayLike, points: npt.ArrayLike, nonfixations: npt.ArrayLike) -> Floats:
    """Probability that a fixated pixel outranks one fixated in *other* pictures, in [0, 1]; cancels the centre bias.

    Args:
        maps: (..., h, w), any real dtype.
        points: (n, 2) x, y.
        nonfixations: (m, 2) x, y of points on other pictures, already in this picture's pixels; all are used.

    Returns:
        float64 (...); NaN if either set of points is empty.

    Raises:
        InputError: if a point lies outside the map.

    >>> float(auc_shuffled([[0.0, 1.0], [2.0, 3.0]], [[1, 1]], nonfixations=[[0, 0], [1, 1]]))
    0.75
    """
    array, pixels = _with_points(maps, points)
    _, others = _with_points(maps, nonfixations)
    return _each(array, lambda row: auc(row[pixels], row[others]))


@register(
    "information_gain",
    title="Information gain (bits per fixation)",
    range=(float("-inf"), float("inf")),
    needs=("map", "points", "baseline"),
    chance=0.0,
    source="Kuemmerer et al. 2015",
    undefined="a map has no mass or is missing, or there are no points",
)
def information_gain(
    maps: npt.ArrayLike, points: npt.ArrayLike, baseline: npt.ArrayLike, epsilon: float = _MIT_EPSILON
) -> Floats:
    """How much better the map predicts the points than a baseline does, in bits per point; 0 is no better.

    The mean over points of ``log2(epsilon + p) - log2(epsilon + q)``, where p and q are the map and the baseline made
    to sum to 1 (one with negative values is first raised until its least value is 0).

    Args:
        maps: (..., h, w), any real dtype.
        points: (n, 2) x, y.
        baseline: (..., h, w), such as the centre bias; all equal is the uniform baseline.
        epsilon: the MIT benchmark's guard against points where a map is 0; with 0 they give infinities.

    Returns:
        float64 (...); NaN if a map has no mass or there are no points.

    Raises:
        InputError: if a point lies outside the map, or sizes differ.

    >>> round(float(information_gain([[1.0, 3.0]], [[1, 0]], baseline=[[1.0, 1.0]])), 3)
    0.585
    """
    array, pixels = _with_points(maps, points)
    reference = as_maps(baseline)
    same_size(array, reference)
    if not pixels.size:
        return np.full(np.broadcast_shapes(array.shape[:-2], reference.shape[:-2]), np.nan)[()]
    with np.errstate(divide="ignore", invalid="ignore"):
        gains = np.log2(epsilon + density(array)[..., pixels]) - np.log2(epsilon + density(reference)[..., pixels])
    return gains.mean(-1)[()]


def _with_points(maps: npt.ArrayLike, points: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], _Pixels]:
    """Return the maps, and the points' nearest pixels (n,) as places in a flattened map."""
    array, places = as_maps(maps), np.asarray(points, dtype=np.float64)
    if places.size == 0:
        places = places.reshape(0, 2)
    if places.ndim != 2 or places.shape[1] != 2:
        raise InputError(f"points are (n, 2) x, y; got shape {places.shape}")
    height, width = array.shape[-2:]
    # Pixel centres lie at integers, so a pixel reaches half a pixel to either side of them.
    x, y = np.floor(places + 0.5).T
    outside = int((~((x >= 0) & (x < width) & (y >= 0) & (y < height))).sum())
    if outside:
        raise InputError(
            f"{outside} of {len(places)} points lie outside the map of {height} x {width} pixels (or are missing)",
            hint="leave them out first",
        )
    return array, (y * width + x).astype(np.intp)


def _each(array: npt.NDArray[np.generic], score: Callable[[npt.NDArray[np.generic]], float]) -> Floats:
    """Return ``score`` of each flattened map, in the maps' leading shape."""
    rows = array.reshape(-1, array.shape[-2] * array.shape[-1])
    return np.array([score(row) for row in rows], dtype=np.float64).reshape(array.shape[:-2])[()]


def _judd(positives: npt.NDArray[np.generic], negatives: npt.NDArray[np.generic]) -> float:
    """Return the area under the curve through the thresholds at the positives, its ends at (0, 0) and (1, 1)."""
    if not positives.size or not negatives.size or np.isnan(positives).any() or np.isnan(negatives).any():
        return float("nan")
    thresholds = np.unique(positives)[::-1]
    hits = 1 - np.searchsorted(np.sort(positives), thresholds) / positives.size
    alarms = 1 - np.searchsorted(np.sort(negatives), thresholds) / negatives.size
    return float(np.trapezoid(np.concatenate([[0], hits, [1]]), np.concatenate([[0], alarms, [1]])))
