"""Reading clicks and fixations, in any known format, from a file, several files or a pattern."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.formats import Format, find_click_format, find_fixation_format
from xai_compare.human.tables import tidy

Paths = str | Path | Iterable[str | Path]


def read_clicks(path: Paths, format: str = "clicks") -> pd.DataFrame:
    """Return clicks, one row per click: ``participant, image, x, y`` and, where the file has them, more.

    Args:
        path: a file, a pattern such as ``"clicks/*.csv"``, or several of them.
        format: ``clicks`` (delimited text, see `tables.read_table`), ``bubbleview`` (MATLAB) or a registered one.

    Returns:
        ``participant, image`` text; ``x, y`` pixels of the picture; optional ``order``, ``time`` in ms, ``response``,
        ``false_label``, ``label`` text, ``correct`` boolean with NA. Where there is no ``correct`` but a ``response``
        and a ``label``, ``correct`` is whether they name the same expression. Usual other names of columns are known
        (`tables.COLUMN_ALIASES`). ``attrs`` hold ``files``, ``renamed`` {given name: column}, ``points`` (rows read)
        and ``dropped`` {reason: rows}.

    Raises:
        InputError: if a file is absent, unreadable or empty, a column is absent, or a cell is not what it should be.
    """
    return _read(path, find_click_format(format), ("participant", "image", "x", "y"))


def read_fixations(path: Paths, format: str = "fixations") -> pd.DataFrame:
    """Return fixations, one row per fixation: ``participant, image, x, y, duration`` in ms, and more where given.

    Args:
        path: a file, a pattern such as ``"gaze/*.csv"``, or several of them.
        format: ``fixations`` (delimited text, see `tables.read_table`), ``osie`` (MATLAB) or a registered one.

    Returns:
        As `read_clicks`, with ``duration``; fixations without a duration are dropped and counted.

    Raises:
        InputError: as `read_clicks`, and if a duration is negative.
    """
    return _read(path, find_fixation_format(format), ("participant", "image", "x", "y", "duration"))


def _read(path: Paths, read: Format, required: Sequence[str]) -> pd.DataFrame:
    files = _files(path)
    frames = [tidy(read(file), file, required) for file in files]
    attrs = {
        "files": [str(file) for file in files],
        "renamed": {given: name for frame in frames for given, name in frame.attrs["renamed"].items()},
        "points": sum(frame.attrs["points"] for frame in frames),
        "dropped": _totals(frame.attrs["dropped"] for frame in frames),
    }
    for frame in frames:
        frame.attrs.clear()
    joined = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    joined.attrs.update(attrs)
    return joined


def _totals(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    totals: dict[str, int] = {}
    for count in counts:
        for reason, number in count.items():
            totals[reason] = totals.get(reason, 0) + number
    return totals


def _files(path: Paths) -> list[Path]:
    """Return the distinct files that a path, a pattern or several of them name, each pattern's sorted."""
    given = [path] if isinstance(path, str | Path) else list(path)
    if not given:
        raise InputError("no file of clicks or fixations is named")
    files: dict[Path, None] = {}
    for one in given:
        plain = Path(one).expanduser()
        found = [plain] if plain.exists() else _matches(plain)
        if not found:
            raise InputError("no such file", where=one, mend="check the path, which is relative to where it is named")
        for file in found:
            if file.is_dir():
                raise InputError("is a folder", where=file, mend=f"name its files, such as {file / '*.csv'}")
            files[file] = None
    return list(files)


def _matches(pattern: Path) -> list[Path]:
    root = Path(pattern.anchor or ".")
    try:
        return sorted(root.glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError as error:  # "**" must stand alone between slashes.
        raise InputError(
            f"is not a pattern ({error})", where=pattern, mend="write **/ for any depth of folders"
        ) from None
