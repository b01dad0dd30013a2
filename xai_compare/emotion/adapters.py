"""Clips of public datasets in the layouts in which they are given out. None of them comes with this package.

EMER and MAHNOB-HCI are given out on signed request; SEED-IV and SEED-VII likewise, and hold eye features without faces.
None of these files was at hand: the readers follow the descriptions of the datasets, and are tested on files made after
them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
from PIL import Image
from scipy.io import loadmat

from xai_compare.emotion.clips import LAYOUTS, Clip, Clips, checked_clip, prepared_table
from xai_compare.errors import InputError

SEED_IV_LABELS = (
    (1, 2, 3, 0, 2, 0, 0, 1, 0, 1, 2, 1, 1, 1, 2, 3, 2, 2, 3, 3, 0, 3, 0, 3),
    (2, 1, 3, 0, 0, 2, 0, 2, 3, 3, 2, 3, 2, 0, 1, 1, 2, 1, 0, 3, 0, 1, 3, 1),
    (1, 2, 2, 1, 3, 3, 3, 1, 1, 2, 1, 0, 2, 3, 3, 0, 2, 3, 0, 0, 2, 0, 1, 0),
)
"""The stimulus classes of the 24 trials of each of three sessions, as SEED-IV's ReadMe lists them."""
_SEED_IV_CLASSES = ("neutral", "sadness", "fear", "happiness")
_PICTURES = (".png", ".jpg", ".jpeg", ".bmp")


@dataclass(frozen=True)
class EmerNames:
    """How the folders and files of EMER are called; change them if your copy differs.

    Attributes:
        face: folder of one folder of frames for each clip.
        eye, fixation: folders of one CSV for each clip.
        labels: the table of labels.
        columns: the table's names for the columns of `clips.csv`.
    """

    face: str = "facial_expression"
    eye: str = "eye_movement"
    fixation: str = "eye_fixation"
    labels: str = "labels.csv"
    columns: Mapping[str, str] | None = None


@LAYOUTS.register("emer")
def emer(folder: Path, names: EmerNames | None = None) -> Clips:
    """EMER (Liu et al. 2024): a folder for each modality, and in each the clips by name.

    Raises:
        InputError: if the table, a folder or a file is absent.
    """
    names = names or EmerNames()
    file = folder / names.labels
    if not file.is_file():
        raise InputError("there is no table of labels", where=file, hint="name it in EmerNames(labels=...)")
    table = pd.read_csv(file).rename(columns={given: own for own, given in (names.columns or {}).items()})
    if "clip" not in table or "person" not in table:
        raise InputError("no columns clip and person", where=file, hint="map them in EmerNames(columns=...)")
    table = table.assign(clip=table["clip"].astype(str), person=table["person"].astype(str))
    table["file"] = table["clip"]
    table = prepared_table(table, file)
    kept: list[tuple[str, ...]] = []

    def read(index: int) -> Clip:
        row = table.iloc[index]
        name = str(row["clip"])
        frames = sorted(f for f in (folder / names.face / name).glob("*") if f.suffix.lower() in _PICTURES)
        face = np.stack([np.asarray(Image.open(f).convert("RGB")) for f in frames]) if frames else None
        eye, fixation = (_numbers(folder / part / f"{name}.csv") for part in (names.eye, names.fixation))
        if eye is not None and not kept:
            kept.append(tuple(map(str, eye)))
        clip = Clip(name, str(row["person"]), face, _array(eye), _array(fixation))
        return checked_clip(clip, folder / name)

    return Clips(table, read, kept[0] if kept else (), False, str(folder))


@LAYOUTS.register("seed_iv")
def seed_iv(folder: Path) -> Clips:
    """Eye features of SEED-IV: ``eye_feature_smooth/SESSION/SUBJECT_DATE.mat``, ``eye_TRIAL`` of (31, windows).

    There are no faces, and no labels of seen expressions; ``er`` is the class that the film was chosen for, which
    SEED-IV calls the label: not even a self-report, as ``stimulus_class`` says.
    """
    rows, arrays = [], []
    for session in (1, 2, 3):
        for file in sorted((folder / "eye_feature_smooth" / str(session)).glob("*_*.mat")):
            person = file.stem.partition("_")[0]
            for trial, values in _trials(file, r"eye_(\d+)").items():
                label = _SEED_IV_CLASSES[SEED_IV_LABELS[session - 1][trial - 1]]
                rows.append((f"{person}_{session}_{trial}", person, str(file), label, label))
                arrays.append(np.asarray(values, np.float32).T)
    return _eyes_only(folder, rows, arrays, "eye_feature_smooth/1/SUBJECT_DATE.mat")


@LAYOUTS.register("seed_vii")
def seed_vii(folder: Path, labels: Mapping[int, str] | None = None) -> Clips:
    """Eye features of SEED-VII: ``EYE_features/SUBJECT.mat``, a variable for each of 80 films of (windows, 33).

    Args:
        folder: of the dataset.
        labels: the class of each film from 1, from the dataset's own table, which it does not keep beside.
    """
    rows, arrays = [], []
    for file in sorted((folder / "EYE_features").glob("*.mat")):
        for film, values in _trials(file, r"(\d+)").items():
            label = (labels or {}).get(film)
            rows.append((f"{file.stem}_{film}", file.stem, str(file), label, label))
            arrays.append(np.asarray(values, np.float32))
    return _eyes_only(folder, rows, arrays, "EYE_features/SUBJECT.mat")


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
    known = classes or dict(enumerate(("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise")))
    rows, files = [], []
    for session in sorted((folder / "Sessions").glob("*"), key=lambda p: (len(p.name), p.name)):
        found = sorted(session.glob("*All-Data*.tsv"))
        about = session / "session.xml"
        if not found or not about.is_file():
            continue
        told = ElementTree.parse(about).getroot()
        subject = told.find("subject")
        person = subject.get("id", "") if subject is not None else ""
        felt = told.get("feltEmo")
        rows.append(
            {
                "clip": session.name,
                "person": person,
                "file": str(found[0]),
                "er": known.get(int(felt)) if felt else None,
                "er_valence": _nine(told.get("feltVlnc")),
                "er_arousal": _nine(told.get("feltArsl")),
            }
        )
        files.append(found[0])
    if not rows:
        raise InputError("no Sessions/N with a Tobii export and session.xml", where=folder)
    table = prepared_table(pd.DataFrame(rows), folder)

    def read(index: int) -> Clip:
        row = table.iloc[index]
        return _tobii_clip(files[index], str(row["clip"]), str(row["person"]))

    return Clips(table, read, _MAHNOB_FEATURES, False, str(folder))


_MAHNOB_FEATURES = ("PupilLeft", "PupilRight", "DistanceLeft", "DistanceRight", "ValidityLeft", "ValidityRight")


def _tobii_clip(file: Path, name: str, person: str) -> Clip:
    with file.open(encoding="utf-8", errors="replace") as lines:
        skip = next((k for k, line in enumerate(lines) if line.startswith("Timestamp\t")), None)
    if skip is None:
        raise InputError("there is no line of column names that begins with Timestamp", where=file)
    table = pd.read_csv(file, sep="\t", skiprows=skip, low_memory=False)
    for column in ("GazePointXLeft", "GazePointYLeft", *_MAHNOB_FEATURES):
        if column not in table:
            raise InputError(f"no column {column!r}", where=file)
    eye = table[list(_MAHNOB_FEATURES)].apply(pd.to_numeric, errors="coerce")
    # The tracker writes -1 for what it does not know, and validity 4 for an eye that it has lost.
    for side in ("Left", "Right"):
        lost = (eye[f"Validity{side}"] >= 4) | (eye[f"Pupil{side}"] <= 0)
        eye.loc[lost, [f"Pupil{side}", f"Distance{side}"]] = np.nan
    gaze = table[["GazePointXLeft", "GazePointYLeft"]].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    gaze = np.where(gaze < 0, np.nan, gaze / np.array([1280, 800], np.float32))
    return Clip(name, person, None, eye.to_numpy(np.float32), gaze.astype(np.float32))


def _eyes_only(folder: Path, rows: Sequence[tuple[object, ...]], arrays: list[np.ndarray], pattern: str) -> Clips:
    if not rows:
        raise InputError(f"no file like {pattern}", where=folder, hint="name the folder of the dataset")
    table = pd.DataFrame(rows, columns=["clip", "person", "file", "er", "stimulus_class"])
    table = prepared_table(table, folder)
    names = tuple(f"eye feature {k + 1}" for k in range(arrays[0].shape[1]))

    def read(index: int) -> Clip:
        row = table.iloc[index]
        return checked_clip(Clip(str(row["clip"]), str(row["person"]), eye=arrays[index]), row["file"])

    return Clips(table, read, names, False, str(folder))


def _trials(file: Path, pattern: str) -> dict[int, np.ndarray]:
    try:
        held = loadmat(file)
    except (ValueError, OSError, NotImplementedError, TypeError) as error:
        raise InputError(f"is not a readable MATLAB file ({error})", where=file) from error
    found = {int(m[1]): values for key, values in held.items() if (m := re.fullmatch(pattern, key))}
    return dict(sorted(found.items()))


def _numbers(file: Path) -> pd.DataFrame | None:
    return pd.read_csv(file).select_dtypes("number") if file.is_file() else None


def _array(table: pd.DataFrame | None) -> np.ndarray | None:
    return None if table is None else table.to_numpy(np.float32)


def _nine(value: str | None) -> float:
    return float("nan") if value is None else (float(value) - 5) / 4
