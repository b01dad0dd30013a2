"""Clips: a person's face, eyes and fixations while a stimulus ran, with what they reported and what others saw.

The neutral layout is a folder with ``clips.csv`` and one file for each clip; docs/emotion.md describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.data_files import read_delimited, read_npz, read_parquet, typed
from xai_compare.emotion.protocols import checked_labels, with_coarse
from xai_compare.errors import InputError, nearest
from xai_compare.files import atomic, below, safe_name, write_csv
from xai_compare.images import read_image
from xai_compare.registry import Registry

NEEDED = ("clip", "person", "file")
_FACES = (".png", ".jpg", ".jpeg", ".bmp")
_YES = ("true", "1", "1.0", "yes")


@dataclass(frozen=True)
class Clip:
    """One clip; what was not recorded is None.

    Attributes:
        name, person: who and which.
        face: uint8 ``(t, h, w, 3)``, RGB frames of the filmed face.
        eye: float32 ``(n, features)``, samples of eye behaviour; NaN where the eye was not found.
        fixation: float32 ``(n, 2)``, x and y of the gaze on the *stimulus video*, as fractions of its width and
            height: an input of the network, never a place on anybody's face.
    """

    name: str
    person: str
    face: np.ndarray | None = None
    eye: np.ndarray | None = None
    fixation: np.ndarray | None = None


@dataclass
class Clips:
    """A set of clips: their table of labels, and a way to read each.

    Attributes:
        table: a row for each clip, see docs/emotion.md; ``er`` is the self-report, ``fer`` the seen expression.
        eye_features: what the columns of `Clip.eye` are.
        simulated: whether the clips are simulated; tables and figures say so.
        where: what messages call the set.
    """

    table: pd.DataFrame
    read: Callable[[int], Clip]
    eye_features: tuple[str, ...] = ()
    simulated: bool = False
    where: str = "clips"

    def __len__(self) -> int:
        return len(self.table)

    def __getitem__(self, index: int) -> Clip:
        return self.read(index)

    def __iter__(self) -> Iterator[Clip]:
        return (self[index] for index in range(len(self)))

    @property
    def people(self) -> np.ndarray:
        """Whose each clip is, text ``(n,)``."""
        return self.table["person"].astype(str).to_numpy()


LAYOUTS: Registry[Callable[..., Clips]] = Registry(
    "layout of clips",
    "xai_compare.clip_layouts",
    ("xai_compare.emotion.clips", "xai_compare.emotion.adapters"),
    check=lambda thing: "" if callable(thing) else "is not a function",
)
"""Ways to read clips, by name: each takes a folder and gives `Clips`."""


def read_clips(folder: str | Path, layout: str = "neutral", **options: object) -> Clips:
    """The clips in a folder; see `LAYOUTS` for the layouts.

    Raises:
        InputError: in one line, for whatever is wrong with the folder or its labels.

    >>> import tempfile
    >>> clip = Clip("a", "anna", eye=np.zeros((9, 5), np.float32))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clips = read_clips(write_clips(folder, pd.DataFrame({"er": ["sad"]}), [clip]))
    ...     print(clips.table["er"].tolist(), clips[0].eye.shape)
    ['sadness'] (9, 5)
    """
    return LAYOUTS.get(layout)(Path(folder), **options)


@LAYOUTS.register("neutral")
def neutral(folder: Path) -> Clips:
    """The layout of this package: ``clips.csv`` and, for each clip, an npz or parquet file."""
    folder = Path(folder)
    table_file = folder / "clips.csv"
    if not table_file.is_file():
        raise InputError("there is no clips.csv", where=folder, hint="see docs/emotion.md for the layout")
    table = typed(read_delimited(table_file, short_rows=True), NEEDED, table_file)
    if "simulated" in table:
        table["simulated"] = table["simulated"].astype(str).str.strip().str.lower().isin(_YES)
    simulated = "simulated" in table and bool(table["simulated"].all())
    names = _eye_names(folder)
    table = prepared_table(table, table_file)
    files = [below(folder, str(name)) for name in table["file"]]

    def read(index: int) -> Clip:
        row = table.iloc[index]
        return read_clip(files[index], str(row["clip"]), str(row["person"]), names or None)

    return Clips(table, read, names, simulated, str(folder))


def prepared_table(table: pd.DataFrame, where: object) -> pd.DataFrame:
    """The table of labels, checked, with its coarse classes.

    Raises:
        InputError: if a column is absent, a clip comes twice, or a label is not what it should be.
    """
    for name in NEEDED:
        if name not in table:
            raise InputError(f"no column {name!r}", where=where, hint=nearest(name, map(str, table.columns)))
    if table.empty:
        raise InputError("no clip is listed", where=where)
    twice = table["clip"][table["clip"].duplicated()]
    if len(twice):
        raise InputError(f"clip {twice.iloc[0]!r} is listed twice", where=where, hint="name each clip once")
    if table["person"].isna().any():
        name = table["clip"][table["person"].isna()].iloc[0]
        raise InputError(f"clip {name!r} has no person", where=where, hint="say whose it is: folds are by person")
    return with_coarse(checked_labels(table.reset_index(drop=True), where))


def read_clip(file: Path, name: str, person: str, eye_features: tuple[str, ...] | None = None) -> Clip:
    """One clip of the neutral layout.

    An npz holds ``face`` uint8 ``(t, h, w, 3)``, ``eye`` ``(n, features)`` and ``fixation`` ``(n, 2)``, each optional.
    A parquet holds a row for each eye sample: ``fixation_x, fixation_y`` and the eye features; the frames of the face
    then lie as pictures, in the order of their names, in a folder of the same name.

    Raises:
        InputError: if the file is absent or holds something else.
    """
    if not file.is_file():
        raise InputError(f"the file of clip {name!r} is not there", where=file, hint="check the column file")
    if file.suffix == ".npz":
        parts = _from_npz(file)
    elif file.suffix == ".parquet":
        parts = _from_parquet(file, eye_features)
    else:
        raise InputError("a clip is an npz or a parquet file", where=file)
    return checked_clip(Clip(name, person, **parts), file)


def checked_clip(clip: Clip, where: object) -> Clip:
    """The clip, if its arrays have the shapes that they should have.

    Raises:
        InputError: if they have not.
    """
    if clip.face is not None and (clip.face.dtype != np.uint8 or clip.face.ndim != 4 or clip.face.shape[-1] != 3):
        raise InputError(f"face must be uint8 (t, h, w, 3), not {clip.face.dtype} {clip.face.shape}", where=where)
    if clip.eye is not None and clip.eye.ndim != 2:
        raise InputError(f"eye must be (n, features), not {clip.eye.shape}", where=where)
    if clip.fixation is not None and (clip.fixation.ndim != 2 or clip.fixation.shape[1] != 2):
        raise InputError(f"fixation must be (n, 2), not {clip.fixation.shape}", where=where)
    for name in ("face", "eye", "fixation"):
        values = getattr(clip, name)
        if values is not None and 0 in values.shape:
            raise InputError(f"{name} is empty, {values.shape}", where=where, hint="leave out what was not recorded")
        if values is not None and values.dtype.kind == "f" and np.isinf(values).any():
            raise InputError(f"{name} holds infinite numbers", where=where, hint="write NaN where the eye was lost")
    return clip


def write_clips(
    folder: str | Path, table: pd.DataFrame, clips: Sequence[Clip], eye_features: Sequence[str] = ()
) -> Path:
    """Write clips in the neutral layout, one npz each, and return the folder.

    Args:
        folder: made if absent.
        table: labels, a row for each clip in their order; the columns clip, person and file are filled in.
        clips: as in `Clip`.
        eye_features: names of the eye features, for ``eye_features.csv``.
    """
    folder = Path(folder)
    (folder / "clips").mkdir(parents=True, exist_ok=True)
    table = table.copy()
    table["clip"], table["person"] = [c.name for c in clips], [c.person for c in clips]
    table["file"] = [f"clips/{safe_name(c.name)}.npz" for c in clips]
    for clip, file in zip(clips, table["file"], strict=True):
        arrays = {"face": clip.face, "eye": clip.eye, "fixation": clip.fixation}
        with atomic(below(folder, file)) as part:
            np.savez_compressed(part, **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]
    write_csv(table[[*NEEDED, *(c for c in table if c not in NEEDED)]], folder / "clips.csv")
    if eye_features:
        write_csv(pd.DataFrame({"feature": list(eye_features)}), folder / "eye_features.csv")
    return folder


def _eye_names(folder: Path) -> tuple[str, ...]:
    file = folder / "eye_features.csv"
    if not file.is_file():
        return ()
    table = read_delimited(file, short_rows=True)
    if "feature" not in table:
        raise InputError("no column 'feature'", where=file)
    return tuple(table["feature"])


def _from_npz(file: Path) -> Mapping[str, np.ndarray]:
    arrays = read_npz(file, ("face", "eye", "fixation"))
    for name, values in arrays.items():
        if values.dtype.kind not in "buif":
            raise InputError(f"{name} is of {values.dtype}, not of numbers", where=file, hint="save plain arrays")
    return {name: values if name == "face" else _single(values) for name, values in arrays.items()}


def _single(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # What no float32 holds becomes infinite, and is refused as such.
        return np.asarray(values, np.float32)


def _from_parquet(file: Path, eye_features: tuple[str, ...] | None) -> Mapping[str, np.ndarray]:
    table = read_parquet(file)
    arrays: dict[str, np.ndarray] = {}
    if {"fixation_x", "fixation_y"} <= set(table):
        places = table[["fixation_x", "fixation_y"]]
        if not all(pd.api.types.is_numeric_dtype(places[name]) for name in places):
            raise InputError("fixation_x and fixation_y must be numbers", where=file)
        arrays["fixation"] = _single(places.to_numpy())
    others = table.drop(columns=["fixation_x", "fixation_y", "time"], errors="ignore").select_dtypes("number")
    names = list(eye_features) if eye_features else list(others)
    for name in names:
        if name not in others:
            raise InputError(f"no column {name!r}", where=file, hint="eye_features.csv names it")
    if names:
        arrays["eye"] = _single(others[names].to_numpy())
    frames = sorted(f for f in file.with_suffix("").glob("*") if f.suffix.lower() in _FACES)
    if frames:
        pictures = [read_image(frame) for frame in frames]
        for frame, picture in zip(frames, pictures, strict=True):
            if picture.shape != pictures[0].shape:
                raise InputError(f"is of another size than {frames[0].name}", where=frame, hint="make frames alike")
        arrays["face"] = np.stack(pictures)
    return arrays
