"""How well people agree with one another about a picture: the ceiling for any model of them.

A participant's map is the one that `human_maps` averages: Gaussians at their points, scaled to sum 1. All but
`agreement_curve` follows from the inner products of these maps, which Gaussians let us sum point by point, so that no
map is ever drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd

from xai_compare.human.maps import attention_map, gaussians, participant_shares, usable_points

_BLOCK = 1024
_FLAT = 1e-9
SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60)
_SIGMA_PX = 4.0


def split_half(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    weights: str | None = None,
    only_correct: bool = False,
    n_splits: int = 100,
    seed: int = 0,
) -> pd.DataFrame:
    """Return, per picture, Pearson's r between the mean maps of two random halves of the participants.

    Args:
        frame, images, sigma, weights, only_correct: as in `human_maps`.
        n_splits: how many random halvings to average over.
        seed: of the halvings.

    Returns:
        ``image, n_participants, half, reliability, note``. ``half`` is the mean r over the halvings; of an odd number
        of people one half has one more. ``reliability`` is that of the mean map of all, ``2 r / (1 + r)`` (Spearman
        1910; Brown 1910): its square root bounds the correlation that a perfect model can reach with that map. It is
        negative where the halves do not agree, which ``note`` says. NaN, and why in ``note``, with fewer than two
        people or maps without variance.

    Raises:
        InputError: as `human_maps`.
    """
    rng = np.random.default_rng(seed)

    def measure(gram: np.ndarray) -> dict[str, object]:
        people = len(gram)
        halves = np.zeros((n_splits, people))
        for row in halves:
            row[rng.permutation(people)[: people // 2]] = 1
        half = float(np.mean(_correlations(halves, 1 - halves, gram)))
        if not half > -1:
            why = "the halves are opposites" if half <= -1 else "a map has no variance"
            return {"half": half, "reliability": np.nan, "note": why}
        # Kept where it is not positive: a mean over pictures without those would be too high.
        why = "" if half > 0 else "the halves do not agree"
        return {"half": half, "reliability": 2 * half / (1 + half), "note": why}

    return _per_picture(frame, images, sigma, weights, only_correct, measure, ["half", "reliability"])


def leave_one_out(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    weights: str | None = None,
    only_correct: bool = False,
) -> pd.DataFrame:
    """Return, per picture, Pearson's r between each participant's map and the mean map of all others.

    Args:
        frame, images, sigma, weights, only_correct: as in `human_maps`.

    Returns:
        ``image, n_participants, one_vs_rest, lowest, highest, note``: the mean over participants and its extremes. NaN,
        and why in ``note``, with fewer than two people or maps without variance.

    Raises:
        InputError: as `human_maps`.
    """

    def measure(gram: np.ndarray) -> dict[str, object]:
        each = np.eye(len(gram))
        r = _correlations(each, 1 - each, gram)
        note = "" if np.isfinite(r).all() else "a map has no variance"
        return {"one_vs_rest": r.mean(), "lowest": r.min(), "highest": r.max(), "note": note}

    return _per_picture(frame, images, sigma, weights, only_correct, measure, ["one_vs_rest", "lowest", "highest"])


def _per_picture(
    frame: pd.DataFrame,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    weights: str | None,
    only_correct: bool,
    measure: Callable[[np.ndarray], dict[str, object]],
    measured: list[str],
) -> pd.DataFrame:
    points = usable_points(frame, images, sigma, [weights] if weights else [], only_correct)
    by_image = dict(iter(points.groupby("image", sort=False)))
    rows = []
    for image, shape in images.items():
        gram = _gram(by_image[image], shape, sigma, weights) if image in by_image else np.empty((0, 0))
        row: dict[str, object] = {"image": image, "n_participants": len(gram)}
        too_few = dict.fromkeys(measured, np.nan) | {"note": "fewer than two people attended to it"}
        rows.append(row | (measure(gram) if len(gram) > 1 else too_few))
    return pd.DataFrame(rows, columns=["image", "n_participants", *measured, "note"])


def _gram(points: pd.DataFrame, shape: tuple[int, int], sigma: float, weights: str | None) -> np.ndarray:
    """Return the centred inner products of the participants' maps: float64 (people, people).

    Every map has the sum 1, so taking its mean away takes ``1 / pixels`` off each product. Products that rounding
    cannot tell from those of constant maps are 0.
    """
    shares = participant_shares(points, shape, sigma, weights)
    used = points[shares > 0]
    people, names = pd.factorize(used["participant"])
    of_person = np.zeros((len(used), len(names)))
    of_person[np.arange(len(used)), people] = shares[shares > 0]
    columns = gaussians(used["x"].to_numpy(), shape[1], sigma)
    lines = gaussians(used["y"].to_numpy(), shape[0], sigma)
    products = np.zeros((len(names), len(names)))
    for start in range(0, len(used), _BLOCK):
        block = slice(start, start + _BLOCK)
        # A Gaussian is a product of one across and one down, and so is the inner product of two of them.
        products += of_person[block].T @ ((columns[block] @ columns.T) * (lines[block] @ lines.T)) @ of_person
    centred = products - 1 / (shape[0] * shape[1])
    return np.where(np.abs(centred) <= _FLAT * products, 0.0, centred)


def _correlations(a: np.ndarray, b: np.ndarray, gram: np.ndarray) -> np.ndarray:
    """Return Pearson's r, (n,), between mean maps of the people ``a`` and ``b``, (n, people) of 0 and 1, choose."""
    a, b = a / a.sum(1, keepdims=True), b / b.sum(1, keepdims=True)
    between, within_a, within_b = (
        np.einsum("np,pq,nq->n", u, gram, v, optimize=True) for u, v in ((a, b), (a, a), (b, b))
    )
    spread = np.sqrt(np.maximum(within_a, 0) * np.maximum(within_b, 0))
    return np.divide(between, spread, out=np.full(len(a), np.nan), where=spread > 0)


def agreement_curve(
    people: pd.DataFrame,
    reference: pd.DataFrame | None,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    draws: int = 20,
    seed: int = 0,
    sizes: Sequence[int] = SIZES,
) -> pd.DataFrame:
    """Return Pearson's r of the mean map of some people with that of others, by how many they are.

    Args:
        people: clicks or fixations; so many of these people are drawn.
        reference: those to agree with, all of them; by default the ``people`` who are not drawn, at least as many as
            those who are.
        images: each picture's (height, width) in pixels.
        sigma: standard deviation of the Gaussian, in pixels.
        draws: how often people are drawn, per picture and number.
        seed: of the draws.
        sizes: the numbers of people.

    Returns:
        ``people, value, low, high, n_images``: the mean over pictures, and 1.96 standard errors of it on either side.
        Numbers that too few pictures have people for are left out.

    Raises:
        InputError: as `human_maps`.
    """
    rng = np.random.default_rng(seed)
    # A map as smooth as this loses nothing on a coarser grid.
    step = max(1.0, sigma / _SIGMA_PX)
    drawn = _person_maps(people, images, sigma, step)
    fixed = None if reference is None else _person_maps(reference, images, sigma, step)
    rows = []
    for size in sizes:
        values = []
        for image, maps in drawn.items():
            rest = None if fixed is None else fixed.get(image)
            if (fixed is not None and rest is None) or len(maps) < size * (1 + (fixed is None)):
                continue
            values.append(np.mean([_r_of_draw(maps, rest, size, rng) for _ in range(draws)]))
        if len(values) >= max(1, len(drawn) // 2):
            error = 1.96 * float(np.std(values, ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            mean = float(np.mean(values))
            rows.append((size, mean, mean - error, mean + error, len(values)))
    return pd.DataFrame(rows, columns=["people", "value", "low", "high", "n_images"])


def _person_maps(
    frame: pd.DataFrame, images: Mapping[str, tuple[int, int]], sigma: float, step: float
) -> dict[str, np.ndarray]:
    """The map of each person, flat and with sum 1, on a grid ``step`` times coarser: (people, pixels) by picture."""
    maps_of = {}
    for image, points in usable_points(frame, images, sigma, [], False).groupby("image", sort=False, observed=True):
        height, width = images[str(image)]
        shape = (max(1, round(height / step)), max(1, round(width / step)))
        maps = []
        for _, person in points.groupby("participant", sort=False, observed=True):
            x, y = ((person[axis].to_numpy(float) + 0.5) / step - 0.5 for axis in ("x", "y"))
            maps.append(attention_map(x, y, shape, sigma / step).ravel())
        maps_of[str(image)] = np.stack([values / values.sum() for values in maps if values.sum() > 0])
    return maps_of


def _r_of_draw(maps: np.ndarray, rest: np.ndarray | None, size: int, rng: np.random.Generator) -> float:
    order = rng.permutation(len(maps))
    drawn = maps[order[:size]].mean(0)
    others = maps[order[size:]].mean(0) if rest is None else rest.mean(0)
    return float(np.corrcoef(drawn, others)[0, 1])
