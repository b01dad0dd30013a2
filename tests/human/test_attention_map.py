"""The sum of Gaussians: against the plain double loop, and the laws it must obey."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xai_compare.errors import InputError
from xai_compare.human import attention_map, pixels_per_degree

SHAPES = st.tuples(st.integers(40, 60), st.integers(61, 90))
SIGMAS = st.floats(1.0, 4.0)


def slow_attention_map(x, y, shape, sigma, weights):
    """The definition, pixel by pixel and point by point."""
    total = np.zeros(shape)
    for row in range(shape[0]):
        for column in range(shape[1]):
            for px, py, w in zip(x, y, weights, strict=True):
                squared = (column - px) ** 2 + (row - py) ** 2
                total[row, column] += w * math.exp(-squared / (2 * sigma**2)) / (2 * math.pi * sigma**2)
    return total


@pytest.mark.parametrize("sigma", [0.5, 2.0, 30.0])
@pytest.mark.parametrize("shape", [(9, 17), (17, 9), (1, 1)], ids=["wide", "high", "one-pixel"])
def test_equals_the_double_loop(shape, sigma):
    rng = np.random.default_rng(3)
    x, y, weights = rng.uniform(-2, 18, 7), rng.uniform(-2, 18, 7), rng.uniform(0, 3, 7)
    fast = attention_map(x, y, shape, sigma, weights)
    assert fast.dtype == np.float32
    assert fast.shape == shape
    np.testing.assert_allclose(fast, slow_attention_map(x, y, shape, sigma, weights), rtol=1e-6, atol=1e-12)


def test_many_points_go_in_blocks_without_a_seam():
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 20, 5000), rng.uniform(0, 10, 5000)
    parts = sum(attention_map(x[i::3], y[i::3], (10, 20), 2.0).astype(float) for i in range(3))
    np.testing.assert_allclose(attention_map(x, y, (10, 20), 2.0), parts, rtol=1e-5)


@given(SHAPES, SIGMAS, st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 1000))
def test_mass_far_from_the_border_is_the_weight(shape, sigma, across, down, weight):
    margin = 5 * 4.0
    x = margin + across * (shape[1] - 1 - 2 * margin)
    y = min(margin, (shape[0] - 1) / 2) + down * max(shape[0] - 1 - 2 * margin, 0)
    assert attention_map([x], [y], shape, min(sigma, 3.5), [weight]).sum() == pytest.approx(weight, rel=1e-4)


def test_half_of_a_point_on_the_border_is_lost():
    assert attention_map([-0.5], [20], (41, 41), 3.0).sum() == pytest.approx(0.5, abs=1e-3)


@given(SHAPES, SIGMAS, st.integers(-8, 8), st.integers(-8, 8))
def test_shifted_points_make_a_shifted_map(shape, sigma, across, down):
    x, y = np.array([20.25, 30.0]), np.array([18.75, 15.0])
    still = attention_map(x, y, shape, sigma)
    moved = attention_map(x + across, y + down, shape, sigma)
    rows, columns = np.arange(10, 28), np.arange(10, 50)
    np.testing.assert_allclose(
        moved[np.ix_(rows + down, columns + across)], still[np.ix_(rows, columns)], rtol=1e-4, atol=1e-9
    )


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6), st.floats(0, 10), SIGMAS)
def test_linear_in_the_weights(weights, factor, sigma):
    x, y = np.linspace(0, 30, len(weights)), np.linspace(19, 0, len(weights))
    ones = attention_map(x, y, (20, 31), sigma).astype(float)
    weighed = attention_map(x, y, (20, 31), sigma, weights).astype(float)
    both = attention_map(x, y, (20, 31), sigma, 1 + factor * np.array(weights))
    np.testing.assert_allclose(both, ones + factor * weighed, rtol=1e-4, atol=1e-6)


def test_x_goes_across_and_y_goes_down():
    peak = np.unravel_index(attention_map([7], [2], (5, 11), 1.0).argmax(), (5, 11))
    assert peak == (2, 7)


def test_no_point_gives_zeros():
    assert not attention_map([], [], (4, 6), 2.0).any()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([1.0], [1.0], (4, 4), 0.0), "sigma is 0.0"),
        (([1.0], [1.0], (4, 4), float("nan")), "sigma is nan"),
        (([1.0], [1.0], (0, 4), 1.0), "picture of"),
        (([1.0, 2.0], [1.0], (4, 4), 1.0), "one length"),
        (([float("nan")], [1.0], (4, 4), 1.0), "not a finite number"),
        (([1.0], [1.0], (4, 4), 1.0, [-1.0]), "negative"),
    ],
    ids=["sigma-zero", "sigma-nan", "empty-picture", "lengths", "nan", "negative-weight"],
)
def test_refuses(arguments, says):
    with pytest.raises(InputError, match=says):
        attention_map(*arguments)


def test_pixels_per_degree_by_hand():
    assert pixels_per_degree((40, 30), 57.29, (800, 600)) == pytest.approx(20 * 1.0, rel=1e-4)
    assert pixels_per_degree((40, 30), 120, (800, 600)) == pytest.approx(
        2 * pixels_per_degree((40, 30), 60, (800, 600))
    )


@pytest.mark.parametrize(
    ("size", "distance", "resolution", "says"),
    [
        ((30, 40), 60, (800, 600), "width before height"),
        ((40, 30), 0, (800, 600), "above 0"),
        ((40, float("nan")), 60, (800, 600), "above 0"),
    ],
    ids=["swapped", "no-distance", "nan"],
)
def test_pixels_per_degree_refuses(size, distance, resolution, says):
    with pytest.raises(InputError, match=says):
        pixels_per_degree(size, distance, resolution)
