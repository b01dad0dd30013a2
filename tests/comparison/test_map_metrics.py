"""Maps against maps: correlations against SciPy, known regions against scikit-learn, and what must not change them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.spatial.distance import cosine
from scipy.stats import entropy, pearsonr
from sklearn.metrics import roc_auc_score

from xai_compare.comparison import (
    METRICS,
    correlation,
    correlation_matrix,
    kl_divergence,
    pointing,
    reason,
    region_auc,
    region_energy,
    similarity,
)
from xai_compare.errors import InputError

SHAPES = st.tuples(st.integers(1, 8), st.integers(2, 11))
numbers = st.floats(-100, 100, width=32).map(lambda x: round(x, 3))
pairs = SHAPES.flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.float64, shape, elements=numbers), hnp.arrays(np.float64, shape, elements=numbers)
    )
)
PAIR = tuple(np.random.default_rng(3).gamma(1.0, 2.0, (2, 13, 9)))


def varied(*maps: np.ndarray) -> bool:
    return all(np.ptp(array) > 0.01 for array in maps)


@given(pairs)
@settings(deadline=None)
def test_correlations_are_those_of_scipy(maps: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = maps
    assume(varied(a, b))
    assert correlation(a, b) == pytest.approx(pearsonr(a.ravel(), b.ravel())[0], abs=1e-9)
    assert correlation(a, b, centred=False) == pytest.approx(1 - cosine(a.ravel(), b.ravel()), abs=1e-9)


@given(pairs, st.floats(0.01, 100), st.floats(-100, 100), st.booleans())
@settings(deadline=None)
def test_correlation_is_symmetric_and_blind_to_scale(
    maps: tuple[np.ndarray, np.ndarray], scale: float, shift: float, centred: bool
) -> None:
    a, b = maps
    assume(varied(a, b))
    value = correlation(a, b, centred)
    assert -1 <= value <= 1
    assert correlation(b, a, centred) == value
    assert correlation(a, a, centred) == pytest.approx(1)
    assert correlation(a * scale + (shift if centred else 0), b, centred) == pytest.approx(value, abs=1e-9)
    assert correlation(-a, b, centred) == pytest.approx(-value, abs=1e-9)


@pytest.mark.parametrize("size", [1e-300, 1e-160, 1e160, 1e300])
def test_very_small_and_very_large_maps_correlate(size: float) -> None:
    a, b = PAIR
    for centred in (True, False):
        assert correlation(a * size, b, centred) == pytest.approx(correlation(a, b, centred))


@pytest.mark.parametrize("constant", [0.0, 0.1, np.nan], ids=str)
def test_a_constant_map_is_undefined_in_both_orders(constant: float) -> None:
    flat, other = np.full((13, 9), constant), PAIR[0]
    assert np.isnan(correlation(flat, other))
    assert np.isnan(correlation(other, flat))
    assert np.isnan(correlation(other, flat, centred=False)) == (constant != 0.1)


@pytest.mark.parametrize("centred", [True, False])
def test_matrix_holds_every_pair(centred: bool) -> None:
    maps = np.random.default_rng(5).normal(1, 1, (4, 6, 5))
    maps[2] = 0
    matrix = correlation_matrix(maps, centred)
    np.testing.assert_allclose(matrix, correlation(maps[:, None], maps[None], centred), rtol=1e-12)
    assert np.isnan(matrix[2]).all()
    assert (matrix.diagonal()[[0, 1, 3]] == 1).all()


def test_similarity_and_divergence_by_hand() -> None:
    a, b = np.array([[1.0, 1.0, 2.0]]), np.array([[2.0, 1.0, 1.0]])
    assert similarity(a, b) == pytest.approx(0.75)
    assert kl_divergence(a, b) == pytest.approx(entropy(b.ravel(), a.ravel()))
    assert kl_divergence(a, b) == pytest.approx(0.25 * np.log(2))
    assert np.isinf(kl_divergence(np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]]), epsilon=0))
    assert kl_divergence(np.array([[1.0, 1.0]]), np.array([[1.0, 0.0]]), epsilon=0) == pytest.approx(np.log(2))


def test_similarity_and_divergence_are_those_of_pysaliency() -> None:
    # pysaliency 0.2.22 on rng(7).gamma(1, size=(2, 6, 5)) and on the same maps less one.
    a, b = np.random.default_rng(7).gamma(1, size=(2, 6, 5))
    assert similarity(a, b) == pytest.approx(0.5279758266290968, abs=1e-12)
    assert similarity(a - 1, b - 1) == pytest.approx(0.5234853179336051, abs=1e-12)
    assert kl_divergence(a, b) == pytest.approx(0.7963749376893554, abs=1e-12)
    assert kl_divergence(a - 1, b - 1) == pytest.approx(1.0498881206284332, abs=1e-12)


@given(pairs)
@settings(deadline=None)
def test_similarity_and_divergence_keep_their_range(maps: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = maps
    assume(varied(a, b))
    assert 0 <= similarity(a, b) <= 1 + 1e-12
    assert similarity(a, b) == similarity(b, a)
    assert similarity(a, a) == pytest.approx(1)
    assert kl_divergence(a, b) > -1e-12
    assert kl_divergence(a, a) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("function", [similarity, kl_divergence])
def test_a_map_without_mass_is_undefined(function) -> None:  # type: ignore[no-untyped-def]
    assert np.isnan(function(np.zeros((13, 9)), PAIR[0]))
    assert np.isnan(function(PAIR[0], np.zeros((13, 9))))


@given(SHAPES.flatmap(lambda s: st.tuples(hnp.arrays(np.int8, s, elements=st.integers(0, 5)), hnp.arrays(bool, s))))
@settings(deadline=None)
def test_region_auc_is_that_of_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    heatmap, region = case
    if region.all() or not region.any():
        assert np.isnan(region_auc(heatmap, region))
        return
    assert region_auc(heatmap, region) == pytest.approx(roc_auc_score(region.ravel(), heatmap.ravel()))
    assert region_auc(heatmap, ~region) == pytest.approx(1 - region_auc(heatmap, region))
    assert region_auc(np.exp(heatmap / 3.0), region) == region_auc(heatmap, region)


def test_energy_and_pointing_by_hand() -> None:
    region = np.array([[True, True, False]])
    maps = np.array([[[3.0, -5.0, 1.0]], [[0.0, 0.0, 2.0]], [[2.0, 0.0, 2.0]], [[-1.0, -1.0, -1.0]]])
    np.testing.assert_array_equal(region_energy(maps, region), [0.75, 0, 0.5, np.nan])
    np.testing.assert_array_equal(pointing(maps, region), [1, 0, 0.5, np.nan])
    np.testing.assert_array_equal(region_auc(maps[:2], region), [0.5, 0])


@pytest.mark.parametrize("function", [region_auc, region_energy, pointing])
def test_known_regions_of_a_perfect_an_empty_and_a_missing_map(function) -> None:  # type: ignore[no-untyped-def]
    region = np.zeros((7, 4), bool)
    region[2:4, 1:3] = True
    assert function(region.astype(float), region) == 1
    assert function(1.0 - region, region) == 0
    assert np.isnan(function(PAIR[0][:7, :4], np.zeros((7, 4), bool)))
    assert np.isnan(function(np.full((7, 4), np.nan), region))
    assert function(np.stack([region, ~region]).reshape(2, 1, 7, 4), region).tolist() == [[1], [0]]
    with pytest.raises(InputError, match="one region"):
        function(region, region[None])


def test_every_metric_says_what_it_is() -> None:
    for name, metric in METRICS.all().items():
        assert metric.name == name
        assert metric.title
        assert metric.source
        assert metric.range[0] < metric.range[1]
        assert set(metric.needs) <= {"map", "maps", "mask", "region", "points", "nonfixations", "baseline"}
        assert metric.function.__doc__
        assert reason(name, float("nan")) == metric.undefined != ""
        assert reason(name, 0.5) == ""
    with pytest.raises(InputError, match="did you mean 'pearson'"):
        reason("pearsn", 0.5)
