"""Bootstrap intervals for a whole table of scores, all from one pass over each source's maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.comparison.maps import region_energy
from xai_compare.comparison.masks import dice_masks, otsu_scores
from xai_compare.comparison.registry import METRICS
from xai_compare.comparison.resampling import (
    LEVEL,
    REPLICATES,
    bootstrap_correlations,
    draw_counts,
    interval,
    mean_maps,
)
from xai_compare.comparison.scores import ALL_FOLDS, ScoreKey


def score_intervals(
    sources: Mapping[str, Any],
    images: Mapping[str, Sequence[str]],
    expression: str,
    fold: str = ALL_FOLDS,
    mask: npt.NDArray[np.bool_] | None = None,
    region: npt.NDArray[np.bool_] | None = None,
    dice_threshold: float = 50,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[ScoreKey, tuple[float, float]]:
    """Bootstrap, over images, the scores of the mean maps of one group (one expression and fold).

    Args:
        sources: name to maps (m, h, w), NumPy or anything `mean_maps` reads; m may differ. Names in the order in which
            `pair_scores` meets them.
        images: name to the names of the m images; sources with the same images are compared as pairs.
        expression, fold: of the group, for the keys.
        mask: (h, w), for ``iou``, ``precision``, ``recall``, ``f1`` against ``"ekman"``.
        region: (h, w), for ``known_energy`` against ``"known"``. (``known_auc`` would sort every replicate: where it
            is wanted, `bootstrap_mean_map` gives it.)
        dice_threshold: see `dice`.
        n, seed, level: as in `bootstrap`.

    Returns:
        (low, high) by (metric, a, b, expression, fold), as `mask_scores`, `known_scores` and `pair_scores` take it;
        a score without an interval (fewer than two images, undefined) is absent.
    """
    found: dict[ScoreKey, tuple[float, float]] = {}
    packed: dict[str, npt.NDArray[np.uint8]] = {}
    usable: dict[str, npt.NDArray[np.bool_]] = {}

    def add(metric: str, a: str, b: str, value: float, replicates: Floats) -> None:
        fewest = min(len(set(images[name])) for name in (a, b) if name in images)
        ends = interval(value, replicates, level, fewest, bounds=METRICS[metric].range)
        if not np.isnan(ends.low):
            found[ScoreKey(metric, a, b, expression, fold)] = (ends.low, ends.high)

    for name, maps in sources.items():
        singles, packed[name], usable[name] = _replicate(
            maps, draw_counts(images[name], n, seed), mask, region, dice_threshold
        )
        for (metric, b), values in singles.items():
            add(metric, name, b, float(values[0]), values[1:])
    for a, b in combinations(sources, 2):
        dice = np.where(usable[a] & usable[b], _packed_dice(packed[a], packed[b]), np.nan)
        add("dice", a, b, float(dice[0]), dice[1:])
    for metric, centred in (("pearson", True), ("uncentred", False)):
        for (a, b), result in bootstrap_correlations(sources, images, centred, n, seed, level).items():
            add(metric, a, b, result.value, result.replicates)
    return found


def _replicate(
    maps: Any,
    counts: npt.NDArray[np.int64],
    mask: npt.NDArray[np.bool_] | None,
    region: npt.NDArray[np.bool_] | None,
    threshold: float,
) -> tuple[dict[tuple[str, str], Floats], npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """Return, for the sample (first) and each replicate, the scores of one source and its Dice masks, eight a byte."""
    scores: dict[tuple[str, str], list[Floats]] = {}
    bits, usable = [], []
    for block in mean_maps(maps, np.vstack([np.ones_like(counts[:1]), counts])):
        if mask is not None:
            for metric, values in otsu_scores(block, mask).items():
                scores.setdefault((metric, "ekman"), []).append(values)
        if region is not None:
            scores.setdefault(("known_energy", "known"), []).append(region_energy(block, region))
        masks, defined = dice_masks(block, threshold)
        bits.append(np.packbits(masks.reshape(len(masks), -1), axis=1))
        usable.append(defined)
    return {key: np.concatenate(parts) for key, parts in scores.items()}, np.vstack(bits), np.concatenate(usable)


def _packed_dice(a: npt.NDArray[np.uint8], b: npt.NDArray[np.uint8]) -> Floats:
    """Return the Dice coefficient of each row of masks packed eight pixels a byte."""
    hits, first, second = (np.bitwise_count(bits).sum(1, dtype=np.int64) for bits in (a & b, a, b))
    return ratio(2 * hits, first + second)
