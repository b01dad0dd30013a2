"""Tables of points in text files, and the checks that every table of points must pass.

Columns: ``participant`` and ``image`` (text, so that "07" stays "07"), ``x`` and ``y`` (pixels of the picture, pixel
centres at integers, y downwards); optional ``order`` (rank within the trial), ``time`` (ms), ``duration`` (ms, required
of fixations), and of a two-alternative task ``response``, ``false_label``, ``label`` and ``correct``. Any other column
is kept as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from xai_compare.data_files import ROW
from xai_compare.errors import InputError, nearest
from xai_compare.expressions import ALIASES as EXPRESSION_ALIASES

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
    "trial": ("trial_index", "trial_number", "trial_id"),
    "rt": ("rt_ms", "reaction_time", "response_time"),
    "block": ("block_number",),
}
"""Other names a column may have; upper and lower case, and blanks or hyphens for underscores, do not matter."""

MISSING = frozenset({"", "nan", "na", "n/a", "null", "none", ".", "-"})
"""Texts, in lower case, that stand for an absent value."""

_NUMBERS = ("x", "y", "order", "time", "duration", "rt", "width", "height")
_YES, _NO = frozenset({"1", "true", "yes", "t", "y", "1.0"}), frozenset({"0", "false", "no", "f", "n", "0.0"})


def validate_points(
    table: pd.DataFrame, where: object, required: Sequence[str], *, unplaced: bool = False
) -> pd.DataFrame:
    """Return the table with canonical column names, typed columns and without points that have no place.

    ``attrs`` of the result tell what was done: ``renamed`` {given name: canonical name}, ``points`` (rows given) and
    ``dropped`` {reason: number of rows}.

    Args:
        table: one row per point, values as text or numbers.
        where: what to call the table in messages, such as the file's path.
        required: the columns it must have.
        unplaced: keep rows without a place, such as those of a trial without a click.

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
    for name in {"duration", "rt"} & set(table):
        _refuse(table[name] < 0, "is negative", table[name], rows, where)
    for name in {"width", "height"} & set(table):
        _refuse(table[name] <= 0, "is no size", table[name], rows, where)
    if "correct" in table:
        table["correct"] = _truths(table["correct"], rows, where)
    elif {"response", "label"} <= set(table):
        codes = [pd.to_numeric(table[name], errors="coerce").notna() for name in ("response", "label")]
        hint = "write the answers as the labels are written, or a column 'correct'"
        _refuse(codes[0] & ~codes[1], "is a number, which answers no label", table["response"], rows, where, hint)
        table["correct"] = _right_answers(table["response"], table["label"])
    if unplaced:
        table.attrs = {"renamed": renamed, "points": len(table), "dropped": {}}
        return table
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
        candidates = [name] if name in given else [alias for alias in aliases if alias in given]
        if len(candidates) > 1:
            several = " and ".join(repr(given[alias]) for alias in candidates)
            raise InputError(f"{several} could each be the column {name!r}", where=where, hint=f"name one {name!r}")
        renamed |= {given[alias]: name for alias in candidates if given[alias] != name}
    missing = [name for name in required if name not in {*renamed.values(), *map(str, table.columns)}]
    if missing:
        raise InputError(
            f"no column {', '.join(map(repr, missing))}",
            where=where,
            hint=nearest(missing[0], [name for name in given.values() if name != ROW]).replace("known", "its columns"),
        )
    return table.rename(columns=renamed), renamed


def canonical_names(names: Iterable[str]) -> dict[str, str]:
    """Which of ``names`` stand for a canonical column, by its own name or a usual alias: {name: column}."""
    known = {alias: name for name, aliases in COLUMN_ALIASES.items() for alias in (name, *aliases)}
    return {name: known[_key(name)] for name in names if _key(name) in known}


def named_columns(names: Iterable[str]) -> set[str]:
    """The columns that ``names`` stand for, by their own name or a usual alias."""
    names = list(names)
    return {_key(name) for name in names} | set(canonical_names(names).values())


def _key(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _blank(values: pd.Series) -> pd.Series:
    return values.isna() | values.astype(str).str.strip().str.lower().isin(MISSING)


def _refuse(bad: pd.Series, why: str, values: pd.Series, rows: pd.Series, where: object, hint: str = "") -> None:
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        more = f" (and {int(bad.sum()) - 1} more)" if bad.sum() > 1 else ""
        raise InputError(
            f"row {rows.iloc[at]}: {values.name} {str(values.iloc[at])!r} {why}{more}", where=where, hint=hint or None
        )


def _texts(values: pd.Series, name: str, rows: pd.Series, where: object) -> pd.Series:
    texts = values.astype(str).str.strip()
    _refuse(values.isna() | (texts == ""), "is empty", texts.rename(name), rows, where)
    return texts


def _numbers(values: pd.Series, name: str, rows: pd.Series, where: object) -> pd.Series:
    blank = _blank(values)
    numbers = pd.to_numeric(values.where(~blank), errors="coerce").astype(float)
    hint = "write decimals with a point" if values.astype(str).str.contains(",").any() else ""
    _refuse(numbers.isna() & ~blank, "is not a number", values.rename(name), rows, where, hint)
    if name not in ("x", "y"):  # A point without a place is dropped and counted.
        _refuse(pd.Series(np.isinf(numbers)), "is not a finite number", values.rename(name), rows, where)
    return numbers.where(np.isfinite(numbers))


def _truths(values: pd.Series, rows: pd.Series, where: object) -> pd.Series:
    blank, texts = _blank(values), values.astype(str).str.strip().str.lower()
    truths = pd.Series(pd.NA, index=values.index, dtype="boolean")
    truths[texts.isin(_YES)], truths[texts.isin(_NO)] = True, False
    _refuse(truths.isna() & ~blank, "is neither true nor false", values, rows, where, "write 1 or 0")
    return truths


def expression_of(answer: object) -> str:
    """The expression that an answer names, or the answer in lower case where it names none.

    >>> expression_of("Happy"), expression_of("No idea")
    ('happiness', 'no_idea')
    """
    text = _key(str(answer))
    return EXPRESSION_ALIASES.get(text, text)


def _right_answers(response: pd.Series, label: pd.Series) -> pd.Series:
    right = (response.map(expression_of) == label.map(expression_of)).astype("boolean")
    return right.mask(_blank(response) | _blank(label))


def _drop_unplaced(table: pd.DataFrame, where: object, renamed: dict[str, str]) -> pd.DataFrame:
    unplaced = table[["x", "y"]].isna().any(axis=1)
    dropped = {"no coordinates": int(unplaced.sum())}
    if "duration" in table:
        untimed = table["duration"].isna() & ~unplaced
        dropped["no duration"] = int(untimed.sum())
        nothing = (table["duration"] == 0) & ~unplaced
        if nothing.any():
            dropped["a duration of 0"] = int(nothing.sum())
        unplaced |= untimed | nothing
    kept = table[~unplaced].reset_index(drop=True)
    if kept.empty:
        reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        raise InputError(f"none of its {len(table)} points can be used ({reasons})", where=where)
    first = [name for name in COLUMN_ALIASES if name in kept]
    kept = kept[[*first, *(name for name in kept if name not in first)]]
    kept.attrs = {"renamed": renamed, "points": len(table), "dropped": dropped}
    return kept
