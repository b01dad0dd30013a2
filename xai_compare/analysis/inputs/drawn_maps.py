"""Maps of whole pictures, such as people's, brought onto the standard face as the pictures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xai_compare.errors import InputError
from xai_compare.files import digest
from xai_compare.runs.face_cache import FaceCache
from xai_compare.runs.stage import Task
from xai_compare.runs.store import content

if TYPE_CHECKING:
    from xai_compare.runs.worker import Worker

Drawn = tuple[np.ndarray, dict[str, Any]]
"""A map of a whole picture, float32 ``(h, w)``, and what the record says of it."""


def standardized(worker: Worker, task: Task, drawn: Sequence[Drawn]) -> tuple[np.ndarray, dict[str, Any]]:
    """The maps of a chunk's pictures, cut and warped as the pictures are, and the facts of the chunk's record."""
    from xai_compare import faces

    frames = [worker.pictures.frame(image) for image in task.images]
    maps = [
        faces.standardize(frame.cut(values)[None], frame.landmarks[None])[0]
        for frame, (values, _) in zip(frames, drawn, strict=True)
    ]
    stack = np.stack(maps)
    columns: dict[str, list[Any]] = {key: [facts[key] for _, facts in drawn] for key in drawn[0][1]}
    columns["low"], columns["high"] = stack.min((1, 2)).tolist(), stack.max((1, 2)).tolist()
    return stack, {"columns": columns}


def whole_fingerprint(pictures: FaceCache, inputs: Sequence[Any], items: Sequence[Mapping[str, Any]]) -> str:
    """A hash of all that the maps of a source depend on: inputs of its own, and the pictures of its items."""
    hashes = [pictures.sha256(str(item["image"])) for item in items]
    return digest([list(inputs), list(items), hashes, pictures.spec.margin])


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file that must be there.

    Raises:
        InputError: if it cannot be read.
    """
    try:
        Path(path).open("rb").close()
        return content(Path(path))
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None
