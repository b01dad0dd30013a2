"""The path of a picture, from its file to an upright crop of one face: what runs, `explain` and Python share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from xai_compare.errors import InputError
from xai_compare.faces.detection import Face, Landmarker
from xai_compare.images.crop import MARGIN, Crop, align
from xai_compare.images.reading import MAX_PIXELS, read_image


@dataclass(frozen=True)
class SelectedFace:
    """The face of a picture that is used.

    Attributes:
        face: box and landmarks.
        count: how many faces were found.
        note: which one was taken, if there are several; ``""`` where there is one.
    """

    face: Face
    count: int
    note: str


@dataclass(frozen=True)
class FaceCropper:
    """Reads pictures, chooses a face in each and cuts it out.

    Attributes:
        margin: side of the crop, in multiples of the larger extent of the landmarks.
        predictor: another 68-point predictor file for dlib.
        max_pixels: larger pictures are refused.
    """

    margin: float = MARGIN
    predictor: Path | None = None
    max_pixels: int = MAX_PIXELS

    @cached_property
    def landmarker(self) -> Landmarker:
        """Loaded when the first picture needs it."""
        return Landmarker(self.predictor)

    def read(self, path: str | Path) -> np.ndarray:
        """Read a picture as uint8 ``(h, w, 3)`` RGB; errors as `xai_compare.images.read_image`."""
        return read_image(path, max_pixels=self.max_pixels)

    def choose(self, picture: np.ndarray, wanted: str = "") -> SelectedFace:
        """Find the face of a picture.

        Args:
            picture: uint8 ``(h, w, 3)`` RGB.
            wanted: which face, ``"0"`` being the largest; the largest if empty.

        Raises:
            InputError: if no face is found, or not the one that is wanted.
        """
        faces = self.landmarker.faces(picture)
        if not faces:
            raise InputError("no face found")
        if not wanted:
            note = "" if len(faces) == 1 else f"{len(faces)} faces; the largest was taken"
            return SelectedFace(faces[0], len(faces), note)
        index = int(wanted) if wanted.isascii() and wanted.isdigit() else -1
        if not 0 <= index < len(faces):
            raise InputError(f"face {wanted!r} is not among the {len(faces)} found (0 is the largest)")
        return SelectedFace(
            faces[index], len(faces), f"{len(faces)} faces; face {index} was taken, as the manifest says"
        )

    def crop(self, picture: np.ndarray, landmarks: np.ndarray) -> Crop:
        """Cut out a face whose landmarks, ``(68, 2)`` in pixels of the picture, are known."""
        return align(picture, landmarks, self.margin)
