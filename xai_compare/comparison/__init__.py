"""How alike two maps, or a map and a mask, or a map and people's fixations are: pure functions of arrays.

Maps are (..., h, w) and every metric is batched over the leading axes; `METRICS` holds what is known about each.
Undefined is NaN, and `reason` says why.
"""

from xai_compare.comparison.clustering import Merge, linkage, merges
from xai_compare.comparison.heatmap_files import read_heatmaps, unmatched
from xai_compare.comparison.intervals import score_intervals
from xai_compare.comparison.maps import (
    correlation,
    correlation_matrix,
    kl_divergence,
    pearson,
    pointing,
    region_auc,
    region_energy,
    similarity,
    uncentred,
)
from xai_compare.comparison.masks import (
    dice,
    f1,
    iou,
    otsu,
    otsu_masks,
    otsu_scores,
    precision,
    recall,
    to_8bit,
)
from xai_compare.comparison.points import auc_borji, auc_judd, auc_shuffled, auc_uniform, information_gain, nss
from xai_compare.comparison.registry import METRICS, Metric, reason
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
    Key,
    known_scores,
    mask_scores,
    merges_table,
    pair_scores,
    wide,
    with_mean_maps,
)
from xai_compare.comparison.statistics import Anova, Ceiling, anova, ceiling, tukey

__all__ = [
    "COLUMNS",
    "METRICS",
    "Anova",
    "Ceiling",
    "Interval",
    "Key",
    "Merge",
    "Metric",
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
    "known_scores",
    "linkage",
    "mask_scores",
    "mean_maps",
    "merges",
    "merges_table",
    "nss",
    "otsu",
    "otsu_masks",
    "otsu_scores",
    "pair_scores",
    "pearson",
    "pointing",
    "precision",
    "read_heatmaps",
    "reason",
    "recall",
    "region_auc",
    "region_energy",
    "score_intervals",
    "similarity",
    "to_8bit",
    "tukey",
    "uncentred",
    "unmatched",
    "wide",
    "with_mean_maps",
]
