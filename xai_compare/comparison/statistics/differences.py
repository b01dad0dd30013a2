"""Which of two sources scores higher, on the images that both explain: differences with intervals and p values.

Two scores whose intervals overlap may differ for sure, and two whose intervals do not may not, for both move with the
same images. So every resample is scored for both sources, and their difference has an interval of its own, of the same
kind as a score's (see `interval`).

Its p value comes from swapping the two sources' maps of single images by a coin's throw, as if nothing told the sources
apart (Pitman 1937): the difference is set against the spread of such differences. Intervals lean to the
safe side, and so a difference may have a small p and an interval that holds 0; the report then claims nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Floats
from xai_compare.comparison.dispatch import ALL, Options, References
from xai_compare.comparison.nulls.surrogates import Grid
from xai_compare.comparison.pairwise import Maps, cross
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.resampling.interval import LEAST, LEVEL, errors
from xai_compare.comparison.resampling.pool import Pool
from xai_compare.comparison.resampling.replicates import pool_replicates
from xai_compare.expressions import ordered

SWAPS = 200
"""Random swaps from which the spread of a difference is taken where there is none; half of them mirror the others."""


class DifferenceKey(NamedTuple):
    """Whose scores are compared: of ``a1`` less of ``a2``, both against ``b``."""

    metric: str
    a1: str
    a2: str
    b: str
    expression: str


DIFFERENCE_COLUMNS = (*DifferenceKey._fields, "difference", "ci_low", "ci_high", "p", "p_adjusted", "n", "note")


@dataclass(frozen=True)
class Difference:
    """A difference of two scores.

    Attributes:
        value: the score of ``a1`` less that of ``a2``; NaN where it is undefined.
        error: its standard error.
        n: images that both explain.
        note: why something is missing.
        swapped: the difference, and its spread where the sources are swapped by chance, from which p comes; by default
            p is that of the difference over its standard error.
    """

    value: float
    error: float
    n: int
    note: str = ""
    swapped: tuple[float, float] | None = None


Differences = dict[DifferenceKey, Difference]


def pool_differences(
    pool: Pool,
    expression: str,
    metrics: Sequence[Metric],
    references: References,
    options: Options | None = None,
    *,
    sources: Sequence[str],
    against: Sequence[str],
    n: int = 500,
    seed: int = 0,
) -> Differences:
    """Compare the scores of every two sources of one expression on the images that both have.

    Args:
        pool: the maps.
        expression: of the group.
        metrics: those wanted.
        references, options: see `xai_compare.comparison.dispatch`.
        sources: names ``a1``, ``a2``.
        against: names ``b``: people, masks.
        n, seed: of the resamples.
    """
    present = [name for name in sources if name in pool.rows]
    shared: dict[frozenset[str], list[tuple[str, str]]] = {}
    for a1, a2 in combinations(present, 2):
        shared.setdefault(frozenset(pool.images[a1]) & frozenset(pool.images[a2]), []).append((a1, a2))
    differences: Differences = {}
    swaps = _Swaps(pool, expression, references, options or {}, seed)
    for images, pairs in shared.items():
        if len(images) < LEAST:
            continue
        restricted = _restricted(pool, {name for pair in pairs for name in pair}, images, against)
        values = pool_replicates(restricted, expression, metrics, references, options, n=n, seed=seed, against=against)
        for metric in metrics:
            names = dict.fromkeys(b for name, _, b in values if name == metric.name)
            for b, (a1, a2) in product(names, pairs):
                first, second = values.get((metric.name, a1, b)), values.get((metric.name, a2, b))
                if first is not None and second is not None and b not in (a1, a2):
                    key = DifferenceKey(metric.name, a1, a2, b, expression)
                    swapped = swaps(metric, a1, a2, b, images)
                    differences[key] = _difference(first - second, len(images), swapped, metric.shift)
    return differences


class _Swaps:
    """Differences of scores where the maps of single images are swapped between two sources, on a coarser grid."""

    def __init__(self, pool: Pool, expression: str, references: References, options: Options, seed: int) -> None:
        self.pool, self.references, self.options = pool, references, options
        self.expression, self.seed = expression, seed
        self.grid = Grid.of((int(pool.maps.shape[1]), int(pool.maps.shape[2])))
        self._sums: dict[tuple[str, frozenset[str]], Floats] = {}
        self._stacks: tuple[tuple[str, str, frozenset[str]], tuple[Maps, Floats]] | None = None
        self._others: dict[tuple[str, str], Maps] = {}

    def __call__(self, metric: Metric, a1: str, a2: str, b: str, images: frozenset[str]) -> tuple[float, float]:
        """The difference on this grid, and the spread of those where maps are swapped."""
        if self._stacks is None or self._stacks[0] != (a1, a2, images):
            self._stacks = (a1, a2, images), self._drawn(a1, a2, images)
        maps, often = self._stacks[1]
        scores = cross(metric, maps, self._reference(metric, b), self.options)[:, 0].reshape(2, -1)
        away = scores[0] - scores[1]
        known = np.isfinite(away[1:])
        spread = np.average(away[1:][known] ** 2, weights=often[known]) if known.any() else math.nan
        return float(away[0]), float(np.sqrt(spread))

    def _drawn(self, a1: str, a2: str, images: frozenset[str]) -> tuple[Maps, Floats]:
        """Both sources' sums of maps, as they are (first) and with maps swapped, and how often each swap is drawn.

        A swap of all other images is the same swap with the sources exchanged, which only turns the difference's sign:
        of the two the one is taken that leaves the first image alone.
        """
        first, second = self._of_images(a1, images), self._of_images(a2, images)
        coins = np.random.default_rng([self.seed, 22]).random((SWAPS // 2, len(first))) < 0.5
        coins, often = np.unique(coins ^ coins[:, :1], axis=0, return_counts=True)
        moved = np.vstack([np.zeros((1, len(first))), coins]) @ (second - first)
        both = np.concatenate([first.sum(0) + moved, second.sum(0) - moved])
        return Maps(both.reshape(-1, *self.grid.coarse), self.options), often.astype(np.float64)

    def _of_images(self, name: str, images: frozenset[str]) -> Floats:
        """A source's map of each image, its trainings together, (images, pixels)."""
        if (name, images) not in self._sums:
            place = {image: i for i, image in enumerate(sorted(images))}
            total = np.zeros((len(images), int(np.prod(self.grid.coarse))))
            for row, image in zip(self.pool.rows[name], self.pool.images[name], strict=True):
                if image in place:
                    total[place[image]] += self.grid.reduce(self.pool.maps[row]).ravel()
            self._sums[name, images] = total
        return self._sums[name, images]

    def _reference(self, metric: Metric, b: str) -> Maps:
        kind = metric.needs[1]
        if (kind, b) not in self._others:
            if kind == "mask":
                reference = self.grid.reduce(self.references.masks[self.expression])
            else:
                reference = self._of_images(b, frozenset(self.pool.images[b])).sum(0).reshape(self.grid.coarse)
            self._others[kind, b] = Maps(reference[None], self.options)
        return self._others[kind, b]


def image_differences(scores: Mapping[tuple[str, str, str, str], Mapping[str, float]]) -> Differences:
    """Compare scores taken picture by picture: the mean of the pictures' differences.

    Args:
        scores: by metric, a, b and expression, the score of each image.
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for metric, a, b, expression in scores:
        groups.setdefault((metric, b, expression), []).append(a)
    differences: Differences = {}
    for (metric, b, expression), names in groups.items():
        for a1, a2 in combinations(names, 2):
            first, second = scores[metric, a1, b, expression], scores[metric, a2, b, expression]
            pairs = np.array([first[image] - second[image] for image in first if image in second], float)
            pairs = pairs[np.isfinite(pairs)]
            if len(pairs) >= LEAST:
                error = float(pairs.std(ddof=1) / np.sqrt(len(pairs)))
                key = DifferenceKey(metric, a1, a2, b, expression)
                differences[key] = Difference(float(pairs.mean()), error, len(pairs))
    return differences


def difference_table(
    differences: Differences, wanted: Iterable[DifferenceKey] = (), *, mean: bool = True, level: float = LEVEL
) -> pd.DataFrame:
    """Intervals and p values, corrected by Holm's method over the rows of a metric, reference and expression.

    Args:
        differences: of expressions.
        wanted: further rows, given as missing where ``differences`` does not have them.
        mean: whether rows of expression ``"all"`` are added, of the mean over expressions that both sources have.
        level: of the intervals.

    Returns:
        A frame of `DIFFERENCE_COLUMNS`.
    """
    every = {key: differences.get(key, _MISSING) for key in [*wanted, *differences]}
    rows: list[tuple[Any, ...]] = []
    groups: dict[tuple[str, str, str, str], list[Difference]] = {}
    for key, part in every.items():
        tested = _tested(part.value, part.error, part.n - 1.0, level, *_ratio([part]), part.n)
        rows.append((*key, *tested, part.n, _note(part, key.metric)))
        if key.expression != ALL and math.isfinite(part.value) and part.error > 0:
            groups.setdefault(key[:4], []).append(part)
    if mean:
        for group, parts in groups.items():
            if len(parts) > 1:
                rows.append((*group, ALL, *_mean_of(parts, level, group[0])))
    table = pd.DataFrame(rows, columns=[name for name in DIFFERENCE_COLUMNS if name != "p_adjusted"])
    table["p_adjusted"] = np.nan
    for _, tests in table[table["p"].notna()].groupby(["metric", "b", "expression"], sort=False):
        table.loc[tests.index, "p_adjusted"] = holm(tests["p"].to_numpy(float))
    place = {name: i for i, name in enumerate(ordered(table["expression"]))}
    order = sorted(range(len(table)), key=lambda row: place[table["expression"].iloc[row]])
    return table.iloc[order].reset_index(drop=True)[list(DIFFERENCE_COLUMNS)]


def holm(p: Floats) -> Floats:
    """Return p values (k,) corrected by Holm's step-down method (Holm 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).round(2).tolist()
    [0.03, 0.06, 0.06]
    """
    from statsmodels.stats.multitest import multipletests

    return multipletests(p, method="holm")[1] if len(p) else p


_MISSING = Difference(math.nan, math.nan, 0, "the two sources share fewer than three images")


def _difference(values: Floats, images: int, swapped: tuple[float, float], shift: float) -> Difference:
    known = values[1:][np.isfinite(values[1:])]
    if not math.isfinite(values[0]) or len(known) < 2:
        return Difference(math.nan, math.nan, images, "a score is undefined")
    error = float(errors(values[:1], known[None], images, shift)[0])
    if error == 0:
        return Difference(float(values[0]), math.nan, images, "every resample gives the same difference")
    return Difference(float(values[0]), error, images, "", swapped)


def _restricted(pool: Pool, names: Iterable[str], images: frozenset[str], against: Sequence[str]) -> Pool:
    """The maps of some sources on some images; what they are compared with keeps all of its own."""
    rows, kept = {}, {}
    for name, every in pool.images.items():
        if name in names or name in against:
            places = [i for i, image in enumerate(every) if name in against or image in images]
            rows[name], kept[name] = np.asarray(pool.rows[name])[places], [every[i] for i in places]
    return Pool(pool.maps, rows, kept)


def _tested(
    value: float, error: float, df: float, level: float, ratio: float, swapped: bool, images: int
) -> tuple[float, float, float, float]:
    """Return value, ci_low, ci_high and p."""
    if not (math.isfinite(value) and error > 0 and df > 0):
        return value, math.nan, math.nan, math.nan
    away = float(stats.t.ppf((1 + level) / 2, df)) * error
    p = float(2 * stats.t.sf(ratio, df))
    if swapped and math.isfinite(ratio):
        # A difference over its spread under swaps has no t distribution, for the difference is part of that spread: of
        # plain numbers x the ratio is sum(x) / sqrt(sum(x ** 2)), at most sqrt(n), and Student's t follows from it
        # exactly. No p is below what all swaps of so few images could give.
        left = df + 1 - ratio**2
        p = float(2 * stats.t.sf(ratio * math.sqrt(df / left), df)) if left > 0 else 0.0
        p = max(p, 2.0 ** (1 - images))
    return value, value - away, value + away, p


def _ratio(parts: Sequence[Difference]) -> tuple[float, bool]:
    """The mean difference that is tested over its spread, without sign, and whether swaps gave the spread."""
    pairs = np.array([part.swapped or (part.value, part.error) for part in parts], float)
    spread = float(np.sqrt((pairs[:, 1] ** 2).sum()))
    ratio = abs(float(pairs[:, 0].sum())) / spread if spread > 0 else math.nan
    return ratio, all(part.swapped is not None for part in parts)


def _mean_of(parts: Sequence[Difference], level: float, metric: str) -> tuple[Any, ...]:
    """The mean over expressions: their images differ, so that their errors add; degrees of freedom by Satterthwaite."""
    variances = np.array([part.error**2 for part in parts])
    sizes = np.array([part.n for part in parts])
    df = variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum()
    value = float(np.mean([part.value for part in parts]))
    note = f"mean over {len(parts)} expressions"
    if sizes.min() < METRICS.get(metric).few(difference=True):
        note += f", of as few as {sizes.min()} images: the interval may be too narrow"
    error = float(np.sqrt(variances.sum())) / len(parts)
    images = int(sizes.sum())
    return *_tested(value, error, float(df), level, *_ratio(parts), images), images, note


def _note(difference: Difference, metric: str) -> str:
    if difference.note or not math.isfinite(difference.error):
        return difference.note
    few = difference.n < METRICS.get(metric).few(difference=True)
    return f"{difference.n} images are few: the interval may be too narrow" if few else ""
