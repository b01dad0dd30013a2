"""Every map of one set against every map, mask or set of points of another, fast where the metric allows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, overlap, ratio
from xai_compare.comparison.dispatch import Comparison, Options, evaluate, fast_path
from xai_compare.comparison.metrics.maps import unit_vectors
from xai_compare.comparison.registry import Metric
from xai_compare.comparison.thresholds import dice_masks, otsu_masks

Reference = tuple[npt.NDArray[Any], ...]
"""What a map is compared with: (map,), (mask,), or (points, ...) with whatever else the metric needs."""


class Marked(NamedTuple):
    """Masks as rows of 0 and 1 (n, h * w), which of them are defined (n,), and their areas (n,)."""

    rows: npt.NDArray[np.float32]
    usable: npt.NDArray[np.bool_]
    area: Floats


class Maps:
    """Maps (n, h, w) ready to be scored; what several metrics need of them is worked out once.

    Args:
        maps: of any real dtype; booleans stand for masks that are cut already.
        options: keyword arguments by metric.
        like: if all maps hold the same values in other places, the map (1, h, w), perhaps of more pixels, whose masks
            say how many of them are inside.
    """

    def __init__(self, maps: npt.NDArray[Any], options: Options | None = None, like: Maps | None = None) -> None:
        self.maps, self.options, self._like = maps, options or {}, like
        self._masks: dict[str, Marked] = {}
        self._units: dict[bool, npt.NDArray[Any]] = {}
        self._hits: tuple[Maps, Floats] | None = None

    def masks(self, kind: str) -> Marked:
        """Masks, ``"dice"`` cut at a level, ``"otsu"`` by Otsu, ``"given"`` the maps as they are."""
        if kind not in self._masks:
            rows, usable = self._cut(kind)
            self._masks[kind] = Marked(rows, usable, rows.sum(1, dtype=np.float64))
        return self._masks[kind]

    def _cut(self, kind: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        if self._like is not None:
            return self._as_large(kind, self._like)
        if kind == "given":
            masks, usable = self.maps, np.ones(len(self.maps), bool)
        elif kind == "dice":
            masks, usable = dice_masks(self.maps, float(self.options.get("dice", {}).get("threshold", 50)))
        else:
            masks = self.maps if self.maps.dtype == bool else otsu_masks(self.maps)
            usable = np.asarray(masks.any((1, 2)))  # A map with a threshold has pixels above it.
        # Exact: float32 counts whole numbers up to 16,777,216 pixels, more than any map here has.
        return masks.reshape(len(masks), -1).astype(np.float32), usable

    def hits(self, others: Maps) -> Floats:
        """Pixels (n, m) that its masks, cut by Otsu, share with the masks given; remembered for the last of these."""
        if self._hits is None or self._hits[0] is not others:
            product = self.masks("otsu").rows @ others.masks("given").rows.T
            self._hits = others, product.astype(np.float64)
        return self._hits[1]

    def units(self, centred: bool) -> npt.NDArray[Any]:
        """Rows of length 1 whose product is the correlation; NaN where there is none."""
        if centred not in self._units:
            if self._like is not None:
                first = self.maps[0].astype(np.float64)
                rows = self.maps.reshape(len(self.maps), -1)
                away = rows - np.float32(first.mean()) if centred else rows
                length = float(np.linalg.norm(first - first.mean() if centred else first))
                self._units[centred] = away / np.float32(length) if length > 0 else np.full_like(away, np.nan)
            else:
                self._units[centred] = unit_vectors(self.maps, centred)
        return self._units[centred]

    def _as_large(self, kind: str, like: Maps) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
        """Masks of the highest values, as large a share as the mask of ``like`` is."""
        rows = self.maps.reshape(len(self.maps), -1)
        masks, usable, _ = like.masks(kind)
        most = round(float(masks[0].mean()) * rows.shape[1])
        cut = np.sort(rows[0])[-most] if most else np.inf
        return (rows >= cut).astype(np.float32), np.repeat(usable, len(rows))


def cross(metric: Metric, maps: Maps, references: Sequence[Reference] | Maps, options: Options | None = None) -> Floats:
    """Score every map against every reference.

    Args:
        metric: any that does not need a picture's region.
        maps: n of them.
        references: m of them, of whatever the metric needs second; maps or masks may be ready as `Maps`.
        options: keyword arguments by metric.

    Returns:
        float64 (n, m); NaN where undefined.
    """
    path = fast_path(metric)
    if path:
        others = references
        if not isinstance(others, Maps):
            others = Maps(np.stack([np.asarray(one[0]) for one in others]), options)
        if path in ("pearson", "uncentred"):
            centred = path == "pearson"
            first, second = maps.units(centred), others.units(centred)
            return np.clip(first @ second.T.astype(first.dtype), -1, 1).astype(np.float64)
        return _overlaps(metric, maps, others)
    if isinstance(references, Maps):
        references = [(one,) for one in references.maps]
    columns = []
    for reference in references:
        pair = metric.needs[1] == "map"
        one = Comparison(metric, "", "", pair=pair, others=() if pair else reference)
        b = np.broadcast_to(reference[0], maps.maps.shape) if pair else None
        columns.append(evaluate(one, maps.maps, b, options))
    return np.stack(columns, 1)


def _overlaps(metric: Metric, maps: Maps, others: Maps) -> Floats:
    dice = metric.name == "dice"
    first, usable, a = maps.masks("dice" if dice else "otsu")
    second, too, b = others.masks("dice" if dice else "given")
    hits = (first @ second.T).astype(np.float64) if dice else maps.hits(others)
    found = overlap(hits, *np.broadcast_arrays(a[:, None], b[None]))["f1" if dice else metric.name]
    return np.where(usable[:, None] & too[None], found, np.nan)


def share_at_least(null: Floats, value: Floats, higher: bool) -> Floats:
    """Return the p value of a Monte Carlo test: the share of draws (n, ...) as good as the value, itself counted.

    Draws that are NaN are left out; NaN where none is left, or the value is.
    """
    known = np.isfinite(null)
    slack = 1e-6 * np.maximum(np.abs(value), 1)  # Ties must survive rounding.
    as_good = (null >= value - slack) if higher else (null <= value + slack)
    drawn = known.sum(0)
    p = ratio(1 + (as_good & known).sum(0), 1 + drawn)
    return np.where(np.isfinite(value) & (drawn > 0), p, np.nan)
