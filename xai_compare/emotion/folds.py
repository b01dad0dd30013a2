"""Folds: which clips train and which test, with no person on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from xai_compare.errors import InputError, nearest

FoldBy = Literal["person", "clip"]


def folds(people: Sequence[str], n: int = 5, by: FoldBy = "person", seed: int = 0) -> np.ndarray:
    """The fold, int ``(clips,)`` from 0, in which each clip is tested.

    Args:
        people: whose each clip is.
        n: folds.
        by: ``"person"`` keeps each person's clips in one fold (GroupKFold). ``"clip"`` is plain KFold, in which clips
            of one person stand on both sides: the network may know the person, and scores are too high for new people.
            The paper does not say which it used.
        seed: of the order in which people or clips are dealt out.

    Raises:
        InputError: with fewer people (or clips) than folds.
    """
    if by not in get_args(FoldBy):
        raise InputError(f"unknown kind of folds {by!r}", hint=nearest(str(by), get_args(FoldBy)))
    names = np.asarray(people, str)
    distinct = len(set(names.tolist())) if by == "person" else len(names)
    if n < 2 or distinct < n:
        what = {"person": "people", "clip": "clips"}[by]
        raise InputError(f"{distinct} {what} cannot be split into {n} folds", hint="ask for fewer folds, at least 2")
    splitter = (GroupKFold if by == "person" else KFold)(n, shuffle=True, random_state=seed)
    fold, groups = np.empty(len(names), int), names if by == "person" else None
    for k, (_, test) in enumerate(splitter.split(names[:, None], groups=groups)):
        fold[test] = k
    return fold


def check_folds(fold: Sequence[int] | np.ndarray, people: Sequence[str], where: object = "folds") -> None:
    """Check folds that were given, such as those of a published split.

    Raises:
        InputError: if a person is in two folds.
    """
    table = pd.DataFrame({"person": np.asarray(people, str), "fold": np.asarray(fold)})
    for person, numbers in table.groupby("person", sort=True)["fold"].unique().items():
        if len(numbers) > 1:
            what = f"person {person!r} is in the folds {' and '.join(str(k) for k in sorted(numbers)[:2])}"
            raise InputError(what, where=where, hint="keep each person in one fold, or say by='clip'")


def check_classes(labels: np.ndarray, training: np.ndarray, classes: Sequence[str], where: object) -> list[str]:
    """The classes that occur, but in no *test* clip of a fold; their recall is undefined there.

    Args:
        labels: class index of each clip.
        training: bool, which clips train.
        classes: names.
        where: what messages call the fold.

    Raises:
        InputError: if a class occurs, but in no *training* clip, so that it could not be learned.
    """
    occurring = {k: name for k, name in enumerate(classes) if (labels == k).any()}
    for k, name in occurring.items():
        if not (labels[training] == k).any():
            hint = "use fewer folds, or empty the label of its clips"
            raise InputError(f"no training clip has the class {name!r}", where=where, hint=hint)
    return [name for k, name in occurring.items() if not (labels[~training] == k).any()]
