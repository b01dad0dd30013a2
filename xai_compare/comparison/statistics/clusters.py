"""Where on the face do two sources differ? Threshold-free cluster enhancement with a permutation test.

A difference map has thousands of pixels, and neighbours go together. Each pixel's t value is replaced by how high and
how wide the hill is on which it lies, without a threshold being chosen (Smith & Nichols 2009, *NeuroImage* 44); the
greatest such value over the face, under random signs of the pictures' differences, corrects for looking everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from xai_compare.comparison.arrays import Floats, as_maps
from xai_compare.errors import InputError

_STEPS = 50
_LEAST = 5
"""Pictures below which no order of signs could give p < 0.05, two-sided."""


@dataclass(frozen=True)
class DifferenceMap:
    """Where two sources differ.

    Attributes:
        difference: (h, w) mean of the first less mean of the second.
        t: (h, w) Student's t of the paired differences; 0 where they do not vary.
        enhanced: (h, w) with the sign of ``t``.
        p: (h, w) corrected over the face; NaN throughout where there are too few pictures.
        n: pictures.
        note: why ``p`` is missing.
    """

    difference: Floats
    t: Floats
    enhanced: Floats
    p: Floats
    n: int
    note: str = ""


def enhance(values: npt.ArrayLike, step: float, extent: float = 0.5, height: float = 2.0) -> Floats:
    """Threshold-free cluster enhancement of a map (h, w), positive and negative hills apart.

    Each pixel gets the sum, over the thresholds ``step, 2 step, ...`` up to its own height, of ``size ** extent *
    threshold ** height * step`` of the hill (pixels that touch by a side) on which it lies there.

    Raises:
        InputError: if the step is not positive.
    """
    if not step > 0:
        raise InputError(f"a step between thresholds is positive, got {step}")
    array = np.asarray(values, np.float64)
    enhanced = np.zeros(array.shape)
    for sign in (1, -1):
        signed = sign * array
        # Whole multiples, so that rounding does not lose the last threshold.
        for threshold in step * np.arange(1, int(np.floor(max(signed.max(), 0) / step + 1e-9)) + 1):
            hills, count = ndimage.label(signed >= threshold - 1e-12)
            if count:
                sizes = np.bincount(hills.ravel()).astype(np.float64)
                sizes[0] = 0
                enhanced += sign * (sizes**extent)[hills] * threshold**height * step
    return enhanced


def difference_map(
    a: npt.ArrayLike, b: npt.ArrayLike, n: int = 1000, seed: int = 0, step: float | None = None
) -> DifferenceMap:
    """Test where on the face paired maps of two sources differ.

    Args:
        a, b: (pictures, h, w), map i of both of one picture.
        n: random orders of signs, the one at hand among them.
        seed: of the signs.
        step: between thresholds of t; a fiftieth of the greatest absolute t by default.

    Raises:
        InputError: if the maps are not paired.
    """
    first, second = as_maps(a), as_maps(b)
    if first.shape != second.shape or first.ndim != 3:
        raise InputError(f"paired maps (pictures, h, w) are needed, got {first.shape} and {second.shape}")
    pairs = first.astype(np.float64) - second.astype(np.float64)
    count, shape = len(pairs), pairs.shape[1:]
    rows = pairs.reshape(count, -1)
    squares = (rows**2).sum(0)
    t = _t(rows.sum(0), squares, count).reshape(shape)
    difference = pairs.mean(0)
    missing = np.full(shape, np.nan)
    if count < _LEAST:
        return DifferenceMap(difference, t, missing, missing, count, f"{count} pictures are too few for a test")
    if not np.abs(t).max() > 0:
        return DifferenceMap(difference, t, t, np.ones(shape), count, "the maps are the same")
    step = float(np.abs(t).max()) / _STEPS if step is None else step
    enhanced = enhance(t, step)
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), (n - 1, count))
    most = np.array([np.abs(enhanced).max()] + [_greatest(s @ rows, squares, count, shape, step) for s in signs])
    most.sort()
    p = 1 - np.searchsorted(most, np.abs(enhanced).ravel() - 1e-9 * most[-1], "left") / n
    return DifferenceMap(difference, t, enhanced, p.reshape(shape), count)


def _greatest(sums: Floats, squares: Floats, count: int, shape: tuple[int, ...], step: float) -> float:
    return float(np.abs(enhance(_t(sums, squares, count).reshape(shape), step)).max())


def _t(sums: Floats, squares: Floats, count: int) -> Floats:
    """Student's t of numbers of which sum and sum of squares are known; signs do not change the squares."""
    if count < 2:
        return np.zeros_like(sums)
    spread = np.maximum(squares - sums**2 / count, 0) / (count - 1)
    safe = spread > 1e-12 * np.maximum(squares, 1e-300)
    return np.where(safe, sums / count / np.sqrt(np.where(safe, spread, 1) / count), 0.0)
