"""Maps against maps: correlation, similarity, divergence."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from xai_compare.comparison.arrays import Floats, as_maps, flat, ratio, same_size
from xai_compare.comparison.registry import register
from xai_compare.comparison.resampling.noise import corrected
from xai_compare.errors import InputError

_MIT = "MIT/Tuebingen saliency benchmark (Bylinskii et al. 2019)"
_MIT_EPSILON = 2.2204e-16


@register(
    "pearson",
    title="Pearson correlation",
    range=(-1.0, 1.0),
    needs=("map", "map"),
    source="Pearson's r over pixels; Figure 10 of Gaya-Morey et al. 2024 was drawn with it",
    undefined="a map is constant or missing",
)
def pearson(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Pearson's r over the pixels of maps (..., h, w), in [-1, 1]; NaN if either map is constant."""
    return correlation(a, b, centred=True)


@register(
    "uncentred",
    title="Normalised correlation (uncentred)",
    range=(-1.0, 1.0),
    needs=("map", "map"),
    source="Gaya-Morey et al. 2024, Equation 4",
    undefined="a map is zero everywhere or missing",
)
def uncentred(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Cosine of the angle between maps (..., h, w) as vectors, in [-1, 1]; NaN if either map is zero everywhere.

    Gaya-Morey et al. 2024, Equation 4. The paper says it is 0 for a map and its inverse; that holds for neither
    form on maps in general.
    """
    return correlation(a, b, centred=False)


def correlation(a: npt.ArrayLike, b: npt.ArrayLike, centred: bool = True) -> Floats:
    """Correlation over the pixels of maps (..., h, w), broadcast over leading axes, in double precision.

    Args:
        a, b: maps of one size.
        centred: True for Pearson's r, False for Equation 4 of Gaya-Morey et al. 2024 (means not subtracted).

    Returns:
        float64 (...) in [-1, 1]; NaN, whichever argument it is, for a map that is constant (centred), zero
        everywhere (uncentred) or not finite.

    >>> a, b = [[0.0, 1.0, 2.0]], [[1.0, 1.0, 3.0]]
    >>> round(float(correlation(a, b)), 3), round(float(correlation(a, b, centred=False)), 3)
    (0.866, 0.944)
    """
    return _correlated(*_two_maps(a, b), centred)


def _two_maps(a: npt.ArrayLike, b: npt.ArrayLike) -> tuple[npt.NDArray[np.generic], npt.NDArray[np.generic]]:
    first, second = as_maps(a), as_maps(b)
    same_size(first, second)
    return first, second


def _correlated(first: npt.NDArray[np.generic], second: npt.NDArray[np.generic], centred: bool) -> Floats:
    product = (unit_vectors(first, centred) * unit_vectors(second, centred)).sum(-1)
    return np.clip(product, -1.0, 1.0)[()]


def correlation_matrix(maps: npt.ArrayLike, centred: bool = True) -> Floats:
    """Correlation of every map with every other: maps (n, h, w) to float64 (n, n), symmetric, 1 on the diagonal.

    A map without a correlation (see `correlation`) has NaN in its whole row and column.
    """
    return correlations(as_maps(maps), centred)


def correlations(array: npt.NDArray[np.generic], centred: bool) -> Floats:
    """`correlation_matrix` of maps that are known to be some."""
    units = unit_vectors(array, centred)
    matrix = np.clip(units @ units.T, -1.0, 1.0)
    matrix[np.diag_indices_from(matrix)] = np.where(np.isnan(matrix.diagonal()), np.nan, 1.0)
    return matrix


def unit_vectors(maps: npt.NDArray[np.generic], centred: bool) -> Floats:
    """Return maps (..., h, w) as vectors (..., h * w) of length 1, their means subtracted if ``centred``.

    The dot product of two such vectors is their correlation; a map that has none is NaN throughout.
    """
    vectors = flat(maps)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        if centred:
            defined = vectors.max(-1) > vectors.min(-1)
            vectors -= vectors.mean(-1, keepdims=True)
        else:
            defined = np.abs(vectors).max(-1) > 0
        # Dividing by the largest entry first keeps the squares of very small and very large maps from vanishing.
        vectors /= np.abs(vectors).max(-1, keepdims=True)
        if centred:
            vectors -= vectors.mean(-1, keepdims=True)
        vectors /= np.sqrt((vectors * vectors).sum(-1, keepdims=True))
    vectors[~defined] = np.nan
    return vectors


@register(
    "spearman",
    title="Spearman correlation",
    range=(-1.0, 1.0),
    needs=("map", "map"),
    source="Spearman's rank correlation over pixels, ties sharing their mean rank",
    undefined="a map is constant or missing",
    bootstrap=False,
)
def spearman(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Spearman's rank correlation over the pixels of maps (..., h, w), in [-1, 1]; NaN if either map is constant."""
    first, second = _two_maps(a, b)
    return _correlated(_ranked(first), _ranked(second), centred=True)


def _ranked(maps: npt.NDArray[np.generic]) -> Floats:
    """Return the ranks of each map's pixels; NaN throughout for a map with values that are not finite."""
    rows = flat(maps)
    ranks = rankdata(rows, axis=-1)
    ranks[~np.isfinite(rows).all(-1)] = np.nan
    return np.asarray(ranks.reshape(maps.shape))


def density(maps: npt.NDArray[np.generic]) -> Floats:
    """Return maps (..., h, w) as probabilities (..., h * w) that sum to 1; NaN for a map without any mass.

    As in pysaliency, a map with negative values is first raised until its least value is 0.
    """
    mass = flat(maps)
    mass -= np.minimum(mass.min(-1, keepdims=True), 0)
    return ratio(mass, mass.sum(-1, keepdims=True))


@register(
    "similarity",
    title="Similarity (SIM)",
    needs=("map", "map"),
    source=f"{_MIT}; as pysaliency has it, without the benchmark's min-max scaling before",
    undefined="a map has no mass or is missing",
)
def similarity(a: npt.ArrayLike, b: npt.ArrayLike) -> Floats:
    """Mass that two maps (..., h, w) share once each sums to 1, in [0, 1] (SIM, histogram intersection).

    A map with negative values is first raised until its least value is 0; the MIT benchmark's own code stretches
    every map to 0..1 first, which takes a map's least value away even where that is above 0. NaN if a map has no mass.

    >>> round(float(similarity([[1.0, 1.0, 2.0]], [[2.0, 1.0, 1.0]])), 3)
    0.75
    """
    first, second = _two_maps(a, b)
    return np.minimum(density(first), density(second)).sum(-1)[()]


@register(
    "kl_divergence",
    title="KL divergence (nats)",
    range=(0.0, float("inf")),
    direction="lower",
    needs=("map", "map"),
    symmetric=False,
    source=_MIT,
    undefined="a map has no mass or is missing",
)
def kl_divergence(a: npt.ArrayLike, b: npt.ArrayLike, epsilon: float = _MIT_EPSILON) -> Floats:
    """Divergence KL(b || a) in nats of map ``a`` from the reference ``b``, both (..., h, w).

    ``b`` is the empirical map (people, say) and ``a`` the one that should predict it; the order matters.

    Args:
        a, b: maps of one size; each is made to sum to 1 as in `similarity`.
        epsilon: the benchmark's guard, ``sum b * log(epsilon + b / (a + epsilon))``, which also lets the value fall
            below 0 by rounding; 0 gives the textbook divergence, infinite where ``a`` is 0 and ``b`` is not.

    Returns:
        float64 (...); NaN if a map has no mass.

    >>> round(float(kl_divergence([[1.0, 1.0]], [[3.0, 1.0]])), 4)
    0.1308
    """
    first, second = _two_maps(a, b)
    p, q = density(second), density(first)
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = p * np.log(epsilon + p / (q + epsilon))
    missing = np.isnan(p) | np.isnan(q)
    return np.where((p == 0) & ~missing, 0.0, terms).sum(-1)[()]


@register(
    "noise_corrected",
    title="Pearson correlation, noise-corrected",
    range=(-1.0, 1.0),
    needs=("maps", "maps"),
    source="correlation of the population's mean maps, from products of different images only (Walther et al. 2016)",
    undefined="a mean map cannot be told from noise, or there are fewer than three images",
)
def noise_corrected(
    a: npt.ArrayLike,
    b: npt.ArrayLike,
    images_a: Sequence[str] | None = None,
    images_b: Sequence[str] | None = None,
) -> float:
    """Pearson's r between the mean maps that very many images like these would have.

    Args:
        a, b: (m, h, w) and (k, h, w), a map of each image.
        images_a, images_b: their names; maps of one image never meet. Without names, map i of both is of one image.

    Returns:
        In [-1, 1]; NaN if either mean cannot be told from noise, or with fewer than three images.

    Raises:
        InputError: if sizes differ, or maps without names differ in number.
    """
    first, second = as_maps(a), as_maps(b)
    if first.ndim != 3 or second.ndim != 3 or first.shape[1:] != second.shape[1:]:
        raise InputError(f"maps (m, h, w) of one size are needed, got {first.shape} and {second.shape}")
    if (images_a is None or images_b is None) and len(first) != len(second):
        raise InputError(f"{len(first)} and {len(second)} maps cannot be paired", hint="name their images")
    rows = np.concatenate([flat(first), flat(second)])
    rows -= rows.mean(1, keepdims=True)
    names = [list(map(str, range(len(first)))) if one is None else list(one) for one in (images_a, images_b)]
    here, there = np.arange(len(first)), len(first) + np.arange(len(second))
    return corrected(rows @ rows.T, (here, names[0]), (there, names[1])).value
