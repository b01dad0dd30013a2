"""Which pictures a study is about: a CSV manifest, or a folder per expression."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from PIL import Image

from xai_compare.errors import InputError, nearest
from xai_compare.expressions import canonical

REQUIRED = ("image", "expression")
OPTIONAL = ("subject", "dataset", "split", "false_label", "face", "region")
COLUMNS = (*REQUIRED, *OPTIONAL)


@dataclass(frozen=True)
class Manifest:
    """The pictures of a study.

    Attributes:
        rows: one row a picture: ``image`` (its name), ``path``, ``expression`` (``""`` where not labelled) and the
            optional columns, ``""`` where absent.
        skipped: ``(image, reason)`` of every row that was left out.
    """

    rows: pd.DataFrame
    skipped: list[tuple[str, str]] = field(default_factory=list)


def read_manifest(path: str | Path, root: str | Path | None = None, *, allow_outside: bool = False) -> Manifest:
    """Read a CSV manifest with the columns ``image, expression`` and optionally ``subject, dataset, split,
    false_label, face, region``.

    Args:
        path: the CSV file, UTF-8.
        root: the folder that the image paths are relative to; the manifest's own folder by default.
        allow_outside: whether image paths may leave ``root``.

    Rows that repeat an image, name a file that is absent, or leave the root are skipped with their reason.

    Raises:
        InputError: if the file is missing or unreadable, a column is missing or unknown, an expression is unknown, or
            no row is left.
    """
    path = Path(path)
    root = Path(root) if root is not None else path.parent
    table = _read_csv(path)
    _check_columns(table, path)
    rows = pd.DataFrame({column: table.get(column, "") for column in COLUMNS})
    for column in ("expression", "false_label"):
        rows[column] = [_expression(name, path, line) for line, name in enumerate(rows[column], start=2)]
    return _existing(rows, root, path, allow_outside)


def read_folder(folder: str | Path) -> Manifest:
    """Read a folder that holds one sub-folder of pictures per expression (``anger/``, ``Happy/`` ...).

    Raises:
        InputError: if the folder is missing, a sub-folder is no expression, or there is no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such folder", where=folder)
    extensions = set(Image.registered_extensions())
    records = []
    for place in sorted(p for p in folder.iterdir() if p.is_dir()):
        try:
            expression = canonical(place.name)
        except InputError as error:
            raise InputError(f"the folder's name is no expression ({error.mend})", where=place) from None
        records += [
            {"image": file.relative_to(folder).as_posix(), "expression": expression}
            for file in sorted(place.rglob("*"))
            if file.suffix.lower() in extensions
        ]
    if not records:
        raise InputError("no picture found", where=folder, mend="put pictures into one sub-folder per expression")
    return _existing(pd.DataFrame(records).reindex(columns=COLUMNS, fill_value=""), folder, folder, False)


def _read_csv(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise InputError("no such manifest", where=path)
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skipinitialspace=True)
    except UnicodeDecodeError:
        raise InputError("the manifest is not UTF-8", where=path, mend="save it as CSV UTF-8") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError, ValueError) as error:
        raise InputError(f"the manifest is no readable CSV ({error})", where=path) from None
    table.columns = [str(column).strip().lower() for column in table.columns]
    if table.columns.duplicated().any():
        raise InputError(f"column {table.columns[table.columns.duplicated()][0]!r} appears twice", where=path)
    return table


def _check_columns(table: pd.DataFrame, path: Path) -> None:
    for column in REQUIRED:
        if column not in table:
            found = nearest(column, table.columns) if len(table.columns) else "it has none"
            raise InputError(f"column {column!r} is missing", where=path, mend=f"rename the column: {found}")
    if table.empty:
        raise InputError("the manifest has no rows", where=path)


def _expression(name: str, path: Path, line: int) -> str:
    if not name.strip():
        return ""
    try:
        return canonical(name)
    except InputError as error:
        raise InputError(error.what, where=f"{path}, line {line}", mend=error.mend) from None


def _existing(rows: pd.DataFrame, root: Path, source: Path, allow_outside: bool) -> Manifest:
    skipped: list[tuple[str, str]] = []
    keep: list[bool] = []
    paths: list[str] = []
    seen: set[str] = set()
    base = root.resolve()
    for name in rows["image"]:
        place, reason = root / name, ""
        try:
            inside = place.resolve().is_relative_to(base)
            present = place.is_file()
        except (OSError, ValueError):
            inside, present = True, False
        if not name.strip():
            reason = "the row names no image"
        elif name in seen:
            reason = "named twice in the manifest; the first row counts"
        elif not inside and not allow_outside:
            reason = f"lies outside the root {root}; say allow_outside: true if that is meant"
        elif not present:
            reason = "no such file"
        seen.add(name)
        keep.append(not reason)
        paths.append(str(place))
        if reason:
            skipped.append((name, reason))
    rows = rows.assign(path=paths)[keep].reset_index(drop=True)
    if rows.empty:
        image, why = skipped[0]
        raise InputError(f"no image can be used (the first, {image!r}: {why})", where=source, mend="check images: root")
    return Manifest(rows, skipped)
