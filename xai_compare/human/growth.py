"""How agreement grows with the number of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from xai_compare.human.maps import attention_map, chosen

SIZES = (1, 2, 3, 4, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 60)
_SIGMA_PX = 4.0


def growth(
    one: pd.DataFrame,
    other: pd.DataFrame | None,
    images: Mapping[str, tuple[int, int]],
    sigma: float,
    draws: int = 20,
    seed: int = 0,
    sizes: Sequence[int] = SIZES,
) -> pd.DataFrame:
    """Return Pearson's r of the mean map of some people with that of others, by how many they are.

    Args:
        one: clicks or fixations; so many of these people are drawn.
        other: those to agree with, all of them; by default the people of ``one`` who are not drawn, at least as many as
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
    mine = _stacks(one, images, sigma, step)
    theirs = None if other is None else _stacks(other, images, sigma, step)
    rows = []
    for size in sizes:
        values = []
        for image, stack in mine.items():
            rest = None if theirs is None else theirs.get(image)
            if (theirs is not None and rest is None) or len(stack) < size * (1 + (theirs is None)):
                continue
            values.append(np.mean([_agreement(stack, rest, size, rng) for _ in range(draws)]))
        if len(values) >= max(1, len(mine) // 2):
            error = 1.96 * float(np.std(values, ddof=1)) / np.sqrt(len(values)) if len(values) > 1 else np.nan
            mean = float(np.mean(values))
            rows.append((size, mean, mean - error, mean + error, len(values)))
    return pd.DataFrame(rows, columns=["people", "value", "low", "high", "n_images"])


def _stacks(
    frame: pd.DataFrame, images: Mapping[str, tuple[int, int]], sigma: float, step: float
) -> dict[str, np.ndarray]:
    points = chosen(frame, images, sigma, [], False)
    stacks = {}
    for image, own in points.groupby("image", sort=False, observed=True):
        height, width = images[str(image)]
        shape = (max(1, round(height / step)), max(1, round(width / step)))
        maps = []
        for _, person in own.groupby("participant", sort=False, observed=True):
            x, y = ((person[axis].to_numpy(float) + 0.5) / step - 0.5 for axis in ("x", "y"))
            maps.append(attention_map(x, y, shape, sigma / step).ravel())
        stacks[str(image)] = np.stack([one / one.sum() for one in maps if one.sum() > 0])
    return stacks


def _agreement(stack: np.ndarray, rest: np.ndarray | None, size: int, rng: np.random.Generator) -> float:
    order = rng.permutation(len(stack))
    drawn = stack[order[:size]].mean(0)
    others = stack[order[size:]].mean(0) if rest is None else rest.mean(0)
    return float(np.corrcoef(drawn, others)[0, 1])
