"""The path of a mouse: time spent at each place, velocity, acceleration, and tracks too short to be used."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xai_compare.errors import InputError

FEWEST_POINTS = 50
"""A track with fewer points is not used: the mouse was hardly moved (Bruckert et al. 2023, section 4.2)."""


def kinematics(points: pd.DataFrame) -> pd.DataFrame:
    """Return the points of tracks with ``dwell`` in ms, ``velocity`` in px/s and ``acceleration`` in px/s^2.

    The dwell of a point lasts until the next one; that of the last until the answer (``rt``), or 0 where that is not
    known. Velocity is from the point before, acceleration from the velocity before; NaN where there is none, or no time
    has passed.

    Args:
        points: placed points of tracks, in order: participant, image, time in ms, x, y, perhaps trial and rt.

    Raises:
        InputError: if a point has no time.
    """
    if "time" not in points or points["time"].isna().any():
        raise InputError("points of a track have no time", hint="give the column 'time' in ms")
    keys = [name for name in ("participant", "image", "trial") if name in points]
    frame = points.reset_index(drop=True)
    own = frame.groupby(keys, sort=False, observed=True)
    step, ahead = own["time"].diff(), -own["time"].diff(-1)
    last = frame["rt"] - frame["time"] if "rt" in frame else pd.Series(0.0, index=frame.index)
    frame["dwell"] = ahead.fillna(last.fillna(0.0)).clip(lower=0.0)
    passed = (step / 1000).where(step > 0)
    distance = np.hypot(own["x"].diff(), own["y"].diff())
    frame["velocity"] = distance / passed
    change = frame.groupby(keys, sort=False, observed=True)["velocity"].diff()
    frame["acceleration"] = change / passed
    frame["step"] = distance
    return frame


def usable_tracks(points: pd.DataFrame, trials: pd.DataFrame, fewest: int = FEWEST_POINTS) -> pd.DataFrame:
    """Return the trials of tracks with their number of points, path length, and whether they are kept.

    Not kept are tracks with fewer than ``fewest`` points and those whose clock runs backwards.

    Args:
        points: as from `kinematics`.
        trials: as from `xai_compare.human.clicks.answers.trial_table`.
    """
    keys = ["participant", "image", "trial"]
    keyed = points if "trial" in points else points.assign(trial=1)
    own = keyed.groupby(keys, sort=False, observed=True)
    facts = pd.DataFrame(
        {
            "path": own["step"].sum(),
            "duration": own["time"].max() - own["time"].min(),
            "backwards": own["time"].apply(lambda t: int((t.diff() < 0).sum())),
        }
    )
    table = trials.merge(facts.reset_index(), on=keys, how="left")
    few, back = table["clicks"] < fewest, table["backwards"].fillna(0) > 0
    why = np.where(back, "the clock runs backwards", np.where(few, f"fewer than {fewest} points", ""))
    open_ = table["reason"] == ""
    table["reason"] = np.where(open_, why, table["reason"])
    table["kept"] = table["kept"] & (table["reason"] == "")
    return table.drop(columns="backwards")
