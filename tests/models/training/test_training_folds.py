"""Nobody is in two folds, whatever the data look like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xai_compare.errors import InputError
from xai_compare.models.training import folds as dividing

CLASSES = ["anger", "fear", "happiness"]


def rows_of(counts: list[int], datasets: int = 1) -> pd.DataFrame:
    rows = [
        (f"{d}_{s}_{k}.png", CLASSES[k % 3], f"s{s}", f"set{d}", "")
        for d in range(datasets)
        for s, count in enumerate(counts)
        for k in range(count)
    ]
    return pd.DataFrame(rows, columns=["image", "expression", "subject", "dataset", "split"])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(3, 9), min_size=5, max_size=20), st.integers(2, 5), st.integers(1, 3), st.integers(0, 99))
def test_no_subject_crosses_folds_and_each_dataset_is_divided(
    counts: list[int], k: int, datasets: int, seed: int
) -> None:
    rows = rows_of(counts, datasets)
    folds = dividing.grouped(rows, k, seed)
    assert set(folds) == set(range(1, k + 1))
    assert (pd.DataFrame({"who": dividing.people(rows), "fold": folds}).groupby("who")["fold"].nunique() == 1).all()
    for _, part in rows.assign(fold=folds).groupby("dataset"):
        assert set(part["fold"]) == set(range(1, k + 1))
    np.testing.assert_array_equal(folds, dividing.grouped(rows, k, seed))


def test_folds_are_of_about_equal_size_in_each_dataset() -> None:
    rows = rows_of([7] * 30, 2)
    folds = dividing.grouped(rows, 5, 0)
    counts = rows.assign(fold=folds).groupby(["dataset", "fold"]).size()
    assert counts.min() == counts.max() == 42


def test_the_same_subject_name_in_two_datasets_is_two_people() -> None:
    rows = rows_of([3, 3, 3], 2)
    assert dividing.people(rows).nunique() == 6


def test_pictures_without_subject_are_people_of_their_own() -> None:
    rows = rows_of([3, 3]).assign(subject="")
    assert dividing.people(rows).nunique() == 6


@pytest.mark.parametrize(
    ("split", "message"),
    [
        (["train", "test", "train", "train", "test", "test"], "is in more than one fold"),
        (["train"] * 3 + ["later"] * 3, "neither train nor test"),
        (["train"] * 6, "no test picture"),
        (["train"] * 3 + ["", "test", "test"], "neither train nor test"),
    ],
    ids=["subject in two", "unknown", "no test", "not said"],
)
def test_bad_splits_are_refused(split: list[str], message: str) -> None:
    rows = rows_of([3, 3]).assign(split=split)
    with pytest.raises(InputError, match=message):
        dividing.check(rows, dividing.given(rows), CLASSES)


def test_a_given_split_is_taken() -> None:
    rows = rows_of([3, 3]).assign(split=["train"] * 3 + ["test"] * 3)
    folds = dividing.given(rows)
    dividing.check(rows, folds, CLASSES)
    assert list(folds) == [0, 0, 0, 1, 1, 1]


def test_a_fold_without_a_class_is_refused() -> None:
    rows = rows_of([3, 3, 3, 1])
    with pytest.raises(InputError, match=r"fold \d has no test picture of (fear|happiness)"):
        dividing.check(rows, np.array([1] * 3 + [2] * 3 + [3] * 3 + [4]), CLASSES)


def test_fewer_people_than_folds_are_refused() -> None:
    with pytest.raises(InputError, match="3 people for 5 folds"):
        dividing.grouped(rows_of([3, 3, 3]), 5, 0)
