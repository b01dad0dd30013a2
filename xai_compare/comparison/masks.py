"""Maps cut into masks, and masks against masks: Otsu, IoU, precision, recall, F1, Dice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Bools, Floats, Ints, as_maps, as_masks, count, ratio, same_size
from xai_compare.comparison.registry import metric

_FLT_EPSILON = float(np.finfo(np.float32).eps)
_GAYA = "Gaya-Morey et al. 2024"


def to_8bit(maps: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Scale each map from its own least..greatest value to the integers 0..255.

    Args:
        maps: (..., h, w), any real dtype.

    Returns:
        uint8 (..., h, w): ``round((map - min) / (max - min) * 255)`` in double precision, halves to even. A map
        with nothing to scale (constant, or with values that are not finite) becomes 0 everywhere.
    """
    array = as_maps(maps)
    levels = np.zeros(array.shape, dtype=np.uint8)
    pixels = levels.reshape(-1, array.shape[-2] * array.shape[-1])
    for row, scaled in zip(pixels, _scaled(array), strict=True):
        if scaled is not None:
            row[:] = scaled
    return levels


def otsu(maps: npt.ArrayLike) -> Floats:
    """Otsu's threshold of each map; the mask is ``map > threshold``.

    On uint8 maps this is OpenCV's threshold, bit for bit (Otsu 1979; levels are used as they are). Any other
    dtype is first stretched by `to_8bit` to 256 bins (that is the binning: least..greatest value to 0..255,
    rounded), and the threshold comes back in the map's own units: the greatest value of the map that falls below
    the cut, so that ``map > threshold`` is exactly the decision on the 8-bit map.

    Args:
        maps: (..., h, w), any real dtype.

    Returns:
        float64 (...); NaN for a map that is constant or holds values that are not finite (nothing to separate).

    >>> float(otsu(np.array([[0, 1, 9, 10]], dtype=np.uint8)))
    1.0
    """
    array = as_maps(maps)
    levels = _levels(array)
    cuts = _otsu_of_histograms(_histograms(levels))
    if array.dtype not in (np.uint8, np.bool_):
        rows = array.reshape(levels.shape)
        for i in np.flatnonzero(~np.isnan(cuts)):
            cuts[i] = rows[i][levels[i] <= cuts[i]].max()
    return cuts.reshape(array.shape[:-2])[()]


def otsu_masks(maps: npt.ArrayLike) -> Bools:
    """Return ``map > otsu(map)`` for each map (..., h, w).

    A map without a threshold gives an empty mask; ask `otsu` whether it has one, or score with `otsu_scores`,
    which answers NaN there.
    """
    array = as_maps(maps)
    levels = _levels(array)
    cuts = _otsu_of_histograms(_histograms(levels))
    return (levels > cuts[:, None]).reshape(array.shape)


def otsu_scores(maps: npt.ArrayLike, mask: npt.ArrayLike) -> dict[str, Floats]:
    """Cut each map by Otsu's threshold and score it against one mask, without building the masks.

    Equal to ``iou(otsu_masks(maps), mask)`` and its like, several times faster on many maps: one histogram of the
    pixels inside and one of those outside hold everything the threshold and the four scores need.

    Args:
        maps: (..., h, w), any real dtype.
        mask: (h, w), boolean.

    Returns:
        float64 (...) under each of ``iou``, ``precision``, ``recall``, ``f1``; NaN where a metric is undefined, and
        everywhere for a map without a threshold.
    """
    array, region = as_maps(maps), as_masks(mask)
    same_size(array, region)
    inside, outside = _split_histograms(array, region.reshape(-1))
    cuts = _otsu_of_histograms(inside + outside)
    known = ~np.isnan(cuts)
    above = np.arange(256) > np.where(known, cuts, 0)[:, None]
    hits = np.where(known, (inside * above).sum(1), np.nan)
    chosen = hits + np.where(known, (outside * above).sum(1), np.nan)
    scores = _overlap(hits, chosen, np.where(known, np.count_nonzero(region), np.nan))
    return {name: value.reshape(array.shape[:-2])[()] for name, value in scores.items()}


@metric(
    "iou",
    title="Intersection over union",
    needs=("mask", "mask"),
    source=f"{_GAYA}, Equation 3",
    undefined="both masks are empty",
)
def iou(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Intersection over union of masks (..., h, w), in [0, 1]; NaN if both are empty. Gaya-Morey et al., Equation 3.

    >>> float(iou([[True, True, False]], [[False, True, True]]))
    0.3333333333333333
    """
    return _overlap(*_counts(a, b))["iou"]


@metric(
    "precision",
    title="Precision",
    needs=("mask", "mask"),
    source="share of the first mask that lies in the second",
    undefined="the first mask is empty",
)
def precision(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Share of mask ``a`` that lies in the reference ``b``, both (..., h, w); NaN if ``a`` is empty."""
    return _overlap(*_counts(a, b))["precision"]


@metric(
    "recall",
    title="Recall",
    needs=("mask", "mask"),
    source="share of the second mask that the first covers",
    undefined="the second mask is empty",
)
def recall(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Share of the reference ``b`` that mask ``a`` covers, both (..., h, w); NaN if ``b`` is empty."""
    return _overlap(*_counts(a, b))["recall"]


@metric(
    "f1",
    title="F1",
    needs=("mask", "mask"),
    source="harmonic mean of precision and recall",
    undefined="both masks are empty",
)
def f1(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Twice the overlap over the sum of both areas, masks (..., h, w); NaN if both are empty."""
    return _overlap(*_counts(a, b))["f1"]


@metric(
    "dice",
    title="Dice coefficient",
    needs=("map", "map"),
    source="Park and Wallraven 2022, section 5.3",
    undefined="a map is constant or missing, or both masks are empty",
)
def dice(a: npt.ArrayLike, b: npt.ArrayLike, threshold: float = 50) -> Floats:
    """Dice coefficient of two maps cut at one level (Park and Wallraven 2022, section 5.3).

    Args:
        a, b: (..., h, w). Boolean arrays are masks already; any others are scaled by `to_8bit`, each map by itself,
            and the pixels above ``threshold`` are 1.
        threshold: level in 0..255; values *above* it are 1.

    Returns:
        float64 (...) in [0, 1]; NaN if both masks are empty or a map has nothing to scale.
    """
    first, second = dice_masks(a, threshold), dice_masks(b, threshold)
    same_size(first[0], second[0])
    return np.where(first[1] & second[1], _overlap(*_counts(first[0], second[0]))["f1"], np.nan)[()]


def dice_masks(maps: npt.ArrayLike, threshold: float = 50) -> tuple[Bools, Bools]:
    """Return the masks (..., h, w) that `dice` compares, and (...) whether each map could be scaled at all."""
    array = as_maps(maps)
    if array.dtype == bool:
        return array.astype(bool, copy=False), np.ones(array.shape[:-2], dtype=bool)
    levels = to_8bit(array)
    # Scaling takes the greatest value to 255, so only a map with nothing to scale is 0 everywhere.
    return levels > threshold, np.asarray(levels.any(axis=(-2, -1)))


def _counts(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Ints, Ints, Ints]:
    first, second = as_masks(a), as_masks(b)
    same_size(first, second)
    return count(first & second), count(first), count(second)


def _overlap(hits: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike) -> dict[str, Floats]:
    hits, first, second = (np.asarray(number, dtype=np.float64) for number in (hits, first, second))
    return {
        "iou": ratio(hits, first + second - hits),
        "precision": ratio(hits, first),
        "recall": ratio(hits, second),
        "f1": ratio(2 * hits, first + second),
    }


def _scaled(array: npt.NDArray[np.generic]) -> Iterator[Floats | None]:
    """Yield each map as whole numbers 0..255 in one reused buffer (h * w,), or None where there is nothing to scale."""
    rows = array.reshape(-1, array.shape[-2] * array.shape[-1])
    buffer = np.empty(rows.shape[1], dtype=np.float64)
    for row in rows:
        low, high = float(row.min()), float(row.max())
        if not (high > low and np.isfinite(high - low)):
            yield None
            continue
        np.subtract(row, low, out=buffer, dtype=np.float64)
        buffer /= high - low
        buffer *= 255
        yield np.rint(buffer, out=buffer)


def _levels(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Return the levels (maps, h * w) that Otsu's method sees: uint8 and boolean maps as they are, others stretched."""
    levels = array.astype(np.uint8, copy=False) if array.dtype in (np.uint8, np.bool_) else to_8bit(array)
    return levels.reshape(-1, array.shape[-2] * array.shape[-1])


def _histograms(levels: npt.NDArray[np.uint8]) -> Ints:
    """Return the histogram (maps, 256) of each row."""
    histograms = np.empty((len(levels), 256), dtype=np.int64)
    for row, histogram in zip(levels, histograms, strict=True):
        histogram[:] = np.bincount(row, minlength=256)
    return histograms


def _split_histograms(array: npt.NDArray[np.generic], region: Bools) -> tuple[Ints, Ints]:
    """Return the histograms (maps, 256) of the levels inside and outside the region (h * w,)."""
    offset = np.where(region, 0, 256).astype(np.intp)
    pixels = np.empty(region.size, dtype=np.intp)
    histograms = np.zeros((int(np.prod(array.shape[:-2])), 512), dtype=np.int64)
    whole = array.dtype in (np.uint8, np.bool_)
    maps: Iterator[npt.NDArray[np.generic] | None] = iter(_levels(array)) if whole else _scaled(array)
    for row, histogram in zip(maps, histograms, strict=True):
        if row is not None:
            np.add(row, offset, out=pixels, casting="unsafe")
            histogram[:] = np.bincount(pixels, minlength=512)
    return histograms[:, :256], histograms[:, 256:]


def _otsu_of_histograms(histograms: Ints) -> Floats:
    """Return OpenCV's Otsu level of each histogram (maps, 256); NaN with fewer than two levels in use.

    The running mean and its order of operations are OpenCV's: where two levels separate equally well, the last bit
    of the variance decides between them.
    """
    total = histograms.sum(1)
    scale = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)
    mean = (histograms * np.arange(256)).sum(1) * scale
    mean_low, weight_low, best, cut = (np.zeros(len(total)) for _ in range(4))
    with np.errstate(divide="ignore", invalid="ignore"):
        for level in range(256):
            share = histograms[:, level] * scale
            mean_low = mean_low * weight_low
            weight_low = weight_low + share
            weight_high = 1.0 - weight_low
            usable = (np.minimum(weight_low, weight_high) >= _FLT_EPSILON) & (
                np.maximum(weight_low, weight_high) <= 1.0 - _FLT_EPSILON
            )
            mean_low = np.where(usable, (mean_low + level * share) / weight_low, mean_low)
            mean_high = (mean - weight_low * mean_low) / weight_high
            variance = weight_low * weight_high * (mean_low - mean_high) * (mean_low - mean_high)
            better = usable & (variance > best)
            best, cut = np.where(better, variance, best), np.where(better, float(level), cut)
    return np.where((histograms > 0).sum(1) > 1, cut, np.nan)
