"""Maps of where people clicked or looked: a Gaussian at each point, averaged over people."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from xai_compare.errors import InputError, nearest
from xai_compare.human.image_matching import points_on_images

_BLOCK = 4096
_NOBODY = "nobody attended to it"


class HumanMap(NamedTuple):
    """Where people attended on one picture.

    Attributes:
        image: the picture's name.
        map: float32 (h, w) with sum 1, the mean over participants; NaN everywhere if nobody attended.
        n_participants: how many people it is the mean of.
        n_points: how many clicks or fixations it is made of.
        reason: why the map is NaN; "" where it is not.
        group: the values of the further columns of ``by``, such as {"response": "anger"}.
    """

    image: str
    map: np.ndarray
    n_participants: int
    n_points: int
    reason: str
    group: dict[str, str]

    @classmethod
    def of_nobody(
        cls, image: str, shape: tuple[int, int], group: dict[str, str] | None = None, reason: str = _NOBODY
    ) -> HumanMap:
        """A map that is NaN everywhere, and why."""
        return cls(image, np.full(shape, np.nan, np.float32), 0, 0, reason, group or {})


def attention_map(
    x: np.ndarray | Sequence[float],
    y: np.ndarray | Sequence[float],
    shape: tuple[int, int],
    sigma: float,
    weights: np.ndarray | Sequence[float] | None = None,
) -> np.ndarray:
    """Return the sum of a Gaussian at each point: float32 (h, w), weight per square pixel.

    Each point adds ``w / (2 pi sigma^2) exp(-d^2 / (2 sigma^2))``, with ``d`` its distance from the pixel's centre, so
    its integral over the plane is its weight; what falls outside the picture is lost, not folded back. The sum is
    exact: points keep their fraction of a pixel and the Gaussian is not truncated. It is sampled at pixel centres, so
    below a sigma of about 0.7 px the pixels no longer add up to the weights. No point gives zeros.

    By convention it is the standard deviation, not the full width at half maximum, that is one degree of visual angle
    (Le Meur & Baccino 2013; Bruckert et al. 2023), about the size of the fovea and the error of an eye tracker.

    Args:
        x, y: (n,) pixels of the picture, pixel centres at integers, y downwards; points may lie outside.
        shape: height and width of the picture.
        sigma: standard deviation of the Gaussian, in pixels.
        weights: (n,) at least 0, such as durations; 1 each if not given.

    Raises:
        InputError: if sigma or the shape is not positive, lengths differ, a point is not finite, a weight negative.

    >>> attention_map([2.0], [1.0], shape=(3, 5), sigma=1.0).round(3)
    array([[0.013, 0.059, 0.097, 0.059, 0.013],
           [0.022, 0.097, 0.159, 0.097, 0.022],
           [0.013, 0.059, 0.097, 0.059, 0.013]], dtype=float32)
    """
    x, y, weights = _checked(x, y, weights)
    _check_grid(shape, sigma)
    total = np.zeros(shape)
    # A Gaussian is a product of one across and one down: so a sum of them is one matrix product, a block at a time.
    for start in range(0, len(x), _BLOCK):
        block = slice(start, start + _BLOCK)
        columns = gaussians(x[block], shape[1], sigma)
        total += (gaussians(y[block], shape[0], sigma) * weights[block, None]).T @ columns
    return total.astype(np.float32)


def gaussians(centres: np.ndarray, length: int, sigma: float) -> np.ndarray:
    """Return a unit Gaussian about each centre, sampled at 0 .. length - 1: float64 (n, length)."""
    steps = (np.arange(length) - centres[:, None]) / sigma
    return np.exp(-0.5 * steps**2) / (sigma * math.sqrt(2 * math.pi))


def mass_inside(x: np.ndarray, y: np.ndarray, shape: tuple[int, int], sigma: float) -> np.ndarray:
    """Return how much of each point's unit Gaussian lies on the picture: float64 (n,)."""
    return gaussians(y, shape[0], sigma).sum(1) * gaussians(x, shape[1], sigma).sum(1)


def human_maps(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    by: Sequence[str] = ("image",),
    weights: str | None = None,
    only_correct: bool = False,
) -> Iterator[HumanMap]:
    """Return an iterator over one map per picture, in the order of ``images``, made one at a time.

    Each participant's map of a picture is scaled to sum 1 before the mean over participants, so that nobody counts for
    more by clicking more. Names are matched and points outside dropped by `points_on_images`, before the first map is
    made.

    Args:
        frame: points, as from `read_clicks` or `read_fixations`.
        images: each picture's (height, width) in pixels.
        sigma: of the Gaussian, in pixels of the picture; see `attention_map`.
        by: ``image`` and, if wanted, further columns: one map for each combination found, such as
            ("image", "response").
        weights: the column that weighs a point within its participant's map, such as ``duration``.
        only_correct: keep the trials that were answered correctly (Park & Wallraven 2022, section 4.3).

    Raises:
        InputError: if a column is absent, sigma is not positive, or no point can be used.
    """
    if not by or by[0] != "image":
        raise InputError(f"by={tuple(by)!r} does not begin with 'image'", hint="maps are made per picture")
    points = usable_points(frame, images, sigma, (*by, weights) if weights else by, only_correct)
    return _maps(points, images, sigma, list(by[1:]), weights)


def usable_points(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    columns: Sequence[str],
    only_correct: bool,
) -> pd.DataFrame:
    """Return the points on the pictures, those of correct trials if so wished, after checking all that maps need."""
    for shape in images.values():
        _check_grid(shape, sigma)
    for name in ("participant", "image", "x", "y", *columns):
        if name not in frame:
            raise InputError(f"no column {name!r}", hint=nearest(name, [str(known) for known in frame.columns]))
    if not only_correct:
        return points_on_images(frame, images)
    if "correct" not in frame:
        raise InputError(
            "only_correct needs the column 'correct', or 'response' and 'label'", hint="add it or leave it off"
        )
    right = frame["correct"].fillna(False).astype(bool)
    if not right.any():
        raise InputError(f"none of {len(frame)} points is of a trial answered correctly", hint="leave only_correct off")
    kept = frame[right]
    kept.attrs = frame.attrs | {"dropped": frame.attrs.get("dropped", {}) | {"not correct": int((~right).sum())}}
    return points_on_images(kept, images)


def _maps(
    frame: pd.DataFrame, images: Mapping[str, tuple[int, int]], sigma: float, further: list[str], weights: str | None
) -> Iterator[HumanMap]:
    groups = dict(iter(frame.groupby("image", sort=False)))
    for image, shape in images.items():
        points = groups.get(image)
        if points is None:
            yield HumanMap.of_nobody(image, shape)
        elif further:
            for values, part in points.groupby(further, dropna=False):
                yield _one_map(image, shape, part, sigma, weights, dict(zip(further, map(str, values), strict=True)))
        else:
            yield _one_map(image, shape, points, sigma, weights, {})


def _one_map(
    image: str,
    shape: tuple[int, int],
    points: pd.DataFrame,
    sigma: float,
    weights: str | None,
    group: dict[str, str],
) -> HumanMap:
    shares = participant_shares(points, shape, sigma, weights)
    used = shares > 0
    people = points["participant"].to_numpy()[used]
    if not used.any():
        return HumanMap.of_nobody(image, shape, group, f"no point weighs anything by {weights}")
    n_participants = len(set(people))
    x, y = points["x"].to_numpy()[used], points["y"].to_numpy()[used]
    averaged = attention_map(x, y, shape, sigma, shares[used] / n_participants)
    return HumanMap(image, averaged, n_participants, int(used.sum()), "", group)


def participant_shares(points: pd.DataFrame, shape: tuple[int, int], sigma: float, weights: str | None) -> np.ndarray:
    """Return the weights, float64 (n,), that give each participant's map the sum 1 on the picture."""
    x, y, weighing = _checked(points["x"], points["y"], points[weights] if weights else None)
    people = pd.factorize(points["participant"])[0]
    totals = np.bincount(people, weighing * mass_inside(x, y, shape, sigma))[people]
    return np.divide(weighing, totals, out=np.zeros_like(weighing), where=totals > 0)


def _check_grid(shape: tuple[int, int], sigma: float) -> None:
    if not (math.isfinite(sigma) and sigma > 0):
        raise InputError(f"sigma is {sigma} px, and must be above 0")
    if len(shape) != 2 or min(shape) < 1:
        raise InputError(f"a picture of {tuple(shape)} pixels", hint="give (height, width)")


def _checked(
    x: Sequence[float] | np.ndarray | pd.Series,
    y: Sequence[float] | np.ndarray | pd.Series,
    weights: Sequence[float] | np.ndarray | pd.Series | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    w = np.ones_like(x) if weights is None else np.asarray(weights, dtype=float)
    if x.ndim != 1 or not x.shape == y.shape == w.shape:
        raise InputError(f"x, y and weights must be of one length, not {x.shape}, {y.shape}, {w.shape}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError("a point's x or y is not a finite number", hint="drop points without coordinates")
    if not (np.isfinite(w).all() and (w >= 0).all()):
        raise InputError("a point's weight is negative or not a finite number")
    return x, y, w
