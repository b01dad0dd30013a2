"""Bootstrap intervals over images for scores of mean maps (Efron & Tibshirani 1993, percentile method).

A replicate draws the images of an expression with replacement, the same draw for every source, so that sources that
saw the same images stay paired. Mean maps of many replicates at once are one matrix product of draw counts and maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from xai_compare.comparison import otsu_scores, to_8bit
from xai_compare.faces import SHAPE
from xai_compare.runs.averaging import ALL, PIXELS, scaled
from xai_compare.runs.store import MapStore

KEPT = 400_000_000
"""Bytes of maps kept in memory for one expression; beyond it maps are read again for each block of replicates."""
BLOCK = 16_000_000
"""Numbers held per block of replicates."""

Intervals = dict[tuple[str, str, str, str, str], tuple[float, float]]


@dataclass
class _Group:
    """The maps of one source and expression: how to read them, in the order of ``images``."""

    label: str
    stores: list[MapStore]
    images: list[str]
    read: Callable[[], list[np.ndarray]]


def intervals(
    stores: Sequence[MapStore],
    masks: Mapping[str, np.ndarray],
    expressions: Sequence[str],
    *,
    scaling: str,
    replicates: int,
    seed: int,
    dice_threshold: float,
    advance: Callable[[int], None],
) -> Intervals:
    """95 % percentile intervals by (metric, a, b, expression, fold "all").

    Args:
        stores: the maps of every source; trainings of one network are taken together.
        masks: boolean ``(275, 224)`` by expression.
        expressions: the groups to go through; ``"all"`` is every map.
        scaling: how maps are scaled before they are averaged.
        replicates: how many; 0 gives no intervals.
        seed: of the draws.
        dice_threshold: in 0..255.
        advance: called once an expression.

    Memory is bounded: maps are read in chunks, replicates made in blocks.
    """
    found: Intervals = {}
    for number, expression in enumerate(expressions):
        groups = _groups(stores, expression, scaling)
        if replicates and groups:
            draws = np.random.default_rng([seed, number])
            values = _replicates(groups, masks.get(expression), expression, replicates, draws, dice_threshold)
            for key, numbers in values.items():
                numbers = numbers[np.isfinite(numbers)]
                if len(numbers) >= replicates / 2:
                    low, high = np.percentile(numbers, [2.5, 97.5])
                    found[key] = (float(low), float(high))
        advance(1)
    return found


def _groups(stores: Sequence[MapStore], expression: str, scaling: str) -> list[_Group]:
    groups = []
    for label in dict.fromkeys(store.source.label for store in stores):
        mine = [store for store in stores if store.source.label == label]
        images = [str(i["image"]) for store in mine for i in store.items if expression in (ALL, i["group"])]
        if images:
            groups.append(_Group(label, mine, images, _reader(mine, expression, scaling)))
    total = sum(len(group.images) for group in groups) * PIXELS * 4
    if total <= KEPT:
        for group in groups:
            kept = group.read()
            group.read = lambda kept=kept: kept  # type: ignore[misc]
    return groups


def _reader(stores: list[MapStore], expression: str, scaling: str) -> Callable[[], list[np.ndarray]]:
    def read() -> list[np.ndarray]:
        parts = []
        for store in stores:
            for table, maps in scaled(store, scaling):
                chosen = (table["group"] == expression).to_numpy() | (expression == ALL)
                if chosen.any():
                    parts.append(maps[chosen].reshape(-1, PIXELS))
        return parts

    return read


def _replicates(
    groups: list[_Group],
    mask: np.ndarray | None,
    expression: str,
    replicates: int,
    draws: np.random.Generator,
    dice_threshold: float,
) -> dict[tuple[str, str, str, str, str], np.ndarray]:
    images = sorted({image for group in groups for image in group.images})
    place = {image: i for i, image in enumerate(images)}
    counts = draws.multinomial(len(images), np.full(len(images), 1 / len(images)), size=replicates)
    size = max(BLOCK // (PIXELS * len(groups)), 1)
    parts: dict[tuple[str, str, str, str, str], list[np.ndarray]] = {}
    for start in range(0, replicates, size):
        block = counts[start : start + size]
        means = np.stack([_means(g, block[:, [place[i] for i in g.images]]) for g in groups], 1)
        for key, values in _scores(groups, means, mask, expression, dice_threshold).items():
            parts.setdefault(key, []).append(values)
    return {key: np.concatenate(values) for key, values in parts.items()}


def _means(group: _Group, counts: np.ndarray) -> np.ndarray:
    """Mean maps of replicates, float32 ``(b, pixels)``; NaN where a replicate drew none of the source's images."""
    total = np.zeros((len(counts), PIXELS), np.float32)
    weight = np.zeros(len(counts), np.float32)
    start = 0
    for maps in group.read():
        part = counts[:, start : start + len(maps)].astype(np.float32)
        start += len(maps)
        good = np.isfinite(maps[:, 0]) & np.isfinite(maps).all(1)
        total += part[:, good] @ maps[good]
        weight += part[:, good].sum(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return total / weight[:, None]


def _scores(
    groups: list[_Group], means: np.ndarray, mask: np.ndarray | None, expression: str, dice_threshold: float
) -> dict[tuple[str, str, str, str, str], np.ndarray]:
    """Scores of a block of replicates; ``means`` is ``(b, source, pixels)``."""
    found: dict[tuple[str, str, str, str, str], np.ndarray] = {}
    if mask is not None:
        for s, group in enumerate(groups):
            scores = otsu_scores(means[:, s].reshape(-1, *SHAPE), mask)
            for metric, values in scores.items():
                found[metric, group.label, "ekman", expression, "all"] = np.asarray(values)
    if len(groups) > 1:
        matrices = {"uncentred": _cosines(means), "pearson": _cosines(means - means.mean(2, keepdims=True))}
        matrices["dice"] = _dice(means, dice_threshold)
        for (i, a), (j, b) in combinations(enumerate(groups), 2):
            for metric, matrix in matrices.items():
                found[metric, a.label, b.label, expression, "all"] = matrix[:, i, j]
    return found


def _cosines(vectors: np.ndarray) -> np.ndarray:
    gram = vectors @ vectors.transpose(0, 2, 1)
    norms = np.sqrt(np.einsum("bii->bi", gram))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(gram / (norms[:, :, None] * norms[:, None, :]))


def _dice(means: np.ndarray, threshold: float) -> np.ndarray:
    b, s, _ = means.shape
    masks = (to_8bit(means.reshape(b * s, *SHAPE)) > threshold).reshape(b, s, PIXELS).astype(np.float32)
    overlap = masks @ masks.transpose(0, 2, 1)
    area = np.einsum("bii->bi", overlap)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2 * overlap / (area[:, :, None] + area[:, None, :]))
