"""What is asked of a game: Shapley and Banzhaf values, pairwise interactions, LIME's weights; each a linear functional.

A game gives each mask of players (1 shown, 0 hidden) a number. Draw a mask with each player shown with probability t,
and let F(t) be the mean change when a player is shown too, or the mean second difference of a pair. Each index is a
mean of F over t (Owen 1972; Grabisch & Roubens 1999; Tsai et al. 2023, "Faith-Shap"):

- Shapley value, and Shapley interaction index of a pair (SII): t uniform;
- Banzhaf value, and Banzhaf interaction index of a pair: t = 1/2;
- faithful Shapley interaction of a pair at top order 2 (FSII): t ~ Beta(2, 2). It is the pair's coefficient in the
  quadratic regression weighted by the Shapley kernel.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
from scipy import special

from xai_compare.explainers.quadrature import Limit

Law = Literal["uniform", "half", "beta"]


class Functional(Protocol):
    """One number or several of a game, linear in it."""

    def of_masks(self, masks: np.ndarray) -> np.ndarray:
        """The weight of each mask's value: float64 ``(n, k)``. Over all masks, their sum is the index."""

    def of_linear(self, players: int) -> np.ndarray:
        """The index of each player's switch, taken as a game: float64 ``(k, players)``."""

    def of_kernel(self, masks: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """The index of the kernel ``prod_j rho_j^[z_j != z_ij]`` as a function of z: float64 ``(n, k)``."""

    def of_both(self, rho: np.ndarray) -> np.ndarray:
        """The index of that kernel in both arguments: its prior variance, float64 ``(k,)``."""

    def norm(self, players: int) -> np.ndarray:
        """The sum of `of_masks` squared over all masks: float64 ``(k,)``."""


def set_weights(law: Law, others: int) -> np.ndarray:
    """The weight of a set of t of the ``others``: float64 ``(others + 1,)``, t from 0 up."""
    t = np.arange(others + 1.0)
    if law == "half":
        return np.full(others + 1, 0.5**others)
    if law == "uniform":
        return special.beta(t + 1, others - t + 1)
    return 6 * special.beta(t + 2, others - t + 2)


def _nodes(law: Law, players: int) -> tuple[np.ndarray, np.ndarray]:
    """Values of t and their weights; means over t are exact, for F is a polynomial of degree below ``players``."""
    if law == "half":
        return np.array([0.5]), np.ones(1)
    t, weight = special.roots_sh_legendre(players // 2 + 2)
    return t, weight if law == "uniform" else 6 * weight * t * (1 - t)


def _factors(z: np.ndarray, rho: np.ndarray, t: float) -> tuple[np.ndarray, np.ndarray]:
    """The kernel's mean over masks drawn with t ``(n,)``, and each player's effect divided by it ``(n, players)``."""
    on, off = t + (1 - t) * rho, (1 - t) + t * rho
    whole = np.exp(z @ (np.log(on) - np.log(off)) + np.log(off).sum())
    return whole, np.where(z == 1, (1 - rho) / on, (rho - 1) / off)


def _both_factors(rho: np.ndarray, law: Law) -> tuple[np.ndarray, np.ndarray]:
    """The same for both arguments drawn, at each pair of nodes: ``(m,)``, weights included, and ``(m, players)``."""
    t, weight = _nodes(law, len(rho))
    same = (np.outer(t, t) + np.outer(1 - t, 1 - t)).ravel()[:, None]
    factor = same + rho * (1 - same)
    return np.exp(np.log(factor).sum(1)) * np.outer(weight, weight).ravel(), 2 * (1 - rho) / factor


class PlayerIndex:
    """Shapley (law uniform) or Banzhaf (half) values of the players."""

    def __init__(self, law: Law) -> None:
        self.law: Law = law

    def of_masks(self, masks: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        z = masks.astype(np.int64)
        c, size = set_weights(self.law, z.shape[1] - 1), z.sum(1, keepdims=True)
        return np.where(z == 1, c[np.maximum(size - 1, 0)], -c[np.minimum(size, len(c) - 1)])

    def of_linear(self, players: int) -> np.ndarray:
        """See `Functional`."""
        return np.eye(players)

    def of_kernel(self, masks: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        total = np.zeros(masks.shape)
        for t, weight in zip(*_nodes(self.law, len(rho)), strict=True):
            whole, effect = _factors(masks, rho, t)
            total += (weight * whole)[:, None] * effect
        return total

    def of_both(self, rho: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        whole, effect = _both_factors(rho, self.law)
        return whole @ effect

    def norm(self, players: int) -> np.ndarray:
        """See `Functional`."""
        return np.full(players, 2 * _squares(self.law, players - 1))


class PairIndex:
    """Interactions of all pairs i < j, row by row: SII (law uniform), Banzhaf (half) or FSII (beta)."""

    def __init__(self, law: Law) -> None:
        self.law: Law = law

    def of_masks(self, masks: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        z = masks.astype(np.int64)
        i, j = np.triu_indices(z.shape[1], 1)
        both = z[:, i] + z[:, j]
        return np.where(both == 1, -1.0, 1.0) * set_weights(self.law, z.shape[1] - 2)[z.sum(1)[:, None] - both]

    def of_linear(self, players: int) -> np.ndarray:
        """See `Functional`."""
        return np.zeros((players * (players - 1) // 2, players))

    def of_kernel(self, masks: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        p = len(rho)
        total = np.zeros((len(masks), p * (p - 1) // 2))
        for t, weight in zip(*_nodes(self.law, p), strict=True):
            whole, effect = _factors(masks, rho, t)
            scaled, at = (weight * whole)[:, None] * effect, 0
            for i in range(p - 1):
                total[:, at : at + p - 1 - i] += scaled[:, i : i + 1] * effect[:, i + 1 :]
                at += p - 1 - i
        return total

    def of_both(self, rho: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        whole, effect = _both_factors(rho, self.law)
        return ((whole[:, None] * effect).T @ effect)[np.triu_indices(len(rho), 1)]

    def norm(self, players: int) -> np.ndarray:
        """See `Functional`."""
        return np.full(players * (players - 1) // 2, 4 * _squares(self.law, players - 2))


class LimeIndex:
    """LIME's weights: the regression over all masks, weighted by nearness to the whole picture."""

    def __init__(self, players: int, kernel_width: float) -> None:
        self._limit = Limit(players, kernel_width)

    def of_masks(self, masks: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        return self._limit.of_masks(masks)

    def of_linear(self, players: int) -> np.ndarray:
        """See `Functional`."""
        return np.eye(players)

    def of_kernel(self, masks: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        return self._limit.of_kernel(masks, rho).T

    def of_both(self, rho: np.ndarray) -> np.ndarray:
        """See `Functional`."""
        return self._limit.of_both(rho)

    def norm(self, players: int) -> np.ndarray:
        """See `Functional`."""
        return self._limit.norm()


def _squares(law: Law, others: int) -> float:
    return float(special.comb(others, np.arange(others + 1)) @ set_weights(law, others) ** 2)
