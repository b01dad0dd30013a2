"""How a map becomes a mask: Otsu's threshold, or one level of 0..255.

Signed maps (LIME's, integrated gradients, CAM) are cut in their positive part alone: what has no influence, or speaks
against the class, is level 0. Stretched from its least value, a neutral pixel would come to lie in mid-scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Bools, Floats, Ints, as_maps, as_masks, overlap, same_size

_FLT_EPSILON = float(np.finfo(np.float32).eps)
_HALF = np.float32(0.4999)
_SAFE = (1e-30, 1e30)


def to_8bit(maps: npt.ArrayLike) -> npt.NDArray[np.uint8]:
    """Scale each map from its own least (or 0, if that is negative) to its greatest value to the integers 0..255.

    Args:
        maps: (..., h, w), any real dtype.

    Returns:
        uint8 (..., h, w): ``round((map - min) / (max - min) * 255)`` in double precision, halves to even. Of a map
        with negative values ``round(max(map, 0) / max * 255)``. A map with nothing to scale (constant, nowhere
        positive though negative somewhere, or with values that are not finite) becomes 0 everywhere.
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
    scores = histogram_scores(*split_histograms(array, region.reshape(-1)))
    return {name: value.reshape(array.shape[:-2])[()] for name, value in scores.items()}


def dice_masks(maps: npt.ArrayLike, threshold: float = 50) -> tuple[Bools, Bools]:
    """Return the masks (..., h, w) that `dice` compares, and (...) whether each map could be scaled at all."""
    array = as_maps(maps)
    if array.dtype == bool:
        return array.astype(bool, copy=False), np.ones(array.shape[:-2], dtype=bool)
    levels = to_8bit(array)
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
    levels = array.astype(np.uint8, copy=False) if array.dtype in (np.uint8, np.bool_) else to_8bit(array)
    return levels.reshape(-1, array.shape[-2] * array.shape[-1])


def _histograms(levels: npt.NDArray[np.uint8]) -> Ints:
    """Return the histogram (maps, 256) of each row."""
    histograms = np.empty((len(levels), 256), dtype=np.int64)
    for row, histogram in zip(levels, histograms, strict=True):
        histogram[:] = np.bincount(row, minlength=256)
    return histograms


def split_histograms(array: npt.NDArray[np.generic], region: Bools) -> tuple[Ints, Ints]:
    """Return the histograms (maps, 256) of the levels of maps (..., h, w) inside and outside the region (h * w,)."""
    offset = np.where(region, 0, 256).astype(np.float32)
    pixels = np.empty(region.size, dtype=np.int32)
    histograms = np.zeros((int(np.prod(array.shape[:-2])), 512), dtype=np.int64)
    whole = array.dtype in (np.uint8, np.bool_)
    maps: Iterator[npt.NDArray[Any] | None] = iter(_levels(array)) if whole else _scaled(array)
    for row, histogram in zip(maps, histograms, strict=True):
        if row is not None:
            # In place on the scaled buffer, then one plain conversion: NumPy's mixed-type addition is slower than both.
            shifted = row + offset if whole else np.add(row, offset, out=row)
            np.copyto(pixels, shifted, casting="unsafe")
            histogram[:] = np.bincount(pixels, minlength=512)
    return histograms[:, :256], histograms[:, 256:]


def histogram_scores(inside: Ints, outside: Ints) -> dict[str, Floats]:
    """Return the scores of `otsu_scores`, float64 (maps,), from the histograms (maps, 256) of `split_histograms`."""
    cuts = _otsu_of_histograms(inside + outside)
    known = ~np.isnan(cuts)
    above = np.arange(256) > np.where(known, cuts, 0)[:, None]
    hits = np.where(known, (inside * above).sum(1), np.nan)
    chosen = hits + np.where(known, (outside * above).sum(1), np.nan)
    return overlap(hits, chosen, np.where(known, inside.sum(1), np.nan))


def level_cuts(low: Floats, high: Floats, threshold: float, dtype: npt.DTypeLike) -> Floats:
    """Return, for maps from ``low`` to ``high`` (n,), the least value whose 8-bit level is above ``threshold``.

    With it ``map >= cut`` is ``to_8bit(map) > threshold``, bit for bit, in one comparison a pixel. `to_8bit` never
    falls as the value rises, so the step is found by bisection among the numbers that the dtype has.

    Args:
        low, high: (n,) least and greatest value of each map, numbers of the dtype.
        threshold: level in 0..255.
        dtype: float32 or float64, that of the maps.

    Returns:
        float64 (n,); infinite for a map with nothing to scale.
    """
    kind, whole = np.dtype(dtype), np.dtype(f"i{np.dtype(dtype).itemsize}")
    level = np.floor(threshold) + 1
    low, high = (np.ascontiguousarray(ends, dtype=kind) for ends in (low, high))
    unbounded = ~np.isfinite(low)
    low = np.where(unbounded, low, np.maximum(low, kind.type(0)))
    base = low.astype(np.float64)
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        span = high.astype(np.float64) - base
        usable = (high > low) & np.isfinite(span) & (level <= 255)
        base, span = np.where(usable, base, 0), np.where(usable, span, 1)

        def reached(places: npt.NDArray[np.signedinteger]) -> Bools:
            values = _in_order(places).view(kind).astype(np.float64)
            return np.asarray(np.rint((values - base) / span * 255) >= level)

        below, above = (_in_order(np.where(usable, ends, kind.type(0)).view(whole)) for ends in (low, high))
        # Most steps lie within a few numbers of where plain arithmetic puts them.
        guess = _in_order((base + (level - 0.5) / 255 * span).astype(kind).view(whole))
        for nearer in (guess - 16, guess + 16):
            inside = usable & (nearer > below) & (nearer < above)
            high_enough = reached(nearer)
            below = np.where(inside & ~high_enough, nearer, below)
            above = np.where(inside & high_enough, nearer, above)
        while (usable & (above > below + 1)).any():
            middle = (below & above) + ((below ^ above) >> 1)
            high_enough = reached(middle)
            below, above = np.where(high_enough, below, middle), np.where(high_enough, middle, above)
    return np.where(usable, _in_order(above).view(kind).astype(np.float64), np.inf)


def _in_order(bits: npt.NDArray[np.signedinteger]) -> npt.NDArray[np.signedinteger]:
    """Turn the bits of floating-point numbers into whole numbers of the same order, and back."""
    return np.where(bits < 0, bits ^ np.iinfo(bits.dtype).max, bits)


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
