"""Levels and cuts: the fast ways against the plain formula, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xai_compare.comparison.thresholds import (
    dice_masks,
    histogram_scores,
    otsu,
    otsu_masks,
    split_histograms,
    to_8bit,
)


def plain_levels(heatmap: np.ndarray) -> np.ndarray:
    """The formula as it is written, in double precision: of a signed map the positive part."""
    if not np.isfinite(float(heatmap.max()) - float(heatmap.min())):
        return np.zeros(heatmap.shape, np.uint8)
    part = np.maximum(heatmap, 0) if (heatmap < 0).any() else heatmap
    low, high = float(part.min()) if part is heatmap else 0.0, float(part.max())
    if not high > low:
        return np.zeros(heatmap.shape, np.uint8)
    return np.rint((part.astype(np.float64) - low) / (high - low) * 255).astype(np.uint8)


@st.composite
def heatmaps(draw: st.DrawFn) -> np.ndarray:
    """Maps of either precision, of any offset and span, some of whose values lie next to a step between levels."""
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    values = draw(hnp.arrays(np.float64, (6, 7), elements=st.floats(-1, 1)))
    low, span = draw(st.floats(-3, 3)), 10.0 ** draw(st.integers(-6, 6))
    steps = low + (draw(hnp.arrays(np.int64, 8, elements=st.integers(0, 254))) + 0.5) / 255 * span
    return np.concatenate([low + span * np.abs(values.ravel()), steps, [low, low + span]]).astype(dtype)[None]


@given(heatmaps())
@settings(deadline=None, max_examples=200)
def test_levels_are_the_formula(heatmap: np.ndarray) -> None:
    np.testing.assert_array_equal(to_8bit(heatmap), plain_levels(heatmap))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_maps_with_nothing_to_scale_have_no_mask(dtype: type) -> None:
    maps = np.array([[1, 1], [np.nan, 1], [np.inf, 0], [0, 1], [-1e-38, 1e-38]], dtype)
    _, usable = dice_masks(maps[:, None])
    assert usable.tolist() == [False, False, False, True, True]
    scores = histogram_scores(*split_histograms(to_8bit(maps[:, None])[:, 0], np.array([True, False])))
    assert np.isfinite(scores["iou"]).tolist() == [False, False, False, True, True]


def test_histograms_inside_and_outside() -> None:
    generator = np.random.default_rng(3)
    maps, region = generator.normal(size=(4, 9, 8)).astype(np.float32), generator.random(72) < 0.3
    inside, outside = split_histograms(to_8bit(maps).reshape(4, -1), region)
    for one, row, other in zip(maps, inside, outside, strict=True):
        levels = plain_levels(one).ravel()
        np.testing.assert_array_equal(row, np.bincount(levels[region], minlength=256))
        np.testing.assert_array_equal(other, np.bincount(levels[~region], minlength=256))
    assert set(histogram_scores(inside, outside)) == {"iou", "precision", "recall", "f1"}


def test_what_is_neutral_or_speaks_against_is_never_chosen() -> None:
    heatmap = np.zeros((20, 20))
    heatmap[:4], heatmap[4:6] = -3, 1
    assert to_8bit(heatmap).tolist() == (255 * (heatmap == 1)).tolist()
    for masks in (dice_masks(heatmap)[0], otsu_masks(heatmap)):
        np.testing.assert_array_equal(masks, heatmap == 1)
    assert not dice_masks(-1 - np.eye(3))[1]
    assert np.isnan(otsu(-1 - np.eye(3)))
