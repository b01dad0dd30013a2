"""Which pictures a study is about, as a CSV manifest says it."""

from __future__ import annotations

import glob
import unicodedata
from dataclasses import dataclass, field, replace
from os.path import normpath
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.data_files import read_delimited
from xai_compare.errors import InputError, nearest
from xai_compare.expressions import canonical
from xai_compare.files import unquoted

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
        offered: of how many usable pictures the rows were drawn.
    """

    rows: pd.DataFrame
    skipped: list[tuple[str, str]] = field(default_factory=list)
    offered: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "offered", self.offered or len(self.rows))

    def drawn(self, at_most: int, seed: int) -> Manifest:
        """At most so many of the pictures, drawn by the seed, evenly over the labels, in their order."""
        if len(self.rows) <= at_most:
            return self
        random = np.random.default_rng(seed)
        shuffled = self.rows.iloc[random.permutation(len(self.rows))]
        turn = shuffled.groupby("expression").cumcount()
        kept = turn.sort_values(kind="stable").index[:at_most]
        return replace(self, rows=self.rows.loc[sorted(kept)].reset_index(drop=True))


def read_manifest(path: str | Path, root: str | Path | None = None, *, allow_outside: bool = False) -> Manifest:
    """Read a CSV manifest with the columns ``image, expression`` and optionally ``subject, dataset, split,
    false_label, face, region``.

    Args:
        path: the CSV file, UTF-8.
        root: the folder that the image paths are relative to; the manifest's own folder by default.
        allow_outside: whether image paths may leave ``root``.

    Rows that repeat an image (also by another spelling of its path), name a file that is absent, or leave the root are
    skipped with their reason.

    Raises:
        InputError: if the file is missing or unreadable, a column is missing or unknown, an expression is unknown, or
            no row is left.
    """
    path = Path(path)
    root = Path(root) if root is not None else path.parent
    table = _read_csv(path)
    _check_columns(table, path)
    rows = pd.DataFrame({column: table.get(column, "") for column in COLUMNS}, index=table.index)
    for column in ("expression", "false_label"):
        rows[column] = [_expression(name, path, line) for line, name in rows[column].items()]
    return existing(rows, root, path, allow_outside)


def _read_csv(path: Path) -> pd.DataFrame:
    """The table as text; its index is each row's line in the file, 1 being the header's."""
    if not path.exists():
        raise InputError("no such manifest", where=path)
    table = read_delimited(path, short_rows=True, strict=True)
    table = table.map(lambda cell: unquoted(cell.strip()))
    table.columns = pd.Index([unquoted(str(name)).lower() for name in table])
    twice = [name for name in table if name and list(table).count(name) > 1]
    if twice:
        raise InputError(f"column {twice[0]!r} appears twice", where=path)
    return table


def _check_columns(table: pd.DataFrame, path: Path) -> None:
    for column in REQUIRED:
        if column not in table:
            known = nearest(column, table.columns) if len(table.columns) else "it has none"
            raise InputError(f"column {column!r} is missing", where=path, hint=f"rename the column: {known}")
    if table.empty:
        raise InputError("the manifest has no rows", where=path)


def _expression(name: str, path: Path, line: object) -> str:
    if not name.strip():
        return ""
    try:
        return canonical(name)
    except InputError as error:
        raise InputError(error.what, where=f"{path}, line {line}", hint=error.hint) from None


def _neighbour(place: Path) -> str:
    """The file of the same name with another ending, if there is one."""
    try:
        there = sorted(file.name for file in place.parent.glob(f"{glob.escape(place.stem)}.*") if file.is_file())
    except (OSError, ValueError):
        return ""
    return f"; did you mean {there[0]!r}?" if there else ""


def _as_on_disk(root: Path, name: str) -> Path | None:
    """The file that a name means with its back slashes as slashes, and its letters composed as those on the disk.

    Systems differ in both: macOS decomposes accented letters, and Windows separates folders by back slashes.
    """
    place = root
    for part in name.replace("\\", "/").split("/"):
        if not (place / part).exists():
            composed = unicodedata.normalize("NFC", part)
            alike = [entry for entry in place.iterdir() if unicodedata.normalize("NFC", entry.name) == composed]
            if len(alike) != 1:
                return None
            part = alike[0].name
        place = place / part
    return place if place.is_file() else None


def existing(rows: pd.DataFrame, root: Path, source: Path, allow_outside: bool) -> Manifest:
    """The rows whose pictures are there, below the root, and named once; the others are skipped with their reason."""
    skipped: list[tuple[str, str]] = []
    keep: list[bool] = []
    paths: list[str] = []
    seen: set[str] = set()
    try:
        base = root.resolve()
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"cannot be followed ({error})", where=root, hint="check images: root") from None
    for name in rows["image"]:
        place, reason = root / name, ""
        try:
            place = place if place.is_file() else _as_on_disk(root, name) or place
            inside = place.resolve().is_relative_to(base)
            present = place.is_file()
        except (OSError, ValueError, RuntimeError):  # The last where links lead in a circle.
            inside, present = True, False
        if not name.strip():
            reason = "the row names no image"
        elif normpath(place) in seen:
            reason = "named twice in the manifest; the first row counts"
        elif not inside and not allow_outside:
            reason = f"lies outside the root {root}; say allow_outside: true if that is meant"
        elif not present:
            reason = "no such file" + _neighbour(place)
        seen.add(normpath(place))
        keep.append(not reason)
        paths.append(str(place))
        if reason:
            skipped.append((name, reason))
    rows = rows.assign(path=paths)[keep].reset_index(drop=True)
    if rows.empty:
        image, why = skipped[0]
        raise InputError(f"no image can be used (the first, {image!r}: {why})", where=source, hint="check images: root")
    return Manifest(rows, skipped)
