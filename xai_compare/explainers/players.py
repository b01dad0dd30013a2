"""Who plays the game: the parts of a picture that are shown or hidden together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from xai_compare import ekman
from xai_compare.explainers.superpixels import superpixels
from xai_compare.faces.areas import face_parts

Kind = Literal["superpixels", "parts", "action_units"]
NO_FACE = "no face is found in the picture at the network's input size, and no landmarks are given"


@dataclass(frozen=True)
class Players:
    """The players of one picture.

    Attributes:
        names: of the players.
        cells: int ``(h, w)``, which cell each pixel lies in, from 0 up.
        membership: bool ``(players, cells)``; a cell is shown as long as one of its players is. Without overlaps cells
            and players are the same.
    """

    names: tuple[str, ...]
    cells: np.ndarray
    membership: np.ndarray

    def shown(self, masks: np.ndarray) -> np.ndarray:
        """Which cells masks ``(n, players)`` show: uint8 ``(n, cells)``."""
        return (masks.astype(np.float32) @ self.membership > 0).astype(np.uint8)

    def on_pixels(self, values: np.ndarray) -> np.ndarray:
        """Each pixel's value ``(h, w)``: that of its player, or the sum of its players'."""
        return (values @ self.membership)[self.cells]

    def distances(self) -> np.ndarray:
        """Between the players' centres, in picture heights ``(players, players)``; one without pixels is far away."""
        count = np.bincount(self.cells.ravel(), minlength=self.membership.shape[1])
        grid = np.mgrid[: self.cells.shape[0], : self.cells.shape[1]] / self.cells.shape[0]
        sums = np.stack([np.bincount(self.cells.ravel(), axis.ravel(), len(count)) for axis in grid], 1)
        pixels = self.membership @ count
        place = np.where(pixels[:, None] > 0, self.membership @ sums / np.maximum(pixels, 1)[:, None], 10.0)
        return np.linalg.norm(place[:, None] - place[None], axis=-1)


def players_of(
    kind: Kind, image: np.ndarray, landmarks: np.ndarray | None = None, n_segments: int = 30, compactness: float = 20.0
) -> Players | str:
    """The players of a uint8 ``(h, w, 3)`` picture, or why there are none.

    Args:
        kind: superpixels by SLIC; ``parts``, the same `xai_compare.faces.areas.PARTS` of the face in every
            picture, some perhaps without pixels; or the regions of ``action_units``, which overlap, and the rest.
        landmarks: ``(68, 2)``, in pixels of the picture; superpixels need none.
        n_segments, compactness: of superpixels.
    """
    if kind == "superpixels":
        cells = superpixels(image, n_segments, compactness)
        if cells.max() == 0:
            return "the picture has only one superpixel"
        return Players(tuple(map(str, range(cells.max() + 1))), cells, np.eye(cells.max() + 1, dtype=bool))
    if landmarks is None:
        return NO_FACE
    shape = (image.shape[0], image.shape[1])
    return _parts(landmarks, shape) if kind == "parts" else _units(landmarks, shape)


def _parts(landmarks: np.ndarray, shape: tuple[int, int]) -> Players:
    areas = face_parts(landmarks, shape)
    return Players(areas.names, areas.labels.astype(np.int64), np.eye(len(areas.names), dtype=bool))


def _units(landmarks: np.ndarray, shape: tuple[int, int]) -> Players:
    regions = np.stack([ekman.region(unit, landmarks, shape) for unit in ekman.ACTION_UNITS])
    regions = np.concatenate([regions, ~regions.any(0, keepdims=True)])
    membership, cells = np.unique(regions.reshape(len(regions), -1), axis=1, return_inverse=True)
    return Players((*(f"AU{unit}" for unit in ekman.ACTION_UNITS), "rest"), cells.reshape(shape), membership)
