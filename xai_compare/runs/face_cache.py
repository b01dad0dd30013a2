"""The pictures of a study: each face found once and remembered in the run, cut once and kept at the networks' sizes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from xai_compare.errors import InputError
from xai_compare.faces.cropping import FaceCropper
from xai_compare.files import digest
from xai_compare.images import Crop, Frame, frame, read_folder, read_manifest, read_pattern
from xai_compare.images.manifest import Manifest
from xai_compare.runs.store import Checked, Journal, content
from xai_compare.study import Images, Study

KEPT_BYTES = 256 * 2**20
"""Resized crops kept in memory, the latest used; beyond that pictures are decoded again when needed."""

FAR = 4
"""Landmarks that lie further out than so many times the picture's size are no finding of a detector."""
MOST_PIXELS = 10**7
"""No picture is wider or higher."""

Size = tuple[int, int]
Input = tuple[np.ndarray, np.ndarray]
"""A face at a network's input size, uint8 ``(h, w, 3)``, and its landmarks there, ``(68, 2)``."""


def read_pictures(study: Study) -> Manifest:
    """The study's pictures.

    Raises:
        InputError: see `xai_compare.images.read_manifest`, `read_folder` and `read_pattern`.
    """
    spec = study.images
    if spec.folder is not None:
        manifest = read_folder(spec.folder)
    elif spec.files is not None:
        manifest = read_pattern(spec.files)
    else:
        assert spec.manifest is not None
        manifest = read_manifest(spec.manifest, spec.root, allow_outside=spec.allow_outside)
    return manifest if spec.at_most is None else manifest.drawn(spec.at_most, study.seed)


class FaceRecord(Checked):
    """What a run remembers of a picture: the file as it was, how faces were to be found, and the face or why none.

    Attributes:
        bytes, mtime, sha256: of the file; -1 and ``""`` where it could not be read.
        how: hash of how the study wants faces found.
        reason: why the picture is skipped; ``""`` where it is not.
        landmarks: ``(68, 2)``, x and y in pixels, never further from the picture than `FAR` times its size.
    """

    bytes: int
    mtime: int
    sha256: str = Field(pattern=r"^([0-9a-f]{64})?$")
    how: str
    reason: str = ""
    faces: int | None = Field(None, ge=1)
    note: str = ""
    box: list[int] | None = Field(None, min_length=4, max_length=4)
    landmarks: list[list[Annotated[float, Field(allow_inf_nan=False)]]] | None = None
    height: int | None = Field(None, ge=1, le=MOST_PIXELS)
    width: int | None = Field(None, ge=1, le=MOST_PIXELS)

    @model_validator(mode="after")
    def _whole(self) -> FaceRecord:
        if self.reason:
            return self
        if self.landmarks is None or self.height is None or self.width is None:
            raise ValueError("neither a face nor a reason")
        if len(self.landmarks) != 68 or any(len(point) != 2 for point in self.landmarks):
            raise ValueError("not 68 landmarks")
        limits = (FAR * self.width, FAR * self.height)
        if any(abs(value) > limit for point in self.landmarks for value, limit in zip(point, limits, strict=True)):
            raise ValueError("landmarks far from the picture")
        return self


class _Facts(NamedTuple):
    """What is asked of a picture most often; kept in memory, where its landmarks would take too much."""

    sha256: str
    reason: str
    height: int
    width: int

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> _Facts:
        texts = str(record.get("sha256", "")), str(record.get("reason") or "")
        return cls(*texts, int(record.get("height") or 0), int(record.get("width") or 0))


_UNKNOWN = _Facts("", "", 0, 0)


class FaceCache:
    """The pictures of a study and what is known of their faces.

    Args:
        spec: how the study wants its pictures.
        manifest: the pictures.
        journal: the file that remembers what was found; None to remember in this process only.
    """

    def __init__(self, spec: Images, manifest: Manifest, journal: Path | None) -> None:
        self.spec = spec
        self.rows = manifest.rows.set_index("image", drop=False)
        self.cutter = FaceCropper(spec.margin, spec.predictor, spec.max_pixels)
        self._journal = Journal(journal, FaceRecord)
        self._known: dict[str, _Facts] = {}
        self._sizes: tuple[Size, ...] = ()
        self._inputs: OrderedDict[tuple[str, Size], Input] = OrderedDict()
        self._bytes = 0
        self._lock = Lock()

    def serve(self, sizes: Iterable[Size]) -> None:
        """Say which input sizes will be asked for, so that a picture is decoded once for all of them."""
        self._sizes = tuple(dict.fromkeys((*self._sizes, *sizes)))

    def inputs(self, images: Sequence[str], size: Size) -> list[Input]:
        """The faces of pictures at an input size.

        Raises:
            InputError: if a picture has no usable face (any more).
        """
        self.serve([size])
        with self._lock:
            found = {image: self._inputs[image, size] for image in images if (image, size) in self._inputs}
        for image in images:
            if image not in found:
                found[image] = self._keep(image, self.crop(image))[size]
        return [found[image] for image in images]

    def examine(self, images: Iterable[str]) -> tuple[list[str], dict[str, dict[str, Any]]]:
        """Find and cut the faces of pictures: which can be used, and what was found that is not remembered yet."""
        usable, found = [], {}
        for image in images:
            crop, record = self._crop(image)
            if record is not None:
                found[image] = record
            if crop is not None:
                self._keep(image, crop)
                usable.append(image)
        return usable, found

    def find(self, images: Iterable[str]) -> None:
        """Find the faces of pictures that were not looked at yet, and remember them."""
        self.learn(self.examine([image for image in images if self._facts(image) is None])[1])

    def learn(self, records: Mapping[str, Mapping[str, Any]], *, write: bool = True) -> None:
        """Remember what was found, on disk too unless another process writes there."""
        if records:
            self._journal.add(records, write=write)
            self._known.update({image: _Facts.of(record) for image, record in records.items()})

    def record(self, image: str) -> dict[str, Any]:
        """All that is remembered of a picture."""
        return dict(self._journal.get(image) or {})

    def crop(self, image: str) -> Crop:
        """Cut one face.

        Raises:
            InputError: if the picture has no usable face (any more).
        """
        crop, record = self._crop(image)
        if record is not None:
            self.learn({image: record})
        if crop is None:
            raise InputError(self.reason(image), where=image)
        return crop

    def frame(self, image: str) -> Frame:
        """Where the face of a picture that was looked at is cut out; the picture is not decoded."""
        return frame(np.array((self._trusted(image) or {})["landmarks"]), self.spec.margin)

    def sha256(self, image: str) -> str:
        """Hash of the picture's bytes."""
        return (self._facts(image) or _UNKNOWN).sha256

    def reason(self, image: str) -> str:
        """Why the picture is skipped; empty where it is not."""
        return (self._facts(image) or _UNKNOWN).reason

    def shape(self, image: str) -> tuple[int, int]:
        """Height and width of a picture that was looked at, in pixels."""
        facts = self._facts(image) or _UNKNOWN
        return facts.height, facts.width

    def table(self) -> pd.DataFrame:
        """One row for each picture looked at: the manifest's columns, height, width, faces, note, sha256, reason."""
        rows = []
        for image, row in self.rows.iterrows():
            record = self._journal.get(str(image))
            if record is not None:
                numbers = {key: record.get(key) for key in ("height", "width", "faces")}
                texts = {key: record.get(key, "") for key in ("note", "sha256", "reason")}
                named = {str(key): value for key, value in row.items() if key != "path"}
                rows.append({**named, **numbers, **texts})
        table = pd.DataFrame(rows)
        for column in ("height", "width", "faces") if rows else ():
            table[column] = table[column].astype("Int64")
        return table

    def _crop(self, image: str) -> tuple[Crop | None, dict[str, Any] | None]:
        """A picture's face, or None; and what was found, where that is not remembered yet."""
        known, found = self._trusted(image), None
        if known is not None and known.get("reason"):
            return None, None
        try:
            picture = self.cutter.read(str(self.rows.at[image, "path"]))
            if known is None:
                known = found = {**self._stamp(image), **self._look(picture, image)}
            return self.cutter.crop(picture, np.array(known["landmarks"])), found
        except InputError as error:
            return None, {**self._stamp(image), "reason": error.what + (f" ({error.hint})" if error.hint else "")}

    def _keep(self, image: str, crop: Crop) -> dict[Size, Input]:
        """Resize a crop to every size that was asked for, and keep the results while there is room."""
        made = {size: crop.resized(size) for size in self._sizes}
        with self._lock:
            for size, (picture, landmarks) in made.items():
                if (image, size) not in self._inputs:
                    self._inputs[image, size] = (picture, landmarks)
                    self._bytes += picture.nbytes + landmarks.nbytes
            while self._bytes > KEPT_BYTES:
                _, (picture, landmarks) = self._inputs.popitem(last=False)
                self._bytes -= picture.nbytes + landmarks.nbytes
        return made

    def _trusted(self, image: str) -> dict[str, Any] | None:
        """What is known of a picture, unless its file has changed since; looked up once in a process."""
        record = self._journal.get(image)
        if record is None or image in self._known:
            return record
        stamp = self._stamp(image, record)
        if {key: record.get(key) for key in stamp} != stamp:
            return None
        self._known[image] = _Facts.of(record)
        return record

    def _facts(self, image: str) -> _Facts | None:
        if image not in self._known:
            self._trusted(image)
        return self._known.get(image)

    def _stamp(self, image: str, known: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a record depends on: the file, and how the study wants faces found."""
        how = digest([self.spec.predictor, self.spec.max_pixels, self.rows.at[image, "face"]])
        return {**_stamp(Path(str(self.rows.at[image, "path"])), known), "how": how}

    def _look(self, picture: np.ndarray, image: str) -> dict[str, Any]:
        chosen = self.cutter.choose(picture, str(self.rows.at[image, "face"]).strip())
        size = {"height": int(picture.shape[0]), "width": int(picture.shape[1])}
        face = {"box": chosen.face.box, "landmarks": chosen.face.landmarks.tolist()}
        return {"faces": chosen.count, "note": chosen.note, **face, **size}


def _stamp(path: Path, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Size, time and hash of a file; the hash of an untouched file is taken from what is known."""
    try:
        status = path.stat()
        stamp: dict[str, Any] = {"bytes": status.st_size, "mtime": status.st_mtime_ns}
        if known and {key: known.get(key) for key in stamp} == stamp:
            return {**stamp, "sha256": known.get("sha256")}
        return {**stamp, "sha256": content(path)}
    except OSError:
        return {"bytes": -1, "mtime": -1, "sha256": ""}
