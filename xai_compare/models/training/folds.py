"""Dividing pictures into folds so that nobody is in two of them (Gaya-Morey et al. 2024, 3.4)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from xai_compare.errors import InputError

TRAIN, TEST = ("train", "training"), ("test", "validation", "valid", "val")


def people(rows: pd.DataFrame) -> pd.Series:
    """Who each picture shows: dataset and subject. A picture whose subject is not known counts as its own person."""
    own = rows["dataset"].astype(str) + "/" + rows["subject"].astype(str)
    alone = rows["dataset"].astype(str) + "/picture " + rows["image"].astype(str)
    return own.where(rows["subject"].astype(str).str.len() > 0, alone)


def grouped(rows: pd.DataFrame, k: int, seed: int) -> np.ndarray:
    """Divide the people of each dataset into ``k`` folds of about equal size and mixture of classes.

    Args:
        rows: with the columns ``image, expression, subject, dataset``.
        k: how many folds.
        seed: of the division.

    Returns:
        int ``(n,)``: the fold of each picture, from 1.

    Raises:
        InputError: if a dataset has fewer people than folds.
    """
    folds = np.zeros(len(rows), int)
    who = people(rows).to_numpy()
    for number, (dataset, places) in enumerate(sorted(rows.groupby("dataset").indices.items())):
        here = who[places]
        count = len(set(here))
        if count < k:
            raise InputError(f"{dataset or 'the dataset'} has {count} people for {k} folds", hint="use fewer folds")
        labels = rows["expression"].to_numpy()[places]
        divide = StratifiedGroupKFold(k, shuffle=True, random_state=seed + number)
        with np.errstate(all="ignore"):
            for fold, (_, test) in enumerate(_quiet(divide, labels, here), start=1):
                folds[places[test]] = fold
    return folds


def _quiet(divide: StratifiedGroupKFold, labels: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    import warnings

    with warnings.catch_warnings():
        # A class with fewer pictures than folds is checked by `check`, with a line of its own.
        warnings.simplefilter("ignore", UserWarning)
        return list(divide.split(np.zeros((len(labels), 1)), labels, groups))


def given(rows: pd.DataFrame) -> np.ndarray:
    """The folds that the manifest's ``split`` column says: 1 for test pictures, 0 for training pictures.

    Raises:
        InputError: if a split is neither, or one of the two is missing.
    """
    split = rows["split"].astype(str).str.lower()
    unknown = sorted(set(split) - {*TRAIN, *TEST})
    if unknown:
        raise InputError(
            f"the split {unknown[0]!r} is neither train nor test", hint=f"use one of {', '.join(TRAIN + TEST)}"
        )
    tested = split.isin(["test"]) if (split == "test").any() else split.isin(TEST)
    folds = np.where(split.isin(TRAIN), 0, np.where(tested, 1, -1))
    for number, what in ((0, "training"), (1, "test")):
        if not (folds == number).any():
            raise InputError(f"the split column names no {what} picture", hint="or say how many `folds` to make")
    return folds


def check(rows: pd.DataFrame, folds: np.ndarray, classes: list[str]) -> None:
    """Refuse people in two folds, and folds that lack a class.

    Raises:
        InputError: naming the first such person, or the fold and the class.
    """
    used = folds >= 0
    where = pd.DataFrame({"who": people(rows)[used], "fold": folds[used]})
    spread = where.groupby("who")["fold"].nunique()
    if (spread > 1).any():
        who = str(spread.index[spread > 1][0])
        numbers = ", ".join(str(f) for f in sorted(where.loc[where["who"] == who, "fold"].unique()))
        raise InputError(
            f"{who} is in more than one fold ({numbers})", hint="put all pictures of a person into one split"
        )
    expressions = rows["expression"].to_numpy()
    for fold in sorted({int(f) for f in folds[used]} - {0}):
        for side, part in (("test", folds == fold), ("training", used & (folds != fold))):
            missing = [name for name in classes if name not in set(expressions[part])]
            if missing:
                raise InputError(
                    f"fold {fold} has no {side} picture of {missing[0]}", hint="use fewer folds, or leave the class out"
                )
