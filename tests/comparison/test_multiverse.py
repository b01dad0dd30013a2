"""Choices and what they move: tables whose answer is known beforehand."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xai_compare.comparison import otsu_masks
from xai_compare.comparison.statistics.multiverse import cut_masks, multiverse_factors, orders_beside
from xai_compare.errors import InputError


def universes(scores) -> pd.DataFrame:  # type: ignore[no-untyped-def]
    rows = [
        (scaling, cut, name, scores(scaling, cut, name))
        for scaling, cut, name in product(("plain", "bent"), ("low", "middle", "high"), ("a", "b", "c"))
    ]
    return pd.DataFrame(rows, columns=["scaling", "cut", "network", "value"])


def test_a_choice_that_only_shifts_scores_leaves_the_order() -> None:
    base = {"a": 0.1, "b": 0.2, "c": 0.3}
    shift = {"low": 0.0, "middle": 0.05, "high": 0.4}
    table = universes(lambda scaling, cut, name: base[name] + shift[cut])
    found = multiverse_factors(table, ["scaling", "cut"], "network").set_index("factor")
    assert found.loc["cut", "spread"] == pytest.approx(0.4)
    assert (found["tau_mean"] == 1).all()
    assert (found["first_changes"] == 0).all()
    assert found.loc["scaling", "spread"] == pytest.approx(0)
    assert found.loc["scaling", "eta_squared"] == pytest.approx(0)
    assert found["pairs"].tolist() == [3, 6]
    groups = [rows["value"] for _, rows in table.groupby("cut")]
    f = stats.f_oneway(*groups).statistic
    assert found.loc["cut", "eta_squared"] == pytest.approx(f * 2 / (f * 2 + 15))


def test_a_choice_that_turns_the_order_round() -> None:
    base = {"a": 0.1, "b": 0.2, "c": 0.3}
    table = universes(lambda scaling, cut, name: base[name] * (-1 if scaling == "bent" else 1))
    found = multiverse_factors(table, ["scaling", "cut"], "network").set_index("factor")
    assert (found.loc["scaling", "tau_mean"], found.loc["scaling", "tau_least"]) == (-1, -1)
    assert found.loc["scaling", "first_changes"] == 1
    assert found.loc["cut", "tau_mean"] == 1
    beside = orders_beside(table, ["scaling", "cut"], {"scaling": "plain", "cut": "low"}, "network")
    assert beside.set_index("scaling")["tau"].to_dict() == {"plain": 1.0, "bent": -1.0}
    assert beside.set_index("scaling")["first"].to_dict() == {"plain": "c", "bent": "a"}


def test_one_contestant_has_no_order_and_missing_scores_are_left_out() -> None:
    table = universes(lambda scaling, cut, name: np.nan if name != "a" else 0.5)
    found = multiverse_factors(table, ["scaling", "cut"], "network")
    assert found["tau_mean"].isna().all()
    assert (found["pairs"] == 0).all()
    assert found["eta_squared"].isna().all()


def test_cuts() -> None:
    one = np.arange(12.0).reshape(3, 4)
    assert cut_masks(one, "equal_area", area=5).sum() == 5
    assert cut_masks(one, "level", level=127).sum() == 6
    np.testing.assert_array_equal(cut_masks(one, "otsu"), otsu_masks(one))
    flat = np.stack([one, np.ones((3, 4))])
    assert cut_masks(flat, "equal_area", area=[3, 3]).sum((1, 2)).tolist() == [3, 0]
    assert cut_masks(flat, "level").sum((1, 2))[1] == 0
    assert cut_masks(one, "equal_area").sum() == 0
    with pytest.raises(InputError, match="unknown way to cut"):
        cut_masks(one, "otso")  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30))
def test_equal_area_keeps_the_highest(seed: int, area: int) -> None:
    one = np.random.default_rng(seed).permutation(30).reshape(5, 6).astype(float)
    mask = cut_masks(one, "equal_area", area=area)
    assert mask.sum() == area
    assert not (~mask).any() or one[mask].min() > one[~mask].max()
