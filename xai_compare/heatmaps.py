"""Heatmaps: means of standardized maps over groups, accumulated as a stream (Gaya-Morey et al. 2024, Eq. 1 and 2)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import numpy as np

from xai_compare.errors import InputError

SCALINGS = ("min_max", "positive", "positive_part", "none", "mass")


def scale(maps: np.ndarray, low: np.ndarray, high: np.ndarray, scaling: str = "min_max") -> np.ndarray:
    """Scale maps before they are averaged.

    Args:
        maps: float ``(n, h, w)``.
        low, high: float ``(n,)``, the least and greatest value of each map *before* it was warped. A warp only
            interpolates, so scaling after it is scaling before it.
        scaling: ``"min_max"`` maps low..high to 0..1 (what the text of Gaya-Morey et al. 2024, section 4.1, says of
            values), and divides a map with negative values by its greatest absolute value (-1..1, and 0 stays 0);
            ``"positive"`` sets negative values to 0 and divides by the greatest; ``"positive_part"`` sets negative
            values to 0 and divides by nothing (what the code of Gaya-Morey et al. does: LIME's positive
            weights, averaged as they are); ``"none"`` keeps the values; ``"mass"`` divides by the sum, so that
            people's maps weigh every face alike, however many pixels it has in its picture.

    Returns:
        float32 ``(n, h, w)``; NaN where a map is constant (``min_max``), nowhere positive (``positive``) or sums to
        nothing (``mass``), for which the scaling is undefined.

    Raises:
        InputError: if the scaling is unknown.
    """
    maps = np.asarray(maps, np.float32)
    low, high = (np.asarray(v, np.float32).reshape(-1, 1, 1) for v in (low, high))
    if scaling == "none":
        return maps
    if scaling == "positive_part":
        return np.maximum(maps, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        if scaling == "min_max":
            # At a least value of 0 both ways meet, so that a little noise below 0 changes little.
            span = np.where(low < 0, np.maximum(np.abs(low), np.abs(high)), high - low)
            return np.where(high > low, (maps - np.maximum(low, 0)) / span, np.float32(np.nan))
        if scaling == "positive":
            return np.where(high > 0, np.maximum(maps, 0) / high, np.float32(np.nan))
        if scaling == "mass":
            sums = maps.sum((1, 2), keepdims=True, dtype=np.float64)
            return np.where(sums > 0, maps / sums, np.nan).astype(np.float32)
    raise InputError(f"unknown scaling {scaling!r}", hint=f"known: {', '.join(SCALINGS)}")


class GroupMeans:
    """Means over groups of maps that come in a stream; memory grows with the groups, not with the maps.

    Sums are kept in float64, so that the order of the maps changes a mean by less than float32 can show.

    >>> means = GroupMeans((1, 2))
    >>> means.add(["a", "a"], np.array([[[0, 2]], [[2, 4]]]))
    >>> means.mean("a").tolist(), means.count("a"), means.count("b")
    ([[1.0, 3.0]], 2, 0)
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self._sums: dict[Hashable, np.ndarray] = {}
        self._counts: dict[Hashable, int] = {}

    def add(self, groups: Iterable[Hashable], maps: np.ndarray) -> None:
        """Add map ``i`` of ``maps``, float ``(n, h, w)``, to group ``i``; maps that are not finite are left out."""
        finite = np.isfinite(maps).all((1, 2))
        for group, one, whole in zip(groups, maps, finite, strict=True):
            if whole:
                if group not in self._sums:
                    self._sums[group], self._counts[group] = np.zeros(self.shape), 0
                self._sums[group] += one
                self._counts[group] += 1

    def pool(self, other: GroupMeans, rename: dict[Hashable, Hashable]) -> None:
        """Pool the maps of another stream's groups into the groups they are renamed to."""
        for group, name in rename.items():
            if group in other._sums:
                self._sums[name] = self._sums.get(name, 0) + other._sums[group]
                self._counts[name] = self._counts.get(name, 0) + other._counts[group]

    def groups(self) -> list[Hashable]:
        """The groups that hold a map."""
        return list(self._sums)

    def count(self, group: Hashable) -> int:
        """How many maps the group holds."""
        return self._counts.get(group, 0)

    def mean(self, group: Hashable) -> np.ndarray:
        """The group's mean map, float32 ``(h, w)``; NaN where the group is empty."""
        if group not in self._sums:
            return np.full(self.shape, np.nan, np.float32)
        return (self._sums[group] / self._counts[group]).astype(np.float32)
