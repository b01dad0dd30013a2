"""What every metric demands of its arrays: maps (..., h, w), masks of two values, one size."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xai_compare.errors import InputError

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


def as_maps(maps: npt.ArrayLike) -> npt.NDArray[np.generic]:
    """Return ``maps`` as a real array (..., h, w) of whatever dtype it had.

    Raises:
        InputError: with fewer than two axes, with no pixels, or if the values are not real numbers.
    """
    array = np.asarray(maps)
    if array.ndim < 2 or 0 in array.shape[-2:]:
        raise InputError(f"a map needs a height and a width, got an array of shape {array.shape}")
    if array.dtype.kind not in "buif":
        raise InputError(f"a map holds real numbers, got {array.dtype}")
    return array


def as_masks(masks: npt.ArrayLike) -> Bools:
    """Return ``masks`` (..., h, w) as booleans; numbers are taken if they are only 0 and 1, or 0 and 255.

    Raises:
        InputError: for any other values, since the threshold is the caller's to name.
    """
    array = as_maps(masks)
    if array.dtype == bool:
        return array.astype(bool, copy=False)
    inside = array != 0
    values = array[inside]
    if values.size and not (np.all(values == 1) or np.all(values == 255)):
        raise InputError(
            f"a mask holds two values, this {array.dtype} array holds more",
            hint="threshold it first, for example heatmap > otsu(heatmap)",
        )
    return np.asarray(inside, dtype=bool)


def same_size(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    """Check that ``a`` and ``b`` (..., h, w) hold pictures of one size and that their leading axes broadcast.

    Raises:
        InputError: if they do not.
    """
    if a.shape[-2:] != b.shape[-2:]:
        raise InputError(f"sizes differ: {size_text(a)} and {size_text(b)} pixels", hint="bring them to one size first")
    try:
        np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        raise InputError(f"cannot pair maps of shapes {a.shape} and {b.shape}") from None


def size_text(a: npt.NDArray[np.generic]) -> str:
    """Return ``'275 x 224'`` (height x width) for an array (..., 275, 224)."""
    return " x ".join(str(side) for side in a.shape[-2:])


def flat(maps: npt.NDArray[np.generic]) -> Floats:
    """Return (..., h, w) as float64 (..., h * w)."""
    return maps.reshape(*maps.shape[:-2], -1).astype(np.float64)


def count(masks: Bools) -> Ints:
    """Return the number of True pixels of each mask (..., h, w), as int64 (...)."""
    rows = np.ascontiguousarray(masks).reshape(-1, masks.shape[-2] * masks.shape[-1])
    # NumPy counts one contiguous row of booleans some twenty times faster than it sums along an axis.
    counts = np.fromiter((np.count_nonzero(row) for row in rows), dtype=np.int64, count=len(rows))
    return counts.reshape(masks.shape[:-2])


def ratio(top: npt.ArrayLike, bottom: npt.ArrayLike) -> Floats:
    """Return ``top / bottom`` with NaN, and no warning, where ``bottom`` is 0."""
    top, bottom = np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(bottom == 0, np.nan, top / bottom)[()]


def overlap(hits: npt.ArrayLike, first: npt.ArrayLike, second: npt.ArrayLike) -> dict[str, Floats]:
    """Return IoU, precision, recall and F1 of masks of which only the areas are known: shared, first's, second's."""
    hits, first, second = (np.asarray(number, dtype=np.float64) for number in (hits, first, second))
    return {
        "iou": ratio(hits, first + second - hits),
        "precision": ratio(hits, first),
        "recall": ratio(hits, second),
        "f1": ratio(2 * hits, first + second),
    }
