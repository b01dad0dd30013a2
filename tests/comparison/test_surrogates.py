"""Surrogates against the plain transform."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import fft

from xai_compare.comparison.nulls.surrogates import Surrogates


@pytest.mark.parametrize(("height", "width"), [(23, 14), (8, 9), (7, 7), (69, 56), (80, 64)])
def test_the_short_transform_is_the_whole_one(height: int, width: int) -> None:
    n = 11
    one = np.random.default_rng(1).normal(size=(height, width)).cumsum(0).cumsum(1).astype(np.float32)
    wide = np.concatenate([one, one[:, ::-1]], 1)
    whole = np.concatenate([wide, wide[::-1]])
    noise = np.random.default_rng([3, 20]).standard_normal((n, 2 * height, 2 * width), dtype=np.float32)
    phases = np.exp(1j * np.angle(fft.rfft2(noise)))
    plain = fft.irfft2(phases * np.abs(fft.rfft2(whole - whole.mean())), s=whole.shape)[:, :height, :width]
    expected = np.sort(one.ravel())[np.argsort(np.argsort(plain.reshape(n, -1), axis=1), axis=1)]
    made = Surrogates((height, width), n, seed=3)(one).reshape(n, -1)
    assert (made == expected).mean() > 0.99
    np.testing.assert_allclose(made, expected, atol=0.01 * np.ptp(one))
