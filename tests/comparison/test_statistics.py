"""Human agreement with a known answer; analysis of variance against SciPy and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xai_compare.comparison import anova, ceiling, correlation, tukey
from xai_compare.errors import InputError


def people(count: int, noise: float, seed: int = 0) -> np.ndarray:
    """Simulated participants: one true map, and independent noise of the same shape for each."""
    generator = np.random.default_rng(seed)
    return generator.normal(size=(60, 41)) + noise * generator.normal(size=(count, 60, 41))


@pytest.mark.parametrize(("count", "noise"), [(20, 1.0), (20, 3.0), (9, 2.0)])
def test_split_half_gives_the_reliability_of_the_mean_map(count: int, noise: float) -> None:
    used = count - count % 2
    assert ceiling(people(count, noise)).value == pytest.approx(1 / (1 + noise**2 / used), abs=0.03)


def test_leave_one_out_is_what_one_more_person_reaches() -> None:
    maps = people(12, 2.0)
    result = ceiling(maps, "leave-one-out")
    plain = [correlation(maps[i], np.delete(maps, i, axis=0).mean(0)) for i in range(12)]
    np.testing.assert_allclose(result.parts, plain)
    assert result.value == pytest.approx(1 / np.sqrt((1 + 4) * (1 + 4 / 11)), abs=0.03)
    assert result.low <= result.value <= result.high


def test_halves_are_disjoint_and_equal() -> None:
    two = people(2, 1.0)
    r = correlation(two[0], two[1])
    np.testing.assert_allclose(ceiling(two, n=5).parts, 2 * r / (1 + r))
    assert ceiling(people(7, 1.0), seed=1) == ceiling(people(7, 1.0), seed=1)
    assert ceiling(np.stack([two[0]] * 4)).value == pytest.approx(1)


def test_agreement_without_an_answer() -> None:
    assert np.isnan(ceiling(people(1, 1.0)).value)
    assert np.isnan(ceiling(np.ones((4, 3, 5))).value)
    with pytest.raises(InputError, match="one map per participant"):
        ceiling(np.ones((3, 5)))
    with pytest.raises(InputError, match="split-half, leave-one-out"):
        ceiling(people(4, 1.0), "thirds")  # type: ignore[arg-type]


def test_anova_is_that_of_scipy_and_of_the_book() -> None:
    generator = np.random.default_rng(0)
    groups = ["cam"] * 8 + ["grad_cam"] * 9 + ["lime"] * 7
    values = generator.normal(0, 1, 24) + np.repeat([0, 0.2, 1.5], [8, 9, 7])
    result = anova(values, groups)
    samples = [values[:8], values[8:17], values[17:]]
    f, p = stats.f_oneway(*samples)
    assert (result.f, result.p) == pytest.approx((f, p))
    assert (result.df_between, result.df_within) == (2, 21)
    assert result.eta_squared == pytest.approx(f * 2 / (f * 2 + 21))
    by_hand = anova([1, 2, 3, 3, 4, 5], list("aaabbb"))
    assert by_hand.f == pytest.approx(6)
    assert anova([1, 2, np.nan, 3, 3, 4, 5], list("aaaabbb")) == by_hand


def test_tukey_compares_every_pair() -> None:
    values, groups = [1.0, 2, 3, 3, 4, 5, 9, 9, 12], list("aaabbbccc")
    table = tukey(values, groups)
    assert table[["a", "b"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    result = stats.tukey_hsd([1, 2, 3], [3, 4, 5], [9, 9, 12])
    np.testing.assert_allclose(table["p"], [result.pvalue[0, 1], result.pvalue[0, 2], result.pvalue[1, 2]])
    np.testing.assert_allclose(table["difference"], [-2, -8, -6])
    within = (2 + 2 + 6) / 6
    np.testing.assert_allclose(table["t"], np.array([-2, -8, -6]) / np.sqrt(within * 2 / 3))
    assert (table["ci_low"] < table["difference"]).all()


def test_no_variance_is_undefined() -> None:
    assert np.isnan(anova([1, 1, 1, 1], list("aabb")).f)


@pytest.mark.parametrize(
    ("values", "groups"), [([1, 2, 3], "aaa"), ([1, 2], "ab"), ([1, 2, np.nan], "aab"), ([1, 2, 3], "ab")]
)
def test_what_cannot_be_analysed(values: list[float], groups: str) -> None:
    with pytest.raises(InputError):
        anova(values, list(groups))
