"""MATLAB files of the BubbleView study: clicks (Kim et al. 2017), and the OSIE fixations beside them (Xu et al. 2014).

Both hold a struct array ``bubble``, one element per picture: ``filename`` and ``userdata``, one element per
participant, whose ``fixations.enc`` is (n, 2) x, y in pixels of the picture and ``fixations.enc_time`` one text per
point: a clock time to the second for clicks, a duration in ms for fixations. A participant is the place in
``userdata``, taken as the same person for every picture; an empty element is a picture without this person's points.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.io import loadmat

from xai_compare.errors import InputError


def trials(path: Path) -> Iterator[tuple[dict[str, np.ndarray], list[str]]]:
    """Yield each trial's points, as columns, and the texts that go with them.

    Raises:
        InputError: if the file is not a MATLAB file of this layout.
    """
    try:
        for picture in _load(path).ravel():
            image = str(picture["filename"].item())
            for person, seen in enumerate(picture["userdata"].ravel(), start=1):
                struct = seen["fixations"].ravel()
                if struct.size == 0 or struct[0]["enc"].size == 0:
                    continue
                points = np.asarray(struct[0]["enc"], dtype=float).reshape(-1, 2)
                texts = [str(np.asarray(cell).item()) for cell in struct[0]["enc_time"].ravel()]
                if len(texts) != len(points):
                    what = f"{image}, participant {person}: {len(points)} points but {len(texts)} times"
                    raise InputError(what, where=path)
                n = len(points)
                trial = {"participant": np.full(n, f"{person:02d}"), "image": np.full(n, image)}
                yield trial | {"x": points[:, 0], "y": points[:, 1], "order": np.arange(1, n + 1)}, texts
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"its struct 'bubble' is not laid out as BubbleView's ({error})", where=path) from error


def _load(path: Path) -> Any:
    try:
        content = loadmat(path, variable_names=["bubble"])
    except NotImplementedError as error:
        raise InputError("is a MATLAB 7.3 file", where=path, hint="save it with -v7 in MATLAB") from error
    except Exception as error:  # a damaged file makes loadmat raise almost anything
        raise InputError(f"is not a readable MATLAB file ({error})", where=path) from error
    if "bubble" not in content:
        raise InputError("holds no struct 'bubble'", where=path, hint="only BubbleView's own layout is known")
    return content["bubble"]


def joined(trials: list[dict[str, np.ndarray]], path: Path) -> pd.DataFrame:
    """Return the trials' points as one table.

    Raises:
        InputError: if there is none.
    """
    if not trials:
        raise InputError("holds no point", where=path)
    return pd.DataFrame({name: np.concatenate([trial[name] for trial in trials]) for name in trials[0]})


def times_look_like(path: Path, raw: bytes, mark: str) -> bool:
    """Whether a MATLAB file of this layout has times with ``mark`` (``":"`` for a clock) or, for ``""``, durations."""
    if not raw.startswith(b"MATLAB 5.0"):
        return False
    try:
        first = next(iter(trials(path)))[1][0]
    except (InputError, StopIteration, IndexError):
        return False
    return mark in first if mark else ":" not in first
