"""Which maps are alike: average linkage over one minus their correlation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.cluster import hierarchy
from scipy.spatial.distance import squareform

from xai_compare.comparison.arrays import Floats, as_maps
from xai_compare.comparison.metrics.maps import correlations
from xai_compare.errors import InputError


class Merge(NamedTuple):
    """One step of a clustering: the two groups joined at ``height`` (1 - correlation) have these ``members``."""

    step: int
    height: float
    members: tuple[str, ...]


def linkage(maps: npt.ArrayLike, centred: bool = True) -> Floats:
    """Average-linkage clustering of maps over ``1 - correlation`` (Gaya-Morey et al. 2024, section 5.4).

    Their text names Equation 4 (``centred=False``); their Figure 10 follows Pearson's r (``centred=True``).

    Args:
        maps: (n, h, w), n >= 2, any real dtype.
        centred: which form of `correlation`.

    Returns:
        float64 (n - 1, 4), as `scipy.cluster.hierarchy` gives and draws it.

    Raises:
        InputError: with fewer than two maps, or if a map has no correlation (constant or not finite).

    >>> maps = [[[0.0, 1.0, 2.0]], [[0.0, 1.0, 3.0]], [[3.0, 1.0, 0.0]]]
    >>> linkage(maps).round(2).tolist()
    [[0.0, 1.0, 0.02, 2.0], [2.0, 3.0, 1.96, 3.0]]
    """
    return _linkage(as_maps(maps), centred)


def _linkage(array: npt.NDArray[np.generic], centred: bool) -> Floats:
    if array.ndim != 3 or len(array) < 2:
        raise InputError(f"clustering needs two maps or more, as (n, h, w); got shape {array.shape}")
    matrix = correlations(array, centred)
    undefined = np.flatnonzero(np.isnan(matrix.diagonal()))
    if undefined.size:
        raise InputError(f"map {undefined[0]} (counting from 0) is constant or missing", hint="leave it out")
    return hierarchy.linkage(squareform(1.0 - matrix, checks=False), method="average")


def merges(maps: npt.ArrayLike, names: Sequence[str], centred: bool = True) -> list[Merge]:
    """Tell the clustering of `linkage` step by step, lowest first.

    Args:
        maps: (n, h, w).
        names: the n names of the maps.
        centred: which form of `correlation`.

    Returns:
        n - 1 merges, steps counted from 1; members in the order of the dendrogram's leaves within the group.

    Raises:
        InputError: as `linkage`, and if there are not as many names as maps.
    """
    array = as_maps(maps)
    if len(names) != len(array):
        raise InputError(f"{len(names)} names for {len(array)} maps")
    groups: list[tuple[str, ...]] = [(name,) for name in names]
    steps = []
    for step, (left, right, height, _) in enumerate(_linkage(array, centred), start=1):
        groups.append(groups[int(left)] + groups[int(right)])
        steps.append(Merge(step, float(height), groups[-1]))
    return steps
