"""How alike two maps, or a map and a mask, or a map and people's fixations are: pure functions of arrays.

Maps are (..., h, w) and every metric is batched over the leading axes; `METRICS` holds what is known about each.
Undefined is NaN, and `reason` says why.
"""

from xai_compare.comparison.dispatch import DEFAULT_METRICS, MASK_METRICS, PAIR_METRICS, References
from xai_compare.comparison.heatmap_files import read_heatmaps, unmatched
from xai_compare.comparison.image_scores import ImageScore, ImageScores
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
from xai_compare.comparison.nulls.floors import image_nulls, with_nulls
from xai_compare.comparison.nulls.null_table import NULL_COLUMNS, NullModels, null_table
from xai_compare.comparison.nulls.surrogates import Surrogates
from xai_compare.comparison.registry import METRICS, Metric, metric, reason
from xai_compare.comparison.resampling.bootstrap import (
    bootstrap,
)
from xai_compare.comparison.resampling.interval import Interval
from xai_compare.comparison.resampling.noise import explainer_share
from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.comparison.resampling.score_intervals import Pool, pool_intervals, score_intervals
from xai_compare.comparison.resampling.units import Factor, unit_intervals
from xai_compare.comparison.score_frame import COLUMNS, MapKey, ScoreKey
from xai_compare.comparison.scores import mask_scores, merges_table, pair_scores, score_table, wide, with_mean_maps
from xai_compare.comparison.statistics.anova import Anova, Ceiling, anova, ceiling, tukey
from xai_compare.comparison.statistics.clustering import Merge, linkage, merges
from xai_compare.comparison.statistics.clusters import DifferenceMap, difference_map, enhance
from xai_compare.comparison.statistics.decisions import Consistency, confusion, confusion_correlation, error_consistency
from xai_compare.comparison.statistics.equivalence import Equivalence, enough, paired_equivalence, power_curve, tost
from xai_compare.comparison.statistics.factorial import mixed_model, repeated_anova
from xai_compare.comparison.statistics.multiverse import cut_masks, multiverse_factors
from xai_compare.comparison.statistics.representational import dissimilarities, representational_similarity
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
    "Consistency",
    "DifferenceMap",
    "Equivalence",
    "Factor",
    "ImageScore",
    "ImageScores",
    "Interval",
    "MapKey",
    "Merge",
    "Metric",
    "NullModels",
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
    "ceiling",
    "confusion",
    "confusion_correlation",
    "correlation",
    "correlation_matrix",
    "cut_masks",
    "dice",
    "difference_map",
    "dissimilarities",
    "enhance",
    "enough",
    "error_consistency",
    "explainer_share",
    "f1",
    "image_nulls",
    "information_gain",
    "iou",
    "kl_divergence",
    "linkage",
    "mask_scores",
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
    "resample_counts",
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
