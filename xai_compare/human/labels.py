"""How far people agree about what a face shows: per picture, over all, and with the label of the dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xai_compare.agreement import cronbach_alpha, krippendorff_alpha
from xai_compare.errors import InputError
from xai_compare.human.clicks.answers import correlation
from xai_compare.human.point_tables import expression_of


def per_image(trials: pd.DataFrame) -> pd.DataFrame:
    """Return, for each picture, how far its answers agree.

    Args:
        trials: ``participant, image, response``, perhaps ``label`` and ``kept``; trials that are not kept or have no
            answer do not count.

    Returns:
        ``image, n, agreement, majority, share, label, as_labelled, note``. ``agreement`` is ``sum n_i (n_i - 1) /
        (N (N - 1))``, the chance that two people give the same answer (Bruckert et al. 2023, section 3.1; Fleiss 1971):
        NaN, with a note, for fewer than two answers. ``majority`` is the answer given most, "" where two are given
        alike often, ``share`` its share, ``as_labelled`` whether it is the label.

    Raises:
        InputError: if there is no ``response``.
    """
    answered = _answered(trials)
    rows = []
    for image, own in answered.groupby("image", sort=False, observed=True):
        counts = own["response"].value_counts()
        n = int(counts.sum())
        agreement = float((counts * (counts - 1)).sum() / (n * (n - 1))) if n > 1 else np.nan
        tied = len(counts) > 1 and counts.iloc[0] == counts.iloc[1]
        majority = "" if tied else str(counts.index[0])
        label = expression_of(own["label"].iloc[0]) if "label" in own and own["label"].notna().any() else ""
        rows.append(
            {
                "image": image,
                "n": n,
                "agreement": agreement,
                "majority": majority,
                "share": counts.iloc[0] / n,
                "label": label,
                "as_labelled": majority == label if label and majority else pd.NA,
                "note": "" if n > 1 else "fewer than two answers",
            }
        )
    return pd.DataFrame(rows).astype({"as_labelled": "boolean"})


def overall(trials: pd.DataFrame) -> pd.DataFrame:
    """Return Fleiss' kappa, Krippendorff's alpha and Cronbach's alpha of the answers: ``measure, value, n, note``.

    Fleiss' kappa (statsmodels) is taken over the pictures with the most usual number of answers. Krippendorff's alpha
    (nominal) takes all, answers lacking or not. Cronbach's alpha takes people as the items and pictures as the
    cases (as Liu et al. 2024, Table X, compare ways of labelling), of whether each answer is the label; it needs labels
    and everybody's answers. NaN, with a note, where a measure is not defined.

    Raises:
        InputError: if there is no ``response``.
    """
    answered = _answered(trials)
    table = answered.pivot_table(
        index="image", columns="participant", values="response", aggfunc="first", observed=True
    )
    counts = _counts(table)
    rows = [_fleiss(counts), _krippendorff(counts), _cronbach(answered)]
    return pd.DataFrame(rows, columns=["measure", "value", "n", "note"])


def against(agreement: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """Return Pearson's r of the agreement with other measures, over pictures: ``measure, r, p, n, note``.

    Args:
        agreement: as from `per_image`.
        measures: a row per picture: ``image`` and a column per measure, such as the mean number of fixations, the path
            length, or the time to the answer (Bruckert et al. 2023 report -0.48 for fixations, -0.45 for the path).
    """
    both = agreement.merge(measures, on="image")
    rows = []
    for name in (column for column in measures if column != "image"):
        pairs = both[["agreement", name]].dropna().to_numpy(float)
        rows.append({"measure": name} | correlation(pairs[:, 0], pairs[:, 1]))
    return pd.DataFrame(rows, columns=["measure", "r", "p", "n", "note"])


def _answered(trials: pd.DataFrame) -> pd.DataFrame:
    if "response" not in trials or trials["response"].isna().all():
        raise InputError("the trials have no 'response'", hint="name the answers in a column of the data")
    kept = trials[trials["kept"]] if "kept" in trials else trials
    kept = kept[kept["response"].notna()]
    return kept.assign(response=kept["response"].map(expression_of))


def _counts(table: pd.DataFrame) -> np.ndarray:
    """How often each answer is given to each picture: (pictures, answers)."""
    answers = sorted({str(value) for value in table.to_numpy().ravel() if isinstance(value, str)})
    return np.stack([(table == answer).sum(axis=1).to_numpy() for answer in answers], 1)


def _fleiss(counts: np.ndarray) -> dict[str, object]:
    from statsmodels.stats.inter_rater import fleiss_kappa

    usual = int(pd.Series(counts.sum(1)).mode().iloc[0])
    same = counts[counts.sum(1) == usual]
    note = (
        ""
        if len(same) == len(counts)
        else f"{len(counts) - len(same)} pictures with another number of answers left out"
    )
    if usual < 2 or counts.shape[1] < 2:
        why = "fewer than two answers a picture" if usual < 2 else "everybody gave one answer"
        return {"measure": "fleiss_kappa", "value": np.nan, "n": len(same), "note": why}
    return {"measure": "fleiss_kappa", "value": float(fleiss_kappa(same)), "n": len(same), "note": note}


def _krippendorff(counts: np.ndarray) -> dict[str, object]:
    row: dict[str, object] = {"measure": "krippendorff_alpha", "value": np.nan, "n": len(counts)}
    if counts.sum(1).max() < 2:
        return row | {"note": "no picture has two answers"}
    if counts.shape[1] < 2:
        return row | {"note": "everybody gave one answer"}
    return row | {"value": krippendorff_alpha(counts), "note": ""}


def _cronbach(answered: pd.DataFrame) -> dict[str, object]:
    row: dict[str, object] = {"measure": "cronbach_alpha", "value": np.nan, "n": 0}
    if "label" not in answered or answered["label"].isna().all():
        return row | {"note": "the pictures have no labels"}
    right = (answered["response"] == answered["label"].map(expression_of)).astype(float)
    table = answered.assign(right=right).pivot_table(
        index="image", columns="participant", values="right", aggfunc="first", observed=True
    )
    whole = table.dropna()
    value = cronbach_alpha(whole) if min(whole.shape) > 1 else float("nan")
    why = "" if np.isfinite(value) else "too few pictures that all have answered, or answers that do not vary"
    if not why and len(whole) < len(table):
        why = f"{len(table) - len(whole)} pictures that not all have answered left out"
    return row | {"value": value, "n": len(whole), "note": why}
