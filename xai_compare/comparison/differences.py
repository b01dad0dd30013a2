"""Which of two sources scores higher, on the images that both explain: differences with intervals and p values.

Two scores whose intervals overlap may differ for sure, and two whose intervals do not may not, for both move with the
same images. So every resample is scored for both sources, and their difference has an interval of its own, of the same
kind as a score's (see `xai_compare.comparison.resampling.interval`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Floats
from xai_compare.comparison.dispatch import ALL, Options, References
from xai_compare.comparison.intervals import Pool, replicates
from xai_compare.comparison.registry import Metric
from xai_compare.comparison.resampling import FEW, LEAST, LEVEL, errors
from xai_compare.expressions import ordered

DIFFERENCE_COLUMNS = (
    "metric", "a1", "a2", "b", "expression", "difference", "ci_low", "ci_high", "p", "p_adjusted", "n", "note",
)  # fmt: skip


class DifferenceKey(NamedTuple):
    """Whose scores are compared: of ``a1`` less of ``a2``, both against ``b``."""

    metric: str
    a1: str
    a2: str
    b: str
    expression: str


@dataclass(frozen=True)
class Difference:
    """A difference of two scores.

    Attributes:
        value: the score of ``a1`` less that of ``a2``; NaN where it is undefined.
        error: its standard error.
        n: images that both explain.
        note: why something is missing.
    """

    value: float
    error: float
    n: int
    note: str = ""


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
    there = [name for name in sources if name in pool.rows]
    shared: dict[frozenset[str], list[tuple[str, str]]] = {}
    for a1, a2 in combinations(there, 2):
        shared.setdefault(frozenset(pool.images[a1]) & frozenset(pool.images[a2]), []).append((a1, a2))
    found: Differences = {}
    for images, pairs in shared.items():
        if len(images) < LEAST:
            continue
        names = {name for pair in pairs for name in pair}
        part = _restricted(pool, names, images, against)
        values = replicates(part, expression, metrics, references, options, n=n, seed=seed, against=against)
        for metric in metrics:
            for b in dict.fromkeys(b for name, _, b in values if name == metric.name):
                for a1, a2 in pairs:
                    one, other = values.get((metric.name, a1, b)), values.get((metric.name, a2, b))
                    if one is not None and other is not None and b not in (a1, a2):
                        found[DifferenceKey(metric.name, a1, a2, b, expression)] = _difference(one - other, len(images))
    return found


def picture_differences(scores: Mapping[tuple[str, str, str, str], Mapping[str, float]]) -> Differences:
    """Compare scores taken picture by picture: the mean of the pictures' differences.

    Args:
        scores: by metric, a, b and expression, the score of each image.
    """
    groups: dict[tuple[str, str, str], list[str]] = {}
    for metric, a, b, expression in scores:
        groups.setdefault((metric, b, expression), []).append(a)
    found: Differences = {}
    for (metric, b, expression), names in groups.items():
        for a1, a2 in combinations(names, 2):
            one, other = scores[metric, a1, b, expression], scores[metric, a2, b, expression]
            pairs = np.array([one[image] - other[image] for image in one if image in other], float)
            pairs = pairs[np.isfinite(pairs)]
            if len(pairs) >= LEAST:
                error = float(pairs.std(ddof=1) / np.sqrt(len(pairs)))
                key = DifferenceKey(metric, a1, a2, b, expression)
                found[key] = Difference(float(pairs.mean()), error, len(pairs))
    return found


def difference_table(
    found: Differences, wanted: Iterable[DifferenceKey] = (), *, mean: bool = True, level: float = LEVEL
) -> pd.DataFrame:
    """Intervals and p values, corrected by Holm's method over the rows of a metric, reference and expression.

    Args:
        found: the differences of expressions.
        wanted: further rows, given as missing where ``found`` does not have them.
        mean: whether rows of expression ``"all"`` are added, of the mean over expressions that both sources have.
        level: of the intervals.

    Returns:
        A frame of `DIFFERENCE_COLUMNS`.
    """
    every = {key: found.get(key, _MISSING) for key in [*wanted, *found]}
    rows: list[tuple[Any, ...]] = []
    groups: dict[tuple[str, str, str, str], list[Difference]] = {}
    for key, one in every.items():
        rows.append((*key, *_tested(one.value, one.error, one.n - 1.0, level), one.n, _said(one)))
        if key.expression != ALL and math.isfinite(one.value) and one.error > 0:
            groups.setdefault(key[:4], []).append(one)
    if mean:
        for group, parts in groups.items():
            if len(parts) > 1:
                rows.append((*group, ALL, *_mean_of(parts, level)))
    table = pd.DataFrame(rows, columns=[name for name in DIFFERENCE_COLUMNS if name != "p_adjusted"])
    table["p_adjusted"] = np.nan
    for _, mine in table[table["p"].notna()].groupby(["metric", "b", "expression"], sort=False):
        table.loc[mine.index, "p_adjusted"] = holm(mine["p"].to_numpy(float))
    place = {name: i for i, name in enumerate(ordered(table["expression"]))}
    order = sorted(range(len(table)), key=lambda row: place[table["expression"].iloc[row]])
    return table.iloc[order].reset_index(drop=True)[list(DIFFERENCE_COLUMNS)]


def holm(p: Floats) -> Floats:
    """Return p values (k,) corrected by Holm's step-down method (Holm 1979)."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(stepped, 1)
    return corrected


_MISSING = Difference(math.nan, math.nan, 0, "the two sources share fewer than three images")


def _difference(values: Floats, images: int) -> Difference:
    known = values[1:][np.isfinite(values[1:])]
    if not math.isfinite(values[0]) or len(known) < 2:
        return Difference(math.nan, math.nan, images, "a score is undefined")
    error = float(errors(values[:1], known[None], images)[0])
    if error == 0:
        return Difference(float(values[0]), math.nan, images, "every resample gives the same difference")
    return Difference(float(values[0]), error, images)


def _restricted(pool: Pool, names: Iterable[str], images: frozenset[str], against: Sequence[str]) -> Pool:
    """The maps of some sources on some images; what they are compared with keeps all of its own."""
    rows, kept = {}, {}
    for name, its in pool.images.items():
        if name in names or name in against:
            chosen = [i for i, image in enumerate(its) if name in against or image in images]
            rows[name] = np.asarray(pool.rows[name])[chosen]
            kept[name] = [its[i] for i in chosen]
    return Pool(pool.maps, rows, kept)


def _tested(value: float, error: float, df: float, level: float) -> tuple[float, float, float, float]:
    """Return value, ci_low, ci_high and p."""
    if not (math.isfinite(value) and error > 0 and df > 0):
        return value, math.nan, math.nan, math.nan
    away = float(stats.t.ppf((1 + level) / 2, df)) * error
    return value, value - away, value + away, float(2 * stats.t.sf(abs(value) / error, df))


def _mean_of(parts: Sequence[Difference], level: float) -> tuple[Any, ...]:
    """The mean over expressions: their images differ, so that their errors add; degrees of freedom by Satterthwaite."""
    variances = np.array([one.error**2 for one in parts])
    sizes = np.array([one.n for one in parts])
    df = variances.sum() ** 2 / (variances**2 / (sizes - 1)).sum()
    value = float(np.mean([one.value for one in parts]))
    note = f"mean over {len(parts)} expressions"
    if sizes.min() < FEW:
        note += f", of as few as {sizes.min()} images: the interval may be too narrow"
    error = float(np.sqrt(variances.sum())) / len(parts)
    return *_tested(value, error, float(df), level), int(sizes.sum()), note


def _said(one: Difference) -> str:
    if one.note or not math.isfinite(one.error):
        return one.note
    return f"{one.n} images are few: the interval may be too narrow" if one.n < FEW else ""
