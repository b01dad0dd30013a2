"""Masks: Otsu against OpenCV and a plain oracle, overlaps against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import f1_score, jaccard_score, precision_score, recall_score

from xai_compare.comparison import dice, f1, iou, otsu, otsu_masks, otsu_scores, precision, recall, to_8bit
from xai_compare.errors import InputError

SHAPES = st.tuples(st.integers(1, 9), st.integers(2, 13))
bytes_ = SHAPES.flatmap(lambda shape: hnp.arrays(np.uint8, shape))
floats = SHAPES.flatmap(lambda shape: hnp.arrays(np.float32, shape, elements=st.floats(-1000, 1000, width=32)))


def plain_otsu(levels: np.ndarray) -> float:
    """Otsu's method in ten lines, in the order in which OpenCV adds."""
    share = np.bincount(levels.ravel(), minlength=256) * (1.0 / levels.size)
    mean = sum(level * count for level, count in enumerate(np.bincount(levels.ravel()))) * (1.0 / levels.size)
    low, weight, best, cut = 0.0, 0.0, 0.0, 0
    for level in range(256):
        low, weight = low * weight, weight + share[level]
        if min(weight, 1 - weight) < 2.0**-23 or max(weight, 1 - weight) > 1 - 2.0**-23:
            continue
        low = (low + level * share[level]) / weight
        high = (mean - weight * low) / (1 - weight)
        variance = weight * (1 - weight) * (low - high) * (low - high)
        if variance > best:
            best, cut = variance, level
    return cut


@given(bytes_)
@settings(max_examples=150, deadline=None)
def test_otsu_is_opencv_bit_for_bit(levels: np.ndarray) -> None:
    cv2 = pytest.importorskip("cv2")
    theirs, mask = cv2.threshold(levels, 0, 1, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    if levels.min() == levels.max():
        assert np.isnan(otsu(levels))
    else:
        assert otsu(levels) == theirs == plain_otsu(levels)
        np.testing.assert_array_equal(levels > otsu(levels), mask.astype(bool))


def test_otsu_is_opencv_on_real_sizes() -> None:
    cv2 = pytest.importorskip("cv2")
    generator = np.random.default_rng(0)
    for spread in (1, 5, 40):
        levels = np.clip(generator.normal(110, spread, (275, 224)), 0, 255).astype(np.uint8)
        assert otsu(levels) == cv2.threshold(levels, 0, 1, cv2.THRESH_OTSU)[0]


@given(floats)
@settings(deadline=None)
def test_float_threshold_decides_as_the_8bit_map(heatmap: np.ndarray) -> None:
    threshold = otsu(heatmap)
    if heatmap.min() == heatmap.max() or (heatmap.max() <= 0 and heatmap.min() < 0):
        assert np.isnan(threshold)
        return
    levels = to_8bit(heatmap)
    assert threshold in heatmap
    np.testing.assert_array_equal(heatmap > threshold, levels > plain_otsu(levels))
    np.testing.assert_array_equal(otsu_masks(heatmap), levels > plain_otsu(levels))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.int32, np.uint16])
def test_many_maps_are_many_single_maps(dtype: type) -> None:
    maps = (np.random.default_rng(1).gamma(2, 20, (2, 3, 7, 5)) % 200).astype(dtype)
    maps[0, 1] = 7
    mask = np.zeros((7, 5), dtype=bool)
    mask[2:5, 1:] = True
    thresholds, masks, scores = otsu(maps), otsu_masks(maps), otsu_scores(maps, mask)
    assert thresholds.shape == (2, 3)
    for where in np.ndindex(2, 3):
        np.testing.assert_equal(otsu(maps[where]), thresholds[where])
        np.testing.assert_array_equal(otsu_masks(maps[where]), masks[where])
        for name, metric in {"iou": iou, "precision": precision, "recall": recall, "f1": f1}.items():
            slow = np.nan if where == (0, 1) else metric(masks[where], mask)
            np.testing.assert_equal(scores[name][where], slow)


def test_a_mask_is_its_own_threshold() -> None:
    mask = np.array([[True, False, False], [True, True, False]])
    np.testing.assert_array_equal(mask > otsu(mask), mask)


@pytest.mark.parametrize("value", [0.0, 0.1, -3.0, np.nan], ids=str)
def test_constant_and_missing_maps_have_no_threshold(value: float) -> None:
    heatmap = np.full((4, 6), value)
    assert np.isnan(otsu(heatmap))
    assert not otsu_masks(heatmap).any()
    assert np.isnan(otsu_scores(heatmap, np.eye(4, 6, dtype=bool))["iou"])


def test_one_missing_value_makes_a_map_missing() -> None:
    heatmap = np.arange(24.0).reshape(4, 6)
    heatmap[2, 2] = np.nan
    assert np.isnan(otsu(heatmap))
    assert not to_8bit(heatmap).any()


@given(SHAPES.flatmap(lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))))
@settings(deadline=None)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_overlaps_are_those_of_scikit_learn(masks: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = masks
    truth, guess = b.ravel(), a.ravel()
    for ours, theirs in ((iou, jaccard_score), (precision, precision_score), (recall, recall_score), (f1, f1_score)):
        if not np.isnan(ours(a, b)):
            assert ours(a, b) == pytest.approx(theirs(truth, guess, zero_division=0))
    np.testing.assert_equal(iou(a, b), iou(b, a))
    np.testing.assert_equal(precision(a, b), recall(b, a))
    np.testing.assert_equal(dice(a, b), f1(a, b))


def test_empty_masks_are_undefined_not_zero() -> None:
    empty, full = np.zeros((3, 4), bool), np.ones((3, 4), bool)
    assert np.isnan(iou(empty, empty))
    assert np.isnan(f1(empty, empty))
    assert np.isnan(dice(empty, empty))
    assert np.isnan(precision(empty, full))
    assert recall(empty, full) == iou(empty, full) == 0


def test_dice_scales_each_map_and_takes_values_above_the_threshold() -> None:
    a = np.array([[0, 50, 51, 255]], dtype=np.uint8)
    b = np.array([[False, True, True, True]])
    assert dice(a, b) == pytest.approx(2 * 2 / (2 + 3))
    assert dice(a, b, threshold=49) == 1
    assert dice(a / 255.0 * 3 + 1, b) == dice(a, b)


@pytest.mark.parametrize("bad", [np.full((2, 3), 5.0), np.full((2, 3), np.nan)], ids=["constant", "missing"])
def test_dice_of_a_map_with_nothing_to_scale_is_undefined(bad: np.ndarray) -> None:
    good = np.arange(6.0).reshape(2, 3)
    assert np.isnan(dice(bad, good))
    assert np.isnan(dice(good, bad))


@given(floats, st.floats(0.01, 50), st.floats(-50, 50))
@settings(deadline=None)
def test_8bit_keeps_the_order_and_fills_the_range(heatmap: np.ndarray, factor: float, shift: float) -> None:
    levels = to_8bit(heatmap)
    order = np.argsort(heatmap, axis=None)
    assert (np.diff(levels.ravel()[order].astype(int)) >= 0).all()
    scaled = np.ptp(heatmap) > 0 and (heatmap.max() > 0 or heatmap.min() == 0)
    assert (levels.min(), levels.max()) == ((0, 255) if scaled else (0, 0))
    assert not levels[heatmap < 0].any()
    if heatmap.max() > 0.01:
        moved = to_8bit(heatmap.astype(np.float64) * factor).astype(int)
        assert np.abs(moved - levels).max() <= 1
    if np.ptp(heatmap) > 0.01:
        above = heatmap.astype(np.float64) - heatmap.min()
        assert np.abs(to_8bit(above).astype(int) - to_8bit(above * factor + abs(shift))).max() <= 1


def test_8bit_leaves_a_stretched_picture_as_it_is() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(8, 32)
    np.testing.assert_array_equal(to_8bit(levels), levels)


def test_masks_of_numbers_must_have_two_values() -> None:
    ones = np.array([[0, 1, 1]])
    assert iou(ones, ones * 255) == 1
    with pytest.raises(InputError, match="threshold it first"):
        iou(np.array([[0.2, 0.8]]), np.array([[True, False]]))


def test_sizes_must_agree() -> None:
    with pytest.raises(InputError, match="4 x 6 and 6 x 4"):
        iou(np.ones((4, 6), bool), np.ones((6, 4), bool))
    with pytest.raises(InputError, match="cannot pair"):
        iou(np.ones((2, 4, 6), bool), np.ones((3, 4, 6), bool))
    with pytest.raises(InputError, match="height and a width"):
        otsu(np.ones(5))
