"""A run's tables as the page takes them: by column, names once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

MOST_ROWS = 20_000
DIGITS = 7
_SHOWN = {
    "scores": "Scores of mean maps",
    "differences": "Differences of two sources, picture by picture",
    "per_image": "Scores of single pictures",
    "known_images": "Agreement with known regions, picture by picture",
    "predictions": "What the networks answered",
    "faithfulness": "Faithfulness",
    "trainings": "Scores over trainings",
    "error_consistency": "Errors shared with people",
}
"""The tables that the page shows, by name, and what it calls them."""


def tables(read: Callable[[str], pd.DataFrame], given: Mapping[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Those of the run's tables that are shown, and are not empty.

    Args:
        read: a table by name.
        given: tables that are at hand already.
    """
    shown = []
    for name, title in _SHOWN.items():
        table = given[name] if name in given else read(name)
        if len(table):
            columns = [one for one in table.columns if (table[one].notna() & (table[one] != "")).any()]
            part = table[columns].head(MOST_ROWS)
            packed = [packed_column(part[column], exact=name == "scores") for column in columns]
            shown.append({"name": name, "title": title, "rows": len(part), "of": len(table), "columns": packed})
    return shown


def packed_column(values: pd.Series, *, exact: bool = False) -> dict[str, Any]:
    """A column as the page takes it.

    Returns:
        ``name`` and ``numbers`` (of `DIGITS` significant digits unless ``exact``, None where undefined), or ``name``,
        ``words`` and ``at``, the place of each row's word among them.
    """
    name = str(values.name)
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        numbers = values.to_numpy(float, na_value=np.nan)
        return {"name": name, "numbers": [shortened(one, 17 if exact else DIGITS) for one in numbers]}
    at, words = pd.factorize(values.fillna("").astype(str))
    return {"name": name, "words": [str(word) for word in words], "at": at.tolist()}


def shortened(number: float, digits: int = DIGITS) -> float | None:
    """A number of so many significant digits; None where it is undefined."""
    return float(f"{number:.{digits}g}") if np.isfinite(number) else None
