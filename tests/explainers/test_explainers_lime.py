"""LIME against the lime package, scikit-learn, and known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import label
from sklearn.linear_model import Ridge

from xai_compare import explainers
from xai_compare.explainers.mask_designs import code_masks
from xai_compare.explainers.quadrature import Limit, estimate
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
        image[0],
        labels,
        lambda x: model.predict(x) @ weights,
        n_samples=150,
        kernel_width=0.25,
        alpha=1.0,
        seed=3,
        batch_size=32,
    )
    ours = explainer.probabilities(model, model.prepare(image)[0], labels, masks) @ weights
    found = fit(masks, ours, nearness(masks, 0.25), 1.0)
    np.testing.assert_allclose(ours, values, atol=1e-6)
    np.testing.assert_allclose(found.coefficients, told, atol=1e-5)
    assert found.r2 == pytest.approx(r2, abs=1e-4)


def test_both_engines_agree_within_their_standard_errors(make_model, blobs):
    model, images = make_model("patch"), blobs(2, seed=6)
    options = {"n_segments": 9, "n_samples": 400, "design": "random", "surrogate": "linear"}
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


@pytest.mark.parametrize(
    "options",
    [{"design": "random", "surrogate": "linear", "alpha": 1e-3}, {"design": "code"}],
    ids=["linear", "quadrature"],
)
@pytest.mark.parametrize("kind", ["conv", "patch"])
def test_standard_errors_cover(options, kind, make_model, blobs):
    """Over repetitions, nominal 90 % intervals around the limit hold in 85 to 95 % of the cases."""
    model, image = make_model(kind), blobs(1, seed=1)
    labels = superpixels(image[0], 12, 20.0)
    assert labels.max() < 14
    explainer = explainers.create("lime")
    masks = every_mask(labels.max() + 1)
    values = explainer.probabilities(model, model.prepare(image)[0], labels, masks)[:, 1]
    limit = fit(masks, values, nearness(masks, 0.25), 1e-9).coefficients[labels]
    at = np.array([np.argwhere(labels == s)[0] for s in range(labels.max() + 1)]).T
    hits, misses, errors = [], [], []
    for seed in range(40):
        explainer = explainers.create("lime", n_segments=12, n_samples=150, seed=seed, **options)
        found = explainer.explain(model, image, 1)
        hits.append((np.abs(found.maps - limit) <= 1.645 * found.extras["standard_error"])[0][tuple(at)])
        misses.append((found.maps - limit) ** 2)
        errors.append(found.extras["standard_error"] ** 2)
    # On so small a cube of masks the quadrature is nearly exact and its errors a little too large.
    assert 0.85 <= np.mean(hits) <= (0.95 if "surrogate" in options else 1.0)
    assert 0.5 < np.sqrt(np.mean(errors) / np.mean(misses)) < 4


@pytest.mark.slow
def test_standard_errors_cover_on_real_faces(shared):
    from PIL import Image

    from xai_compare import models

    model = models.load(
        {
            "name": "x",
            "keras": str(shared / "models" / "fer2013_mini_XCEPTION.102-0.66.hdf5"),
            "classes": ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"],
            "input": {"size": 64, "channels": "grey", "range": [-1, 1]},
        }
    )
    files = sorted((shared / "faces" / "images").iterdir())[::37][:4]
    images = np.stack([np.asarray(Image.open(f).convert("RGB").resize((64, 64))) for f in files])
    reference = explainers.create("lime", n_samples=1200, seed=99).explain(model, images)
    hits = []
    for seed in range(3):
        found = explainers.create("lime", n_samples=200, seed=seed).explain(model, images)
        error = np.hypot(found.extras["standard_error"], reference.extras["standard_error"])
        hits.append(np.abs(found.maps - reference.maps) <= 1.645 * error)
    assert 0.8 <= np.mean(hits) <= 0.97


def every_mask(segments):
    return (np.arange(2**segments)[:, None] >> np.arange(segments) & 1).astype(np.uint8)


def test_the_quadratures_limit_is_that_of_all_masks():
    rng = np.random.default_rng(0)
    masks, rho = every_mask(6), rng.uniform(0.2, 1.0, 6)
    some = masks[rng.permutation(64)[:20]]
    weights = nearness(masks, 0.25)

    def regression(values):
        return np.stack([fit(masks, column, weights, 1e-12).coefficients for column in values.T], 1)

    def kernel(a, b):
        return np.prod(np.where(a[:, None] != b[None], rho, 1.0), -1)

    limit = Limit(6, 0.25)
    np.testing.assert_allclose(limit.of_kernel(some, rho), regression(kernel(masks, some)), atol=1e-9)
    twice = regression(regression(kernel(masks, masks)).T)
    np.testing.assert_allclose(limit.of_both(rho), np.diag(twice), atol=1e-9)


def test_the_quadrature_is_exact_for_a_linear_output():
    rng = np.random.default_rng(1)
    masks, slope = code_masks(9, 40, 0), rng.normal(size=9)
    values = masks @ slope + 0.3
    distances = np.abs(np.subtract.outer(np.arange(9), np.arange(9))) / 9
    found = estimate(masks, values, np.zeros((40, 0)), distances, Limit(9, 0.25), np.ones(9))
    np.testing.assert_allclose(found.coefficients, slope, atol=1e-8)
    assert found.errors.max() < 1e-6


def test_fewer_masks_do_as_well_as_the_packages_way(make_model, blobs):
    model, image = make_model("conv", seed=2), blobs(1, seed=3)
    labels = superpixels(image[0], 12, 20.0)
    masks = every_mask(labels.max() + 1)
    values = explainers.create("lime").probabilities(model, model.prepare(image)[0], labels, masks)[:, 1]
    limit = fit(masks, values, nearness(masks, 0.25), 1e-9).coefficients[labels]

    def error(**options):
        runs = [explainers.create("lime", n_segments=12, seed=s, **options)(model, image, 1)[0] for s in range(8)]
        return np.sqrt(np.mean((np.stack(runs) - limit) ** 2))

    assert error(n_samples=160) < error(n_samples=400, design="random", surrogate="linear")


@pytest.mark.parametrize(("segments", "n"), [(24, 256), (9, 100), (31, 1000), (130, 600)])
def test_codes_come_in_opposite_pairs_and_are_balanced(segments, n):
    masks = code_masks(segments, n, seed=5)
    assert masks.shape == (n, segments)
    np.testing.assert_array_equal(masks[0::2][: n // 2] + masks[1::2], 1)
    np.testing.assert_allclose(masks[: n - n % 2].mean(0), 0.5)
    if n & (n - 1) == 0:
        signs = 2.0 * masks - 1
        np.testing.assert_allclose(signs.T @ signs / n, np.eye(segments))
        assert abs(np.einsum("ni,nj,nk->ijk", signs, signs, signs)[0, 1, 2:]).max() == 0


def test_a_target_error_stops_early_and_is_kept(make_model, blobs):
    model, image = make_model("patch"), blobs(1)
    shown = []
    for target in (1e-2, 1e-12):
        found = explainers.create("lime", n_segments=9, n_samples=300, target_error=target).explain(model, image, 1)
        labels, error = found.extras["segments"][0], found.extras["standard_error"][0]
        each = [error[labels == s][0] for s in range(labels.max() + 1)]
        shown.append(found.extras["samples"][0])
        assert np.sqrt(np.mean(np.square(each))) <= target or shown[-1] == 300
    assert shown[0] < shown[1] == 300


@pytest.mark.parametrize("size", [(64, 64), (48, 80)])
def test_superpixels_are_connected_and_counted_from_zero(size, blobs):
    labels = superpixels(blobs(1, size)[0], 30, 20.0)
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    assert all(label(labels == s, connectivity=1).max() == 1 for s in range(labels.max() + 1))
    assert 15 <= labels.max() + 1 <= 45


def test_one_superpixel_has_no_explanation(make_model, monkeypatch, blobs):
    from xai_compare.explainers.methods import lime

    monkeypatch.setattr(lime, "superpixels", lambda image, n, c: np.zeros(image.shape[:2], np.int64))
    found = explainers.create("lime").explain(make_model(), blobs(2), 1)
    assert np.isnan(found.maps).all()
    assert found.reasons == ["the picture has only one superpixel"] * 2


def test_superpixels_and_counts_are_recorded(make_model, blobs):
    found = explainers.create("lime", n_segments=12, n_samples=60).explain(make_model(), blobs(2), 1)
    assert found.extras["segments"].shape == (2, 32, 28)
    np.testing.assert_array_equal(found.extras["n_segments"], found.extras["segments"].max((1, 2)) + 1)
    np.testing.assert_array_equal(found.extras["samples"], [60, 60])
