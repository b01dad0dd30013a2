"""The kernel that predicts people best: width, and share of a uniform and a face prior, by leaving observers out.

The map of all others, a Gaussian at each of their points, is mixed with a uniform map and with a prior (where people
look on other faces). How well it predicts where the person left out looked, as the mean log-likelihood of their points,
is the measure that the width and the mixture are fitted to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar

from xai_compare.errors import InputError
from xai_compare.human.maps import attention_map, mass_inside, usable_points

_MOST = 4000
_EM_STEPS = 60


@dataclass(frozen=True)
class FittedKernel:
    """What was fitted, and what it gains.

    Attributes:
        sigma: standard deviation of the Gaussian, in pixels.
        uniform: share of the uniform map, 0 to 1.
        prior: share of the prior, 0 to 1; 0 if none was given.
        bits: mean log2-likelihood of a point over that of a uniform map, by the fitted kernel.
        fixed_bits: the same by the kernel of the fixed width, alone (with the least share of the uniform map that keeps
            it finite).
        fixed_sigma: that width.
        n_points, n_images: how many points and pictures it was fitted to.
    """

    sigma: float
    uniform: float
    prior: float
    bits: float
    fixed_bits: float
    fixed_sigma: float
    n_points: int
    n_images: int

    @property
    def gain(self) -> float:
        """How much more it tells of a point than the fixed width does, as a share of the latter."""
        return (self.bits - self.fixed_bits) / abs(self.fixed_bits) if self.fixed_bits else math.nan


def face_priors(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    landmarks: Mapping[str, np.ndarray],
    sigma: float,
) -> dict[str, np.ndarray]:
    """Where people look on other faces, brought onto each face: float32 (h, w) with sum 1, by picture.

    The points of every other picture are moved by the affine transform that takes its landmarks onto this picture's,
    by least squares; a Gaussian stands at each. Pictures without landmarks have no prior, and lend none.

    Args:
        frame: points, as from `read_clicks` or `read_fixations`.
        images: each picture's (height, width) in pixels.
        landmarks: float (68, 2) of the face in each picture.
        sigma: standard deviation of the Gaussian, in pixels.
    """
    points = {str(image): own[["x", "y"]].to_numpy(float) for image, own in frame.groupby("image", observed=True)}
    known = [image for image in images if image in landmarks]
    priors = {}
    for image in known:
        moved = []
        for other in known:
            if other != image and other in points:
                source = np.column_stack([landmarks[other], np.ones(68)])
                matrix = np.linalg.lstsq(source, landmarks[image], rcond=None)[0]
                moved.append(np.column_stack([points[other], np.ones(len(points[other]))]) @ matrix)
        if moved:
            there = np.concatenate(moved)
            made = attention_map(there[:, 0], there[:, 1], images[image], sigma)
            if made.sum() > 0:
                priors[image] = made / made.sum()
    return priors


@dataclass
class _Picture:
    """The points of a picture; ``squared`` is inf between points of one person, so that nobody predicts themselves."""

    squared: np.ndarray
    x: np.ndarray
    y: np.ndarray
    shape: tuple[int, int]
    others: np.ndarray
    prior: np.ndarray


def fit_kernel(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    fixed_sigma: float,
    priors: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
) -> FittedKernel:
    """Fit the kernel's width and its mixture with a uniform map and a prior by leave-one-observer-out likelihood.

    Args:
        frame: points, as from `read_clicks` or `read_fixations`.
        images: each picture's (height, width) in pixels.
        fixed_sigma: the width to compare with, one degree of visual angle in pixels.
        priors: for each picture a map, float (h, w) with sum 1, of where people look on other pictures.
        seed: of the choice of points, on pictures with more than 4,000 of them.

    Raises:
        InputError: as `human_maps`, or if no picture has points of two people.
    """
    points = usable_points(frame, images, fixed_sigma, [], False)
    rng = np.random.default_rng(seed)
    pictures = [
        _picture(own, images[str(image)], None if priors is None else priors.get(str(image)), rng)
        for image, own in points.groupby("image", sort=False)
        if own["participant"].nunique() > 1
    ]
    if not pictures:
        raise InputError("no picture has points of two people", hint="a kernel is fitted by leaving people out")
    largest = max(max(picture.shape) for picture in pictures)
    # The likelihood can have several peaks over the width: a grid finds the highest, the search refines it.
    widths = np.geomspace(max(1.0, largest / 300), largest / 2, 24)
    scores = [_mixed(pictures, sigma)[0] for sigma in widths]
    best = int(np.argmax(scores))
    low, high = widths[max(best - 1, 0)], widths[min(best + 1, len(widths) - 1)]
    optimum = minimize_scalar(
        lambda log_sigma: -_mixed(pictures, math.exp(log_sigma))[0],
        bounds=(math.log(low), math.log(high)),
        method="bounded",
        options={"xatol": 1e-3},
    )
    sigma = math.exp(optimum.x)
    bits, shares = _mixed(pictures, sigma)
    n = sum(len(picture.x) for picture in pictures)
    return FittedKernel(
        sigma, float(shares[1]), float(shares[2]), bits, _fixed(pictures, fixed_sigma), fixed_sigma, n, len(pictures)
    )


def _picture(own: pd.DataFrame, shape: tuple[int, int], prior: np.ndarray | None, rng: np.random.Generator) -> _Picture:
    if len(own) > _MOST:
        own = own.iloc[np.sort(rng.choice(len(own), _MOST, replace=False))]
    x, y = own["x"].to_numpy(float), own["y"].to_numpy(float)
    person = pd.factorize(own["participant"])[0]
    same = person[:, None] == person[None]
    squared = (x[:, None] - x[None]) ** 2 + (y[:, None] - y[None]) ** 2
    squared[same] = np.inf
    at_prior = np.zeros(len(x))
    if prior is not None:
        rows, columns = (np.clip(np.rint(v).astype(int), 0, n - 1) for v, n in ((y, shape[0]), (x, shape[1])))
        # As a multiple of the uniform density, like all else here.
        at_prior = np.asarray(prior, float)[rows, columns] * shape[0] * shape[1]
    return _Picture(squared, x, y, shape, (~same).sum(1), at_prior)


def _densities(pictures: list[_Picture], sigma: float) -> np.ndarray:
    """Density at each point by the Gaussians of others, uniformly, and by the prior, over uniform: (n, 3)."""
    parts = []
    for own in pictures:
        # Gaussians reach beyond the picture: each is scaled by what of it lies on the picture.
        inside = mass_inside(own.x, own.y, own.shape, sigma)
        weights = 1 / (2 * math.pi * sigma**2 * np.maximum(inside, 1e-12))
        total = np.exp(-own.squared / (2 * sigma**2)) @ weights
        density = np.divide(total, own.others, out=np.zeros_like(total), where=own.others > 0)
        parts.append(np.column_stack([density * own.shape[0] * own.shape[1], np.ones(len(own.x)), own.prior]))
    return np.concatenate(parts)


def _mixed(pictures: list[_Picture], sigma: float) -> tuple[float, np.ndarray]:
    """Bits per point by the best mixture at this width, and the three shares; they are found by EM.

    The densities do not depend on the shares, so a step of EM is exact and can only gain: no step size has to be
    chosen, and no share leaves 0 to 1. A share that begins at 0 (no prior) stays there.
    """
    densities = _densities(pictures, sigma)
    shares = np.array([0.8, 0.1, 0.1 if densities[:, 2].any() else 0.0])
    shares /= shares.sum()
    for _ in range(_EM_STEPS):
        parts = densities * shares
        shares = (parts / parts.sum(1, keepdims=True)).mean(0)
    return float(np.log2(densities @ shares).mean()), shares


def _fixed(pictures: list[_Picture], sigma: float) -> float:
    densities = _densities(pictures, sigma)[:, :2]
    # Without any uniform share, one point far from all others would have a likelihood of 0, and the mean be -inf.
    least = 1 / len(densities)
    return float(np.log2(densities @ np.array([1 - least, least])).mean())


def select(
    points: pd.DataFrame,
    *,
    first: int | None = None,
    between_ms: tuple[float, float] | None = None,
    orders: tuple[int, int] | None = None,
) -> pd.DataFrame:
    """Return the points that a map is to be made of.

    Args:
        points: fixations or clicks.
        first: the first so many of each trial.
        between_ms: those that begin in this window, ms since the trial began: from, and before.
        orders: those of these ranks within the trial, both included, from 1.

    Raises:
        InputError: if a column is absent that the choice needs, or no point is left.
    """
    kept = points
    if first is not None:
        orders = (1, first)
    if orders is not None:
        if "order" not in points:
            raise InputError("no column 'order'", hint="give the rank of each point within its trial")
        kept = kept[kept["order"].between(*orders)]
    if between_ms is not None:
        time = next((name for name in ("onset", "time") if name in points), None)
        if time is None:
            raise InputError("no column 'onset' or 'time'", hint="give the ms since the trial began")
        kept = kept[(kept[time] >= between_ms[0]) & (kept[time] < between_ms[1])]
    if not len(kept):
        raise InputError(f"none of {len(points)} points is left", hint="widen the choice")
    return kept
