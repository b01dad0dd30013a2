"""The face of each picture: found once, remembered in the run, cut when needed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.faces import Landmarker
from xai_compare.images import Crop, align, read_image
from xai_compare.images.manifest import Manifest
from xai_compare.runs.journal import Journal, digest
from xai_compare.study import Images


class Faces:
    """The faces of a study's pictures.

    Args:
        spec: how the study wants its pictures.
        manifest: the pictures.
        journal: the file that remembers what was found; None to remember in this process only.
    """

    def __init__(self, spec: Images, manifest: Manifest, journal: Path | None) -> None:
        self.spec = spec
        self.rows = manifest.rows.set_index("image", drop=False)
        self._journal = Journal(journal)
        self._checked: set[str] = set()

    @cached_property
    def landmarker(self) -> Landmarker:
        """Loaded when the first picture needs it."""
        return Landmarker(self.spec.predictor)

    def find(self, images: Iterable[str]) -> dict[str, Crop]:
        """Cut the faces of ``images`` and remember what was found; a picture without a usable face is left out."""
        crops, found = self.examine(images)
        self.learn(found)
        return crops

    def examine(self, images: Iterable[str]) -> tuple[dict[str, Crop], dict[str, dict[str, Any]]]:
        """Cut the faces of ``images``; also what was found that is not remembered yet."""
        crops, found = {}, {}
        for image in images:
            path = Path(str(self.rows.at[image, "path"]))
            known = self._trusted(image)
            if known is not None and known.get("reason"):
                continue
            try:
                picture = read_image(path, max_pixels=self.spec.max_pixels)
                if known is None:
                    known = found[image] = {**self._stamp(image), **self._look(picture, image), **_size(picture)}
                crops[image] = align(picture, np.array(known["landmarks"]), self.spec.margin)
            except InputError as error:
                found[image] = {**self._stamp(image), "reason": error.what + (f" ({error.mend})" if error.mend else "")}
        return crops, found

    def learn(self, records: Mapping[str, Mapping[str, Any]], *, write: bool = True) -> None:
        """Remember what was found, on disk too unless another process writes there."""
        if records:
            self._journal.add(records, write=write)
            self._checked.update(records)

    def record(self, image: str) -> dict[str, Any]:
        """All that is remembered of a picture."""
        return dict(self._journal.get(image) or {})

    def crop(self, image: str) -> Crop:
        """Cut one face.

        Raises:
            InputError: if the picture has no usable face (any more).
        """
        crops = self.find([image])
        if image not in crops:
            raise InputError(self.reason(image), where=image)
        return crops[image]

    def sha256(self, image: str) -> str:
        """Hash of the picture's bytes."""
        return str((self._trusted(image) or {}).get("sha256", ""))

    def reason(self, image: str) -> str:
        """Why the picture is skipped; empty where it is not."""
        return str((self._trusted(image) or {}).get("reason", ""))

    def shape(self, image: str) -> tuple[int, int]:
        """Height and width of a picture that was looked at, in pixels."""
        record = self._trusted(image) or {}
        return int(record["height"]), int(record["width"])

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

    def _trusted(self, image: str) -> dict[str, Any] | None:
        """What is known of a picture, unless its file has changed since; looked up once in a process."""
        record = self._journal.get(image)
        if record is None or image in self._checked:
            return record
        stamp = self._stamp(image, record)
        if {key: record.get(key) for key in stamp} != stamp:
            return None
        self._checked.add(image)
        return record

    def _stamp(self, image: str, known: dict[str, Any] | None = None) -> dict[str, Any]:
        """What a record depends on: the file, and how the study wants faces found."""
        how = digest([self.spec.predictor, self.spec.max_pixels, self.rows.at[image, "face"]])
        return {**_stamp(Path(str(self.rows.at[image, "path"])), known), "how": how}

    def _look(self, picture: np.ndarray, image: str) -> dict[str, Any]:
        faces = self.landmarker.faces(picture)
        if not faces:
            raise InputError("no face found")
        wanted = str(self.rows.at[image, "face"]).strip()
        note = "" if len(faces) == 1 else f"{len(faces)} faces; the largest was taken"
        index = 0
        if wanted:
            index = int(wanted) if wanted.isdigit() else -1
            if not 0 <= index < len(faces):
                raise InputError(f"face {wanted!r} is not among the {len(faces)} found (0 is the largest)")
            note = f"{len(faces)} faces; face {index} was taken, as the manifest says"
        face = faces[index]
        return {"faces": len(faces), "note": note, "box": face.box, "landmarks": face.landmarks.tolist()}


def _size(picture: np.ndarray) -> dict[str, int]:
    return {"height": int(picture.shape[0]), "width": int(picture.shape[1])}


def _stamp(path: Path, known: dict[str, Any] | None = None) -> dict[str, Any]:
    """Size, time and hash of a file; the hash of an untouched file is taken from what is known."""
    try:
        status = path.stat()
        stamp: dict[str, Any] = {"bytes": status.st_size, "mtime": status.st_mtime_ns}
        if known and {key: known.get(key) for key in stamp} == stamp:
            return {**stamp, "sha256": known.get("sha256")}
        with path.open("rb") as file:
            return {**stamp, "sha256": hashlib.file_digest(file, "sha256").hexdigest()}
    except OSError:
        return {"bytes": -1, "mtime": -1, "sha256": ""}
