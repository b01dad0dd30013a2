"""Agreement of raters: published examples, other packages, and one rule for what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from xai_compare.agreement import (
    cohen_kappa,
    confusion,
    confusion_correlation,
    confusion_counts,
    cronbach_alpha,
    krippendorff_alpha,
)
from xai_compare.errors import InputError


def test_counts_and_kappa_are_scikit_learns() -> None:
    a, b = np.random.default_rng(0).integers(0, 4, (2, 200))
    counts = confusion_counts(a, b, range(4))
    np.testing.assert_array_equal(counts, confusion_matrix(a, b))
    kappa, observed, _ = cohen_kappa(counts)
    assert kappa == pytest.approx(cohen_kappa_score(a, b))
    assert observed == (a == b).mean()
    np.testing.assert_array_equal(cohen_kappa(np.stack([counts, counts]))[0], [kappa, kappa])


def test_kappa_is_undefined_where_the_margins_agree_fully() -> None:
    assert np.isnan(cohen_kappa([[7, 0], [0, 0]])[0])
    assert np.isnan(cohen_kappa(np.zeros((2, 2)))[0])


def test_pairs_outside_the_names_are_left_out() -> None:
    assert confusion_counts(["a", "a", "x"], ["a", "x", "a"], ["a", "b"]).tolist() == [[1, 0], [0, 0]]


def test_cells_that_are_missing_in_either_matrix_are_left_out() -> None:
    """The one rule: the row of a label without pictures does not count, nor does it make the rest undefined."""
    a, b = np.random.default_rng(1).random((2, 4, 4))
    a[3] = np.nan
    rows = np.arange(4) < 3
    expected = np.corrcoef(a[rows].ravel(), b[rows].ravel())[0, 1]
    assert confusion_correlation(a, b) == pytest.approx(expected)
    off = ~np.eye(4, dtype=bool) & rows[:, None]
    assert confusion_correlation(a, b, diagonal=False) == pytest.approx(np.corrcoef(a[off], b[off])[0, 1])
    assert np.isnan(confusion_correlation(np.full((4, 4), np.nan), b))
    few = np.where(np.eye(4), a, np.nan)
    few[3, 3] = np.nan
    few[2, 2] = np.nan
    assert np.isnan(confusion_correlation(few, b))


def test_krippendorffs_published_example() -> None:
    """Krippendorff (2011), "Computing Krippendorff's alpha-reliability", part C: items with one answer do not count."""
    lines = ["1 2 3 3 2 1 4 1 2 . . .", "1 2 3 3 2 2 4 1 2 5 . 3", ". 3 3 3 2 3 4 2 2 5 1 .", "1 2 3 3 2 4 4 1 2 5 1 ."]
    answers = np.array([line.split() for line in lines]).T
    counts = [[(row == str(answer)).sum() for answer in range(1, 6)] for row in answers]
    assert krippendorff_alpha(counts) == pytest.approx(0.743, abs=0.0005)
    assert np.isnan(krippendorff_alpha([[3, 0], [2, 0]]))
    assert np.isnan(krippendorff_alpha([[1, 0], [0, 1]]))


def test_items_that_not_all_have_rated_do_not_count_for_cronbach() -> None:
    ratings = np.random.default_rng(2).normal(size=(9, 3))
    assert cronbach_alpha([*ratings, [np.nan, 1, 2]]) == cronbach_alpha(ratings)
    assert np.isnan(cronbach_alpha([[1, 1], [1, 1]]))
    with pytest.raises(InputError, match="two raters"):
        cronbach_alpha(ratings[:, :1])


def test_a_label_that_never_occurs_has_no_shares() -> None:
    shares = confusion([0, 1, 1], [0, 1, 0], range(3))
    np.testing.assert_allclose(shares[:2], [[1, 0, 0], [0.5, 0.5, 0]])
    assert np.isnan(shares[2]).all()
