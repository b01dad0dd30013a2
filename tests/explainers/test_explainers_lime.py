"""LIME against the lime package, scikit-learn, and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label
from sklearn.linear_model import Ridge

from xai_compare import explainers
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.surrogate import fit, nearness


@pytest.mark.parametrize("kind", ["conv", "grey", "patch"])
@pytest.mark.parametrize("target", [1, (1, 2)], ids=["class", "pair"])
def test_equals_the_package_given_its_masks(kind, target, make_model, blobs):
    from xai_compare.explainers.lime_reference import lime_package

    model, image = make_model(kind), blobs(1, seed=4)
    labels = superpixels(image[0], 12, 20.0)
    explainer = explainers.create("lime")
    weights = np.zeros(3, np.float32)
    weights[1] = 1
    if target != 1:
        weights[2] = -1

    told, masks, values, r2 = lime_package(
        image[0], labels, lambda x: model.predict(x) @ weights, n_samples=150, kernel_width=0.25, alpha=1.0, seed=3,
        batch_size=32,
    )  # fmt: skip
    import torch

    ours = explainer.values(model, model.prepare(image)[0], labels, masks, torch.from_numpy(weights))
    found = fit(masks, ours, nearness(masks, 0.25), 1.0)
    np.testing.assert_allclose(ours, values, atol=1e-6)
    np.testing.assert_allclose(found.coefficients, told, atol=1e-5)
    assert found.r2 == pytest.approx(r2, abs=1e-4)


def test_both_engines_agree_within_their_standard_errors(make_model, blobs):
    model, images = make_model("patch"), blobs(2, seed=6)
    options = {"n_segments": 9, "n_samples": 400}
    fast = explainers.create("lime", **options).explain(model, images, 1)
    package = explainers.create("lime", **options, engine="reference").explain(model, images, 1)
    error = np.hypot(fast.extras["standard_error"], package.extras["standard_error"])
    assert (np.abs(fast.maps - package.maps) < 4 * error + 1e-6).all()


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(12, 60),
    p=st.integers(1, 9),
    alpha=st.sampled_from([0.01, 7]),
)
def test_ridge_equals_scikit_learn(seed, n, p, alpha):
    rng = np.random.default_rng(seed)
    masks, values, weights = rng.integers(0, 2, (n, p)), rng.normal(size=n), rng.random(n) + 0.01
    found, told = fit(masks, values, weights, alpha), Ridge(alpha=alpha).fit(masks, values, sample_weight=weights)
    np.testing.assert_allclose(found.coefficients, told.coef_, atol=1e-9)
    assert found.intercept == pytest.approx(told.intercept_, abs=1e-9)
    assert found.r2 == pytest.approx(told.score(masks, values, sample_weight=weights), abs=1e-9)


def test_nearness_by_hand():
    masks = np.array([[1, 1, 1, 1], [1, 0, 0, 0], [0, 0, 0, 0]])
    # Cosine with all-on is sqrt(share): 1, 1/2, 0.
    distance = np.array([0, 0.5, 1])
    np.testing.assert_allclose(nearness(masks, 0.25), np.sqrt(np.exp(-(distance**2) / 0.25**2)))


def test_the_patch_that_matters_gets_the_largest_weight(make_model):
    image = np.full((1, 32, 28, 3), 200, np.uint8)
    found = explainers.create("lime", n_segments=30, n_samples=500).explain(make_model("patch"), image, 1)
    inside = found.maps[0, 4:12, 14:22].mean()
    far = found.maps[0, 20:, :].mean()
    assert inside > 5 * abs(far)
    assert found.extras["repeatability"][0] > 0.9


def test_standard_errors_cover(make_model, blobs):
    """Over 60 repetitions, nominal 90 % intervals around the limit hold in 85 to 95 % of the cases."""
    model, image = make_model("patch"), blobs(1, seed=1)
    limit = explainers.create("lime", n_segments=9, n_samples=20000, batch_size=512)(model, image, 1)
    hits = []
    labels = superpixels(image[0], 9, 20.0)
    at = np.array([np.argwhere(labels == s)[0] for s in range(labels.max() + 1)]).T
    for seed in range(60):
        found = explainers.create("lime", n_segments=9, n_samples=200, alpha=1e-3, batch_size=256, seed=seed).explain(
            model, image, 1
        )
        inside = np.abs(found.maps - limit) <= 1.645 * found.extras["standard_error"]
        hits.append(inside[0][tuple(at)])
    assert 0.85 <= np.mean(hits) <= 0.95


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_superpixels_are_connected_and_counted_from_zero(size, blobs):
    labels = superpixels(blobs(1, size)[0], 30, 20.0)
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    assert all(label(labels == s, connectivity=1).max() == 1 for s in range(labels.max() + 1))
    assert 15 <= labels.max() + 1 <= 45


def test_one_superpixel_has_no_explanation(make_model, monkeypatch, blobs):
    from xai_compare.explainers import lime

    monkeypatch.setattr(lime, "superpixels", lambda image, n, c: np.zeros(image.shape[:2], np.int64))
    found = explainers.create("lime").explain(make_model(), blobs(2), 1)
    assert np.isnan(found.maps).all()
    assert found.reasons == ["the picture has only one superpixel"] * 2


def test_superpixels_and_counts_are_recorded(make_model, blobs):
    found = explainers.create("lime", n_segments=12, n_samples=60).explain(make_model(), blobs(2), 1)
    assert found.extras["segments"].shape == (2, 32, 28)
    np.testing.assert_array_equal(found.extras["n_segments"], found.extras["segments"].max((1, 2)) + 1)
    np.testing.assert_array_equal(found.extras["samples"], [60, 60])
