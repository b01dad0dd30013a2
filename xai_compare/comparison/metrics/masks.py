"""Masks against masks, and maps cut at one level: IoU, precision, recall, F1, Dice."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, Ints, as_maps, as_masks, count, overlap, same_size
from xai_compare.comparison.registry import register
from xai_compare.comparison.thresholds import dice_masks

_GAYA = "Gaya-Morey et al. 2024"


@register(
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
    return overlap(*_counts(a, b))["iou"]


@register(
    "precision",
    title="Precision",
    needs=("mask", "mask"),
    source="share of the first mask that lies in the second",
    undefined="the first mask is empty",
)
def precision(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Share of mask ``a`` that lies in the reference ``b``, both (..., h, w); NaN if ``a`` is empty.

    >>> float(precision([[True, True, True, True]], [[False, True, True, True]]))
    0.75
    """
    return overlap(*_counts(a, b))["precision"]


@register(
    "recall",
    title="Recall",
    needs=("mask", "mask"),
    source="share of the second mask that the first covers",
    undefined="the second mask is empty",
)
def recall(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Share of the reference ``b`` that mask ``a`` covers, both (..., h, w); NaN if ``b`` is empty.

    >>> float(recall([[True, False, False]], [[True, True, False]]))
    0.5
    """
    return overlap(*_counts(a, b))["recall"]


@register(
    "f1",
    title="F1",
    needs=("mask", "mask"),
    source="harmonic mean of precision and recall",
    undefined="both masks are empty",
)
def f1(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Twice the overlap over the sum of both areas, masks (..., h, w); NaN if both are empty.

    >>> float(f1([[True, True, False]], [[True, False, False]]))
    0.6666666666666666
    """
    return overlap(*_counts(a, b))["f1"]


@register(
    "dice",
    title="Dice coefficient",
    needs=("map", "map"),
    source="Park and Wallraven 2022, section 5.3",
    undefined="a map is constant, nowhere positive or missing, or both masks are empty",
    cut="level",
)
def dice(a: npt.ArrayLike, b: npt.ArrayLike, threshold: float = 50) -> Floats:
    """Dice coefficient of two maps cut at one level (Park and Wallraven 2022, section 5.3).

    Args:
        a, b: (..., h, w). Boolean arrays are masks already; any others are scaled by `to_8bit`, each map by itself,
            and the pixels above ``threshold`` are 1.
        threshold: level in 0..255; values *above* it are 1.

    Returns:
        float64 (...) in [0, 1]; NaN if both masks are empty or a map has nothing to scale.

    >>> round(float(dice([[0.0, 0.5, 1.0]], [[0.0, 0.1, 1.0]])), 3)
    0.667
    """
    maps = as_maps(a), as_maps(b)
    same_size(*maps)
    (first, known), (second, also) = (dice_masks(one, threshold) for one in maps)
    return np.where(known & also, overlap(count(first & second), count(first), count(second))["f1"], np.nan)[()]


def _counts(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[Ints, Ints, Ints]:
    first, second = as_masks(a), as_masks(b)
    same_size(first, second)
    return count(first & second), count(first), count(second)
