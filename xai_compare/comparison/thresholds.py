"""How a map becomes a mask: Otsu's threshold, or one level of 0..255.

Signed maps (LIME's, integrated gradients, CAM) are cut in their positive part alone: what has no influence, or speaks
against the class, is level 0. Stretched from its least value, a neutral pixel would come to lie in mid-scale.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from PIL import Image

from xai_compare.comparison.arrays import Bools, Floats, Ints, as_maps, as_masks, overlap, same_size

_FLT_EPSILON = float(np.finfo(np.float32).eps)
_HALF = np.float32(0.4999)
_SAFE = (1e-30, 1e30)
_ROWS = 512
"""Histograms looked at together."""


def to_8bit(maps: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Scale each map from its own least (or 0, if that is negative) to its greatest value to the integers 0..255.

    Args:
        maps: (..., h, w), any real dtype.

    Returns:
        uint8 (..., h, w): ``round((map - min) / (max - min) * 255)`` in double precision, halves to even. Of a map
        with negative values ``round(max(map, 0) / max * 255)``. A map with nothing to scale (constant, nowhere
        positive though negative somewhere, or with values that are not finite) becomes 0 everywhere.

    >>> to_8bit(np.array([[-1.0, 0.0], [1.0, 2.0]])).tolist()
    [[0, 0], [128, 255]]
    """
    return stretched(as_maps(maps))


def stretched(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """`to_8bit` of maps that are known to be some."""
    levels = np.zeros(array.shape, dtype=np.uint8)
    pixels = levels.reshape(-1, array.shape[-2] * array.shape[-1])
    for row, scaled in zip(pixels, _scaled(array), strict=True):
        if scaled is not None:
            row[:] = scaled
    return levels


def otsu(maps: npt.ArrayLike) -> Floats:
    """Otsu's threshold of each map; the mask is ``map > threshold``.

    On uint8 maps this is OpenCV's threshold, bit for bit (Otsu 1979; levels are used as they are). Any other
    dtype is first stretched by `to_8bit` to 256 bins (that is the binning: least..greatest value, of a signed map
    0..greatest, to 0..255, rounded), and the threshold comes back in the map's own units: the greatest value of the
    map that falls below the cut, so that ``map > threshold`` is exactly the decision on the 8-bit map.

    Args:
        maps: (..., h, w), any real dtype.

    Returns:
        float64 (...); NaN for a map that is constant, negative throughout, or holds values that are not finite
        (nothing to separate).

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
    scores = histogram_scores(*split_histograms(_levels(array), region.reshape(-1)))
    return {name: value.reshape(array.shape[:-2])[()] for name, value in scores.items()}


def dice_masks(array: npt.NDArray[np.generic], threshold: float = 50) -> tuple[Bools, Bools]:
    """Return the masks (..., h, w) that `dice` compares, and (...) whether each map could be scaled at all."""
    if array.dtype == bool:
        return array.astype(bool, copy=False), np.ones(array.shape[:-2], dtype=bool)
    levels = stretched(array)
    # Scaling takes the greatest value to 255, so only a map with nothing to scale is 0 everywhere.
    return levels > threshold, np.asarray(levels.any(axis=(-2, -1)))


def _scaled(array: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.floating] | None]:
    """Yield each map as whole numbers 0..255 in one reused buffer (h * w,), or None where there is nothing to scale."""
    rows = array.reshape(-1, array.shape[-2] * array.shape[-1])
    single = array.dtype == np.float32
    exact = np.empty(0 if single else rows.shape[1], dtype=np.float64)
    rough, whole = (np.empty(rows.shape[1] if single else 0, dtype=np.float32) for _ in range(2))
    for row in rows:
        low, high = float(row.min()), float(row.max())
        signed, bounded = low < 0, bool(np.isfinite(high - low))
        low = max(low, 0.0)
        if not (high > low and bounded):
            yield None
        elif single and _SAFE[0] < high - low < _SAFE[1]:
            # Single precision is off by less than 0.00005 of a level: only halves that near must be settled in double.
            np.subtract(row, np.float32(low), out=rough)
            np.multiply(rough, np.float32(255 / (high - low)), out=rough)
            np.rint(rough, out=whole)
            np.subtract(rough, whole, out=rough)
            near = np.flatnonzero(np.abs(rough, out=rough) > _HALF)
            whole[near] = np.rint((row[near].astype(np.float64) - low) / (high - low) * 255)
            yield np.maximum(whole, 0, out=whole) if signed else whole
        else:
            if not exact.size:
                exact = np.empty(rows.shape[1], dtype=np.float64)
            np.subtract(row, low, out=exact, dtype=np.float64)
            exact /= high - low
            exact *= 255
            np.rint(exact, out=exact)
            yield np.maximum(exact, 0, out=exact) if signed else exact


def _levels(array: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Return the levels (maps, h * w) that Otsu's method sees: uint8 and boolean maps as they are, others stretched."""
    levels = array.astype(np.uint8, copy=False) if array.dtype in (np.uint8, np.bool_) else stretched(array)
    return levels.reshape(-1, array.shape[-2] * array.shape[-1])


def _histograms(levels: npt.NDArray[np.uint8]) -> Ints:
    """Return the histogram (maps, 256) of each row."""
    return np.array([_counts(row) for row in levels], dtype=np.int64).reshape(-1, 256)


def split_histograms(levels: npt.NDArray[np.uint8], region: Bools) -> tuple[Ints, Ints]:
    """Return the histograms (maps, 256) of 8-bit levels (maps, h * w) inside and outside the region (h * w,)."""
    within = np.flatnonzero(region)
    inside, outside = (np.empty((len(levels), 256), dtype=np.int64) for _ in range(2))
    # Pixels that lie together need not be gathered.
    together = bool(region[: within.size].all())
    for row, some, rest in zip(levels, inside, outside, strict=True):
        some[:] = _counts(row[: within.size] if together else row[within])
        rest[:] = _counts(row[within.size :]) if together else np.subtract(_counts(row), some)
    return inside, outside


def _counts(levels: npt.NDArray[np.uint8]) -> list[int]:
    """How often each of 256 levels stands in (n,): Pillow's count takes a third of NumPy's time, and shares cores."""
    return Image.frombuffer("L", (levels.size, 1), levels, "raw", "L", 0, 1).histogram() if levels.size else [0] * 256


def histogram_scores(inside: Ints, outside: Ints) -> dict[str, Floats]:
    """Return the scores of `otsu_scores`, float64 (maps,), from the histograms (maps, 256) of `split_histograms`."""
    cuts = _otsu_of_histograms(inside + outside)
    known = ~np.isnan(cuts)
    above = np.arange(256) > np.where(known, cuts, 0)[:, None]
    hits = np.where(known, (inside * above).sum(1), np.nan)
    chosen = hits + np.where(known, (outside * above).sum(1), np.nan)
    return overlap(hits, chosen, np.where(known, inside.sum(1), np.nan))


def _otsu_of_histograms(histograms: Ints) -> Floats:
    """Return OpenCV's Otsu level of each histogram (maps, 256); NaN with fewer than two levels in use.

    The running mean and its order of operations are OpenCV's: where two levels separate equally well, the last bit
    of the variance decides between them.
    """
    cuts = np.empty(len(histograms))
    for part in (slice(first, first + _ROWS) for first in range(0, len(histograms), _ROWS)):
        cuts[part] = _otsu_of_some(histograms[part].T)
    return cuts


def _otsu_of_some(histograms: Ints) -> Floats:
    """The same of histograms (256, maps), all of them at once but for the running mean."""
    total = histograms.sum(0)
    scale = np.divide(1.0, total, out=np.zeros(len(total)), where=total > 0)
    levels = np.arange(256)[:, None]
    mean = (histograms * levels).sum(0) * scale
    share = histograms * scale
    weight_low = np.cumsum(share, axis=0)
    weight_high = 1.0 - weight_low
    usable = (np.minimum(weight_low, weight_high) >= _FLT_EPSILON) & (
        np.maximum(weight_low, weight_high) <= 1.0 - _FLT_EPSILON
    )
    added, running = levels * share, np.zeros(share.shape)
    low, weight = np.zeros(len(total)), np.zeros(len(total))
    with np.errstate(divide="ignore", invalid="ignore"):
        for level in range(256):
            low = low * weight
            low = np.where(usable[level], (low + added[level]) / weight_low[level], low)
            running[level] = low
            weight = weight_low[level]
        mean_high = (mean - weight_low * running) / weight_high
        variance = weight_low * weight_high * (running - mean_high) * (running - mean_high)
    variance = np.where(usable, variance, 0.0)
    # Of levels that separate equally well argmax takes the first, as OpenCV does.
    return np.where((histograms > 0).sum(0) > 1, variance.argmax(0).astype(np.float64), np.nan)
