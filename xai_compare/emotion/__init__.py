"""Expression is not emotion: clips of faces and eyes, EMERT, and the gap between self-report and seen expression.

Outputs are called "self-report" and "seen expression"; neither is a person's emotion (see `CAUTION`). The gaze here is
the filmed person's, on a stimulus video: an input of the network, not a place on a face.
"""

from __future__ import annotations

from xai_compare.emotion.baselines import BASELINES, Baseline
from xai_compare.emotion.blocks import MODALITIES, reverse_gradient
from xai_compare.emotion.clips import LAYOUTS, Clip, Clips, read_clips, write_clips
from xai_compare.emotion.emert import EMERT, HEADS, Outputs
from xai_compare.emotion.evaluation import (
    ABLATIONS,
    Setting,
    Trained,
    as_protocol,
    compared,
    cross_validate,
    fold_scores,
    retested,
    scores,
)
from xai_compare.emotion.folds import check_folds, folds
from xai_compare.emotion.gap import FILTER_NOTE, agreement, confusion, eye_correlations
from xai_compare.emotion.labelling import active_labels, cronbach_alpha, dawid_skene, fuse_ratings
from xai_compare.emotion.losses import PAPER, RELEASED, LossWeights, modality_loss, total_loss
from xai_compare.emotion.metrics import score_classes, score_values
from xai_compare.emotion.noise import Noise
from xai_compare.emotion.plan import Carried, Plan, carry_out
from xai_compare.emotion.protocols import CAUTION, CLASSES, PROTOCOLS, TITLES
from xai_compare.emotion.published import published
from xai_compare.emotion.sampling import Arrays, Sizes, Standard, arrays, read_faces, shuffled
from xai_compare.emotion.saving import load_network, save_network
from xai_compare.emotion.share import modality_falls, modality_share
from xai_compare.emotion.training import Recipe, fit, predict
from xai_compare.emotion.views import frame_view, still_view

__all__ = [
    "ABLATIONS",
    "BASELINES",
    "CAUTION",
    "CLASSES",
    "EMERT",
    "FILTER_NOTE",
    "HEADS",
    "LAYOUTS",
    "MODALITIES",
    "PAPER",
    "PROTOCOLS",
    "RELEASED",
    "TITLES",
    "Arrays",
    "Baseline",
    "Carried",
    "Clip",
    "Clips",
    "LossWeights",
    "Noise",
    "Outputs",
    "Plan",
    "Recipe",
    "Setting",
    "Sizes",
    "Standard",
    "Trained",
    "active_labels",
    "agreement",
    "arrays",
    "as_protocol",
    "carry_out",
    "check_folds",
    "compared",
    "confusion",
    "cronbach_alpha",
    "cross_validate",
    "dawid_skene",
    "eye_correlations",
    "fit",
    "fold_scores",
    "folds",
    "frame_view",
    "fuse_ratings",
    "load_network",
    "modality_falls",
    "modality_loss",
    "modality_share",
    "predict",
    "published",
    "read_clips",
    "read_faces",
    "retested",
    "reverse_gradient",
    "save_network",
    "score_classes",
    "score_values",
    "scores",
    "shuffled",
    "still_view",
    "total_loss",
    "write_clips",
]
