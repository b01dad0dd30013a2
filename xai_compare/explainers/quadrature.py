"""What LIME's regression would find if every mask could be shown, estimated from a few hundred.

With infinitely many random masks, LIME's coefficients are a linear functional of the network's output as a function
of the mask: those of the regression weighted by nearness over all 2^segments masks. The output is modelled as a linear
function plus a Gaussian process whose kernel is a sum, over neighbourhoods of the picture, of products over
superpixels; for such a kernel the functional is known exactly (sums over all masks factorize once the number of
switched-on superpixels is split off by a Fourier transform). So the coefficients follow by Bayesian quadrature
(O'Hagan 1991), with a posterior standard error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import linalg
from scipy.stats import binom

from xai_compare.explainers.surrogate import nearness_of_share

RADIUS = 1.05
REACH = 0.2
"""Deviation of a neighbourhood in picture heights."""
NEIGHBOURHOODS = 6
STRENGTHS = (0.05, 0.2, 0.8, 2.4)
NUGGETS = (1e-5, 1e-3, 0.02, 0.1, 0.4)
ROWS = 160
"""Masks from which strength and nugget are chosen; more change the choice little."""


class Limit:
    """LIME's regression over all masks of a number of superpixels."""

    def __init__(self, segments: int, kernel_width: float) -> None:
        self.segments = segments
        on = np.arange(segments + 1)
        weight = nearness_of_share(on / segments, kernel_width)
        share = binom.pmf(on, segments, 0.5) * weight
        normal = np.full((segments + 1, segments + 1), (share * on * (on - 1)).sum() / (segments * (segments - 1)))
        normal[0], normal[:, 0] = (share @ on) / segments, (share @ on) / segments
        normal[np.arange(1, segments + 1), np.arange(1, segments + 1)] = (share @ on) / segments
        normal[0, 0] = share.sum()
        self._inverse = np.linalg.inv(normal)
        self._nearness, self._share = weight, share
        n = segments + 1
        # LIME's weight depends on how many superpixels are on, which couples them all: a sum over 2^segments masks.
        # Written as a Fourier sum over that number, each term is a product over superpixels, and the sums over all
        # masks become products of sums over two states.
        # On a circle a little wider than the unit circle no factor a + b t vanishes. All is real at the end, so one
        # of each pair of conjugate roots is enough, counted twice.
        half = np.arange(n // 2 + 1)
        roots = RADIUS * np.exp(2j * np.pi * np.arange(n) / n)
        both = (weight * roots[:, None] ** (-on)).sum(1) / n
        twice = np.where((half == 0) | (2 * half == n), 1, 2)
        self._half, self._half_weight = roots[half], both[half] * twice
        self._roots, self._weight = roots, both

    def of_masks(self, masks: np.ndarray) -> np.ndarray:
        """How much each mask's value counts in each coefficient, ``(n, segments)``; all masks' add up to the limit."""
        z = masks.astype(np.float64)
        share = 0.5**self.segments * self._nearness[z.sum(1).astype(int)]
        return share[:, None] * (np.column_stack([np.ones(len(z)), z]) @ self._inverse[1:].T)

    def norm(self) -> np.ndarray:
        """Sum of `of_masks` squared over all masks, ``(segments,)``."""
        n, on = self.segments, np.arange(self.segments + 1)
        square = 0.5**n * self._share * self._nearness
        one, two = square @ on / n, square @ (on * (on - 1)) / (n * (n - 1))
        normal = np.full((n + 1, n + 1), two)
        normal[0], normal[:, 0] = one, one
        normal[np.arange(1, n + 1), np.arange(1, n + 1)], normal[0, 0] = one, square.sum()
        return np.einsum("ja,ab,jb->j", self._inverse[1:], normal, self._inverse[1:])

    def of_kernel(self, masks: np.ndarray, rho: np.ndarray) -> np.ndarray:
        """Coefficients ``(segments, n)`` of the kernel ``prod_j rho_j^[z_j != z_ij]`` as a function of z."""
        rho, t = rho[:, None], self._half
        off, on = (1 + rho * t) / 2, (rho + t) / 2
        log_off = np.log(off)
        whole = np.exp(masks @ (np.log(on) - log_off) + log_off.sum(0)) * self._half_weight
        share = np.where(masks == 0, (whole @ (t * rho / (2 * off)).T).real, (whole @ (t / (2 * on)).T).real)
        return (self._inverse @ np.concatenate([whole.sum(1).real[:, None], share], 1).T)[1:]

    def of_both(self, rho: np.ndarray) -> np.ndarray:
        """Prior variance ``(segments,)`` of the coefficients under the kernel: the functional on both arguments."""
        n, rho = self.segments, rho[:, None]
        t, u = np.repeat(self._half, n + 1), np.tile(self._roots, len(self._half))
        factor = 1 + t * u + rho * (t + u)
        whole = np.exp(np.log(factor / 4).sum(0)) * np.outer(self._half_weight, self._weight).ravel()
        first, second = t * (rho + u) / factor, u * (rho + t) / factor
        cross = np.empty((n + 1, n + 1))
        cross[0, 0] = whole.sum().real
        cross[1:, 0] = cross[0, 1:] = (first @ whole).real
        cross[1:, 1:] = ((first * whole) @ second.T).real
        cross[np.arange(1, n + 1), np.arange(1, n + 1)] = (1 / factor @ (whole * t * u)).real
        rows = self._inverse[1:]
        return np.einsum("ja,ja->j", rows @ cross, rows)


@dataclass(frozen=True)
class Estimate:
    """Coefficients and their posterior standard errors, float64 ``(segments,)``."""

    coefficients: np.ndarray
    errors: np.ndarray


def centres(labels: np.ndarray) -> np.ndarray:
    """Distances ``(segments, segments)`` between superpixels' centres, in picture heights."""
    count = np.bincount(labels.ravel())
    grid = np.mgrid[: labels.shape[0], : labels.shape[1]] / labels.shape[0]
    place = np.stack([np.bincount(labels.ravel(), axis.ravel()) / count for axis in grid], 1)
    return np.linalg.norm(place[:, None] - place[None], axis=-1)


def estimate(
    masks: np.ndarray, values: np.ndarray, others: np.ndarray, distances: np.ndarray, limit: Limit, start: np.ndarray
) -> Estimate:
    """LIME's limit from values at some masks.

    Args:
        masks: ``(n, segments)`` of zeros and ones.
        values: ``(n,)`` explained quantity.
        others: ``(n, k)`` further outputs under the same masks, which help to choose the kernel.
        distances: between superpixels, see `centres`.
        limit: the functional.
        start: ``(segments,)`` rough importance of each superpixel, from a plain regression.
    """
    z, y = masks.astype(np.float64), values.astype(np.float64)
    # One kernel over the whole picture would say that all superpixels interact alike; neighbours interact more.
    middle = distances[spread_out(distances, NEIGHBOURHOODS)]
    near = np.exp(-(middle**2) / (2 * REACH**2)) * start / start.mean()
    seen = np.column_stack([y, others])
    seen = seen[:, seen.std(0) > 1e-9]
    strength, nugget = _chosen(z[:ROWS], (seen / seen.std(0))[:ROWS], near)
    return _posterior(z, y, strength * near, nugget, limit)


def kernel(z: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """Mean over neighbourhoods (rows of theta) of exp(-sum of theta over the superpixels that differ)."""
    total = np.zeros((len(z), len(z)))
    for row in theta:
        weighted = z * row
        size = weighted.sum(1)
        distance = 2 * weighted @ z.T
        distance -= size[:, None]
        distance -= size[None]
        total += np.exp(distance, out=distance)
    return total / len(theta)


def _chosen(z: np.ndarray, y: np.ndarray, near: np.ndarray) -> tuple[float, float]:
    """Strength and nugget of the largest restricted likelihood, mean over outputs."""
    n, p = len(z), z.shape[1] + 1
    # The linear part is projected out (restricted likelihood), or its strength would be taken for the process's.
    basis = np.linalg.qr(np.column_stack([np.ones(n), z]), mode="complete")[0][:, p:]
    seen, best = basis.T @ y, (np.inf, STRENGTHS[0], NUGGETS[0])
    for strength in STRENGTHS:
        gram = basis.T @ kernel(z, strength * near) @ basis
        for nugget in NUGGETS:
            factor = linalg.cholesky(gram + nugget * np.eye(n - p), lower=True, check_finite=False)
            power = linalg.solve_triangular(factor, seen, lower=True, check_finite=False) ** 2
            cost = np.log(power.mean(0)).mean() + 2 * np.log(np.diag(factor)).mean()
            best = min(best, (float(cost), strength, nugget))
    return best[1], best[2]


def _posterior(z: np.ndarray, y: np.ndarray, theta: np.ndarray, nugget: float, limit: Limit) -> Estimate:
    n, p = z.shape[0], z.shape[1] + 1
    basis = np.column_stack([np.ones(n), z])
    gram = kernel(z, theta)
    gram[np.diag_indices(n)] += nugget
    factor = linalg.cho_factor(gram, lower=True, overwrite_a=True)
    rho = np.exp(-theta)
    kernel_means = np.mean([limit.of_kernel(z, row) for row in rho], 0)
    # All right-hand sides at once: the matrix of masks is the largest thing here, and is factorized once.
    solved = linalg.cho_solve(factor, np.column_stack([basis, y, kernel_means.T]))
    inner, for_y, for_means = solved[:, :p], solved[:, p], solved[:, p + 1 :]
    normal = basis.T @ inner
    linear = np.linalg.solve(normal, basis.T @ for_y)
    left = for_y - inner @ linear
    scale = float((y - basis @ linear) @ left) / (n - p)
    rest = np.eye(p)[:, 1:] - basis.T @ for_means
    prior = np.mean([limit.of_both(row) for row in rho], 0)
    spread = prior - np.einsum("jn,nj->j", kernel_means, for_means) + (rest * np.linalg.solve(normal, rest)).sum(0)
    return Estimate(linear[1:] + kernel_means @ left, np.sqrt(np.maximum(spread, 0) * scale))


def spread_out(distances: np.ndarray, n: int) -> np.ndarray:
    """Indices of up to ``n`` superpixels far from one another, beginning with the most central."""
    chosen = [int(distances.max(1).argmin())]
    while len(chosen) < min(n, len(distances)):
        chosen.append(int(distances[chosen].min(0).argmax()))
    return np.array(chosen)
