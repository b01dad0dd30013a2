"""Every defensible way of scoring, at once: how far scores and the order of sources depend on choices.

A study must choose how maps are scaled, how they are cut, which explainer is asked and how wide a fixation is. None of
these choices is right; each combination is a universe of its own (Steegen et al. 2016, *Perspectives on Psychological
Science* 11). What holds in one of them only is a property of the choice.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Bools, as_maps, ratio
from xai_compare.comparison.thresholds import dice_masks, otsu_masks
from xai_compare.errors import InputError, nearest

Cut = Literal["otsu", "level", "equal_area"]
FACTOR_COLUMNS = ("factor", "levels", "spread", "eta_squared", "tau_mean", "tau_least", "first_changes", "pairs")


def cut_masks(maps: npt.ArrayLike, cut: Cut, level: float = 50, area: npt.ArrayLike = np.nan) -> Bools:
    """Cut maps into masks in one of three ways.

    Args:
        maps: (..., h, w), finite.
        cut: ``"otsu"``: Otsu's threshold; ``"level"``: above a level of each map's own range as 0..255;
            ``"equal_area"``: the highest pixels, as many as the reference has.
        level: in 0..255.
        area: (...) or one number, pixels that ``"equal_area"`` keeps.

    Returns:
        bool (..., h, w); empty for a constant map. Pixels as high as the last one that is kept are kept too.

    Raises:
        InputError: for another way.
    """
    array = as_maps(maps)
    if cut not in get_args(Cut):
        raise InputError(f"unknown way to cut maps {cut!r}", hint=nearest(str(cut), get_args(Cut)))
    if cut == "otsu":
        return otsu_masks(array)
    if cut == "level":
        masks, usable = dice_masks(array, level)
        return masks & usable[..., None, None]
    rows = array.reshape(-1, array.shape[-2] * array.shape[-1])
    most = np.broadcast_to(np.asarray(area, float), array.shape[:-2]).reshape(-1)
    masks = np.zeros(rows.shape, bool)
    for row, count, mask in zip(rows, most, masks, strict=True):
        if np.isfinite(count) and 1 <= count <= row.size and np.ptp(row) > 0:
            mask[:] = row >= np.partition(row, row.size - int(count))[row.size - int(count)]
    return masks.reshape(array.shape)


def multiverse_factors(
    table: pd.DataFrame, factors: Sequence[str], contestant: str, value: str = "value"
) -> pd.DataFrame:
    """How much each choice moves the scores, and the order of those who are compared.

    Args:
        table: a row for each contestant in each universe.
        factors: the columns that are choices; together they name a universe.
        contestant: the column of who is compared, such as the network.
        value: the column of scores.

    Returns:
        A frame of `FACTOR_COLUMNS`, a row for each factor of at least two levels: ``spread``, the greatest less the
        least of its levels' mean scores; ``eta_squared``, the share of all scores' variance that lies between its
        levels; mean and least Kendall's tau (b) between the orders of contestants in two universes that differ in this
        factor alone; ``first_changes``, the share of these ``pairs`` of universes with another contestant first. What
        is undefined (fewer than two contestants, ties everywhere) is NaN.
    """
    known = table[np.isfinite(table[value].to_numpy(float))]
    rows = []
    for factor in factors:
        levels = known.groupby(factor, sort=False)[value]
        means = levels.mean()
        if len(means) < 2:
            continue
        between = float((levels.size() * (means - known[value].mean()) ** 2).sum())
        total = float(((known[value] - known[value].mean()) ** 2).sum())
        taus, changes = _orders(known, factor, [other for other in factors if other != factor], contestant, value)
        mean, least = (float(np.mean(taus)), float(np.min(taus))) if taus else (np.nan, np.nan)
        changed = float(np.mean(changes)) if changes else np.nan
        spread = float(means.max() - means.min())
        rows.append((factor, len(means), spread, float(ratio(between, total)), mean, least, changed, len(taus)))
    return pd.DataFrame(rows, columns=list(FACTOR_COLUMNS))


def orders_beside(table: pd.DataFrame, factors: Sequence[str], own: dict[str, Any], contestant: str) -> pd.DataFrame:
    """Kendall's tau of the order of contestants in each universe with that in the study's own.

    Args:
        table: as in `multiverse_factors`, with the column ``value``.
        factors: the columns that are choices.
        own: the study's own level of each factor; a factor that is absent is held at the universe's own level.
        contestant: the column of who is compared.

    Returns:
        The factors' columns with ``first``, the contestant that scores highest, and ``tau`` (NaN where there is none).
    """
    wide = table.pivot_table(index=list(factors), columns=contestant, values="value", sort=False)
    rows = []
    for universe, scores in wide.iterrows():
        levels = dict(zip(factors, universe if isinstance(universe, tuple) else (universe,), strict=True))
        reference = tuple((levels | own)[name] for name in factors)
        key = reference if len(factors) > 1 else reference[0]
        beside = wide.loc[key] if key in wide.index else None
        tau = np.nan if beside is None else _tau(scores, beside)
        first = str(scores.idxmax()) if scores.notna().any() else ""
        rows.append((*levels.values(), first, tau))
    return pd.DataFrame(rows, columns=[*factors, "first", "tau"])


def _orders(
    known: pd.DataFrame, factor: str, others: Sequence[str], contestant: str, value: str
) -> tuple[list[float], list[bool]]:
    """Tau, and whether the first differs, of every two universes that differ in one factor."""
    groups = [rows for _, rows in known.groupby(list(others), sort=False)] if others else [known]
    taus, changes = [], []
    for rows in groups:
        wide = rows.pivot_table(index=factor, columns=contestant, values=value, sort=False)
        for i, j in combinations(range(len(wide)), 2):
            tau = _tau(wide.iloc[i], wide.iloc[j])
            if np.isfinite(tau):
                taus.append(tau)
                both = wide.iloc[[i, j]].dropna(axis=1)
                changes.append(bool(both.iloc[0].idxmax() != both.iloc[1].idxmax()))
    return taus, changes


def _tau(first: pd.Series, second: pd.Series) -> float:
    both = pd.concat([first, second], axis=1).dropna().to_numpy(float)
    if len(both) < 2 or np.ptp(both[:, 0]) == 0 or np.ptp(both[:, 1]) == 0:
        return float("nan")
    return float(stats.kendalltau(both[:, 0], both[:, 1]).statistic)
