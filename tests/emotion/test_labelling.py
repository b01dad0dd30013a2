"""Raters: planted reliabilities come back, as in other implementations; alpha of matrices with known answers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xai_compare.agreement import cronbach_alpha
from xai_compare.emotion import active_labels, dawid_skene, fuse_ratings
from xai_compare.errors import InputError

PLANTED = np.array([0.95, 0.85, 0.7, 0.55, 0.4])


def planted(items: int, classes: int, seed: int, missing: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """True classes, and ratings by raters who are right as often as planted."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, classes, items)
    wrong = (true[:, None] + rng.integers(1, classes, (items, len(PLANTED)))) % classes
    ratings = np.where(rng.random((items, len(PLANTED))) < PLANTED, true[:, None], wrong)
    return true, np.where(rng.random(ratings.shape) < missing, -1, ratings)


@pytest.mark.parametrize("missing", [0.0, 0.3], ids=["complete", "with gaps"])
def test_planted_reliabilities_come_back(missing: float) -> None:
    true, ratings = planted(4000, 7, 0, missing)
    found = dawid_skene(ratings, 7)
    np.testing.assert_allclose(found.reliability, PLANTED, atol=0.03)
    majority = np.array([np.bincount(row[row >= 0], minlength=7).argmax() for row in ratings])
    assert (found.labels == true).mean() > (majority == true).mean()
    assert (np.diff(found.log_likelihood) > -1e-6).all()


@pytest.mark.filterwarnings("ignore::Warning")
def test_crowd_kit_finds_the_same() -> None:
    crowd = pytest.importorskip("crowdkit.aggregation")
    _, ratings = planted(300, 4, 1)
    rows = [(i, r, ratings[i, r]) for i in range(300) for r in range(5)]
    theirs = crowd.DawidSkene(n_iter=2000, tol=1e-12).fit(pd.DataFrame(rows, columns=["task", "worker", "label"]))
    ours = dawid_skene(ratings, 4, rounds=2000, tolerance=1e-14)
    probabilities = theirs.probas_.loc[range(300), range(4)].to_numpy()
    np.testing.assert_allclose(ours.posterior, probabilities, atol=1e-4)


def test_a_rater_who_always_errs_in_one_way_is_turned_round() -> None:
    rng = np.random.default_rng(2)
    true = rng.integers(0, 2, 500)
    noisy = np.where(rng.random((500, 3)) < 0.8, true[:, None], 1 - true[:, None])
    found = dawid_skene(np.column_stack([noisy, 1 - true]), 2)
    assert found.reliability[3] < 0.05
    assert (found.labels == true).mean() > 0.98


def test_items_that_nobody_rated_have_no_label() -> None:
    assert dawid_skene([[0, 0], [-1, -1], [1, 1]], 2).labels.tolist() == [0, -1, 1]


def test_keeping_machine_labels_that_match_the_report_understates_the_gap() -> None:
    rng = np.random.default_rng(3)
    n = 4000
    seen = rng.integers(0, 7, n)
    report = np.where(rng.random(n) < 0.5, seen, rng.integers(0, 7, n))
    # The machine errs towards the report, as one that shares the person's context would.
    machine = np.where(rng.random(n) < 0.6, seen, np.where(rng.random(n) < 0.5, report, rng.integers(0, 7, n)))
    experts = np.where(rng.random((n, 4)) < 0.9, seen[:, None], rng.integers(0, 7, (n, 4)))
    found = active_labels(report, machine, experts, 7)
    assert (found.labels == report).mean() > (seen == report).mean() + 0.02
    assert (found.labels[machine == report] == machine[machine == report]).all()


def test_ratings_are_weighed_by_how_much_their_raters_err() -> None:
    rng = np.random.default_rng(4)
    true, spread = rng.uniform(-1, 1, 3000), np.array([0.05, 0.1, 0.2, 0.4])
    ratings = true[:, None] + spread * rng.standard_normal((3000, 4)) + np.array([0.1, -0.1, 0.05, -0.05])
    ratings[rng.random(ratings.shape) < 0.2] = np.nan
    found = fuse_ratings(ratings)
    np.testing.assert_allclose(found.spread, spread, rtol=0.1)
    np.testing.assert_allclose(found.bias, [0.1, -0.1, 0.05, -0.05], atol=0.02)
    np.testing.assert_allclose(found.weights, spread**-2 / (spread**-2).sum(), atol=0.03)
    known = np.isfinite(found.values)
    assert known.mean() > 0.99
    plain = np.nanmean(ratings[known], 1)
    assert np.std(found.values[known] - true[known]) < np.std(plain - true[known])


@pytest.mark.parametrize(
    ("ratings", "alpha"),
    [
        ([[1, 1, 1], [2, 2, 2], [5, 5, 5]], 1.0),
        ([[1, 2], [2, 1], [1, 2], [2, 1]], None),
        # Two raters: Spearman-Brown of their correlation, as their variances are equal: 2 * 0.5 / 1.5.
        ([[1, 1], [2, 3], [3, 2]], 2 * 0.5 / 1.5),
        # By hand: item variances 1 each of two raters, covariance -0.5, so 2 * (1 - 2 / 1).
        ([[1, 2], [2, 3], [3, 1]], -2.0),
    ],
    ids=["agree", "cancel", "Spearman-Brown", "negative"],
)
def test_alpha_of_matrices_with_known_answers(ratings: list[list[float]], alpha: float | None) -> None:
    found = cronbach_alpha(ratings)
    assert np.isnan(found) if alpha is None else found == pytest.approx(alpha)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.integers(5, 40), st.integers(2, 6))
def test_pingouin_finds_the_same_alpha(seed: int, items: int, raters: int) -> None:
    pingouin = pytest.importorskip("pingouin")
    rng = np.random.default_rng(seed)
    ratings = rng.normal(size=(items, 1)) + rng.normal(size=(items, raters))
    assert cronbach_alpha(ratings) == pytest.approx(pingouin.cronbach_alpha(data=pd.DataFrame(ratings))[0], abs=1e-9)


def test_alpha_of_parallel_raters_is_spearman_browns() -> None:
    rng = np.random.default_rng(5)
    ratings = rng.normal(size=(200_000, 1)) + rng.normal(size=(200_000, 4))
    assert cronbach_alpha(ratings) == pytest.approx(4 * 0.5 / (1 + 3 * 0.5), abs=0.005)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda: dawid_skene([[0, 7]], 7), "class indices below 7"),
        (lambda: dawid_skene([[-1, -1]], 7), "nobody rated anything"),
        (lambda: fuse_ratings(np.ones((4, 2))), "three raters or more"),
        (lambda: cronbach_alpha(np.ones((4, 1))), "two raters or more"),
        (lambda: cronbach_alpha([[1, np.nan], [np.nan, 2]]), "fewer than two items"),
    ],
)
def test_ratings_that_tell_nothing_are_refused_in_one_line(call: object, line: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        call()  # type: ignore[operator]
    assert line in str(problem.value)
