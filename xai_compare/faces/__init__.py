"""Faces: detection and landmarks, the canonical face, and the warp onto it."""

from xai_compare.faces.canonical import CANONICAL, SHAPE, TRIANGLES, complete
from xai_compare.faces.detection import Face, Landmarker, detect, predictor_file
from xai_compare.faces.prior import face_prior
from xai_compare.faces.warp import standardize, to_standard

__all__ = [
    "CANONICAL",
    "SHAPE",
    "TRIANGLES",
    "Face",
    "Landmarker",
    "complete",
    "detect",
    "face_prior",
    "predictor_file",
    "standardize",
    "to_standard",
]
