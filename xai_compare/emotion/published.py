"""The numbers that Liu et al. (2024) print, cited; they were measured on EMER by the authors, and on nothing here."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
import pandas as pd

CLIPS = 1303
SOURCE = "cited from Liu et al. (2024)"


def published(table: str | None = None) -> pd.DataFrame:
    """Tables II to X of the paper: ``table, row, of, metric, value, standard_error, source``.

    Shares are in percent, as printed. The paper gives no intervals. ``standard_error`` is the binomial one of 1,303
    clips for WAR (some 1.3 points), which takes clips as independent and so is too small; NaN for the others.

    Args:
        table: one of them, such as ``"III"``; all by default.
    """
    with files("xai_compare.emotion").joinpath("published.csv").open("rb") as file:
        cited = pd.read_csv(file)
    share = cited["value"] / 100
    error = 100 * np.sqrt(share.clip(0, 1) * (1 - share.clip(0, 1)) / CLIPS)
    cited["standard_error"] = error.where(cited["metric"] == "war")
    cited["source"] = SOURCE
    return cited if table is None else cited[cited["table"] == table].reset_index(drop=True)
