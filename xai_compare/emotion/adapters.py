"""Clips of public datasets, as their documentation describes the files; none of them comes with this package.

SEED-IV and SEED-VII (given out on signed request) hold eye features without faces, MAHNOB-HCI eye trackers' exports
beside its videos. The readers are tested on files that are made as the datasets' own pages and manuals say.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pandas as pd

from xai_compare.data_files import read_matlab
from xai_compare.emotion.clips import LAYOUTS, Clip, Clips, checked_clip, prepared_table
from xai_compare.errors import InputError, first_line
from xai_compare.files import read_bytes

SEED_IV_LABELS = ("123020010121112322330303", "213002023323201121030131", "122133311210233023002010")
"""The stimulus class of each of the 24 trials of three sessions, as SEED-IV's ReadMe lists them."""
_SEED_IV_CLASSES = ("neutral", "sadness", "fear", "happiness")
_MAHNOB_CLASSES = ("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")
_MAHNOB_FEATURES = ("PupilLeft", "PupilRight", "DistanceLeft", "DistanceRight", "ValidityLeft", "ValidityRight")

_LARGEST_XML = 1_000_000

_Row = tuple[str, str, Path, str | None, np.ndarray]
"""A clip, its person, its file, the class of its stimulus, and its eye features."""


@LAYOUTS.register("seed_iv")
def seed_iv(folder: Path) -> Clips:
    """Eye features of SEED-IV: ``eye_feature_smooth/SESSION/SUBJECT_DATE.mat``, ``eye_TRIAL`` of (31, windows).

    There are no faces, and no labels of seen expressions; ``er`` is the class that the film was chosen for, which
    SEED-IV calls the label: not even a self-report, as ``stimulus_class`` says.
    """
    rows: list[_Row] = []
    for session, labels in enumerate(SEED_IV_LABELS, start=1):
        for file in sorted((folder / "eye_feature_smooth" / str(session)).glob("*_*.mat")):
            person = file.stem.partition("_")[0]
            for trial, values in _matrices(file, r"eye_(\d+)").items():
                if not 1 <= trial <= len(labels):
                    raise InputError(f"holds a trial {trial} of {len(labels)}", where=file)
                label = _SEED_IV_CLASSES[int(labels[trial - 1])]
                rows.append((f"{person}_{session}_{trial}", person, file, label, values.T))
    return _eye_features(folder, rows, "eye_feature_smooth/1/SUBJECT_DATE.mat")


@LAYOUTS.register("seed_vii")
def seed_vii(folder: Path, labels: Mapping[int, str] | None = None) -> Clips:
    """Eye features of SEED-VII: ``EYE_features/SUBJECT.mat``, a variable for each of 80 films of (windows, 33).

    Args:
        folder: of the dataset.
        labels: the class of each film from 1, from the dataset's own table, which does not lie beside the features.
    """
    rows: list[_Row] = []
    for file in sorted((folder / "EYE_features").glob("*.mat")):
        for film, values in _matrices(file, r"(\d+)").items():
            rows.append((f"{file.stem}_{film}", file.stem, file, (labels or {}).get(film), values))
    return _eye_features(folder, rows, "EYE_features/SUBJECT.mat")


@LAYOUTS.register("mahnob")
def mahnob(folder: Path, classes: Mapping[int, str] | None = None) -> Clips:
    """Tobii exports of MAHNOB-HCI: ``Sessions/N/*-All-Data-*.tsv`` beside ``session.xml``.

    The self-report (``feltEmo``) is kept in seven classes where one of them has that number; valence and arousal,
    rated from 1 to 9, are brought to [-1, 1]. Fixations are points of gaze on the screen over its size.

    Args:
        folder: of the dataset.
        classes: which class each number of ``feltEmo`` is; by default 0 neutral, 1 anger, 2 disgust, 3 fear,
            4 happiness, 5 sadness, 6 surprise.
    """
    names = classes or dict(enumerate(_MAHNOB_CLASSES))
    rows: list[dict[str, Any]] = []
    for session in sorted((folder / "Sessions").glob("*"), key=lambda p: (len(p.name), p.name)):
        exports, about = sorted(session.glob("*All-Data*.tsv")), session / "session.xml"
        if not exports or not about.is_file():
            continue
        try:
            root = ElementTree.fromstring(read_bytes(about, _LARGEST_XML))
            felt = int(root.get("feltEmo") or -1)
            ratings = [_from_nine_points(root.get(name)) for name in ("feltVlnc", "feltArsl")]
        except (ElementTree.ParseError, ValueError, LookupError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"is not a session of MAHNOB-HCI ({first_line(error)})", where=about) from error
        subject = root.find("subject")
        rows.append(
            {
                "clip": session.name,
                "person": subject.get("id", "") if subject is not None else "",
                "file": str(exports[0]),
                "er": names.get(felt),
                "er_valence": ratings[0],
                "er_arousal": ratings[1],
            }
        )
    if not rows:
        raise InputError("no Sessions/N with a Tobii export and session.xml", where=folder)
    return _clips(folder, pd.DataFrame(rows), lambda index: _tobii(Path(rows[index]["file"])), _MAHNOB_FEATURES)


def _tobii(file: Path) -> dict[str, np.ndarray]:
    text = read_bytes(file).decode("utf-8", "replace").replace("\0", "")
    start = re.search(r"^Timestamp\t", text, re.M)
    if start is None:
        raise InputError("there is no line of column names that begins with Timestamp", where=file)
    try:
        table = pd.read_csv(io.StringIO(text[start.start() :]), sep="\t", low_memory=False)
    except (ValueError, OverflowError) as error:
        raise InputError(f"cannot be read as a Tobii export ({first_line(error)})", where=file) from error
    gaze_columns = ["GazePointXLeft", "GazePointYLeft"]
    for column in (*gaze_columns, *_MAHNOB_FEATURES):
        if column not in table:
            raise InputError(f"no column {column!r}", where=file)
    eye = table[list(_MAHNOB_FEATURES)].apply(pd.to_numeric, errors="coerce")
    # The tracker writes -1 for what it does not know, and validity 4 for an eye that it has lost.
    for side in ("Left", "Right"):
        lost = (eye[f"Validity{side}"] >= 4) | (eye[f"Pupil{side}"] <= 0)
        eye.loc[lost, [f"Pupil{side}", f"Distance{side}"]] = np.nan
    gaze = table[gaze_columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    # The stimuli filled a screen of 1280 by 800 pixels.
    gaze = np.where(gaze < 0, np.nan, gaze / np.array([1280, 800], np.float32))
    return {"eye": eye.to_numpy(np.float32), "fixation": gaze.astype(np.float32)}


def _eye_features(folder: Path, rows: list[_Row], pattern: str) -> Clips:
    """Clips of eye features alone."""
    if not rows:
        raise InputError(f"no file like {pattern}", where=folder, hint="name the folder of the dataset")
    table = pd.DataFrame([(*row[:2], str(row[2]), row[3], row[3]) for row in rows])
    table.columns = pd.Index(["clip", "person", "file", "er", "stimulus_class"])
    names = tuple(f"eye feature {k + 1}" for k in range(rows[0][-1].shape[1]))
    return _clips(folder, table, lambda index: {"eye": np.asarray(rows[index][-1], np.float32)}, names)


def _clips(
    folder: Path, table: pd.DataFrame, read: Callable[[int], dict[str, Any]], features: tuple[str, ...]
) -> Clips:
    table = prepared_table(table, folder)

    def clip(index: int) -> Clip:
        row = table.iloc[index]
        return checked_clip(Clip(str(row["clip"]), str(row["person"]), **read(index)), row["file"])

    return Clips(table, clip, features, False, str(folder))


def _matrices(file: Path, pattern: str) -> dict[int, np.ndarray]:
    """The variables of a MATLAB file whose names match, by the number in them."""
    numbered = {int(m[1]): values for key, values in read_matlab(file).items() if (m := re.fullmatch(pattern, key))}
    for number, values in numbered.items():
        if values.ndim != 2 or values.dtype.kind not in "buif":
            what = f"variable {number} must be a matrix of numbers, not {values.dtype} {values.shape}"
            raise InputError(what, where=file)
    return dict(sorted(numbered.items()))


def _from_nine_points(value: str | None) -> float:
    number = float("nan") if value is None else float(value)
    if abs(number) == float("inf"):
        raise ValueError(f"{value!r} is no rating from 1 to 9")
    return (number - 5) / 4
