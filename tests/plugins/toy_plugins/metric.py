"""A metric."""

from __future__ import annotations

import numpy as np

from xai_compare.comparison import register


@register(
    "overlap_of_peaks",
    title="Overlap of peaks",
    needs=("map", "map"),
    source="a toy",
    undefined="a map is constant",
)
def overlap_of_peaks(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Share of the hundred highest pixels of one map that are among those of the other."""
    tops = [np.argsort(one.reshape(*one.shape[:-2], -1), -1)[..., -100:] for one in (np.asarray(a), np.asarray(b))]
    tops = [np.broadcast_to(top, np.broadcast_shapes(tops[0].shape, tops[1].shape)) for top in tops]
    pairs = zip(tops[0].reshape(-1, 100), tops[1].reshape(-1, 100), strict=True)
    shared = [len(np.intersect1d(one, other)) / 100 for one, other in pairs]
    return np.array(shared).reshape(tops[0].shape[:-1])[()]
