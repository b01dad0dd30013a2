"""Shapley and Banzhaf values and interactions: their definitions, axioms, and what is estimated of them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import comb

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.explainers.game_indices import LimeIndex, PairIndex, PlayerIndex
from xai_compare.explainers.game_process import estimate_all
from xai_compare.explainers.mask_designs import code_masks, different, size_masks
from xai_compare.explainers.players import players_of
from xai_compare.explainers.surrogate import fit, nearness
from xai_compare.faces import CANONICAL
from xai_compare.faces.areas import PARTS

INDICES = {
    "shapley": PlayerIndex("uniform"),
    "banzhaf": PlayerIndex("half"),
    "interactions": PairIndex("uniform"),
    "of banzhaf": PairIndex("half"),
    "faithful": PairIndex("beta"),
}


def all_masks(p):
    return (np.arange(2**p)[:, None] >> np.arange(p) & 1).astype(np.uint8)


def by_permutations(v, p):
    """Shapley values by their definition; ``v`` by the number whose bits are the players shown."""
    total = np.zeros(p)
    for order in itertools.permutations(range(p)):
        shown = 0
        for j in order:
            total[j] += v[shown | 1 << j] - v[shown]
            shown |= 1 << j
    return total / math.factorial(p)


def by_sums(v, p, pair, weight):
    """A pair's interaction: the sum over sets of the others of ``weight(t)`` times the second difference."""
    i, j = (1 << k for k in pair)
    sets = [s for s in range(2**p) if not s & (i | j)]
    return sum(weight(s.bit_count()) * (v[s | i | j] - v[s | i] - v[s | j] + v[s]) for s in sets)


@given(st.integers(0, 2**32), st.integers(3, 6))
@settings(max_examples=15, deadline=None)
def test_indices_are_their_definitions(seed, p):
    v = np.random.default_rng(seed).normal(size=2**p)
    z = all_masks(p)
    # Sums of at most 2^p terms of size 1 in double precision.
    near = {"atol": 1e-12}
    np.testing.assert_allclose(PlayerIndex("uniform").of_masks(z).T @ v, by_permutations(v, p), **near)
    pairs = list(itertools.combinations(range(p), 2))
    sii = [
        by_sums(v, p, one, lambda t: math.factorial(t) * math.factorial(p - t - 2) / math.factorial(p - 1))
        for one in pairs
    ]
    np.testing.assert_allclose(PairIndex("uniform").of_masks(z).T @ v, sii, **near)
    halves = [by_sums(v, p, one, lambda t: 0.5 ** (p - 2)) for one in pairs]
    np.testing.assert_allclose(PairIndex("half").of_masks(z).T @ v, halves, **near)


def test_faithful_interactions_are_the_weighted_quadratic_regression():
    p = 6
    v, z = np.random.default_rng(3).normal(size=2**p), all_masks(p).astype(float)
    i, j = np.triu_indices(p, 1)
    size = z.sum(1)
    x = np.column_stack([np.ones(2**p), z, z[:, i] * z[:, j]])
    inner = (p - 1) / (comb(p, size) * np.maximum(size * (p - size), 1))
    # The Shapley kernel is infinite at both ends; 1e9 leaves an error of about 1e-9.
    root = np.sqrt(np.where((size == 0) | (size == p), 1e9, inner))
    found = np.linalg.lstsq(x * root[:, None], v * root, rcond=None)[0]
    np.testing.assert_allclose(PairIndex("beta").of_masks(z).T @ v, found[1 + p :], atol=1e-7)


def test_lime_over_all_masks_is_limes_regression():
    z = all_masks(6)
    v = np.random.default_rng(1).normal(size=64)
    np.testing.assert_allclose(
        LimeIndex(6, 0.25).of_masks(z).T @ v, fit(z, v, nearness(z, 0.25), 0).coefficients, atol=1e-10
    )


@pytest.mark.parametrize("index", [*INDICES.values(), LimeIndex(7, 0.25)], ids=[*INDICES, "lime"])
def test_what_is_known_of_kernels_is_the_sum_over_all_masks(index):
    p = 7
    z, rho = all_masks(p), np.random.default_rng(0).uniform(0.2, 0.95, p)
    gram = np.prod(np.where(z[:, None] != z[None], rho, 1.0), 2)
    weight = index.of_masks(z)
    near = {"atol": 1e-12}
    np.testing.assert_allclose(index.of_kernel(z, rho), gram @ weight, **near)
    np.testing.assert_allclose(index.of_both(rho), np.einsum("nk,nm,mk->k", weight, gram, weight), **near)
    np.testing.assert_allclose(index.norm(p), (weight**2).sum(0), **near)
    np.testing.assert_allclose(index.of_linear(p), weight.T @ z, **near)


def game(z, seed=0):
    """A smooth game of eight players with strong interactions; players 0 and 1 are alike, 7 does nothing."""
    rng = np.random.default_rng(seed)
    slope = rng.normal(0, 1.5, 8)
    slope[1], slope[7] = slope[0], 0
    linear = z @ slope + 2 * z[:, 2] * z[:, 3]
    return 1 / (1 + np.exp(-linear))


def estimates(z, asked=INDICES, seed=0):
    v = game(z, seed)
    apart = np.abs(np.arange(8.0)[:, None] - np.arange(8)) / 8
    return estimate_all(z, v, v[:, None], apart, asked)


@given(st.integers(0, 2**32), st.integers(20, 200))
@settings(max_examples=15, deadline=None)
def test_shapley_values_add_up_from_any_masks(seed, n):
    z = size_masks(8, n, seed)
    found = estimates(z, {"shapley": INDICES["shapley"]}, seed)["shapley"].coefficients
    ends = game(np.array([np.ones(8), np.zeros(8)]), seed)
    # The normal equations are solved in double precision, with condition numbers up to 1e6.
    np.testing.assert_allclose(found.sum(), ends[0] - ends[1], atol=1e-9)


def test_with_all_masks_estimates_are_exact_and_have_no_error():
    z = all_masks(8)
    found = estimates(z)
    v = game(z)
    np.testing.assert_allclose(found["shapley"].coefficients, by_permutations(v, 8), atol=1e-12)
    for name, one in found.items():
        np.testing.assert_allclose(one.coefficients, INDICES[name].of_masks(z).T @ v, atol=1e-12)
        assert (one.errors == 0).all()
    values = found["shapley"].coefficients
    assert values[0] == pytest.approx(values[1], abs=1e-12)
    assert values[7] == pytest.approx(0, abs=1e-12)


def test_all_masks_but_one_give_nearly_the_same():
    z = all_masks(8)
    exact, near = estimates(z), estimates(np.delete(z, 77, 0))
    for name, one in near.items():
        assert np.abs(one.coefficients - exact[name].coefficients).max() < 1e-3
        assert (one.errors > 0).all()


def test_errors_say_how_far_estimates_are_off():
    z = all_masks(8)
    inside = {name: [] for name in INDICES}
    for seed in range(25):
        exact, found = estimates(z, seed=seed), estimates(size_masks(8, 60, seed), seed=seed)
        for name, one in found.items():
            off = np.abs(one.coefficients - exact[name].coefficients)
            inside[name].append((off <= 1.645 * one.errors + 1e-12).mean())
    # 25 games: players of one game err together, so some 5 % around the nominal 90 % and the model's own misfit.
    assert all(0.78 < np.mean(shares) <= 1 for shares in inside.values()), inside


@given(st.integers(2, 40), st.integers(2, 300), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_masks_are_different_and_come_with_their_opposites(players, n, seed):
    z = size_masks(players, n, seed)
    assert len(z) == min(n, 2**players)
    assert len(np.unique(z, axis=0)) == len(z)
    assert {(1,) * players, (0,) * players} <= set(map(tuple, z.tolist()))
    whole = z[: len(z) // 2 * 2]
    if len(z) < 2**players:
        np.testing.assert_array_equal(whole[::2], 1 - whole[1::2])


def test_repeats_are_left_out():
    z = code_masks(3, 16, 0)
    assert len(different(z)) == len(np.unique(z, axis=0)) < 16


@pytest.mark.parametrize("name", ["shapley", "banzhaf"])
def test_a_network_that_sees_one_patch_uses_its_superpixels(name, make_model, blobs):
    explainer = explainers.create(name, n_segments=9, n_samples=4096, interactions=True)
    model, images = make_model("patch"), blobs(2)
    found = explainer.explain(model, images, "happiness")
    for i, values in enumerate(found.extras["values"]):
        p = len(values)
        assert found.extras["samples"][i] == 2**p
        cells = found.extras["segments"][i]
        np.testing.assert_allclose(found.maps[i], values[cells], atol=1e-6)
        seen = set(cells[4:12, 14:22].ravel()) | set(cells[22:28, 4:10].ravel())
        unseen = [j for j in range(p) if j not in seen]
        # Single precision of a probability.
        np.testing.assert_allclose(values[unseen], 0, atol=1e-6)
        assert np.abs(values).max() > 1e-3
        pairs = found.extras["interactions"][i]
        assert pairs.shape == (p, p)
        np.testing.assert_array_equal(pairs, pairs.T)
        np.testing.assert_allclose(pairs[unseen], 0, atol=1e-6)
        assert found.extras["standard_error"][i].shape == (p,)
    if name == "shapley":
        black = model.predict(np.zeros_like(images))[:, 1]
        sums = [values.sum() for values in found.extras["values"]]
        np.testing.assert_allclose(sums, model.predict(images)[:, 1] - black, atol=1e-6)


def test_one_set_of_passes_answers_all(make_model, blobs):
    model, images = make_model(seed=6), blobs(1)
    lime = explainers.create("lime", n_segments=6, n_samples=1000).explain(model, images, 1)
    found = explainers.create("shapley", n_segments=6, n_samples=1000).explain(model, images, 1)
    same = explainers.create("banzhaf", n_segments=6, n_samples=1000).explain(model, images, 1)
    np.testing.assert_allclose(found.extras["banzhaf"][0], same.extras["values"][0], atol=1e-12)
    cells = lime.extras["segments"][0]
    off = np.abs(found.extras["lime"][0][cells] - lime.maps[0])
    assert (off <= 3 * lime.extras["standard_error"][0] + 1e-6).mean() > 0.9


def test_it_stops_at_the_error_that_is_asked_for(make_model, blobs):
    model, images = make_model(seed=6), blobs(1)
    rough = explainers.create("shapley", n_segments=20, target_error=0.05).explain(model, images, 1)
    fine = explainers.create("shapley", n_segments=20, target_error=1e-7).explain(model, images, 1)
    assert rough.extras["samples"][0] < fine.extras["samples"][0] == 1000
    assert np.sqrt(np.mean(rough.extras["standard_error"][0] ** 2)) <= 0.05


FACE = CANONICAL[:68] * (28 / 224, 32 / 275)


@pytest.mark.parametrize("filling", ["black", "blur", "noise", "mean_face"])
@pytest.mark.parametrize("kind", ["parts", "action_units"])
def test_parts_and_units_are_the_same_players_in_every_face(kind, filling, make_model, blobs):
    explainer = explainers.create("shapley", players=kind, n_samples=256, filling=filling)
    big = blobs(2, (64, 56))
    found = explainer.explain(make_model(seed=6), big, 1, landmarks=np.stack([FACE * 2 + 0.5] * 2))
    names = found.extras["players"]
    assert names[0] == names[1]
    assert names[0] == list(PARTS) if kind == "parts" else names[0][:2] == ["AU1", "AU2"]
    assert found.maps.shape == (2, 64, 56)
    assert np.isfinite(found.maps).all()
    assert (found.extras["standard_error"][0] == 0).all() == (kind == "parts")


def test_parts_tile_the_picture_and_lie_where_they_should():
    image = np.zeros((275, 224, 3), np.uint8)
    players = players_of("parts", image, CANONICAL[:68])
    at = {name: players.cells == k for k, name in enumerate(PARTS)}
    assert all(area.any() for area in at.values())
    x, y = CANONICAL[57].round().astype(int)
    assert at["mouth"][y, x]
    assert at["background"][0, 0]
    chin = CANONICAL[8].round().astype(int)
    assert at["jaw"][chin[1] - 8, chin[0]]
    units = players_of("action_units", image, CANONICAL[:68])
    everything, nothing = units.shown(np.array([[1] * 20, [0] * 20]))
    assert everything.all()
    assert not nothing.any()


def test_without_landmarks_the_face_is_looked_for(make_model, blobs):
    found = explainers.create("shapley", players="parts").explain(make_model(), blobs(1), 1)
    assert "no face is found" in found.reasons[0]
    assert np.isnan(found.maps).all()


def test_landmarks_of_another_shape_are_refused(make_model, blobs):
    with pytest.raises(InputError, match="landmarks for 2 pictures"):
        explainers.create("shapley")(make_model(), blobs(2), 1, landmarks=np.zeros((1, 68, 2)))


def test_the_mean_face_lies_on_the_pictures_own_landmarks(make_model):
    from xai_compare.explainers.base import Batch
    from xai_compare.explainers.fillings import _mean_face, filled

    image = np.random.default_rng(0).integers(60, 200, (275, 224, 3), dtype=np.uint8)
    model = make_model(size=(275, 224))
    batch = Batch(image[None], model.prepare(image[None]), None, [0])
    found = filled("mean_face", model, batch, 0, CANONICAL[:68])
    shown = (found.numpy().transpose(1, 2, 0) + 1) * 127.5
    # On the standard face the warp moves nothing; colours are fitted to the picture's, and rounded.
    np.testing.assert_allclose(shown.mean((0, 1)), image.mean((0, 1)), atol=1.5)
    for channel in range(3):
        assert np.corrcoef(shown[..., channel].ravel(), _mean_face()[..., channel].ravel())[0, 1] > 0.999
