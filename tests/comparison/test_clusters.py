"""Threshold-free cluster enhancement: by hand, against mne where it is installed, and under the null."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from xai_compare.comparison.statistics.clusters import difference_map, enhance
from xai_compare.errors import InputError


def smooth(rng: np.random.Generator, n: int, shape: tuple[int, int] = (18, 15)) -> np.ndarray:
    found = np.stack([gaussian_filter(rng.standard_normal(shape), 2) for _ in range(n)])
    return found / found.std()


def test_enhancement_by_hand() -> None:
    one = np.array([[2.0, 2.0, 0.0, 1.0], [0.0, 0.0, 0.0, -3.0]])
    found = enhance(one, 1.0)
    assert found[0, 0] == pytest.approx(np.sqrt(2) * (1 + 4))
    assert found[0, 3] == pytest.approx(1)
    assert found[1, 3] == pytest.approx(-(1 + 4 + 9))
    assert found[1, 0] == 0
    np.testing.assert_allclose(enhance(-one, 1.0), -found)
    with pytest.raises(InputError, match="step"):
        enhance(one, 0)


def test_it_is_mnes() -> None:
    # Older versions raise the step between thresholds, not the threshold, to the power.
    pytest.importorskip("mne", minversion="1.13")
    cluster_level = pytest.importorskip("mne.stats.cluster_level")
    rng = np.random.default_rng(0)
    t = 2 * smooth(rng, 1)[0]
    adjacency = pytest.importorskip("mne.stats").combine_adjacency(*t.shape)
    _, expected = cluster_level._find_clusters(
        t.ravel(), {"start": 0.1, "step": 0.1, "e_power": 0.5, "h_power": 2}, 0, adjacency=adjacency
    )
    np.testing.assert_allclose(np.abs(enhance(t, 0.1)).ravel(), np.abs(expected), rtol=1e-6, atol=1e-9)


def test_a_hill_is_found_where_it_is() -> None:
    rng = np.random.default_rng(1)
    hill = np.zeros((18, 15))
    hill[4:9, 3:8] = 1.5
    a, b = smooth(rng, 14) + hill, smooth(rng, 14)
    found = difference_map(a, b, n=200)
    assert found.n == 14
    np.testing.assert_allclose(found.t, stats.ttest_rel(a, b).statistic, rtol=1e-9)
    np.testing.assert_allclose(found.difference, (a - b).mean(0))
    assert (found.p[5:8, 4:7] < 0.05).all()
    assert (found.p[12:, 10:] > 0.05).all()
    turned = difference_map(b, a, n=200)
    np.testing.assert_allclose(turned.enhanced, -found.enhanced)
    np.testing.assert_allclose(turned.p, found.p)


def test_few_or_equal_pictures_say_so() -> None:
    rng = np.random.default_rng(2)
    few = difference_map(smooth(rng, 4), smooth(rng, 4), n=20)
    assert np.isnan(few.p).all()
    assert few.note == "4 pictures are too few for a test"
    same = smooth(rng, 6)
    assert difference_map(same, same, n=20).note == "the maps are the same"
    with pytest.raises(InputError, match="paired"):
        difference_map(same, same[:5])


@pytest.mark.slow
def test_sources_that_do_not_differ_are_seldom_told_apart() -> None:
    rng = np.random.default_rng(3)
    hits = [(difference_map(smooth(rng, 12), smooth(rng, 12), n=100, seed=k).p < 0.05).any() for k in range(150)]
    assert 0.005 <= np.mean(hits) <= 0.1
