"""Simulated faces whose answers are known, and the networks and study that come with the package."""

from __future__ import annotations

from xai_compare.models.bundled import BUNDLED, bundled
from xai_compare.synthetic.anatomy import ACTION_UNITS
from xai_compare.synthetic.dataset import bundled_study, default_study, write_dataset
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.observers import clicks
from xai_compare.synthetic.render import RenderedFace, render
from xai_compare.synthetic.sets import SimulatedFaces, faces, known_answer

__all__ = [
    "ACTION_UNITS",
    "BUNDLED",
    "Identity",
    "RenderedFace",
    "SimulatedFaces",
    "bundled",
    "bundled_study",
    "clicks",
    "default_study",
    "faces",
    "known_answer",
    "render",
    "write_dataset",
]
