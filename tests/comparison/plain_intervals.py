"""The slow, obvious way to a group's intervals: every source's replicates by themselves, every pair's products anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from xai_compare.comparison import (
    METRICS,
    bootstrap_correlations,
    bootstrap_mean_map,
    mean_maps,
    otsu_scores,
    resample_counts,
)
from xai_compare.comparison.resampling.interval import interval
from xai_compare.comparison.resampling.resamples import jackknife_counts
from xai_compare.comparison.thresholds import dice_masks


def plain_intervals(
    sources: Mapping[str, Any], images: Mapping[str, Sequence[str]], mask: np.ndarray | None, n: int, seed: int
) -> dict[tuple[str, str, str], tuple[float, float]]:
    """(low, high) by (metric, a, b) of the default metrics; a score without an interval is absent."""
    found: dict[tuple[str, str, str], tuple[float, float]] = {}
    masks = {}
    among = {image for its in images.values() for image in its}
    for name, maps in sources.items():
        if mask is not None:
            result = bootstrap_mean_map(lambda means: otsu_scores(means, mask), maps, images[name], n, seed)
            found |= {(metric, name, "ekman"): (one.low, one.high) for metric, one in result.items()}
        counts = resample_counts(images[name], n, seed)
        left_out = jackknife_counts(images[name], among)
        every = np.vstack([np.ones_like(counts[:1]), counts, left_out])
        blocks = [dice_masks(block) for block in mean_maps(maps, every)]
        masks[name] = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    for a, b in combinations(sources, 2):
        (first, known), (second, also) = masks[a], masks[b]
        hits, areas = (first & second).sum((1, 2)), first.sum((1, 2)) + second.sum((1, 2))
        with np.errstate(invalid="ignore"):
            dice = np.where(known & also, 2 * hits / areas, np.nan)
        fewest = min(len(set(images[a])), len(set(images[b])))
        lost = np.any([(jackknife_counts(images[name], among) == 0).any(1) for name in (a, b)], axis=0)
        tails = np.where(lost, dice[n + 1 :], np.nan)
        ends = interval(
            float(dice[0]), dice[1 : n + 1], images=fewest, bounds=METRICS.get("dice").range, left_out=tails
        )
        found["dice", a, b] = (ends.low, ends.high)
    for metric, centred in (("pearson", True), ("uncentred", False)):
        for (a, b), one in bootstrap_correlations(sources, images, centred, n, seed).items():
            found[metric, a, b] = (one.low, one.high)
    return {key: ends for key, ends in found.items() if not np.isnan(ends[0])}
