"""Indices of a game from some of its masks: Bayesian quadrature, with a standard error for each.

As for LIME's limit (`quadrature`), the output is modelled as a Gaussian process on masks whose kernel is a mean of
products over players, so that every index of `game_indices` follows exactly, with its posterior deviation. Three things
are added, for a Shapley value is decided at the borders, where nearly all or nearly none of the players are shown: a
kernel over all players beside those over neighbourhoods; a linear part with a prior of its own, so that few masks
suffice; and what is left over belongs to the masks themselves (white noise without a repeat), so that a mask that was
shown counts with its own output. Hence Shapley values add up to the whole picture's output less the empty one's, and
with all masks shown every index is that of enumeration.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from xai_compare.explainers.game_indices import Functional
from xai_compare.explainers.quadrature import NEIGHBOURHOODS, REACH, Estimate, kernel, spread_out
from xai_compare.explainers.surrogate import weights_of_all

OVERALL = 0.3
"""Strength of the kernel over all players, beside the mean strength of those over neighbourhoods at their middle."""
PENALTY = 10.0
"""Of the ridge regression that tells how much each player matters, in masks."""
STRENGTHS = (0.03, 0.1, 0.3, 0.9, 2.0)
NUGGETS = (1e-4, 0.01, 0.05, 0.2)
SLOPES = (0.0, 0.03, 0.3, 3.0, 1e4)
"""Prior variances of the linear part, of which each player has a share as it matters."""
ROWS = 200
"""Masks from which these are chosen."""
OUTPUTS = 8


@dataclass(frozen=True)
class _Prior:
    """Strengths by kernel and player ``(kernels, players)``, variances of slopes ``(players,)``, and the nugget."""

    theta: np.ndarray
    slopes: np.ndarray
    nugget: float

    def gram(self, z: np.ndarray) -> np.ndarray:
        total = kernel(z, self.theta) + _linear(z, self.slopes)
        total[np.diag_indices(len(z))] += self.nugget
        return total


def estimate_all(
    masks: np.ndarray, values: np.ndarray, others: np.ndarray, distances: np.ndarray, asked: Mapping[str, Functional]
) -> dict[str, Estimate]:
    """Indices of a game from its values at some masks, all different; at all masks they are exact, with errors of 0.

    Args:
        masks: ``(n, players)`` of zeros and ones.
        values: ``(n,)`` the game, not constant.
        others: ``(n, k)`` further outputs under the same masks, which help to choose the kernel.
        distances: between players ``(players, players)``, in picture heights.
        asked: the indices, by name.
    """
    z, y = masks.astype(np.float64), values.astype(np.float64)
    if len(z) == 2.0 ** z.shape[1]:
        exact = {name: index.of_masks(masks).T @ y for name, index in asked.items()}
        return {name: Estimate(one, np.zeros(len(one))) for name, one in exact.items()}
    prior = _chosen(z, y, others, distances)
    factor = linalg.cholesky(prior.gram(z), lower=True, overwrite_a=True, check_finite=False)
    half = linalg.solve_triangular(factor, np.column_stack([np.ones(len(z)), y]), lower=True, check_finite=False)
    one, seen = half.T
    # The mean output is unknown (a flat prior), which costs one degree of freedom.
    middle = one @ seen / (one @ one)
    left = seen - middle * one
    scale = left @ left / (len(z) - 1)
    found = {}
    for name, index in asked.items():
        cross, spread = _of_prior(index, z, prior)
        cross = linalg.solve_triangular(factor, cross, lower=True, overwrite_b=True, check_finite=False)
        spread = spread - (cross**2).sum(0) + (one @ cross) ** 2 / (one @ one)
        found[name] = Estimate(cross.T @ left, np.sqrt(np.maximum(spread, 0) * scale))
    return found


def _of_prior(index: Functional, z: np.ndarray, prior: _Prior) -> tuple[np.ndarray, np.ndarray]:
    """The index's prior covariance with the outputs ``(n, k)``, and its prior variance ``(k,)``."""
    players = z.shape[1]
    slopes = 4 * prior.slopes * index.of_linear(players)
    rho = np.exp(-prior.theta)
    cross = sum(index.of_kernel(z, row) for row in rho) / len(rho) + (z - 0.5) @ slopes.T
    cross += prior.nugget * index.of_masks(z)
    both = sum(index.of_both(row) for row in rho) / len(rho)
    return cross, both + (slopes * index.of_linear(players)).sum(1) + prior.nugget * index.norm(players)


def _linear(z: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    signs = 2 * z - 1
    return (signs * slopes) @ signs.T


def _chosen(z: np.ndarray, y: np.ndarray, others: np.ndarray, distances: np.ndarray) -> _Prior:
    """The prior of the largest restricted likelihood, mean over outputs."""
    columns = np.column_stack([y, others[:, np.argsort(-others.std(0))[:OUTPUTS]]])
    columns = columns[:, columns.std(0) > 1e-9] / columns.std(0)[columns.std(0) > 1e-9]
    flat = np.ones(len(z))
    matters = np.sqrt(np.mean(weights_of_all(z, columns, flat, PENALTY) ** 2, 1))
    matters = matters / matters.mean() if matters.any() else np.ones(z.shape[1])
    middle = distances[spread_out(distances, NEIGHBOURHOODS)]
    near = np.concatenate([np.exp(-(middle**2) / (2 * REACH**2)), [np.full(len(matters), OVERALL)]]) * matters
    slopes = matters**2 / len(matters)
    rows, outputs = z[:ROWS], columns[:ROWS]
    basis = linalg.qr(np.ones((len(rows), 1)))[0][:, 1:]
    seen, straight = basis.T @ outputs, basis.T @ _linear(rows, slopes) @ basis
    best = (np.inf, STRENGTHS[0], NUGGETS[0], SLOPES[0])
    for strength in STRENGTHS:
        curved = basis.T @ kernel(rows, strength * near) @ basis
        for nugget, slope in _pairs():
            gram = curved + slope * straight
            gram[np.diag_indices(len(gram))] += nugget
            factor = linalg.cholesky(gram, lower=True, overwrite_a=True, check_finite=False)
            power = linalg.solve_triangular(factor, seen, lower=True, check_finite=False) ** 2
            cost = np.log(np.maximum(power.mean(0), 1e-300)).mean() + 2 * np.log(np.diag(factor)).mean()
            best = min(best, (float(cost), strength, nugget, slope))
    return _Prior(best[1] * near, best[3] * slopes, best[2])


def _pairs() -> Iterator[tuple[float, float]]:
    return ((nugget, slope) for nugget in NUGGETS for slope in SLOPES)
