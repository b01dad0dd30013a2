"""LIME's surrogate: a ridge regression on switched superpixels, weighted by nearness to the whole picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def nearness(masks: np.ndarray, kernel_width: float) -> np.ndarray:
    """LIME's weight of each mask ``(..., segments)``: exp(-d^2 / (2 width^2)), d the cosine distance to all-on.

    The square root that the lime package takes of its exponential is the factor 2 here. A mask with everything off
    is at distance 1.
    """
    return nearness_of_share(masks.mean(-1, dtype=np.float64), kernel_width)


def nearness_of_share(share: np.ndarray, kernel_width: float) -> np.ndarray:
    """LIME's weight of masks that leave a ``share`` of the superpixels on."""
    return np.exp(-((1.0 - np.sqrt(share)) ** 2) / (2.0 * kernel_width**2))


@dataclass(frozen=True)
class Fit:
    """A fitted surrogate.

    Attributes:
        coefficients: float64 ``(segments,)``.
        errors: standard error of each coefficient, for masks drawn at random; NaN with too few masks to tell.
        intercept: value with everything off.
        r2: weighted coefficient of determination; NaN for constant values.
    """

    coefficients: np.ndarray
    errors: np.ndarray
    intercept: float
    r2: float


def fit(masks: np.ndarray, values: np.ndarray, weights: np.ndarray, alpha: float) -> Fit:
    """Ridge regression of ``values`` ``(n,)`` on ``masks`` ``(n, segments)``, the intercept unpenalised.

    The solution is that of scikit-learn's ``Ridge(alpha).fit(masks, values, sample_weight=weights)``. The errors are
    those of the weighted M-estimator (White's sandwich with the correction n / (n - segments - 1)); the first mask,
    the whole picture, is not drawn and adds none.
    """
    x, y, w = masks.astype(np.float64), values.astype(np.float64), weights.astype(np.float64)
    # Centred by weighted means, so that the penalty does not pull at the intercept.
    share = w / w.sum()
    x_mean, y_mean = share @ x, share @ y
    xc, yc = x - x_mean, y - y_mean
    normal = xc.T @ (w[:, None] * xc) + alpha * np.eye(x.shape[1])
    beta = np.linalg.solve(normal, xc.T @ (w * yc))
    residual = yc - xc @ beta
    total = float(w @ yc**2)
    r2 = 1.0 - float(w @ residual**2) / total if total > 0 else np.nan
    n, p = len(x) - 1, x.shape[1] + 1
    errors = np.full(x.shape[1], np.nan)
    if n > p:
        # Not the textbook's errors of weighted least squares: LIME's weights say how near a mask is, not how exact its
        # output, and the linear surrogate is wrong by construction; the sandwich holds for both.
        score = (xc * (w * residual)[:, None])[1:]
        half = np.linalg.solve(normal, score.T)
        errors = np.sqrt((half**2).sum(1) * n / (n - p))
    return Fit(beta, errors, float(y_mean - x_mean @ beta), r2)


def weights_of_all(masks: np.ndarray, values: np.ndarray, weights: np.ndarray, alpha: float) -> np.ndarray:
    """Coefficients ``(segments, k)`` of `fit` for several columns of ``values`` ``(n, k)`` at once."""
    x, w = masks.astype(np.float64), weights.astype(np.float64)
    share = w / w.sum()
    xc, yc = x - share @ x, values - share @ values
    return np.linalg.solve(xc.T @ (w[:, None] * xc) + alpha * np.eye(x.shape[1]), xc.T @ (w[:, None] * yc))
