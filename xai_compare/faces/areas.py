"""Areas of a face: eyes, brows, nose, mouth, cheeks, forehead and the rest, from its 68 landmarks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask

from xai_compare.errors import InputError

NAMES = (
    "left eye", "right eye", "left brow", "right brow", "nose", "mouth", "left cheek", "right cheek", "forehead",
    "rest",
)  # fmt: skip
"""The areas; left and right are those of the picture, as seen by who looks at it. A pixel lies in one of them."""

PARTS = ("eyes", "brows", "nose", "mouth", "forehead", "cheeks", "jaw", "background")
"""The parts of `face_parts`, which do not tell left from right."""

MARGIN = 0.1
"""How far eyes, brows, nose and mouth reach beyond their outline, in interocular distances (some 6 mm)."""

_BROW, _BRIDGE, _BASE, _WING, _HAIRLINE, _TEMPLE = 0.12, 0.08, 0.05, 1.3, 0.9, 0.45
"""What 68 landmarks do not tell: the height of a brow, half the width of the bridge of the nose, and how far its base
lies below the landmarks, in interocular distances; how much wider the nose is than its nostrils; how high the forehead
is, and how much lower at the temples, in distances from the brows to the base of the nose. Fitted to the hand outlines
of every other picture of the London set; `benchmarks/areas.py` measures the others."""


@dataclass(frozen=True)
class Areas:
    """Areas of one picture that do not overlap.

    Attributes:
        names: of the areas.
        labels: uint8 (h, w), which area each pixel lies in.
    """

    names: tuple[str, ...]
    labels: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The area of each point: object (n,); ``off picture`` for those beside it."""
        height, width = self.labels.shape
        columns, rows = np.rint(np.asarray(x, float)), np.rint(np.asarray(y, float))
        inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
        names_at = np.full(len(columns), "off picture", object)
        at = self.labels[rows[inside].astype(int), columns[inside].astype(int)]
        names_at[inside] = np.array(self.names, object)[at]
        return names_at

    def mask(self, name: str) -> np.ndarray:
        """The pixels of an area: bool (h, w)."""
        return self.labels == self.names.index(name)

    def both_sides(self) -> Areas:
        """Both eyes as ``eyes``, both brows as ``brows`` and so on."""
        short = [_plural(name) for name in self.names]
        names = tuple(dict.fromkeys(short))
        return Areas(names, np.array([names.index(name) for name in short], np.uint8)[self.labels])


def _plural(name: str) -> str:
    return f"{name.split(' ')[1]}s" if name.startswith(("left ", "right ")) else name


def face_areas(landmarks: np.ndarray, shape: tuple[int, int], margin: float = MARGIN) -> Areas:
    """The areas of a face.

    Where outlines meet, the eyes come first, then mouth, nose and brows, then cheeks and forehead. What is left is
    ``rest``: chin, temples, hair and background.

    Args:
        landmarks: float (68, 2), x and y in pixels, in iBUG order.
        shape: height and width of the picture.
        margin: how far eyes, brows, nose and mouth reach beyond their outline, in interocular distances.

    Raises:
        InputError: if there are not 68 finite landmarks.
    """
    points = np.asarray(landmarks, float)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks must be finite (68, 2), not {points.shape}")
    unit = interocular(points)
    labels = np.full(shape, NAMES.index("rest"), np.uint8)
    outlines = face_outlines(points)
    # From the last to the first in rank: later ones overwrite.
    for name in ("forehead", "left cheek", "right cheek"):
        labels[polygon2mask(shape, outlines[name][:, ::-1])] = NAMES.index(name)
    for name in ("left brow", "right brow", "nose", "mouth", "left eye", "right eye"):
        labels[_grown(polygon2mask(shape, outlines[name][:, ::-1]), margin * unit)] = NAMES.index(name)
    return Areas(NAMES, labels)


def face_parts(landmarks: np.ndarray, shape: tuple[int, int]) -> Areas:
    """The `PARTS` of a face: its areas, both sides as one, where what is left is jaw (with temples) or background.

    Args:
        landmarks: float (68, 2), x and y in pixels, in iBUG order.
        shape: height and width of the picture.

    Raises:
        InputError: if there are not 68 finite landmarks.
    """
    areas = face_areas(landmarks, shape).both_sides()
    top = face_outlines(landmarks)["forehead"][10:]
    face = polygon2mask(shape, np.concatenate([landmarks[:17], top])[:, ::-1])
    parts = np.array([PARTS.index(name if name in PARTS else "background") for name in areas.names], np.uint8)
    labels = parts[areas.labels]
    labels[(labels == PARTS.index("background")) & face] = PARTS.index("jaw")
    return Areas(PARTS, labels)


def interocular(landmarks: np.ndarray) -> float:
    """Distance between the centres of the eyes in pixels; each is the mean of an eye's six landmarks."""
    return float(np.linalg.norm(landmarks[36:42].mean(0) - landmarks[42:48].mean(0)))


def face_outlines(landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """The outline of each area but ``rest`` as a polygon, float (k, 2), x and y in pixels, before any margin."""
    p = np.asarray(landmarks, float)
    across = p[42:48].mean(0) - p[36:42].mean(0)
    unit = float(np.linalg.norm(across)) or 1.0
    across = across / unit
    down = np.array([-across[1], across[0]])
    thick = _BROW * unit * down
    bridge, base = _BRIDGE * unit * across, _BASE * unit * down
    wing = p[33] + _WING * (p[[31, 35]] - p[33])
    height = float((p[33] - p[17:27].mean(0)) @ down)
    hairline = _TEMPLE * np.linspace(-1, 1, 10) ** 2 - _HAIRLINE
    top = p[17:27] + hairline[:, None] * height * down
    return {
        "left eye": p[36:42],
        "right eye": p[42:48],
        "left brow": np.concatenate([p[17:22], (p[17:22] + thick)[::-1]]),
        "right brow": np.concatenate([p[22:27], (p[22:27] + thick)[::-1]]),
        "nose": np.stack([p[27] - bridge, p[29] - bridge, wing[0] - 3 * base, wing[0] + base, *(p[32:35] + base),
                          wing[1] + base, wing[1] - 3 * base, p[29] + bridge, p[27] + bridge]),
        "mouth": p[48:60],
        "left cheek": np.concatenate([p[1:6], p[[48, 31, 39, 40, 41, 36]]]),
        "right cheek": np.concatenate([p[11:16][::-1], p[[54, 35, 42, 47, 46, 45]]]),
        "forehead": np.concatenate([p[17:27], top[::-1]]),
    }  # fmt: skip


def _grown(mask: np.ndarray, by: float) -> np.ndarray:
    if by <= 0 or not mask.any():
        return mask
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    pad = int(np.ceil(by)) + 1
    block = (
        slice(max(0, rows[0] - pad), rows[-1] + pad + 1),
        slice(max(0, columns[0] - pad), columns[-1] + pad + 1),
    )
    grown = mask.copy()
    grown[block] = distance_transform_edt(~mask[block]) <= by
    return grown
