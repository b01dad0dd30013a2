"""The trials of an experiment with answers: who is excluded and why, and everything by pair of expressions."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import pearsonr

from xai_compare import agreement
from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.human.point_tables import expression_of

_ANSWER = ("response", "label", "false_label", "correct", "rt", "block")
_KEYS = ("participant", "image", "trial")


def trial_table(points: pd.DataFrame) -> pd.DataFrame:
    """Return one row per trial: ``participant, image, trial, clicks``, the answer, and ``first_click`` in ms.

    Args:
        points: as from `xai_compare.human.readers.read_points`. Without a column ``trial`` each picture is one trial of
            a participant.
    """
    keyed = points if "trial" in points else points.assign(trial=1)
    placed = keyed[["x", "y"]].notna().all(axis=1)
    groups = keyed.assign(clicks=placed.astype(int)).groupby(list(_KEYS), sort=False, observed=True)
    table = groups["clicks"].sum().to_frame()
    for name in _ANSWER:
        if name in keyed:
            table[name] = groups[name].first()
    if "time" in keyed:
        table["first_click"] = keyed[placed].groupby(list(_KEYS), sort=False, observed=True)["time"].min()
    return table.reset_index().assign(kept=True, reason="")


def exclude(trials: pd.DataFrame, beyond_sd: float = 3.0, least_share: float = 0.9) -> pd.DataFrame:
    """Return the trials with ``kept`` and ``reason`` set for participants who are excluded as a whole.

    Excluded are those whose share of correct answers lies more than ``beyond_sd`` standard deviations below the mean of
    all participants, who have no trial in a block that others have, or who have fewer than ``least_share`` of the
    trials of the most diligent (Park & Wallraven 2022, section 4.1: 3 SD, a block skipped).
    """
    trials = trials.copy()
    people = trials.groupby("participant", sort=False, observed=True)
    reasons: dict[str, str] = {}
    if "correct" in trials and people.ngroups > 2:
        accuracy = people["correct"].mean().astype(float)
        spread = accuracy.std(ddof=1)
        z = (accuracy - accuracy.mean()) / spread if spread > 0 else accuracy * 0
        for name in z[z < -beyond_sd].index:
            reasons[str(name)] = f"{accuracy[name]:.0%} correct, {-z[name]:.1f} SD below the mean of all"
    if "block" in trials and trials["block"].notna().any():
        blocks = set(trials["block"].dropna())
        for name, own in people["block"]:
            skipped = sorted(map(str, blocks - set(own.dropna())))
            if skipped:
                reasons.setdefault(str(name), f"skipped block {', '.join(skipped)}")
    count = people.size()
    for name in count[count < least_share * count.max()].index:
        reasons.setdefault(str(name), f"{count[name]} trials where others have {count.max()}")
    out = trials["participant"].astype(str).map(reasons)
    trials["kept"] = trials["kept"] & out.isna()
    trials["reason"] = np.where(out.notna() & (trials["reason"] == ""), out, trials["reason"])
    return trials


def pair_matrices(trials: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return ``accuracy``, ``clicks`` and ``time`` as matrices: true labels down, false labels across.

    A cell is the mean over the kept trials of that pair, NaN where there is none. ``time`` is in ms from the first
    click to the answer, or from the beginning of the trial where clicks have no time (Park & Wallraven 2022, Figure 3).

    Raises:
        InputError: if the trials have no ``label`` and ``false_label``.
    """
    kept = _labelled(trials, ("label", "false_label"))
    measures = {"accuracy": kept["correct"].astype(float) if "correct" in kept else None, "clicks": kept["clicks"]}
    if "rt" in kept:
        since = kept["first_click"] if "first_click" in kept and kept["first_click"].notna().any() else 0
        measures["time"] = kept["rt"] - since
    names = ordered([*kept["label"], *kept["false_label"]])
    return {
        name: kept.assign(value=values.astype(float))
        .pivot_table(index="label", columns="false_label", values="value", aggfunc="mean", observed=True)
        .reindex(index=names, columns=names)
        for name, values in measures.items()
        if values is not None
    }


def pair_correlations(matrices: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return Pearson's r between the matrices, over the pairs: ``a, b, r, p, n, note``.

    NaN, with a note, where fewer than three pairs have both or one does not vary.
    """
    names, rows = list(matrices), []
    for at, a in enumerate(names):
        for b in names[at + 1 :]:
            x, y = matrices[a].to_numpy(float).ravel(), matrices[b].to_numpy(float).ravel()
            both = np.isfinite(x) & np.isfinite(y)
            rows.append({"a": a, "b": b} | correlation(x[both], y[both]))
    return pd.DataFrame(rows, columns=["a", "b", "r", "p", "n", "note"])


def correlation(x: np.ndarray, y: np.ndarray) -> dict[str, object]:
    """Pearson's r with its p and n, or NaN and why."""
    if len(x) < 3:
        return {"r": np.nan, "p": np.nan, "n": len(x), "note": "fewer than three pairs of values"}
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return {"r": np.nan, "p": np.nan, "n": len(x), "note": "one of the two does not vary"}
    result = pearsonr(x, y)
    return {"r": float(result.statistic), "p": float(result.pvalue), "n": len(x), "note": ""}


def confusion(trials: pd.DataFrame) -> pd.DataFrame:
    """Return the share of each answer by true label, rows summing to 1: true labels down, answers across.

    Raises:
        InputError: if the trials have no ``label`` and ``response``.
    """
    kept = _labelled(trials, ("label", "response"))
    names = ordered([*kept["label"], *kept["response"]])
    shares = agreement.confusion(kept["label"], kept["response"], names)
    return pd.DataFrame(shares, pd.Index(names, name="label"), pd.Index(names, name="response"))


def _labelled(trials: pd.DataFrame, needed: tuple[str, ...]) -> pd.DataFrame:
    for name in needed:
        if name not in trials or trials[name].isna().all():
            raise InputError(f"the trials have no {name!r}", hint="name it in a column of the data")
    kept = trials[trials["kept"]].dropna(subset=list(needed))
    return kept.assign(**{name: kept[name].map(expression_of) for name in needed})
