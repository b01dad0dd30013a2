"""How alike two maps, or a map and a mask, or a map and people's fixations are: pure functions of arrays.

Maps are (..., h, w) and every metric is batched over the leading axes; `METRICS` holds what is known about each.
Undefined is NaN, and `reason` says why.
"""

from xai_compare.comparison.clustering import Merge, linkage, merges
from xai_compare.comparison.clusters import DifferenceMap, difference_map, enhance
from xai_compare.comparison.decisions import Consistency, confusion, confusion_correlation, error_consistency
from xai_compare.comparison.dispatch import DEFAULT_METRICS, MASK_METRICS, PAIR_METRICS, References
from xai_compare.comparison.draws import draw_counts
from xai_compare.comparison.ends import Interval
from xai_compare.comparison.equivalence import Equivalence, enough, paired_equivalence, power_curve, tost
from xai_compare.comparison.factorial import mixed_model, repeated_anova
from xai_compare.comparison.floors import picture_nulls, with_nulls
from xai_compare.comparison.geometry import dissimilarities, representational_similarity
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
from xai_compare.comparison.multiverse import cut_masks, multiverse_factors
from xai_compare.comparison.noise import explainer_share
from xai_compare.comparison.nulls import NULL_COLUMNS, Ignorant, null_table
from xai_compare.comparison.pictures import Picture, PictureScores
from xai_compare.comparison.registry import METRICS, Metric, metric, reason
from xai_compare.comparison.resampling import (
    bootstrap,
    bootstrap_correlation,
    bootstrap_correlations,
    bootstrap_mean_map,
    mean_maps,
)
from xai_compare.comparison.scores import mask_scores, merges_table, pair_scores, score_table, wide, with_mean_maps
from xai_compare.comparison.statistics import Anova, Ceiling, anova, ceiling, tukey
from xai_compare.comparison.surrogates import Surrogates
from xai_compare.comparison.thresholds import otsu, otsu_masks, otsu_scores, to_8bit
from xai_compare.comparison.tidy import COLUMNS, MapKey, ScoreKey
from xai_compare.comparison.units import Factor, unit_intervals

__all__ = [
    "COLUMNS",
    "DEFAULT_METRICS",
    "MASK_METRICS",
    "METRICS",
    "NULL_COLUMNS",
    "PAIR_METRICS",
    "Anova",
    "Ceiling",
    "Consistency",
    "DifferenceMap",
    "Equivalence",
    "Factor",
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
    "confusion",
    "confusion_correlation",
    "correlation",
    "correlation_matrix",
    "cut_masks",
    "dice",
    "difference_map",
    "dissimilarities",
    "draw_counts",
    "enhance",
    "enough",
    "error_consistency",
    "explainer_share",
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
    "mixed_model",
    "multiverse_factors",
    "nss",
    "null_table",
    "otsu",
    "otsu_masks",
    "otsu_scores",
    "pair_scores",
    "paired_equivalence",
    "pearson",
    "picture_nulls",
    "pointing",
    "pool_intervals",
    "power_curve",
    "precision",
    "read_heatmaps",
    "reason",
    "recall",
    "region_auc",
    "region_energy",
    "repeated_anova",
    "representational_similarity",
    "score_intervals",
    "score_table",
    "similarity",
    "to_8bit",
    "tost",
    "tukey",
    "uncentred",
    "unit_intervals",
    "unmatched",
    "wide",
    "with_mean_maps",
    "with_nulls",
]
