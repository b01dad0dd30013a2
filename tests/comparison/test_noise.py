"""The noise-corrected correlation: against the plain sum over pairs, unbiased where the plain one is not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from xai_compare.comparison import METRICS, correlation
from xai_compare.comparison.metrics.maps import noise_corrected
from xai_compare.comparison.resampling.noise import corrected, explainer_share
from xai_compare.errors import InputError

SHAPE = (8, 7)


def population(seed: int, m: int, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray, float]:
    """Maps of two sources on the same images, noise shared between them, and the correlation of their true means."""
    rng = np.random.default_rng(99)
    first = rng.standard_normal(SHAPE)
    second = 0.8 * first + 0.6 * rng.standard_normal(SHAPE)
    rng = np.random.default_rng(seed)
    shared = rng.standard_normal((m, *SHAPE))
    a = first + noise * (shared + rng.standard_normal((m, *SHAPE)))
    b = second + noise * (shared + rng.standard_normal((m, *SHAPE)))
    return a, b, float(correlation(first, second))


def plain(a: np.ndarray, b: np.ndarray, images_a: list[str], images_b: list[str]) -> float:
    """By its definition: the mean product over all pairs of maps of different images."""

    def mean_product(one: np.ndarray, other: np.ndarray, mine: list[str], theirs: list[str]) -> float:
        centred = [x - x.mean() for x in one], [x - x.mean() for x in other]
        products = [
            float((x * y).sum())
            for x, i in zip(centred[0], mine, strict=True)
            for y, j in zip(centred[1], theirs, strict=True)
            if i != j
        ]
        return float(np.mean(products))

    own, other = mean_product(a, a, images_a, images_a), mean_product(b, b, images_b, images_b)
    return mean_product(a, b, images_a, images_b) / np.sqrt(own * other)


@pytest.mark.parametrize("names", [("abcdef", "abcdef"), ("aabbcd", "abcdef"), ("abcdef", "uvwxyz")])
def test_it_is_the_mean_over_pairs_of_different_images(names: tuple[str, str]) -> None:
    a, b, _ = population(1, 6, 0.5)
    images = list(names[0]), list(names[1])
    assert noise_corrected(a, b, *images) == pytest.approx(plain(a, b, *images))
    rows = np.concatenate([a, b]).reshape(12, -1)
    rows = rows - rows.mean(1, keepdims=True)
    found = corrected(rows @ rows.T, (np.arange(6), images[0]), (np.arange(6, 12), images[1]))
    assert found.value == pytest.approx(plain(a, b, *images))
    if names[0] == names[1]:  # The jackknife, by leaving each image out indeed.
        kept = [np.arange(6) != i for i in range(6)]
        without = [
            np.arctanh(
                plain(a[k], b[k], ["abcdef"[i] for i in np.flatnonzero(k)], ["abcdef"[i] for i in np.flatnonzero(k)])
            )
            for k in kept
        ]
        error = np.sqrt(5 / 6 * np.sum((without - np.mean(without)) ** 2))
        assert np.arctanh(found.high) - np.arctanh(found.value) == pytest.approx(2.5706 * error, rel=1e-4)


def test_it_does_not_grow_with_the_number_of_images() -> None:
    truth, few, many, plainly = 0.0, [], [], []
    for seed in range(120):
        a, b, truth = population(seed, 12)
        few.append(noise_corrected(a, b))
        plainly.append(float(correlation(a.mean(0), b.mean(0))))
        many.append(noise_corrected(*population(seed, 48)[:2]))
    assert np.nanmean(many) == pytest.approx(truth, abs=0.02)
    assert np.nanmedian(few) == pytest.approx(truth, abs=0.06)
    assert abs(np.mean(plainly) - truth) > 0.08


def test_what_cannot_be_told_is_missing_with_its_reason() -> None:
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((6, *SHAPE))
    noise -= noise.mean(0)  # The mean is nothing but noise: products of different images are negative.
    rows = noise.reshape(6, -1)
    rows = rows - rows.mean(1, keepdims=True)
    side = np.arange(6), list("abcdef")
    found = corrected(rows @ rows.T, side, side)
    assert np.isnan(found[:3]).all()
    assert found.note == "a mean map cannot be told from noise"
    two = np.arange(2), list("ab")
    assert corrected(rows @ rows.T, two, side).note == "2 images are too few, at least 3 are needed"
    assert METRICS.get("noise_corrected").needs == ("maps", "maps")
    with pytest.raises(InputError, match="cannot be paired"):
        noise_corrected(noise, noise[:4])


def runs_of(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Simulated maps of n images, each explained twice: a common face, the image's own, the explainer's chance."""
    y, x = np.mgrid[:20, :16]
    face = 2 * np.exp(-((y - 9) ** 2 + (x - 8) ** 2) / 30)
    own = np.stack([gaussian_filter(rng.standard_normal((20, 16)), 2) for _ in range(n)])
    own /= own.std()
    chance = noise * np.stack([gaussian_filter(rng.standard_normal((20, 16)), 2) for _ in range(2 * n)]) * 7
    return face + own + chance[:n], face + own + chance[n:]


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.5])
def test_the_explainers_share_is_what_a_second_run_changes(noise: float) -> None:
    one, other = runs_of(np.random.default_rng(7), 400, noise)
    r = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(one, other, strict=True)]
    found = explainer_share(one, r)
    centred = [side - side.mean((1, 2), keepdims=True) for side in (one, other)]
    truth = ((centred[0] - centred[1]) ** 2).mean() / 2 / (centred[0] - centred[0].mean(0)).var()
    assert found.share == pytest.approx(truth, abs=0.04)
    assert found.images == 400
    assert np.isnan(explainer_share(one[:2], r[:2]).share)
    assert explainer_share(one[:5], [np.nan, *r[1:5]]).images == 4


def test_resampled_images_hold_the_explainers_noise_already() -> None:
    # The spread of the mean over images, foreseen from one run, is that over new images and new runs together.
    rng = np.random.default_rng(8)
    peaks = np.array([runs_of(rng, 25, 1.0)[0].mean(0)[9, 8] for _ in range(300)])
    foreseen = [runs_of(rng, 25, 1.0)[0][:, 9, 8].std(ddof=1) / 5 for _ in range(100)]
    assert np.mean(foreseen) == pytest.approx(peaks.std(), rel=0.12)
