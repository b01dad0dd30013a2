"""Maps against the region that is known to differ in a picture: AUC, energy, pointing game."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Bools, Floats, as_maps, as_masks, flat, ratio, same_size
from xai_compare.comparison.registry import register
from xai_compare.comparison.roc import auc
from xai_compare.errors import InputError


@register(
    "known_auc",
    title="AUC of the known region",
    needs=("map", "region"),
    chance=0.5,
    source="area under the ROC curve of pixel values, inside against outside",
    undefined="the map is missing, or the region is empty or covers everything",
)
def region_auc(maps: npt.ArrayLike, region: npt.ArrayLike) -> Floats:
    """Probability that a pixel inside the region has a higher value than one outside, ties counting one half.

    The area under the ROC curve over pixels, in [0, 1]; 0.5 is chance, and what a constant map gets.

    Args:
        maps: (..., h, w), any real dtype.
        region: boolean (h, w).

    Returns:
        float64 (...); NaN if the region is empty or covers everything, or a map holds NaN.
    """
    array, inside = _with_region(maps, region)
    rows = array.reshape(-1, inside.size)
    values = np.array([auc(row[inside], row[~inside]) for row in rows])
    return values.reshape(array.shape[:-2])[()]


@register(
    "known_energy",
    title="Energy inside the known region",
    needs=("map", "region"),
    chance="area",
    source="energy-based pointing game, Wang et al. 2020 (Score-CAM)",
    undefined="the map has no positive values or is missing, or the region is empty",
)
def region_energy(maps: npt.ArrayLike, region: npt.ArrayLike) -> Floats:
    """Share of a map's positive mass that lies inside the region, in [0, 1]; negative values count as 0.

    Args:
        maps: (..., h, w), any real dtype.
        region: boolean (h, w).

    Returns:
        float64 (...); NaN if the map has no positive value, or the region is empty.
    """
    array, inside = _with_region(maps, region)
    mass = np.maximum(flat(array), 0)
    # Summing both parts in the same way keeps the share at 1 or below when everything lies inside.
    share = ratio(mass[..., inside].sum(-1), mass[..., inside].sum(-1) + mass[..., ~inside].sum(-1))
    return np.where(inside.any(), share, np.nan)[()]


@register(
    "known_pointing",
    title="Maximum inside the known region",
    needs=("map", "region"),
    chance="area",
    source="pointing game, Zhang et al. 2018, without a tolerance",
    undefined="the map is constant or missing, or the region is empty",
)
def pointing(maps: npt.ArrayLike, region: npt.ArrayLike) -> Floats:
    """Whether a map's maximum lies inside the region: 1 or 0, or between if pixels tie for it (their share inside).

    Args:
        maps: (..., h, w), any real dtype.
        region: boolean (h, w).

    Returns:
        float64 (...) in [0, 1]; NaN if the map is constant or the region is empty.
    """
    array, inside = _with_region(maps, region)
    values = flat(array)
    peak = values == values.max(-1, keepdims=True)
    defined = (values.max(-1) > values.min(-1)) & inside.any()
    return np.where(defined, ratio(peak[..., inside].sum(-1), peak.sum(-1)), np.nan)[()]


def _with_region(maps: npt.ArrayLike, region: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], Bools]:
    array, inside = as_maps(maps), as_masks(region)
    if inside.ndim != 2:
        raise InputError(f"one region (h, w) at a time, got shape {inside.shape}")
    same_size(array, inside)
    return array, inside.reshape(-1)
