"""How alike two maps, or a map and a mask, or a map and people's fixations are: pure functions of arrays.

Maps are (..., h, w) and every metric is batched over the leading axes; `METRICS` holds what is known about each.
Undefined is NaN, and `reason` says why.
"""

from xai_compare.comparison.clustering import Merge, linkage, merges
from xai_compare.comparison.dispatch import DEFAULT_METRICS, MASK_METRICS, PAIR_METRICS, References
from xai_compare.comparison.floors import picture_nulls, with_nulls
from xai_compare.comparison.heatmap_files import read_heatmaps, unmatched
from xai_compare.comparison.intervals import Pool, pool_intervals, score_intervals
from xai_compare.comparison.metrics.maps import (
    correlation,
    correlation_matrix,
    kl_divergence,
    pearson,
    similarity,
    uncentred,
)
from xai_compare.comparison.metrics.masks import dice, f1, iou, precision, recall
from xai_compare.comparison.metrics.points import (
    auc_borji,
    auc_judd,
    auc_shuffled,
    auc_uniform,
    information_gain,
    nss,
)
from xai_compare.comparison.metrics.regions import pointing, region_auc, region_energy
from xai_compare.comparison.nulls import NULL_COLUMNS, Ignorant, null_table
from xai_compare.comparison.pictures import Picture, PictureScores
from xai_compare.comparison.registry import METRICS, Metric, metric, reason
from xai_compare.comparison.resampling import (
    Interval,
    bootstrap,
    bootstrap_correlation,
    bootstrap_correlations,
    bootstrap_mean_map,
    draw_counts,
    mean_maps,
)
from xai_compare.comparison.scores import (
    COLUMNS,
    MapKey,
    ScoreKey,
    mask_scores,
    merges_table,
    pair_scores,
    score_table,
    wide,
    with_mean_maps,
)
from xai_compare.comparison.statistics import Anova, Ceiling, anova, ceiling, tukey
from xai_compare.comparison.surrogates import Surrogates
from xai_compare.comparison.thresholds import otsu, otsu_masks, otsu_scores, to_8bit

__all__ = [
    "COLUMNS",
    "DEFAULT_METRICS",
    "MASK_METRICS",
    "METRICS",
    "NULL_COLUMNS",
    "PAIR_METRICS",
    "Anova",
    "Ceiling",
    "Ignorant",
    "Interval",
    "MapKey",
    "Merge",
    "Metric",
    "Picture",
    "PictureScores",
    "Pool",
    "References",
    "ScoreKey",
    "Surrogates",
    "anova",
    "auc_borji",
    "auc_judd",
    "auc_shuffled",
    "auc_uniform",
    "bootstrap",
    "bootstrap_correlation",
    "bootstrap_correlations",
    "bootstrap_mean_map",
    "ceiling",
    "correlation",
    "correlation_matrix",
    "dice",
    "draw_counts",
    "f1",
    "information_gain",
    "iou",
    "kl_divergence",
    "linkage",
    "mask_scores",
    "mean_maps",
    "merges",
    "merges_table",
    "metric",
    "nss",
    "null_table",
    "otsu",
    "otsu_masks",
    "otsu_scores",
    "pair_scores",
    "pearson",
    "picture_nulls",
    "pointing",
    "pool_intervals",
    "precision",
    "read_heatmaps",
    "reason",
    "recall",
    "region_auc",
    "region_energy",
    "score_intervals",
    "score_table",
    "similarity",
    "to_8bit",
    "tukey",
    "uncentred",
    "unmatched",
    "wide",
    "with_mean_maps",
    "with_nulls",
]
