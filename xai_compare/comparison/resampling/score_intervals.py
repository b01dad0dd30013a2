"""Bootstrap intervals for a whole table of scores, all from one pass over each source's maps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from xai_compare.comparison.arrays import Floats
from xai_compare.comparison.dispatch import ALL, DEFAULT_METRICS, Comparison, Options, References, chosen
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.resampling.bootstrap import REPLICATES
from xai_compare.comparison.resampling.interval import LEVEL
from xai_compare.comparison.resampling.noise import Estimate
from xai_compare.comparison.resampling.pool import Pool, threads
from xai_compare.comparison.resampling.replicates import Replicates
from xai_compare.comparison.score_frame import ScoreKey


def score_intervals(
    sources: Mapping[str, Any],
    images: Mapping[str, Sequence[str]],
    expression: str,
    fold: str = ALL,
    mask: npt.NDArray[np.bool_] | None = None,
    region: npt.NDArray[np.bool_] | None = None,
    dice_threshold: float = 50,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
) -> dict[ScoreKey, tuple[float, float]]:
    """Bootstrap, over images, the default scores of the mean maps of one group (one expression and fold).

    Args:
        sources: name to maps (m, h, w), anything that slices to an array; m may differ. Names in the order in which
            `pair_scores` meets them.
        images: name to the names of the m images; sources with the same images are compared as pairs.
        expression, fold: of the group, for the keys.
        mask: (h, w), for ``iou``, ``precision``, ``recall``, ``f1`` against ``"ekman"``.
        region: (h, w), for ``known_energy`` against ``"known"``.
        dice_threshold: see `dice`.
        n, seed, level: as in `bootstrap`.

    Returns:
        As `pool_intervals`.
    """
    references = References(masks={} if mask is None else {expression: mask})
    more = (
        []
        if region is None
        else [Comparison(METRICS.get("known_energy"), a, "known", others=(region,)) for a in sources]
    )
    return pool_intervals(
        Pool.of(sources, images),
        expression,
        fold,
        chosen(DEFAULT_METRICS),
        references,
        {"dice": {"threshold": dice_threshold}},
        n=n,
        seed=seed,
        level=level,
        more=more,
    )


def pool_intervals(
    pool: Pool,
    expression: str,
    fold: str,
    metrics: Sequence[Metric],
    references: References,
    options: Options | None = None,
    *,
    n: int = REPLICATES,
    seed: int = 0,
    level: float = LEVEL,
    more: Sequence[Comparison] = (),
    estimates: dict[ScoreKey, Estimate] | None = None,
) -> dict[ScoreKey, tuple[float, float]]:
    """Bootstrap, over images, the scores of the mean maps of one group; on all the processor's cores.

    People's points, masks and baselines are held as they are; only the images behind the maps are drawn.

    Args:
        pool: the maps.
        expression, fold: of the group.
        metrics: those wanted; one that is too slow to be bootstrapped is passed over.
        references, options: see `xai_compare.comparison.dispatch`.
        n, seed, level: as in `bootstrap`.
        more: further scores of single maps.
        estimates: gains the noise-corrected correlations by the same keys, if they are asked for.

    Returns:
        (low, high) by (metric, a, b, expression, fold), as `score_table` takes it; a score without an interval (fewer
        than three images, undefined) is absent.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        drawn = Replicates(pool, expression, metrics, references, options or {}, n, seed, more)
        found = {ScoreKey(*key, expression, fold): ends for key, ends in drawn.ends(workers, level).items()}
        if estimates is not None:
            pairs = drawn.estimated.items()
            estimates.update({ScoreKey("noise_corrected", *pair, expression, fold): one for pair, one in pairs})
        return found


def replicates(
    pool: Pool,
    expression: str,
    metrics: Sequence[Metric],
    references: References,
    options: Options | None = None,
    *,
    n: int = REPLICATES,
    seed: int = 0,
    against: Collection[str] = (),
) -> dict[tuple[str, str, str], Floats]:
    """The scores of one group against some references, on the sample (first) and on every resample of its images.

    Args:
        pool, expression, metrics, references, options, n, seed: as in `pool_intervals`.
        against: names ``b`` of what is compared with: sources, people, masks.

    Returns:
        float64 (n + 1,) by (metric, a, b); sources of the same images share every draw.
    """
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        made = Replicates(pool, expression, metrics, references, options or {}, n, seed, (), against)
        made.ends(workers, LEVEL)
        return {(one.metric.name, one.a, one.b): made.values[id(one)] for one in made.every}
