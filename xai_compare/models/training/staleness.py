"""Whether weights in a folder are of what is trained now, and are as they were written."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from xai_compare.errors import InputError
from xai_compare.files import file_sha256, write_atomically
from xai_compare.models.model import Model
from xai_compare.models.training import cards

INPUTS = "inputs.sha256"
"""In the folder of each training: the hash of all that its weights depend on, written before the first epoch."""
CHECKPOINTS = ("last.ckpt", "last.ckpt.part", "last.ckpt.sha256")


def inputs_hash(model: Model, arrays: Iterable[np.ndarray | None], facts: Any) -> str:
    """A hash of all that a training depends on.

    Args:
        model: before it is trained: its architecture, its first weights, and the code that it comes from.
        arrays: pictures, labels and whatever else it learns from, by content; None where there is none.
        facts: anything that JSON can say of the rest, such as options.
    """
    state = hashlib.sha256(json.dumps([str(model.module), model.source, facts], sort_keys=True, default=str).encode())
    for name, value in sorted(model.module.state_dict().items()):
        state.update(name.encode())
        state.update(np.ascontiguousarray(value.detach().cpu().numpy()).tobytes())
    for array in arrays:
        state.update(b"-" if array is None else f"{array.dtype} {array.shape}".encode())
        if array is not None:
            state.update(np.ascontiguousarray(array).tobytes())
    return state.hexdigest()


def begin(folder: Path, inputs: str) -> str:
    """Make a folder ready to train in, or to go on in: what is of other inputs, or damaged, is removed.

    Args:
        folder: of one network on one fold.
        inputs: see `inputs_hash`.

    Returns:
        Why something was removed, for the user; ``""`` where what is there fits, or nothing is.
    """
    there = any((folder / name).exists() for name in (cards.CARD, *CHECKPOINTS))
    kept = folder / INPUTS
    why = ""
    if there and not kept.is_file():
        why = "it is not known what the weights that are here were trained on"
    elif there and kept.read_text("utf-8").strip() != inputs:
        why = "pictures, labels, people, options or code have changed"
    elif (folder / cards.CARD).is_file() and not _whole(folder):
        why = "its weights are damaged"
    if why:
        for name in (cards.CARD, cards.WEIGHTS, *CHECKPOINTS):
            (folder / name).unlink(missing_ok=True)
        shutil.rmtree(folder / "tuning", ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(kept, inputs + "\n")
    return why


def _whole(folder: Path) -> bool:
    """Whether the weights are those that the card was written for."""
    try:
        return bool(cards.read(folder / cards.CARD).get("sha256") == file_sha256(folder / cards.WEIGHTS))
    except (InputError, OSError):
        return False
