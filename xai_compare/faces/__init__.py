"""Faces: detection and landmarks, the path of a picture to its crop, the canonical face, and the warp onto it."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from xai_compare.faces.canonical import CANONICAL, TRIANGLES, complete
    from xai_compare.faces.cutting import Chosen, Cutter
    from xai_compare.faces.detection import Face, Landmarker, detect, predictor_file
    from xai_compare.faces.prior import face_prior
    from xai_compare.faces.size import SHAPE
    from xai_compare.faces.warp import standardize, to_standard

__all__ = [
    "CANONICAL",
    "SHAPE",
    "TRIANGLES",
    "Chosen",
    "Cutter",
    "Face",
    "Landmarker",
    "complete",
    "detect",
    "face_prior",
    "predictor_file",
    "standardize",
    "to_standard",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "canonical": ["CANONICAL", "TRIANGLES", "complete"],
        "cutting": ["Chosen", "Cutter"],
        "detection": ["Face", "Landmarker", "detect", "predictor_file"],
        "prior": ["face_prior"],
        "size": ["SHAPE"],
        "warp": ["standardize", "to_standard"],
    },
)
