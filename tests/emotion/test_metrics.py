"""Scores against scikit-learn and by hand; averages over batches; intervals over people; folds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from xai_compare.emotion import check_folds, folds, score_classes, score_values
from xai_compare.emotion.folds import check_classes
from xai_compare.errors import InputError


def people(n: int, each: int = 5) -> list[str]:
    return [f"p{k // each}" for k in range(n)]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(8, 60))
def test_pooled_scores_are_scikit_learns(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    true, said = rng.integers(0, 4, n), rng.integers(0, 4, n)
    found = {s.metric: s.value for s in score_classes(true, said, 4, people(n), n=2)}
    assert found["war"] == pytest.approx(reference.accuracy_score(true, said))
    assert found["uar"] == pytest.approx(
        reference.recall_score(true, said, labels=np.unique(true), average="macro", zero_division=0)
    )
    assert found["f1"] == pytest.approx(reference.f1_score(true, said, average="weighted", zero_division=0))
    assert found["f1_macro"] == pytest.approx(reference.f1_score(true, said, average="macro", zero_division=0))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 5))
def test_values_are_scored_as_scikit_learn_does_and_batches_never_raise_the_rmse(seed: int, batches: int) -> None:
    rng = np.random.default_rng(seed)
    n = 16 * batches
    true, said = rng.normal(size=n), rng.normal(size=n)
    pooled = {s.metric: s.value for s in score_values(true, said, people(n), n=2)}
    each = {s.metric: s.value for s in score_values(true, said, people(n), "batches", n=2)}
    assert pooled["mae"] == pytest.approx(reference.mean_absolute_error(true, said))
    assert pooled["mse"] == pytest.approx(reference.mean_squared_error(true, said))
    assert pooled["rmse"] == pytest.approx(reference.root_mean_squared_error(true, said))
    assert each["mse"] == pytest.approx(pooled["mse"])
    assert each["rmse"] <= pooled["rmse"] + 1e-12


def test_batches_are_scored_one_by_one_and_averaged() -> None:
    true, said = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1])
    found = {s.metric: s.value for s in score_classes(true, said, 2, people(6), "batches", batch=3, n=2)}
    assert found["war"] == pytest.approx((2 / 3 + 1) / 2)
    # Each batch has one class only, so its unweighted recall is that class's.
    assert found["uar"] == pytest.approx((2 / 3 + 1) / 2)


def test_a_class_that_does_not_occur_is_left_out_and_said() -> None:
    found = {s.metric: s for s in score_classes([0, 0, 1, -1], [0, 1, 1, 2], 3, people(4))}
    assert found["uar"].value == pytest.approx(0.75)
    assert found["uar"].note == "1 of 3 classes do not occur, and are left out of the mean"
    assert found["uar"].n == 3


def test_intervals_are_over_people_not_clips() -> None:
    rng = np.random.default_rng(0)
    # Each of 20 people is right in all 50 clips or in none, so there are 20 independent facts and not 1,000.
    right = np.repeat(rng.random(20) < 0.5, 50)
    found = score_classes(np.ones(1000, int), right.astype(int), 2, people(1000, 50))[0]
    assert found.metric == "war"
    expected = np.sqrt(found.value * (1 - found.value) / 20)
    assert (found.ci_high - found.ci_low) / 3.92 == pytest.approx(expected, rel=0.15)


def test_one_person_gives_no_interval() -> None:
    found = score_classes([0, 1], [0, 1], 2, ["p", "p"])[0]
    assert found.value == 1
    assert np.isnan([found.ci_low, found.ci_high]).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 20), st.integers(1, 6), st.integers(0, 1000))
def test_no_person_is_on_both_sides_of_a_fold(n_people: int, each: int, seed: int) -> None:
    who = people(n_people * each, each)
    found = folds(who, 5, seed=seed)
    check_folds(found, who)
    assert set(found.tolist()) == set(range(5))
    assert (found == folds(who, 5, seed=seed)).all()


def test_plain_folds_are_offered_and_part_clips() -> None:
    who = people(100, 10)
    found = folds(who, 5, by="clip")
    assert np.bincount(found).tolist() == [20] * 5
    with pytest.raises(InputError, match=r"person 'p0' is in the folds \d and \d; keep each person in one fold"):
        check_folds(found, who)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: folds(people(20), 5), "4 people cannot be split into 5 folds; ask for fewer folds"),
        (lambda: folds(people(20), 2, by="persons"), "unknown kind of folds 'persons'; did you mean 'person'?"),
        (lambda: check_folds([0, 1], ["a", "a"], "split.csv"), "split.csv: person 'a' is in the folds 0 and 1"),
        (
            lambda: check_classes(np.array([0, 0, 1]), np.array([True, True, False]), ["a", "b"], "fold 2"),
            "fold 2: no training clip has the class 'b'; use fewer folds",
        ),
        (lambda: score_classes([-1, -1], [0, 0], 2, ["a", "b"]), "no clip has a label"),
        (lambda: score_classes([0], [0, 1], 2, ["a"]), "differ in number: 1, 2, 1"),
        (lambda: score_values([0.0], [0.0], ["a"], "mean"), "unknown averaging 'mean'"),  # type: ignore[arg-type]
    ],
)
def test_what_cannot_be_scored_or_parted_is_refused_in_one_line(call: object, line: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        call()  # type: ignore[operator]
    assert line in str(problem.value)


def test_classes_without_a_test_clip_are_told() -> None:
    assert check_classes(np.array([0, 1, 0]), np.array([True, True, False]), ["a", "b"], "fold") == ["b"]
