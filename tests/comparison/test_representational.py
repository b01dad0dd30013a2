"""Representational similarity over expressions, against SciPy and by brute force."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from xai_compare.comparison.statistics.representational import ceiling, dissimilarities, representational_similarity
from xai_compare.errors import InputError

NAMES = ["anger", "disgust", "fear", "happiness", "sadness"]


def maps(seed: int, base: dict[str, np.ndarray] | None = None, share: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    own = {name: gaussian_filter(rng.standard_normal((20, 16)), 2) for name in NAMES}
    return own if base is None else {name: share * base[name] + (1 - share) * own[name] for name in NAMES}


def test_rho_and_its_p_are_those_of_all_orders() -> None:
    a = maps(0)
    b = maps(1, a, 0.5)
    found = representational_similarity(a, b)
    one, other = (1 - np.corrcoef(np.stack([side[n].ravel() for n in NAMES])) for side in (a, b))
    cells = np.triu_indices(5, 1)
    assert found.rho == pytest.approx(stats.spearmanr(one[cells], other[cells]).statistic)
    orders = [other[np.ix_(order, order)][cells] for order in map(list, permutations(range(5)))]
    null = np.array([stats.spearmanr(one[cells], row).statistic for row in orders])
    assert found.p == pytest.approx((null >= found.rho - 1e-12).mean())
    assert found.expressions == 5
    np.testing.assert_allclose(dissimilarities(np.stack(list(a.values()))), one, atol=1e-12)


def test_random_geometries_have_fair_p_values() -> None:
    p = np.array([representational_similarity(maps(2 * k), maps(2 * k + 1)).p for k in range(200)])
    assert 0.01 <= (p <= 0.05).mean() <= 0.1
    assert stats.kstest(p, "uniform").pvalue > 1e-4


def test_too_few_expressions_say_so() -> None:
    a = maps(0)
    few = {name: a[name] for name in NAMES[:3]}
    assert representational_similarity(few, a).note == "3 expressions are too few, at least 4 are needed"
    flat = a | {"anger": np.ones((20, 16))}
    assert representational_similarity(flat, a).expressions == 4
    with pytest.raises(InputError, match="one map for each expression"):
        dissimilarities(np.ones((3, 4)))


def test_the_ceiling_of_people_who_agree_is_one() -> None:
    one = dissimilarities(np.stack(list(maps(3).values())))
    assert ceiling(np.stack([one] * 4)) == pytest.approx((1, 1))
    rng = np.random.default_rng(4)
    noisy = np.stack([one + (lambda e: e + e.T)(rng.normal(0, 0.2, one.shape)) for _ in range(8)])
    low, high = ceiling(noisy)
    assert 0 < low < high < 1
    assert np.isnan(ceiling(noisy[:2])).all()
