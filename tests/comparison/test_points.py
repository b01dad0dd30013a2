"""Maps against points: scikit-learn as the oracle, pysaliency's values, and what must not change a score."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import roc_auc_score

from xai_compare.comparison import auc_borji, auc_judd, auc_shuffled, auc_uniform, information_gain, nss
from xai_compare.errors import InputError

SHAPE = (9, 14)
HEATMAP = np.random.default_rng(11).gamma(1.0, size=SHAPE)
POINTS = np.array([[2, 3], [13, 0], [2, 3], [7, 8], [0, 5]])
OTHERS = np.array([[1, 1], [6, 4], [7, 4], [12, 7]])
ALL = [nss, auc_uniform, auc_judd, auc_borji]

cases = st.tuples(
    hnp.arrays(np.float64, SHAPE, elements=st.integers(0, 9).map(float)),
    st.lists(st.tuples(st.integers(0, 13), st.integers(0, 8)), min_size=1, max_size=12).map(np.array),
)


def values(heatmap: np.ndarray, points: np.ndarray) -> np.ndarray:
    return heatmap[points[:, 1], points[:, 0]]


def plain_judd(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The curve threshold by threshold, as the benchmark's code walks it."""
    hits, alarms = [0.0], [0.0]
    for threshold in sorted(positives, reverse=True):
        hits.append(float(np.mean(positives >= threshold)))
        alarms.append(float(np.mean(negatives >= threshold)))
    return float(np.trapezoid([*hits, 1.0], [*alarms, 1.0]))


@given(cases)
@settings(deadline=None)
def test_aucs_are_those_of_their_definitions(case: tuple[np.ndarray, np.ndarray]) -> None:
    heatmap, points = case
    positives, every = values(heatmap, points), heatmap.ravel()
    truth = np.repeat([1, 0], [len(positives), len(every)])
    assert auc_uniform(heatmap, points) == pytest.approx(roc_auc_score(truth, np.concatenate([positives, every])))
    against = np.concatenate([positives, values(heatmap, OTHERS)])
    expected = roc_auc_score(np.repeat([1, 0], [len(positives), len(OTHERS)]), against)
    assert auc_shuffled(heatmap, points, OTHERS) == pytest.approx(expected)
    fixated = np.zeros(SHAPE, bool)
    fixated[points[:, 1], points[:, 0]] = True
    assert auc_judd(heatmap, points) == pytest.approx(plain_judd(positives, heatmap[~fixated]))


@given(cases, st.floats(0.1, 9), st.floats(-9, 9))
@settings(deadline=None)
def test_scores_are_blind_to_scale_and_aucs_to_any_rise(
    case: tuple[np.ndarray, np.ndarray], scale: float, shift: float
) -> None:
    heatmap, points = case
    for function in ALL:
        before, after = function(heatmap, points), function(heatmap * scale + shift, points)
        np.testing.assert_allclose(after, before, atol=1e-9)
    for function in ALL[1:]:
        assert 0 <= function(heatmap, points) <= 1
        assert function(np.exp(heatmap), points) == function(heatmap, points)
    assert auc_shuffled(heatmap, points, OTHERS) == pytest.approx(1 - auc_shuffled(heatmap, OTHERS, points))


def test_values_are_those_of_pysaliency() -> None:
    # pysaliency 0.2.22: metrics.NSS; roc.general_roc against all pixels, against the others, and judd=1 unfixated.
    assert nss(HEATMAP, POINTS) == pytest.approx(0.49791025815055595, abs=1e-12)
    assert auc_uniform(HEATMAP, POINTS) == pytest.approx(0.5563492063492064, abs=1e-12)
    assert auc_shuffled(HEATMAP, POINTS, OTHERS) == pytest.approx(0.6, abs=1e-12)
    assert auc_judd(HEATMAP, POINTS) == pytest.approx(0.6540983606557377, abs=1e-12)


def test_the_two_meanings_of_auc_judd_differ() -> None:
    heatmap = np.arange(126.0).reshape(SHAPE)
    worst = np.array([[0, 0]])
    assert auc_uniform(heatmap, worst) == pytest.approx(0, abs=0.005)
    assert auc_judd(heatmap, worst) == 0.5


def test_borji_estimates_the_uniform_auc() -> None:
    assert auc_borji(HEATMAP, POINTS, splits=3000) == pytest.approx(auc_uniform(HEATMAP, POINTS), abs=0.01)
    assert auc_borji(HEATMAP, POINTS, seed=1) == auc_borji(HEATMAP, POINTS, seed=1)
    assert auc_borji(HEATMAP, POINTS, seed=1) != auc_borji(HEATMAP, POINTS, seed=2)


def test_information_gain_by_hand() -> None:
    heatmap, uniform = np.array([[4.0, 2.0, 1.0, 1.0]]), np.ones((1, 4))
    assert information_gain(heatmap, [[0, 0], [1, 0]], uniform) == pytest.approx((1 + 0) / 2)
    assert information_gain(heatmap, [[0, 0]], heatmap) == 0
    assert information_gain(heatmap, [[0, 0]], uniform) == -information_gain(uniform, [[0, 0]], heatmap)
    assert information_gain(heatmap - 1, [[2, 0]], uniform, epsilon=0) == -np.inf
    assert np.isnan(information_gain(np.zeros((1, 4)), [[0, 0]], uniform))
    assert np.isnan(information_gain(heatmap, [], uniform))


@pytest.mark.parametrize("function", ALL)
def test_many_maps_are_many_single_maps(function) -> None:  # type: ignore[no-untyped-def]
    maps = np.random.default_rng(2).normal(size=(2, 3, *SHAPE))
    together = function(maps, POINTS)
    assert together.shape == (2, 3)
    for where in np.ndindex(2, 3):
        assert function(maps[where], POINTS) == pytest.approx(together[where])


@pytest.mark.parametrize("function", ALL)
def test_points_belong_to_the_nearest_pixel(function) -> None:  # type: ignore[no-untyped-def]
    assert function(HEATMAP, POINTS + np.array([0.49, -0.49])) == function(HEATMAP, POINTS)
    assert np.isfinite(function(HEATMAP, [[-0.5, -0.5], [13.4, 8.4]]))
    for outside in ([[13.5, 0]], [[0, 8.5]], [[-0.6, 0]], [[np.nan, 0]]):
        with pytest.raises(InputError, match="1 of 1 points lie outside the map of 9 x 14"):
            function(HEATMAP, outside)
    with pytest.raises(InputError, match=r"\(n, 2\)"):
        function(HEATMAP, [1, 2, 3])


@pytest.mark.parametrize("function", ALL)
def test_no_points_and_missing_maps_are_undefined(function) -> None:  # type: ignore[no-untyped-def]
    assert np.isnan(function(HEATMAP, []))
    assert np.isnan(function(np.full(SHAPE, np.nan), POINTS))


def test_constant_maps() -> None:
    flat = np.full(SHAPE, 0.1)
    assert np.isnan(nss(flat, POINTS))
    assert auc_uniform(flat, POINTS) == auc_judd(flat, POINTS) == auc_shuffled(flat, POINTS, OTHERS) == 0.5
    assert np.isnan(auc_shuffled(HEATMAP, POINTS, []))
