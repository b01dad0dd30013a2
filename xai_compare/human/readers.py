"""Reading clicks and fixations, in any known format, from a file, several files or a pattern."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.file_head import FileHead
from xai_compare.files import is_text
from xai_compare.human.formats import FORMATS, Format, Yields, find
from xai_compare.human.point_tables import validate_points
from xai_compare.human.screen import Placement, Screen
from xai_compare.human.units import coded_as_lost

Paths = str | Path | Iterable[str | Path]
_POINT = ("participant", "image", "x", "y")
_NAMED_BY_FILE = ("eyelink", "smi", "gazepoint")


def read_clicks(path: Paths, format: str = "clicks") -> pd.DataFrame:
    """Return clicks, one row per click: ``participant, image, x, y`` and, where the file has them, more.

    Args:
        path: a file, a pattern such as ``"clicks/*.csv"``, or several of them.
        format: ``clicks`` (delimited text, see `file_readers.read_table`), ``bubbleview`` (MATLAB), another format of
            clicks, or ``auto``.

    Returns:
        ``participant, image`` text; ``x, y`` pixels of the picture; optional ``order``, ``time`` in ms, ``response``,
        ``false_label``, ``label`` text, ``correct`` boolean with NA. Where there is no ``correct`` but a ``response``
        and a ``label``, ``correct`` is whether they name the same expression. Usual other names of columns are known
        (`point_tables.COLUMN_ALIASES`). ``attrs`` hold ``files``, ``renamed`` {given name: column}, ``points`` (rows
        read) and ``dropped`` {reason: rows}.

    Raises:
        InputError: if a file is absent, unreadable or empty, a column is absent, or a cell is not what it should be.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "clicks.csv")
    >>> header = "subject,picture,x,y,answer,label"
    >>> _ = file.write_text(header + "\\n07,a.jpg,12,30.5,happy,happiness\\n07,a.jpg,40,31,sad,fear")
    >>> clicks = read_clicks(file)
    >>> print(clicks[["participant", "image", "x", "y", "response", "correct"]].to_string(index=False))
    participant image    x    y response  correct
             07 a.jpg 12.0 30.5    happy     True
             07 a.jpg 40.0 31.0      sad    False
    >>> clicks.attrs["renamed"]
    {'subject': 'participant', 'picture': 'image', 'answer': 'response'}
    """
    return _read(path, format, "clicks", _POINT)


def read_fixations(path: Paths, format: str = "fixations") -> pd.DataFrame:
    """Return fixations, one row per fixation: ``participant, image, x, y, duration`` in ms, and more where given.

    Args:
        path: a file, a pattern such as ``"gaze/*.csv"``, or several of them.
        format: ``fixations`` (delimited text), ``osie`` (MATLAB), another format of fixations, or ``auto``.

    Returns:
        As `read_clicks`, with ``duration``; fixations without a duration are dropped and counted.

    Raises:
        InputError: as `read_clicks`, and if a duration is negative.
    """
    return _read(path, format, "fixations", (*_POINT, "duration"))


def recognise(path: str | Path) -> tuple[Format, str]:
    """Return the format of a file, and why it is taken for that.

    Raises:
        InputError: if the file cannot be read, or is of no known format or of several.
    """
    head = FileHead.of(Path(path))
    reasons = {name: why for name, format in FORMATS.all().items() if (why := format.recognise(head))}
    if len(reasons) > 1:
        several = "; ".join(f"{name}, by {why}" for name, why in reasons.items())
        raise InputError(f"could be of several formats ({several})", where=path, hint="name the format")
    for name, why in reasons.items():
        return FORMATS.get(name), why
    raise InputError("its format is not recognised", where=path, hint=f"name it: {', '.join(FORMATS)}")


def of_format(path: Path, format: str, kinds: tuple[Yields, ...]) -> Format:
    """Return the format named, or recognised where it is ``auto``, if it yields one of ``kinds``."""
    return find(recognise(path)[0].name if format == "auto" else format, *kinds)


def _read(path: Paths, format: str, kind: Yields, required: Sequence[str]) -> pd.DataFrame:
    if format != "auto":
        find(format, kind)
    files = files_of(path)
    frames = [validate_points(_table(of_format(file, format, (kind,)), file), file, required) for file in files]
    attrs: dict[Hashable | None, Any] = {
        "files": [str(file) for file in files],
        "renamed": {given: name for frame in frames for given, name in frame.attrs["renamed"].items()},
        "points": sum(frame.attrs["points"] for frame in frames),
        "dropped": totals(frame.attrs["dropped"] for frame in frames),
    }
    joined = joined_frames(frames) if len(frames) > 1 else frames[0]
    joined.attrs = attrs
    return joined


def joined_frames(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The frames below one another, without ``attrs``: pandas compares these, which fails for arrays in them."""
    for frame in frames:
        frame.attrs = {}
    return pd.concat(frames, ignore_index=True)


def read_points(path: Paths, format: str = "auto") -> pd.DataFrame:
    """Return clicks or the path of a mouse with every row of the files, those of trials without a point among them.

    Args:
        path: a file, a pattern, or several of them.
        format: jspsych, bubbleview, clicks, mouse, another format of clicks or tracks, or ``auto``.

    Returns:
        As `read_clicks`, but ``x`` and ``y`` are NaN in rows without a point; ``attrs["yields"]`` is ``clicks`` or
        ``tracks``.

    Raises:
        InputError: as `read_clicks`, or if some files hold clicks and others tracks.
    """
    files = files_of(path)
    formats = [of_format(file, format, ("clicks", "tracks")) for file in files]
    kinds = {reader.yields for reader in formats}
    if len(kinds) > 1:
        raise InputError("some files hold clicks and others tracks of the mouse", hint="read them apart")
    tables = (_table(reader, file) for reader, file in zip(formats, files, strict=True))
    joined = joined_frames(
        [validate_points(table, file, _POINT, unplaced=True) for table, file in zip(tables, files, strict=True)]
    )
    if not joined[["x", "y"]].notna().all(axis=1).any():
        raise InputError(f"none of its {len(joined)} rows has a point", where=files[0])
    joined.attrs = {"files": [str(file) for file in files], "yields": kinds.pop()}
    return joined


def _table(format: Format, file: Path) -> pd.DataFrame:
    made = format.read(file)
    return made if isinstance(made, pd.DataFrame) else pd.concat(made, ignore_index=True)


def _tables(format: Format, file: Path) -> Iterable[pd.DataFrame]:
    made = format.read(file)
    return [made] if isinstance(made, pd.DataFrame) else made


def totals(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    """The sum of several counts by reason."""
    totals: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            totals[reason] = totals.get(reason, 0) + number
    return totals


def files_of(path: Paths) -> list[Path]:
    """Return the distinct files that a path, a pattern or several of them name, each pattern's sorted."""
    patterns = [path] if isinstance(path, str | Path) else list(path)
    if not patterns:
        raise InputError("no file of human data is named")
    files: dict[Path, None] = {}
    for pattern in patterns:
        plain = Path(pattern).expanduser()
        matches = [plain] if plain.exists() else _matches(plain)
        if not matches:
            raise InputError(
                "no such file", where=pattern, hint="check the path, which is relative to where it is named"
            )
        for file in matches:
            if not is_text(file.name):  # Participants are named after files, and tables are UTF-8.
                raise InputError(f"the name {file.name!r} is not UTF-8", where=file.parent, hint="rename the file")
            if file.is_dir():
                raise InputError("is a folder", where=file, hint=f"name its files, such as {file / '*.csv'}")
            files[file] = None
    return list(files)


def _matches(pattern: Path) -> list[Path]:
    root = Path(pattern.anchor or ".")
    try:
        return sorted(root.glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError as error:  # "**" must stand alone between slashes.
        hint = "write **/ for any depth of folders"
        raise InputError(f"is not a pattern ({error})", where=pattern, hint=hint) from None


def stream_gaze(path: Paths, format: str = "auto") -> Iterator[pd.DataFrame]:
    """Yield the samples of one or several recordings as the reader gives them, table by table, in flat memory.

    The columns are those of `xai_compare.human.schema.SAMPLE_COLUMNS`; `xai_compare.human.gaze.recording.outcomes`
    makes events of them. EyeLink and SMI files are read whole, one at a time.

    Raises:
        InputError: if a file is absent, unreadable, or not of a format of samples.
    """
    for recording in recordings(files_of(path)):
        parts = [_tables(of_format(file, format, ("samples",)), file) for file in recording]
        for table in parts[0] if len(parts) == 1 else [_both_eyes(recording, parts)]:
            table.attrs["file"] = str(recording[0])
            yield table


def recordings(files: Iterable[Path]) -> list[tuple[Path, ...]]:
    """The files of each recording, in order: those of two eyes of a BIDS run belong together, others stand alone."""
    together: dict[str, list[Path]] = {}
    for file in files:
        run = re.sub(r"_recording-eye\d+(?=_physio\.tsv)", "", file.name)
        together.setdefault(str(file.with_name(run)), []).append(file)
    return [tuple(eyes) for eyes in together.values()]


def _both_eyes(files: tuple[Path, ...], parts: Sequence[Iterable[pd.DataFrame]]) -> pd.DataFrame:
    """The samples of a recording with each eye in a file: of two eyes the mean, or the one that was found."""
    eyes = [[table for table in part if len(table)] for part in parts]
    if not all(eyes):
        raise InputError(
            "no sample is of a picture", where=next(f for f, eye in zip(files, eyes, strict=True) if not eye)
        )
    attrs = eyes[0][0].attrs
    first, *others = (joined_frames(eye) for eye in eyes)
    keys = ["participant", "image", "trial", "time"]
    if any(len(other) != len(first) or (other[keys] != first[keys]).any(axis=None) for other in others):
        what = "the files of its eyes are not of the same samples"
        raise InputError(what, where=files[0], hint="name the file of one eye alone")
    for names in (("screen_x", "screen_y"), ("pupil",)):
        if not set(names) <= set(first):
            continue
        values = np.stack([eye[list(names)].to_numpy(float) for eye in (first, *others)])
        if len(names) == 2:
            pupils = [eye["pupil"].to_numpy(float) if "pupil" in eye else None for eye in (first, *others)]
            for place, pupil in zip(values, pupils, strict=True):
                place[coded_as_lost(place[:, 0], place[:, 1], pupil)] = np.nan
            values[~np.isfinite(values).all(2)] = np.nan
        seen = np.isfinite(values).sum(0)
        total = np.nansum(values, axis=0)
        first[list(names)] = np.divide(total, seen, out=np.full(seen.shape, np.nan), where=seen > 0)
    first.attrs = attrs
    return first


def refuse_same_names(files: Iterable[Path], formats: Iterable[str]) -> None:
    """Refuse files of one name in several folders, of formats that name participants after their files.

    Raises:
        InputError: naming two of them: their people would become one.
    """
    named: dict[str, Path] = {}
    for file, format in zip(files, formats, strict=True):
        other = named.setdefault(Path(file.name.removesuffix(".gz")).stem, file) if format in _NAMED_BY_FILE else file
        if other != file:
            what = f"is called as {other} is, and participants are named after their files"
            raise InputError(what, where=file, hint="give files of different people different names")


def read_gaze(
    path: Paths, format: str = "auto", *, screen: Screen | None = None, placement: Placement | None = None
) -> pd.DataFrame:
    """Return the samples of gaze in one or several recordings, a row per sample.

    Args:
        path: a file, a pattern such as ``"gaze/*.csv.gz"``, or several of them.
        format: tobii, eyelink, gazepoint, smi, bids, samples, another format of samples, or ``auto``.
        screen: what the files do not tell of the screen.
        placement: where the picture lay on the screen, if the files do not tell.

    Returns:
        ``participant, image`` categories; ``trial`` int, from 1 for each participant and file; ``time`` ms by the
        tracker's clock; ``x, y`` pixels of the picture as shown, NaN where the eye was not found, never clipped;
        ``on_picture`` bool; ``pupil``; ``left, top, width, height`` of the picture on the screen, where known; and
        ``event``, where the exporter labels samples. ``attrs`` hold ``files`` and ``screen``.

    Raises:
        InputError: as `stream_gaze`, or if the picture's place on the screen is needed and not known.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp(), "gaze.csv")
    >>> rows = "".join(f"ann,a.jpg,{time},{100 + time},90,3.1\\n" for time in range(0, 16, 4))
    >>> _ = file.write_text("participant,image,time,screen_x,screen_y,pupil\\n" + rows)
    >>> samples = read_gaze(file, placement=Placement(left=50, top=40, width=200, height=150))
    >>> print(samples[["participant", "trial", "time", "x", "y", "on_picture"]].to_string(index=False))
    participant  trial  time    x    y  on_picture
            ann      1   0.0 50.0 50.0        True
            ann      1   4.0 54.0 50.0        True
            ann      1   8.0 58.0 50.0        True
            ann      1  12.0 62.0 50.0        True
    """
    from xai_compare.human.gaze.recording import table_of
    from xai_compare.human.gaze.trial import split_trials

    files = files_of(path)
    refuse_same_names(files, [of_format(file, format, ("samples",)).name for file in files])
    count: Counter[str] = Counter()
    parts = [
        table_of(trial)
        for own in recordings(files)
        for trial in split_trials(stream_gaze(own, format), own[0], screen=screen, placement=placement, count=count)
    ]
    if not parts:
        raise InputError("no sample is of a picture", where=files[0])
    known = parts[0].attrs["screen"]
    joined = joined_frames(parts)
    joined = joined.astype({name: "category" for name in ("participant", "image", "event") if name in joined})
    joined.attrs = {"files": [str(file) for file in files], "screen": known}
    return joined
