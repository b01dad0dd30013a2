"""Tables of points in text files, and the checks that every table of points must pass.

Columns: ``participant`` and ``image`` (text, so that "07" stays "07"), ``x`` and ``y`` (pixels of the picture, pixel
centres at integers, y downwards); optional ``order`` (rank within the trial), ``time`` (ms), ``duration`` (ms, required
of fixations), and of a two-alternative task ``response``, ``false_label``, ``label`` and ``correct``. Any other column
is kept as it is.
"""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.errors import InputError, nearest
from xai_compare.expressions import ALIASES as EXPRESSION_ALIASES
from xai_compare.human.formats import click_format, fixation_format

COLUMN_ALIASES: dict[str, tuple[str, ...]] = {
    "participant": ("subject", "observer", "user", "viewer", "participant_id", "subject_id", "observer_id", "user_id"),
    "image": ("picture", "stimulus", "filename", "file", "image_name", "image_id", "stimulus_name"),
    "x": ("click_x", "fixation_x", "fix_x", "x_px", "pos_x"),
    "y": ("click_y", "fixation_y", "fix_y", "y_px", "pos_y"),
    "order": ("index", "click_index", "fixation_index", "click_number", "fixation_number"),
    "time": ("time_ms", "timestamp_ms", "click_time_ms", "onset_ms"),
    "duration": ("duration_ms", "fixation_duration", "fixation_duration_ms"),
    "response": ("answer", "choice"),
    "correct": ("is_correct",),
    "false_label": ("false_option", "distractor"),
    "label": ("true_label", "expression"),
}
"""Other names a column may have; upper and lower case, and blanks or hyphens for underscores, do not matter."""

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", ".", "-"})
"""Texts, in lower case, that stand for an absent value."""

ROW = "row in file"
"""The column, gone once a table is checked, whose numbers messages quote."""

_NUMBERS = ("x", "y", "order", "time", "duration")
_YES, _NO = frozenset({"1", "true", "yes", "t", "y", "1.0"}), frozenset({"0", "false", "no", "f", "n", "0.0"})


@fixation_format("fixations")
@click_format("clicks")
def read_table(path: Path) -> pd.DataFrame:
    """Return a delimited text file as a table of text, with the file's row numbers in the column `ROW`.

    The file is UTF-8, with or without a byte-order mark, may be compressed (``.gz``), and its first row names the
    columns. Comma, semicolon or tab separates them: the one the first row holds most of. Empty rows are left out.

    Raises:
        InputError: if the file cannot be read, is empty or not UTF-8, names a column twice, or has a row that is too
            long or too short.
    """
    text = _text(path)
    separator = max(",;\t", key=text.partition("\n")[0].count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        header = [name.strip() for name in next(reader, [])]
        _check_header(header, path)
        rows: list[list[str]] = []
        numbers: list[int] = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                what = f"row {reader.line_num} has {len(cells)} cells where the header has {len(header)}"
                raise InputError(what, where=path, mend="quote cells that hold the separator")
            rows.append(cells)
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise InputError(f"row {reader.line_num} is no delimited text ({error})", where=path) from error
    if not rows:
        raise InputError("holds no row below its header", where=path)
    table = pd.DataFrame(rows, columns=header, dtype=object)
    return table.assign(**{ROW: numbers})


def _text(path: Path) -> str:
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({error})", where=path) from error
    if not raw.strip():
        raise InputError("is empty", where=path)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"is not UTF-8 text, with or without byte-order mark (byte {error.start})"
        raise InputError(what, where=path, mend="save it as 'CSV UTF-8'") from error


def _check_header(header: list[str], path: Path) -> None:
    if not any(header):
        raise InputError("its first row is blank", where=path, mend="name the columns there")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise InputError(f"its header has {', '.join(map(repr, twice))} more than once", where=path)


def tidy(table: pd.DataFrame, where: object, required: Sequence[str]) -> pd.DataFrame:
    """Return the table with canonical column names, typed columns and without points that have no place.

    ``attrs`` of the result tell what was done: ``renamed`` {given name: canonical name}, ``points`` (rows given) and
    ``dropped`` {reason: number of rows}.

    Args:
        table: one row per point, values as text or numbers.
        where: what to call the table in messages, such as the file's path.
        required: the columns it must have.

    Raises:
        InputError: if a required column is absent, a cell is not what its column holds, or no point remains.
    """
    table, renamed = _canonical_columns(table.reset_index(drop=True), where, required)
    rows = pd.Series(table.pop(ROW) if ROW in table else np.arange(1, len(table) + 1), index=table.index)
    for name in ("participant", "image"):
        table[name] = _texts(table[name], name, rows, where)
    for name in _NUMBERS:
        if name in table:
            table[name] = _numbers(table[name], name, rows, where)
    if "duration" in table:
        _refuse(table["duration"] < 0, "is negative", table["duration"], rows, where)
    if "correct" in table:
        table["correct"] = _truths(table["correct"], rows, where)
    elif {"response", "label"} <= set(table):
        table["correct"] = _right_answers(table["response"], table["label"])
    return _drop_unplaced(table, where, renamed)


def _canonical_columns(
    table: pd.DataFrame, where: object, required: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, str]]:
    given = {_key(str(name)): str(name) for name in table.columns}
    if len(given) < len(table.columns):
        alike = [str(name) for name in table.columns if str(name) not in given.values()]
        raise InputError(f"more than one column is called {alike[0]!r}, give or take its case", where=where)
    renamed: dict[str, str] = {}
    for name, aliases in COLUMN_ALIASES.items():
        found = [name] if name in given else [alias for alias in aliases if alias in given]
        if len(found) > 1:
            several = " and ".join(repr(given[alias]) for alias in found)
            raise InputError(f"{several} could each be the column {name!r}", where=where, mend=f"name one {name!r}")
        renamed |= {given[alias]: name for alias in found if given[alias] != name}
    missing = [name for name in required if name not in {*renamed.values(), *map(str, table.columns)}]
    if missing:
        raise InputError(
            f"no column {', '.join(map(repr, missing))}",
            where=where,
            mend=nearest(missing[0], [name for name in given.values() if name != ROW]).replace("known", "its columns"),
        )
    return table.rename(columns=renamed), renamed


def _key(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _blank(values: pd.Series) -> pd.Series:
    return values.isna() | values.astype(str).str.strip().str.lower().isin(MISSING)


def _refuse(bad: pd.Series, why: str, values: pd.Series, rows: pd.Series, where: object, mend: str = "") -> None:
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise InputError(
            f"row {rows.iloc[at]}: {values.name} {str(values.iloc[at])!r} {why}{more}", where=where, mend=mend or None
        )


def _texts(values: pd.Series, name: str, rows: pd.Series, where: object) -> pd.Series:
    texts = values.astype(str).str.strip()
    _refuse(values.isna() | (texts == ""), "is empty", texts.rename(name), rows, where)
    return texts


def _numbers(values: pd.Series, name: str, rows: pd.Series, where: object) -> pd.Series:
    blank = _blank(values)
    numbers = pd.to_numeric(values.where(~blank), errors="coerce").astype(float)
    mend = "write decimals with a point" if values.astype(str).str.contains(",").any() else ""
    _refuse(numbers.isna() & ~blank, "is not a number", values.rename(name), rows, where, mend)
    return numbers.where(np.isfinite(numbers))


def _truths(values: pd.Series, rows: pd.Series, where: object) -> pd.Series:
    blank, texts = _blank(values), values.astype(str).str.strip().str.lower()
    truths = pd.Series(pd.NA, index=values.index, dtype="boolean")
    truths[texts.isin(_YES)], truths[texts.isin(_NO)] = True, False
    _refuse(truths.isna() & ~blank, "is neither true nor false", values, rows, where, "write 1 or 0")
    return truths


def _right_answers(response: pd.Series, label: pd.Series) -> pd.Series:
    def noun(value: object) -> str:
        text = _key(str(value))
        return EXPRESSION_ALIASES.get(text, text)

    right = (response.map(noun) == label.map(noun)).astype("boolean")
    return right.mask(_blank(response) | _blank(label))


def _drop_unplaced(table: pd.DataFrame, where: object, renamed: dict[str, str]) -> pd.DataFrame:
    unplaced = table[["x", "y"]].isna().any(axis=1)
    dropped = {"no coordinates": int(unplaced.sum())}
    if "duration" in table:
        untimed = table["duration"].isna() & ~unplaced
        dropped["no duration"] = int(untimed.sum())
        unplaced |= untimed
    kept = table[~unplaced].reset_index(drop=True)
    if kept.empty:
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise InputError(f"none of its {len(table)} points can be used ({reasons})", where=where)
    first = [name for name in COLUMN_ALIASES if name in kept]
    kept = kept[[*first, *(name for name in kept if name not in first)]]
    kept.attrs = {"renamed": renamed, "points": len(table), "dropped": dropped}
    return kept
