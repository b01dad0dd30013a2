"""The pictures of a dataset, gathered row by row and written as a manifest."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from xai_compare.data_files import read_delimited
from xai_compare.errors import InputError
from xai_compare.expressions import canonical
from xai_compare.files import atomic, below, is_text, write_csv

COLUMNS = ("image", "expression", "subject", "dataset", "split")
SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".pgm")


@dataclass
class DatasetIndex:
    """What a reader found.

    Attributes:
        dataset: the dataset's name, written into every row.
        root: the folder that image names are relative to.
        pictures: where pictures go that lie inside a table; None if nowhere.
        rows: image, expression, subject, dataset and split of each picture.
        skipped: name and reason of what was left out.
    """

    dataset: str
    root: Path
    pictures: Path | None = None
    rows: list[dict[str, str]] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)

    def add(self, image: Path, expression: str, subject: str = "", split: str = "") -> None:
        """Add a picture; one that is not there, or whose expression is not in the vocabulary, is skipped."""
        try:
            name = below(self.root, image.relative_to(self.root)).relative_to(self.root).as_posix()
        except (InputError, ValueError):
            self.skip(str(image), f"lies outside of {self.root}")
            return
        if not image.is_file():
            self.skip(name, "no such file")
            return
        if not is_text(name):
            self.skip(name, "its name is not UTF-8")
            return
        try:
            expression = canonical(expression)
        except InputError:
            self.skip(name, f"{expression!r} is not one of the expressions")
            return
        row = (name, expression, subject, self.dataset, split)
        self.rows.append(dict(zip(COLUMNS, row, strict=True)))

    def skip(self, name: str, reason: str) -> None:
        """Note what was left out, and why."""
        self.skipped.append((name.encode("utf-8", "backslashreplace").decode(), reason))

    def draw(self, name: str, pixels: str, side: int = 48) -> Path:
        """Write a grey picture given as numbers separated by spaces, and return its path.

        Raises:
            InputError: if there is nowhere to write to, or the numbers are not those of a square picture.
        """
        if self.pictures is None:
            raise InputError("the pictures lie inside a table", where=self.root, hint="say where to write them")
        if Path(name).suffix.lower() not in SUFFIXES:
            raise InputError(f"{name[:80]!r} is no name of a picture", where=self.root)
        try:
            values = np.array(pixels.split(), np.int64)
            if len(values) != side * side or values.min() < 0 or values.max() > 255:
                raise ValueError
        except (ValueError, OverflowError):
            raise InputError(f"the pixels are not {side * side} numbers in 0..255", where=name) from None
        self.root = self.pictures
        path = below(self.pictures, name)
        with atomic(path) as part:
            Image.fromarray(values.reshape(side, side).astype(np.uint8)).save(part)
        return path

    def table(self) -> pd.DataFrame:
        """The rows in the order of image names, with the columns of a manifest."""
        rows = sorted(self.rows, key=lambda row: row["image"])
        return pd.DataFrame.from_records(rows, columns=list(COLUMNS))

    def write(self, path: str | Path) -> Path:
        """Write the manifest as CSV; image names are relative to `root`."""
        path = Path(path)
        write_csv(self.table(), path)
        return path


def pictures_in(folder: Path) -> Iterator[Path]:
    """Every picture below a folder, in the order of names; hidden files are left out."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and not path.name.startswith("."):
            yield path


def first(folder: Path, names: Iterable[str]) -> Path | None:
    """The first of the names that is there, in the folder itself or one or two folders down."""
    for name in names:
        for pattern in (name, f"*/{name}", f"*/*/{name}"):
            for found in sorted(folder.glob(pattern)):
                return found
    return None


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file by column.

    Raises:
        InputError: if it cannot be read.
    """
    table = read_delimited(path, short_rows=True)
    names = list(map(str, table.columns))
    return [dict(zip(names, map(str.strip, row), strict=True)) for row in table.itertuples(index=False, name=None)]


def cell(row: dict[str, str], column: str, where: Path) -> str:
    """One column of a row.

    Raises:
        InputError: if the table has no such column.
    """
    if column not in row:
        raise InputError(
            f"column {column!r} is missing", where=where, hint="check that this is the dataset's own table"
        )
    return row[column]


def number(text: str) -> int:
    """A label's number from 0; -1 for anything else, such as 5,000 digits or a raised 2.

    >>> number("7"), number("\u00b2"), number("-3")
    (7, -1, -1)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
