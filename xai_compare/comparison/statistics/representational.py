"""Are the expressions alike in the same way? Representational similarity over a source's mean maps.

Two sources may look at different places and still tell the same expressions apart. Each source's mean maps give a
matrix of dissimilarities between expressions (1 - Pearson's r), and sources are compared by how alike these matrices
are (Kriegeskorte, Mur & Bandettini 2008; Nili et al. 2014).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from xai_compare.comparison.arrays import Floats, as_maps
from xai_compare.comparison.metrics.maps import correlations
from xai_compare.errors import InputError

LEAST = 4
"""Expressions below which three numbers or fewer would be compared."""
_EXACT = 7
_DRAWS = 4999


class Likeness(NamedTuple):
    """How alike two matrices are: Spearman's rho of their cells, and p of permuting expressions (one-sided)."""

    rho: float
    p: float
    expressions: int
    note: str = ""


def dissimilarities(maps: npt.ArrayLike) -> Floats:
    """1 - Pearson's r between every two of a source's mean maps (expressions, h, w): (expressions, expressions).

    NaN where a map is constant or missing.
    """
    array = as_maps(maps)
    if array.ndim != 3:
        raise InputError(f"one map for each expression is needed, (expressions, h, w); got shape {array.shape}")
    matrix = 1 - correlations(array, True)
    np.fill_diagonal(matrix, np.where(np.isnan(np.diag(matrix)), np.nan, 0.0))
    return matrix


def representational_similarity(
    a: Mapping[str, npt.NDArray[np.generic]], b: Mapping[str, npt.NDArray[np.generic]], seed: int = 0
) -> Likeness:
    """Compare two sources' matrices over the expressions that both have a map of.

    p is the share of all orders of the expressions of one source (up to seven; beyond, of 4,999 random ones) whose rho
    is at least as high, the right order among them.

    Args:
        a, b: mean map (h, w) by expression.
        seed: of random orders.
    """
    names = [name for name in a if name in b and np.ptp(a[name]) > 0 and np.ptp(b[name]) > 0]
    if len(names) < LEAST:
        return Likeness(
            np.nan, np.nan, len(names), f"{len(names)} expressions are too few, at least {LEAST} are needed"
        )
    first, second = (dissimilarities(np.stack([np.asarray(side[name]) for name in names])) for side in (a, b))
    cells = np.triu_indices(len(names), 1)
    first = stats.rankdata(first[cells])
    if np.ptp(first) == 0 or np.ptp(second[cells]) == 0:
        return Likeness(np.nan, np.nan, len(names), "all expressions are equally alike")
    if len(names) <= _EXACT:
        orders = np.array(list(permutations(range(len(names)))))
    else:
        rng = np.random.default_rng(seed)
        drawn = [rng.permutation(len(names)) for _ in range(_DRAWS)]
        orders = np.array([np.arange(len(names)), *drawn])
    ranks = np.zeros_like(second)
    ranks[cells] = stats.rankdata(second[cells])
    ranks += ranks.T
    moved = ranks[orders[:, cells[0]], orders[:, cells[1]]]
    rhos = _correlations(first, moved)
    return Likeness(float(rhos[0]), float((rhos >= rhos[0] - 1e-12).mean()), len(names))


def ceiling(matrices: npt.ArrayLike) -> tuple[float, float]:
    """Lower and upper noise ceiling of people's matrices (people, k, k), with Spearman's rho (Nili et al. 2014).

    Lower: each person's with the mean of the others' ranks; upper: with the mean of everyone's. NaN below three people.
    """
    array = np.asarray(matrices, np.float64)
    cells = np.triu_indices(array.shape[-1], 1)
    ranks = stats.rankdata(array[:, cells[0], cells[1]], axis=1)
    if len(ranks) < 3 or np.isnan(array).any():
        return float("nan"), float("nan")
    total = ranks.sum(0)
    low = np.mean([stats.spearmanr(row, total - row).statistic for row in ranks])
    high = np.mean([stats.spearmanr(row, total).statistic for row in ranks])
    return float(low), float(high)


def _correlations(one: Floats, rows: Floats) -> Floats:
    """Pearson's r of one vector with each row."""
    a, b = one - one.mean(), rows - rows.mean(1, keepdims=True)
    return np.asarray(b @ a / np.sqrt((a @ a) * (b**2).sum(1)))
