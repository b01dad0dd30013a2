"""The faces that networks are trained on: found, turned upright and cut out once, then varied for each epoch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from xai_compare.data_files import read_npz
from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.faces.cropping import FaceCropper
from xai_compare.files import atomic, file_sha256
from xai_compare.images import read_manifest
from xai_compare.models.training.augmentation import ROOM
from xai_compare.models.training.click_masks import widened
from xai_compare.models.training.config import Source
from xai_compare.models.training.sampling import derive_seed


@dataclass(frozen=True)
class TrainingFaces:
    """Faces cut out, and who shows what.

    Attributes:
        images: uint8 ``(n, side, side, 3)`` RGB, `ROOM` times wider than networks are shown.
        landmarks: float32 ``(n, 68, 2)``, x and y in pixels of ``images``; NaN where pictures came cut out already.
        rows: one row a picture: image, path, expression, subject, dataset, split.
        skipped: image and reason of what was left out.
    """

    images: np.ndarray
    landmarks: np.ndarray
    rows: pd.DataFrame
    skipped: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: np.ndarray) -> TrainingFaces:
        rows = self.rows.iloc[np.arange(len(self))[index]].reset_index(drop=True)
        return replace(self, images=self.images[index], landmarks=self.landmarks[index], rows=rows)


def side_for(size: tuple[int, int]) -> int:
    """The side at which faces are stored for an input ``size``."""
    return int(np.ceil(max(size) * ROOM))


def expressions(sources: list[Source]) -> list[str]:
    """The expressions that the manifests name, in the vocabulary's order.

    Raises:
        InputError: if a manifest cannot be read.
    """
    return ordered(str(name) for source in sources for name in _table(source)[0]["expression"])


def load_faces(
    sources: list[Source],
    size: tuple[int, int],
    margin: float,
    cache: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TrainingFaces:
    """Read, align and cut out the faces of all manifests.

    Args:
        sources: manifests of labelled pictures.
        size: height and width that the network is shown.
        margin: side of the network's crop over the extent of the landmarks.
        cache: a folder where the crops are kept, so that they are cut once.
        progress: called with the number of pictures done and the number of all.

    Raises:
        InputError: if a manifest cannot be read, or no face can be used.
    """
    tables = [_table(source) for source in sources]
    skipped = [pair for _, pairs in tables for pair in pairs]
    rows = pd.concat([table for table, _ in tables], ignore_index=True)
    side = side_for(size)
    file = None
    if cache is not None:
        key = json.dumps([rows.to_csv(), [s.cropped for s in sources], side, margin, [_stamp(p) for p in rows["path"]]])
        file = cache / f"faces_{hashlib.sha256(key.encode()).hexdigest()[:16]}.npz"
        kept = _kept(file, len(rows), side)
        if kept is not None:
            return _usable(*kept, rows, skipped)
    cutter = FaceCropper(margin * ROOM)
    images = np.zeros((len(rows), side, side, 3), np.uint8)
    landmarks = np.full((len(rows), 68, 2), np.nan, np.float32)
    reasons = [""] * len(rows)
    for k, row in enumerate(rows.itertuples()):
        try:
            images[k], landmarks[k] = _face(str(row.path), str(row.face), bool(row.cropped), cutter, side)
        except InputError as error:
            reasons[k] = error.what
        progress(k + 1, len(rows))
    if file is not None:
        with atomic(file) as part:
            np.savez(part, images=images, landmarks=landmarks, reasons=np.array(reasons))
    return _usable(images, landmarks, reasons, rows, skipped)


def _table(source: Source) -> tuple[pd.DataFrame, list[tuple[str, str]]]:
    manifest = read_manifest(source.manifest, source.root, allow_outside=True)
    rows = manifest.rows.copy()
    skipped = list(manifest.skipped) + [
        (i, "it has no expression") for i in rows.loc[rows["expression"] == "", "image"]
    ]
    rows = rows[rows["expression"] != ""]
    name = source.name or source.manifest.stem
    rows["dataset"] = rows["dataset"].where(rows["dataset"] != "", name)
    rows["cropped"] = source.cropped
    return rows[["image", "path", "expression", "subject", "dataset", "split", "face", "cropped"]], skipped


def _stamp(path: str) -> str:
    """A hash of the file: a picture that was replaced may have the size and the time of the one before."""
    try:
        return file_sha256(Path(path))
    except OSError as error:  # It is left out, with the reason, when it is read.
        return str(error)


def _face(path: str, which: str, cropped: bool, cutter: FaceCropper, side: int) -> tuple[np.ndarray, np.ndarray]:
    image = cutter.read(path)
    if not cropped:
        return cutter.crop(image, cutter.choose(image, which).face.landmarks).resized((side, side))
    return widened(image, side), np.full((68, 2), np.nan)


def _kept(file: Path, count: int, side: int) -> tuple[np.ndarray, np.ndarray, list[str]] | None:
    """The faces that were cut out before; None where the file is not there or is damaged, so that they are cut anew."""
    try:
        arrays = read_npz(file) if file.is_file() else {}
    except InputError:
        return None
    shapes = {"images": (count, side, side, 3), "landmarks": (count, 68, 2), "reasons": (count,)}
    if any(name not in arrays or arrays[name].shape != shape for name, shape in shapes.items()):
        return None
    if arrays["images"].dtype != np.uint8 or arrays["landmarks"].dtype != np.float32:
        return None
    return arrays["images"], arrays["landmarks"], [str(reason) for reason in arrays["reasons"]]


def _usable(
    images: np.ndarray, landmarks: np.ndarray, reasons: list[str], rows: pd.DataFrame, skipped: list[tuple[str, str]]
) -> TrainingFaces:
    good = np.array([not reason for reason in reasons])
    skipped = skipped + [(i, why) for i, why in zip(rows["image"], reasons, strict=True) if why]
    if not good.any():
        raise InputError("no picture can be used", where=skipped[0][0], hint=skipped[0][1])
    return TrainingFaces(images, landmarks, rows, skipped)[np.flatnonzero(good)]


Item = tuple[torch.Tensor, int, torch.Tensor]


class AugmentedFaces(Dataset[Item]):
    """Pictures under an augmentation that is drawn anew for each epoch, from the seed alone.

    An item is asked for by ``(epoch, index)``, and answers uint8 ``(3, h, w)``, its label, and its map ``(h, w)``,
    moved as the picture was; an empty tensor where there are no maps.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, transform: v2.Transform, seed: int, maps: np.ndarray | None = None
    ) -> None:
        self._images = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        self._maps = None if maps is None else torch.from_numpy(np.ascontiguousarray(maps, np.float32))
        self._labels, self._transform, self._seed = labels, transform, seed

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, place: tuple[int, int]) -> Item:
        epoch, index = place
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(derive_seed(self._seed, 1, epoch, index))
            picture, label = tv_tensors.Image(self._images[index]), int(self._labels[index])
            if self._maps is None:
                return self._transform(picture).as_subclass(torch.Tensor), label, torch.empty(0)
            moved, there = self._transform(picture, tv_tensors.Mask(self._maps[index][None]))
            return moved.as_subclass(torch.Tensor), label, there.as_subclass(torch.Tensor)[0]
