"""What is asked: the study file, validated."""

from __future__ import annotations

from xai_compare.study.asked import FOLDS, Study
from xai_compare.study.comparisons import Compare, Scaling, Statistics, Thresholds
from xai_compare.study.images import Images
from xai_compare.study.networks import ExplainerSpec, ModelInput, ModelSpec
from xai_compare.study.people import CrossKeys, GazeKeys, HumanSpec, Screen

__all__ = [
    "FOLDS",
    "Compare",
    "CrossKeys",
    "ExplainerSpec",
    "GazeKeys",
    "HumanSpec",
    "Images",
    "ModelInput",
    "ModelSpec",
    "Scaling",
    "Screen",
    "Statistics",
    "Study",
    "Thresholds",
]
