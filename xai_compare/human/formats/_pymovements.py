"""What the formats share that pymovements reads."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from xai_compare.errors import InputError


def read_gaze(reader: Callable[..., Any], file: Path | io.StringIO, *, where: Path, **options: Any) -> Any:
    """What a reader of pymovements makes of a file, which messages call ``where``.

    Raises:
        InputError: if it cannot read the file.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pymovements warns of metadata that it finds missing.
            return reader(file, **options)
    except Exception as error:  # whatever its parser stumbles over, it is the file that the user can fix
        raise InputError(f"pymovements cannot read it ({type(error).__name__}: {error})", where=where) from error


def event_labels(gaze: Any, time: np.ndarray, suffix: str) -> np.ndarray:
    """What the tracker called each sample: object (n,), ``other`` where it lies in no event."""
    labels = np.full(len(time), "other", object)
    frame = gaze.events.frame
    for name, onset, offset in zip(frame["name"], frame["onset"], frame["offset"], strict=True):
        labels[(time >= onset) & (time <= offset)] = str(name).removesuffix(suffix)
    return labels
