"""Means that come in a stream equal means of the whole, whatever the order."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xai_compare.errors import InputError
from xai_compare.heatmaps import GroupMeans, scale

SHAPE = (3, 4)
MAPS = arrays(
    np.float32, st.tuples(st.integers(1, 12), st.just(3), st.just(4)), elements=st.floats(-100, 100, width=32)
)


@settings(max_examples=50, deadline=None)
@given(maps=MAPS, data=st.data())
def test_any_order_and_any_chunks_give_the_mean(maps: np.ndarray, data: st.DataObject) -> None:
    groups = data.draw(st.lists(st.sampled_from("abc"), min_size=len(maps), max_size=len(maps)))
    order = data.draw(st.permutations(range(len(maps))))
    cut = data.draw(st.integers(0, len(maps)))
    means = GroupMeans(SHAPE)
    for part in (order[:cut], order[cut:]):
        means.add([groups[i] for i in part], maps[list(part)])
    assert set(means.groups()) == set(groups)
    for group in "abc":
        members = maps[[name == group for name in groups]]
        assert means.count(group) == len(members)
        if len(members):
            expected = members.astype(np.float64).mean(0).astype(np.float32)
            np.testing.assert_allclose(means.mean(group), expected, rtol=1e-6, atol=1e-5)
        else:
            assert np.isnan(means.mean(group)).all()
        assert means.mean(group).dtype == np.float32


def test_pooled_folds_weigh_every_image_alike() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.random((5, *SHAPE)), rng.random((2, *SHAPE))
    folds = [GroupMeans(SHAPE), GroupMeans(SHAPE)]
    for fold, maps in zip(folds, (first, second), strict=True):
        fold.add(["fear"] * len(maps), maps)
    together = GroupMeans(SHAPE)
    for fold in folds:
        together.pool(fold, {"fear": "all", "absent": "all"})
    np.testing.assert_allclose(together.mean("all"), np.concatenate([first, second]).mean(0), rtol=1e-6)
    assert together.count("all") == 7
    assert not np.allclose(together.mean("all"), (first.mean(0) + second.mean(0)) / 2, rtol=1e-3)
    np.testing.assert_allclose(folds[0].mean("fear"), first.mean(0), rtol=1e-6)


def test_pooling_two_groups_into_one() -> None:
    source, pooled = GroupMeans((1, 1)), GroupMeans((1, 1))
    source.add(["a", "a", "b"], np.array([1.0, 2.0, 6.0]).reshape(3, 1, 1))
    pooled.pool(source, {"a": "both", "b": "both"})
    assert pooled.mean("both").item() == 3
    assert source.mean("a").item() == 1.5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_maps_that_are_not_finite_are_left_out(bad: float) -> None:
    maps = np.ones((3, *SHAPE))
    maps[1, 2, 3] = bad
    means = GroupMeans(SHAPE)
    means.add("aab", maps)
    assert (means.count("a"), means.count("b")) == (1, 1)
    assert (means.mean("a") == 1).all()


def test_a_group_of_undefined_maps_is_empty() -> None:
    means = GroupMeans(SHAPE)
    means.add("a", np.full((1, *SHAPE), np.nan))
    assert means.groups() == []
    assert means.count("a") == 0


def test_groups_and_maps_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        GroupMeans(SHAPE).add("ab", np.ones((3, *SHAPE)))


def test_many_small_values_are_not_lost() -> None:
    means = GroupMeans((1, 1))
    means.add(["a"], np.full((1, 1, 1), 1e8, np.float32))
    for _ in range(200):
        means.add(["a"] * 5, np.full((5, 1, 1), 1, np.float32))
    assert np.isclose(means.mean("a").item(), (1e8 + 1000) / 1001, rtol=1e-7)


def test_memory_does_not_grow_with_the_maps() -> None:
    def peak(maps: int) -> int:
        means, chunk = GroupMeans((64, 64)), np.ones((8, 64, 64), np.float32)
        tracemalloc.start()
        for _ in range(maps // 8):
            means.add(["a"] * 8, chunk)
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return used

    peak(80)
    assert peak(1600) < 1.5 * peak(80)


@given(maps=MAPS)
def test_min_max_maps_each_map_to_0_and_1_and_signed_ones_around_0(maps: np.ndarray) -> None:
    low, high = maps.min((1, 2)), maps.max((1, 2))
    scaled = scale(maps, low, high)
    assert scaled.dtype == np.float32
    for one, raw in zip(scaled, maps, strict=True):
        if raw.max() > raw.min() >= 0:
            assert (one.min(), one.max()) == (0, 1)
            assert one.ravel()[raw.argmax()] == 1
        elif raw.max() > raw.min():
            assert np.abs(one).max() == 1
            np.testing.assert_array_equal(np.sign(one), np.sign(raw))
        else:
            assert np.isnan(one).all()


@given(maps=MAPS)
def test_positive_drops_what_is_negative(maps: np.ndarray) -> None:
    scaled = scale(maps, maps.min((1, 2)), maps.max((1, 2)), "positive")
    for one, raw in zip(scaled, maps, strict=True):
        if raw.max() > 0:
            assert one.max() == 1
            assert (one[raw <= 0] == 0).all()
        else:
            assert np.isnan(one).all()


def test_the_range_is_that_before_the_warp() -> None:
    np.testing.assert_array_equal(scale(np.array([[[2.0, 4.0]]]), np.array([0.0]), np.array([8.0])), [[[0.25, 0.5]]])


def test_none_keeps_the_values() -> None:
    maps = np.array([[[-3.0, 4.0]]], np.float32)
    np.testing.assert_array_equal(scale(maps, np.zeros(1), np.ones(1), "none"), maps)


@pytest.mark.parametrize("how", ["min_max", "positive", "none"])
def test_nan_stays_nan(how: str) -> None:
    assert np.isnan(scale(np.full((1, 2, 2), np.nan), np.full(1, np.nan), np.full(1, np.nan), how)).all()


def test_no_map_stays_no_map() -> None:
    assert scale(np.zeros((0, 2, 2)), np.zeros(0), np.zeros(0)).shape == (0, 2, 2)


def test_an_unknown_scaling_is_refused() -> None:
    with pytest.raises(InputError, match="unknown scaling 'softmax'"):
        scale(np.zeros((1, 2, 2)), np.zeros(1), np.ones(1), "softmax")


def test_the_papers_recipe_keeps_positive_weights_as_they_are() -> None:
    maps = np.array([[[-3.0, 1.0, 2.0]], [[-1.0, 0.0, 10.0]], [[-1.0, -2.0, -3.0]]], np.float32)
    low, high = maps.min((1, 2)), maps.max((1, 2))
    np.testing.assert_array_equal(scale(maps, low, high, "positive_part"), np.maximum(maps, 0))
    assert np.isnan(scale(maps, low, high, "positive")[2]).all()


def test_people_s_maps_weigh_every_face_alike() -> None:
    maps = np.stack([np.full((2, 3), 0.2, np.float32), np.full((2, 3), 7.0, np.float32), np.zeros((2, 3), np.float32)])
    scaled = scale(maps, maps.min((1, 2)), maps.max((1, 2)), "mass")
    np.testing.assert_allclose(scaled[:2].sum((1, 2)), 1, rtol=1e-6)
    assert np.isnan(scaled[2]).all()
