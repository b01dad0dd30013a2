"""Extremal perturbations against torchray and known answers."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.explainers.extremal_search import (
    CHOICE,
    UNEVEN,
    SearchResult,
    best_of_starts,
    contrastive,
    excess,
    initial_parameters,
    simple,
)
from xai_compare.explainers.perturbation import Pyramid, blurred
from xai_compare.explainers.smooth_masks import SmoothMasks


@pytest.mark.parametrize(("size", "step"), [((32, 28), 2), ((45, 45), 3)], ids=str)
def test_masks_on_every_pixel_equal_torchrays(size, step):
    from torchray.attribution.extremal_perturbation import MaskGenerator

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = MaskGenerator(size, step, 3 * step)
    ours = SmoothMasks(size, step, 3.0 * step, density=step)
    parameters = torch.rand(3, *ours.lattice, generator=torch.Generator().manual_seed(0)) ** 3
    assert list(ours.lattice) == theirs.shape_in
    cropped, full = theirs.generate(parameters[:, None])
    coarse = ours.coarse(parameters)
    torch.testing.assert_close(coarse, full[:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours.fine(coarse), cropped[:, 0], atol=1e-5, rtol=0)


def test_the_masks_derivative_is_right():
    masks = SmoothMasks((8, 6), 2, 4.0, density=2)
    parameters = torch.rand(2, *masks.lattice, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(masks.coarse, parameters.requires_grad_())


@pytest.mark.parametrize("density", [1, 2, 3])
def test_coarse_masks_are_near_the_exact_ones(density):
    exact = SmoothMasks((60, 60), 6, 18.0, density=6)
    coarse = SmoothMasks((60, 60), 6, 18.0, density=density)
    parameters = torch.zeros(1, *exact.lattice)
    parameters[0, 4:7, 3:5] = 1
    difference = coarse.fine(coarse.coarse(parameters)) - exact.fine(exact.coarse(parameters))
    assert difference.abs().mean() < 0.03 / density


@pytest.mark.parametrize("kind", ["blur", "fade"])
def test_perturbed_pictures_equal_torchrays(kind):
    from torchray.attribution.extremal_perturbation import Perturbation

    pictures = torch.rand(2, 3, 20, 18, generator=torch.Generator().manual_seed(1))
    masks = torch.rand(4, 20, 18, generator=torch.Generator().manual_seed(2))
    masks[0], masks[1] = 0, 1
    which = torch.tensor([0, 0, 1, 1])
    ours = Pyramid(pictures, kind, 8, 20.0).apply(masks, which)
    for i, picture in enumerate(which):
        theirs = Perturbation(pictures[picture : picture + 1], 8, 20, kind).apply(masks[i : i + 1, None])
        torch.testing.assert_close(ours[i], theirs[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(ours[1], pictures[0])


def test_blur_spreads_a_point_into_a_gaussian():
    point = torch.zeros(1, 1, 41, 41)
    point[0, 0, 20, 20] = 1
    seen = blurred(point, 3.0)[0, 0]
    away = torch.arange(41.0) - 20
    told = torch.exp(-(away[:, None] ** 2 + away[None] ** 2) / 18) / (2 * np.pi * 9)
    torch.testing.assert_close(seen, told, atol=2e-6, rtol=0)


def test_rewards_by_hand():
    out, weights = torch.tensor([[1.0, 4.0, 2.5]]), torch.tensor([[0.0, 1.0, 0.0]])
    assert simple(out, weights).item() == 4
    assert contrastive(out, weights).item() == 1.5
    assert simple(out, torch.tensor([[0.0, 1.0, -1.0]])).item() == 1.5


def test_a_binary_mask_of_the_wanted_area_violates_nothing():
    mask = torch.zeros(1, 10, 10)
    mask[0, :2, 2:7] = 1
    assert excess(mask, torch.tensor([0.1])).item() == pytest.approx(0, abs=1e-6)
    assert excess(mask, torch.tensor([0.2])).item() == pytest.approx(0.1)


@pytest.mark.parametrize("area", [0.03, 0.1, 0.5])
def test_the_area_constraint_equals_the_sorted_one(area):
    mask = torch.rand(4, 30, 31, generator=torch.Generator().manual_seed(0), requires_grad=True)
    n = 30 * 31
    wanted = (torch.arange(n) >= round(n * (1 - area))).float()
    told = (mask.flatten(1).sort(1)[0] - wanted).square().mean(1)
    ours = excess(mask, torch.full((4,), area))
    torch.testing.assert_close(ours, told, atol=2e-3, rtol=0)
    gradients = [torch.autograd.grad(x.sum(), mask)[0].flatten() for x in (ours, told)]
    assert torch.corrcoef(torch.stack(gradients))[0, 1] > 0.99


def test_equal_values_are_treated_equally():
    mask = torch.full((1, 6, 6), 0.8, requires_grad=True)
    (gradient,) = torch.autograd.grad(excess(mask, torch.tensor([0.25])).sum(), mask)
    torch.testing.assert_close(gradient, torch.full((1, 6, 6), 2 * (0.8 - 0.25) / 36))


@pytest.mark.parametrize("variant", ["preserve", "delete", "dual"])
@pytest.mark.parametrize("reward", ["simple", "contrastive"])
def test_the_known_patch_is_found(variant, reward, make_model):
    image = np.full((1, 32, 28, 3), 255, np.uint8)
    explainer = explainers.create(
        "extremal_perturbation",
        variant=variant,
        reward=reward,
        areas=0.05,
        perturbation="fade",
        jitter=False,
        step=2,
        sigma=3.0,
    )
    found = explainer.explain(make_model("patch"), image, 1)
    row, column = (found.maps[0] * m for m in np.mgrid[:32, :28])
    centre = np.array([row.sum(), column.sum()]) / found.maps[0].sum()
    np.testing.assert_allclose(centre, [7.5, 17.5], atol=2)
    assert found.maps[0, 6:10, 16:20].min() > 0.8
    assert found.maps[0, 20:].max() < 0.2
    assert found.extras["progress"][0, 0] < 0.2


def test_several_areas_are_averaged(make_model, blobs):
    model, images = make_model(), blobs(2)
    options = {"steps": 20, "starts": 1}
    one, two, both = (
        explainers.create("extremal_perturbation", areas=areas, **options).explain(model, images, 1)
        for areas in ([0.05], [0.3], [0.05, 0.3])
    )
    np.testing.assert_allclose(both.maps, (one.maps + two.maps) / 2, atol=1e-4)
    assert both.extras["reward"].shape == (2, 2)
    assert (both.extras["area"][:, 0] < both.extras["area"][:, 1]).all()


def test_the_best_of_several_starts_is_kept(make_model, blobs):
    reward, violation = np.array([1.0, 2, 3, 5, 4, 0]), np.array([0.0, 0, 1, 0.001, 0, 0])
    masks = np.arange(6, dtype=np.float32)[:, None, None] * np.ones((1, 2, 2), np.float32)
    flat = np.array([True, False, True, True, True, True])
    kept = best_of_starts(SearchResult(masks, reward, reward / 10, violation, reward, flat), 3)
    assert kept.masks[:, 0, 0].tolist() == [1, 3]
    assert kept.flat.tolist() == [False, True]
    model, images = make_model("patch"), blobs(2)
    searches = [explainers.create("extremal_perturbation", steps=20, starts=n) for n in (1, 4)]
    one, more = (explainer.explain(model, images, 1) for explainer in searches)
    score = [found.extras["reward"] - CHOICE * found.extras["violation"] for found in (one, more)]
    # The first start is the same, so that more of them can only do better.
    assert (score[1] >= score[0] - 1e-3).all()


def test_further_starts_differ_and_repeat():
    masks = SmoothMasks((32, 28), 4, 12.0, 2)
    first, again = (initial_parameters(masks, 3, [5, 6]) for _ in range(2))
    assert torch.equal(first, again)
    assert (first[[0, 3]] == 1).all()
    assert first.min() >= 1 - UNEVEN
    assert len(torch.unique(first[[1, 2, 4, 5]], dim=0)) == 4


@pytest.mark.slow
def test_the_objective_is_comparable_with_torchrays(make_model, blobs):
    model, images = make_model("patch"), blobs(3, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = explainers.create("extremal_perturbation", engine="reference", steps=300).explain(model, images, 1)
    ours = explainers.create("extremal_perturbation").explain(model, images, 1)
    spread = np.abs(theirs.extras["unperturbed"]).mean()
    assert ours.extras["reward"].mean() > theirs.extras["reward"].mean() - 0.1 * spread
    assert ours.extras["violation"].mean() < theirs.extras["violation"].mean() * 1.2


def test_progress_tells_a_short_search_from_a_long_one(make_model, blobs):
    model, images = make_model("patch"), blobs(2)
    short, long = (
        explainers.create("extremal_perturbation", steps=steps).explain(model, images, 1).extras["progress"].mean()
        for steps in (20, 150)
    )
    assert long < 0.2 * short


def test_the_smallest_area_that_is_enough_is_chosen(make_model):
    image = np.full((1, 32, 28, 3), 255, np.uint8)
    options = {"perturbation": "fade", "jitter": False, "step": 2, "sigma": 3.0, "areas": [0.4, 0.02, 0.1, 0.2]}
    model = make_model("patch")
    mean = explainers.create("extremal_perturbation", **options).explain(model, image, 1)
    found = explainers.create("extremal_perturbation", select="smallest", **options).explain(model, image, 1)
    np.testing.assert_array_equal(found.extras["reward"], mean.extras["reward"])
    # The prepared white picture's reward under a full mask; an empty one has the prepared value 0, thus reward 0.
    assert found.extras["threshold"][0] == pytest.approx(0.9 * found.extras["unperturbed"][0])
    enough = found.extras["reward"][0] >= found.extras["threshold"][0]
    expected = min(a for a, e in zip(options["areas"], enough, strict=True) if e)
    assert found.extras["chosen"][0] == pytest.approx(expected)
    assert expected in (0.1, 0.2)
    single = explainers.create("extremal_perturbation", **options | {"areas": expected}).explain(model, image, 1)
    np.testing.assert_allclose(found.maps, single.maps, atol=1e-4)


def test_deleting_chooses_by_the_fall_of_the_output(make_model):
    image = np.full((1, 32, 28, 3), 255, np.uint8)
    explainer = explainers.create(
        "extremal_perturbation",
        variant="delete",
        select="smallest",
        areas=[0.02, 0.2],
        perturbation="fade",
        jitter=False,
        step=2,
        sigma=3.0,
    )
    found = explainer.explain(make_model("patch"), image, 1)
    assert found.extras["threshold"][0] == pytest.approx(-0.1 * found.extras["unperturbed"][0], abs=1e-5)
    assert found.extras["chosen"][0] == pytest.approx(0.2)


def test_no_area_is_enough(make_model):
    image = np.full((1, 32, 28, 3), 255, np.uint8)
    options = {"perturbation": "fade", "jitter": False, "step": 2, "sigma": 3.0, "select": "smallest"}
    few = explainers.create("extremal_perturbation", areas=[0.005, 0.01], **options).explain(
        make_model("patch"), image, 1
    )
    assert np.isnan(few.maps).all()
    assert few.reasons == ["no area reaches the share of the output asked for"]
    assert np.isnan(few.extras["chosen"]).all()
    # A pair the other way round: all that is shown lowers the difference.
    odd = explainers.create("extremal_perturbation", areas=[0.1, 0.2], **options).explain(
        make_model("patch"), image, (0, 1)
    )
    assert odd.reasons == ["the perturbation does not lower the explained output"]


def test_the_folded_copy_gives_what_the_network_itself_gives(make_model, blobs, monkeypatch):
    from xai_compare.models import Engine

    model, images = make_model(), blobs(2)
    explainer = explainers.create("extremal_perturbation", steps=12)
    folded = explainer.explain(model, images, 1)
    monkeypatch.setattr(Engine, "network", property(lambda engine: engine._model.module))
    plain = explainer.explain(model, images, 1)
    np.testing.assert_allclose(folded.maps, plain.maps, atol=1e-3)
    np.testing.assert_allclose(folded.extras["reward"], plain.extras["reward"], atol=1e-3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"areas": []}, "at least one area"),
        ({"areas": [0.1, 1.5]}, "between 0 and 1"),
        ({"select": "smallest"}, "name several areas"),
        ({"variant": "keep"}, "option 'variant' = 'keep'"),
        ({"area": 0.1}, "did you mean 'areas'"),
    ],
    ids=str,
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        explainers.create("extremal_perturbation", **options)


def test_a_contrastive_pair_is_refused(make_model, blobs):
    with pytest.raises(InputError, match="a pair is contrastive already"):
        explainers.create("extremal_perturbation", reward="contrastive")(make_model(), blobs(1), (0, 1))


def test_a_search_in_bfloat16_finds_as_good_masks(make_model, blobs):
    model, images = make_model("patch"), blobs(2)
    searches = [explainers.create("extremal_perturbation", precision=p) for p in ("fp32", "bf16")]
    exact, rough = (explainer.explain(model, images, 1) for explainer in searches)
    assert exact.extras["bits"].tolist() == [32, 32]
    assert rough.extras["bits"].tolist() == [16, 16]
    score = [found.extras["reward"] - CHOICE * found.extras["violation"] for found in (exact, rough)]
    np.testing.assert_allclose(score[1], score[0], rtol=0.05)
