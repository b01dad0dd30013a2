"""Equivalence against statsmodels, power against theory."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.power import TTestPower
from statsmodels.stats.weightstats import DescrStatsW, ttost_paired

from xai_compare.comparison.statistics.equivalence import POWER_COLUMNS, enough, paired_equivalence, power_curve, tost
from xai_compare.errors import InputError


def test_it_is_statsmodels_two_one_sided_tests() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(0.5, 0.1, 25)
    b = a + rng.normal(0.01, 0.05, 25)
    found = paired_equivalence(a, b, 0.05)
    p, low, high = ttost_paired(a, b, -0.05, 0.05)
    assert found.p == pytest.approx(p)
    assert (found.p_low, found.p_high) == pytest.approx((low[1], high[1]))
    assert (found.ci_low, found.ci_high) == pytest.approx(DescrStatsW(a - b).tconfint_mean(alpha=0.1))
    assert (found.p < 0.05) == (found.ci_low > -0.05 and found.ci_high < 0.05)
    lacking = paired_equivalence([*a, np.nan], [*b, 0.3], 0.05)
    assert lacking == found


def test_what_cannot_be_tested_is_nan() -> None:
    assert np.isnan(paired_equivalence([0.1, 0.2], [0.1, 0.3], 0.05).p)
    assert np.isnan(tost(0.0, 0.0, 5, 0.1).p)
    with pytest.raises(InputError, match="margin"):
        tost(0.1, 0.1, 5, 0)
    with pytest.raises(InputError, match="one length"):
        paired_equivalence([1.0], [1.0, 2.0], 0.1)


def test_power_is_that_of_theory_where_the_sample_is_large() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(0, 1, 4000)
    x = (x - x.mean()) / x.std() + 0.4
    curve = power_curve(x, [10, 30, 60], studies=1500, seed=2)
    assert tuple(curve.columns) == POWER_COLUMNS
    for _, row in curve.iterrows():
        truth = TTestPower().power(0.4, row["n"], 0.05)
        assert row["power"] == pytest.approx(truth, abs=0.045)
        assert row["ci_low"] <= row["power"] <= row["ci_high"]
    assert enough(curve) == 60
    assert enough(curve, 0.99) is None
    none = power_curve(rng.permutation(np.r_[x - 0.4, 0.4 - x]), [40], studies=1500)
    assert none["power"].iloc[0] == pytest.approx(0.05, abs=0.02)


def test_more_people_behind_each_picture_make_it_surer() -> None:
    rng = np.random.default_rng(3)
    table = 0.2 + rng.normal(0, 0.1, (40, 1)) + rng.normal(0, 1, (40, 30))
    curve = power_curve(table, [20], people=[2, 30], studies=400)
    assert curve["units"].tolist() == ["2 people", "30 people"]
    assert curve["power"].iloc[1] > curve["power"].iloc[0] + 0.3
    with pytest.raises(InputError, match="too few"):
        power_curve([0.1, np.nan, 0.2], [10])
