"""Face detection and 68 landmarks by dlib (Kazemi & Sullivan 2014)."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from xai_compare.errors import InputError

PREDICTOR = "shape_predictor_68_face_landmarks.dat"


@dataclass(frozen=True)
class Face:
    """A face found in a picture.

    Attributes:
        box: left, top, right, bottom in pixels, the last two included.
        landmarks: float64 ``(68, 2)``, x and y in pixels of the picture, in iBUG order.
    """

    box: tuple[int, int, int, int]
    landmarks: np.ndarray

    @property
    def area(self) -> int:
        """Area of the box in square pixels."""
        left, top, right, bottom = self.box
        return (right - left + 1) * (bottom - top + 1)


def predictor_file(named: str | Path | None = None) -> Path:
    """Return the landmark model's file: the one named, or that of the package ``face_recognition_models``.

    The package is looked up without importing it, for its ``__init__`` needs ``pkg_resources``, which current
    setuptools no longer has.

    Raises:
        InputError: if the file is not there.
    """
    if named is not None:
        path = Path(named)
        if not path.is_file():
            raise InputError("no such landmark model", where=path, hint="name dlib's 68-point predictor (.dat)")
        return path
    spec = importlib.util.find_spec("face_recognition_models")
    for place in (spec.submodule_search_locations or []) if spec else []:
        path = Path(place) / "models" / PREDICTOR
        if path.is_file():
            return path
    raise InputError(
        "dlib's 68-point landmark model is not installed",
        hint="pip install face_recognition_models, or name a predictor file (images: predictor: FILE.dat)",
    )


class Landmarker:
    """dlib's frontal-face detector and 68-point predictor.

    Args:
        predictor: another 68-point predictor file.

    Raises:
        InputError: if dlib or the predictor file is missing, or the file is no 68-point predictor.
    """

    def __init__(self, predictor: str | Path | None = None) -> None:
        try:
            import dlib
        except ImportError as error:
            raise InputError(f"dlib cannot be imported ({error})", hint="pip install dlib-bin") from None
        self.file = predictor_file(predictor)
        self._dlib: Any = dlib
        self._detect = dlib.get_frontal_face_detector()
        try:
            self._predict = dlib.shape_predictor(str(self.file))
        except RuntimeError:
            raise InputError("not a dlib shape predictor", where=self.file, hint="name a 68-point .dat file") from None

    def faces(self, image: np.ndarray) -> list[Face]:
        """Find the faces of a uint8 ``(h, w, 3)`` RGB picture, the largest first.

        A picture in which no face is found is searched once more at twice its size, for faces under 80 pixels.
        """
        # Enlarging at once would find these too, but would make every picture four times as slow.
        image = np.ascontiguousarray(image)
        boxes = self._detect(image, 0) or self._detect(image, 1)
        faces = [Face((b.left(), b.top(), b.right(), b.bottom()), self._landmarks(image, b)) for b in boxes]
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def _landmarks(self, image: np.ndarray, box: Any) -> np.ndarray:
        shape = self._predict(image, box)
        if shape.num_parts != 68:
            raise InputError(f"the predictor gives {shape.num_parts} points", where=self.file, hint="it must give 68")
        return np.array([(point.x, point.y) for point in shape.parts()], np.float64)


@cache
def _default() -> Landmarker:
    return Landmarker()


def detect(image: np.ndarray) -> list[Face]:
    """Find the faces of a uint8 ``(h, w, 3)`` RGB picture, the largest first; empty where there is none.

    Raises:
        InputError: if dlib or its landmark model is not installed, or ``image`` is not uint8 ``(h, w, 3)``.

    >>> detect(np.zeros((120, 120, 3), np.uint8))
    []
    """
    image = np.asarray(image)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"the picture must be uint8 (h, w, 3), not {image.dtype} {image.shape}")
    return _default().faces(image)
