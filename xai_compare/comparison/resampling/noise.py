"""Correlation of two mean maps, less what chance among the images does to it.

The mean of few maps is noisy, and noise lowers its correlation with anything: by how much depends on how many maps
there are, so that groups of different size cannot be compared. What a mean of very many maps would give can be
estimated without bias from products of maps of *different* images alone, in which noise has no part: the inner product
of two population means, and each one's with itself. Their ratio is the correlation of the population's mean maps (as in
the cross-validated distances of Walther et al. 2016, *NeuroImage* 137). With it comes a jackknife over images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.comparison.arrays import Floats, as_maps, flat, ratio

FEW = 3
"""Images below which a spread cannot be told from three numbers."""
_EDGE = 1 - 1e-6


class Estimate(NamedTuple):
    """An estimate with its 95 % interval; NaN, and why, where there is none."""

    value: float
    low: float
    high: float
    note: str


def corrected(
    products: Floats, a: tuple[npt.NDArray[np.int64], Sequence[str]], b: tuple[npt.NDArray[np.int64], Sequence[str]],
    level: float = 0.95,
) -> Estimate:  # fmt: skip
    """The noise-corrected correlation, and its jackknife interval over images, taken on Fisher's z with Student's t.

    Args:
        products: inner products of all maps, each less its own mean.
        a, b: the places of a source's maps among them, and the names of their images.
        level: of the interval.
    """
    names = list(dict.fromkeys([*map(str, a[1]), *map(str, b[1])]))
    place = {name: i for i, name in enumerate(names)}
    first, second = ((rows, np.array([place[str(name)] for name in images])) for rows, images in (a, b))
    fewest = min(len(np.unique(images)) for _, images in (first, second))
    if fewest < FEW:
        return Estimate(np.nan, np.nan, np.nan, f"{fewest} images are too few, at least {FEW} are needed")
    # A map times itself, or times another source's map of the same image, holds the image's own noise twice: its square
    # lifts the mean product above that of the population's mean maps. Products of different images have no such part.
    (own_a, without_a), (own_b, without_b), (both, without_both) = (
        _without_shared(products, *sides, len(names)) for sides in ((first, first), (second, second), (first, second))
    )
    if not (own_a > 0 and own_b > 0):
        return Estimate(np.nan, np.nan, np.nan, "a mean map cannot be told from noise")
    value = float(np.clip(both / np.sqrt(own_a * own_b), -1, 1))
    with np.errstate(invalid="ignore"):
        without = ratio(without_both, np.sqrt(without_a * without_b))
    if not np.isfinite(without).all():
        return Estimate(value, np.nan, np.nan, "no interval: without one image, a mean map cannot be told from noise")
    # On Fisher's z, whose spread hardly depends on the correlation itself and whose interval cannot leave [-1, 1].
    z = np.arctanh(np.clip(without, -_EDGE, _EDGE))
    error = float(np.sqrt((fewest - 1) / fewest * ((z - z.mean()) ** 2).sum()))
    away = float(stats.t.ppf((1 + level) / 2, fewest - 1)) * error
    middle = float(np.arctanh(np.clip(value, -_EDGE, _EDGE)))
    return Estimate(value, float(np.tanh(middle - away)), float(np.tanh(middle + away)), "")


def _without_shared(
    products: Floats,
    a: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    b: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    images: int,
) -> tuple[float, Floats]:
    """The mean product of maps of different images, and that without each image (images,)."""
    table = np.zeros((images, len(b[0])))
    np.add.at(table, a[1], products[np.ix_(a[0], b[0])])
    grouped = np.zeros((images, images))
    np.add.at(grouped.T, b[1], table.T)
    first, second = (np.bincount(side[1], minlength=images).astype(np.float64) for side in (a, b))
    np.fill_diagonal(grouped, 0)
    pairs = first.sum() * second.sum() - (first * second).sum()
    total = grouped.sum()
    lost = first * (second.sum() - second) + second * (first.sum() - first)
    return float(ratio(total, pairs)), ratio(total - grouped.sum(0) - grouped.sum(1), pairs - lost)


class Share(NamedTuple):
    """How much of the spread between maps of different images is the explainer's own chance.

    Attributes:
        share: between 0 and 1, of the variance of a mean map over images; NaN where maps do not differ.
        images: maps that it is taken over.
    """

    share: float
    images: int


def explainer_share(maps: npt.ArrayLike, repeatability: npt.ArrayLike) -> Share:
    """Which share of an interval over images is noise that the explainer would make anew on the very same images.

    Each image's map is one draw of an image and one run of the explainer. Maps of different images therefore scatter by
    both, and so do resamples of images: their interval holds the explainer's noise already, and noise drawn on top of
    it would be counted twice. What remains to be said is how much of it there is. Two runs that correlate by ``r``
    share ``r`` of a map's variance over pixels, the rest is noise.

    Args:
        maps: (n, h, w), a map of each image, as they are averaged.
        repeatability: (n,) the correlation to expect between two runs on each; NaN leaves a map out.
    """
    rows = flat(as_maps(maps))
    r = np.asarray(repeatability, np.float64)
    known = np.isfinite(r) & np.isfinite(rows).all(1)
    rows, r = rows[known], np.clip(r[known], 0, 1)
    if len(rows) < FEW:
        return Share(np.nan, len(rows))
    rows = rows - rows.mean(1, keepdims=True)
    noise = float(((1 - r) * (rows**2).sum(1)).mean())
    scatter = float(((rows - rows.mean(0)) ** 2).sum() / (len(rows) - 1))
    return Share(min(noise / scatter, 1.0) if scatter > 0 else float("nan"), len(rows))
