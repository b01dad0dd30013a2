"""Pictures as people uncovered them by clicking, and fine-tuning with them (Park & Wallraven 2022, 4.2 and 5.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from PIL import Image
from scipy import ndimage

from xai_compare.errors import InputError
from xai_compare.faces.cropping import FaceCropper
from xai_compare.models.training.augmentation import ROOM
from xai_compare.models.training.config import ClickTuningOptions

SHIFTS = tuple((dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if (dx, dy) != (0, 0))
"""The eight directions by one pixel in which the paper shifts the mask."""


def covered(image: np.ndarray, blur: int = 70) -> np.ndarray:
    """The picture in grey under a box blur ``blur`` pixels wide, uint8 ``(h, w, 3)``.

    As OpenCV's ``blur`` does it: the border is mirrored without repeating its pixel, and an even box reaches one pixel
    further to the left and top.
    """
    grey = (np.asarray(image, np.float64) @ (0.299, 0.587, 0.114)).round()
    soft = ndimage.uniform_filter(grey, blur, mode="mirror")
    return np.repeat(soft.round().clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


def reveal(
    image: np.ndarray, points: np.ndarray, radius: float, blur: int = 70, shift: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Uncover discs of a picture.

    Args:
        image: uint8 ``(h, w, 3)`` RGB.
        points: float ``(n, 2)``, x and y of the clicks in pixels.
        radius: of the discs, in pixels.
        blur: width of the box blur of what stays covered, in pixels.
        shift: x and y by which the mask is moved against the picture.

    Returns:
        uint8 ``(h, w, 3)``.
    """
    h, w = image.shape[:2]
    y, x = np.mgrid[:h, :w]
    open_ = np.zeros((h, w), bool)
    for px, py in np.asarray(points, float).reshape(-1, 2) + np.asarray(shift, float):
        open_ |= (x - px) ** 2 + (y - py) ** 2 <= radius**2
    return np.where(open_[..., None], image, covered(image, blur))


def shifted(image: np.ndarray, points: np.ndarray, radius: float, blur: int = 70) -> list[np.ndarray]:
    """The revealed picture and its eight shifts."""
    return [reveal(image, points, radius, blur, shift) for shift in ((0, 0), *SHIFTS)]


def correct_trials(clicks: pd.DataFrame, names: Sequence[str], classes: Sequence[str]) -> list[tuple[int, np.ndarray]]:
    """The clicks of each correct trial on the pictures ``names``: index of the picture and points ``(n, 2)``.

    Trials that are known to be wrong are left out, and so are those whose ``false_label`` is not one of the classes.
    """
    place = {name: k for k, name in enumerate(names)}
    rows = clicks[clicks["image"].astype(str).isin(place)]
    if "correct" in rows:
        rows = rows[rows["correct"].fillna(True).astype(bool)]
    if "false_label" in rows:
        false_label = rows["false_label"].fillna("").astype(str)
        rows = rows[(false_label == "") | false_label.isin(list(classes))]
    groups = rows.groupby(["image", "participant"], sort=True)
    return [(place[str(image)], part[["x", "y"]].to_numpy(float)) for (image, _), part in groups]


def tuning_set(
    rows: pd.DataFrame,
    clicks: pd.DataFrame,
    classes: Sequence[str],
    options: ClickTuningOptions,
    margin: float,
    side: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Revealed pictures with their eight shifts, and whole ones, cut out as for training.

    Args:
        rows: the training pictures: image, path, expression, face, cropped.
        clicks: columns ``image, participant, x, y``, in pixels of the pictures as they are on disk.
        classes: of the network.
        options: radius, blur, and how many whole pictures for each revealed one.
        margin: side of the network's crop over the extent of the landmarks.
        side: of the stored faces.
        seed: of the choice of whole pictures.

    Returns:
        uint8 ``(n, side, side, 3)`` and int ``(n,)``, indices into ``classes``.

    Raises:
        InputError: if no click is on a training picture.
    """
    clicked = correct_trials(clicks, list(rows["image"].astype(str)), classes)
    if not clicked:
        raise InputError(
            "no correct trial is on a training picture", where=options.clicks, hint="check the image names"
        )
    cutter = FaceCropper(margin * ROOM)
    images, labels, whole = [], [], []
    for index, points in clicked:
        row = rows.iloc[index]
        picture = cutter.read(str(row["path"]))
        label = list(classes).index(str(row["expression"]))
        marks = None if row["cropped"] else cutter.choose(picture, str(row["face"])).face.landmarks
        for shown in shifted(picture, points, options.radius, options.blur):
            images.append(_cut(shown, marks, cutter, side))
            labels.append(label)
        whole.append((_cut(picture, marks, cutter, side), label))
    count = round(options.unmasked * len(images))
    drawn = np.random.default_rng([seed, 8]).integers(0, len(whole), count)
    images += [whole[k][0] for k in drawn]
    labels += [whole[k][1] for k in drawn]
    return np.stack(images), np.array(labels)


def _cut(picture: np.ndarray, marks: np.ndarray | None, cutter: FaceCropper, side: int) -> np.ndarray:
    if marks is not None:
        return cutter.crop(picture, marks).resized((side, side))[0]
    return widened(picture, side)


def widened(picture: np.ndarray, side: int) -> np.ndarray:
    """A picture that is a network's crop already, with its own edge going on around it: uint8 ``(side, side, 3)``."""
    inner = round(side / ROOM)
    small = np.array(Image.fromarray(picture).resize((inner, inner), Image.Resampling.BILINEAR))
    before = (side - inner) // 2
    edges = (before, side - inner - before)
    return np.pad(small, (edges, edges, (0, 0)), mode="edge")
