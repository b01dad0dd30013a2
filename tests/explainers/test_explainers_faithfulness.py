"""Faithfulness on a network whose region is known, and against the random control."""

from __future__ import annotations

import numpy as np
import pytest

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.explainers.faithfulness import curves, faithfulness, infidelity, randomize_cascading


@pytest.fixture
def white():
    return np.full((1, 32, 28, 3), 255, np.uint8)


def truth():
    known = np.zeros((1, 32, 28), np.float32)
    known[0, 4:12, 14:22] = 1
    return known


def test_curves_by_hand(make_model, white):
    model, steps = make_model("patch"), 14  # 64 of 896 pixels are one fourteenth
    found = curves(model, white, truth(), 1, steps=steps)
    outputs = [
        np.exp(4 * here) / (1 + np.exp(4 * here) + np.exp(4 * there)) for here, there in ((1, 1), (-1, 1), (1, -1))
    ]
    np.testing.assert_allclose(found.deletion[0, :2], outputs[:2], rtol=1e-5)
    np.testing.assert_allclose(found.insertion[0, 1], outputs[2], rtol=1e-5)
    assert found.deletion[0, -1] == pytest.approx(found.insertion[0, 0])
    assert found.deletion[0, 0] == pytest.approx(found.insertion[0, -1])
    told = (found.deletion[0, 1:] + found.deletion[0, :-1]).sum() / 2 / steps
    assert found.deletion_area[0] == pytest.approx(told)


@pytest.mark.parametrize("fill", ["black", "blur"])
def test_the_true_region_beats_its_opposite(fill, make_model, blobs):
    images = blobs(2)
    known = np.repeat(truth(), 2, 0)
    images[:, 4:12, 14:22] = np.where(np.indices((8, 8)).sum(0)[None, :, :, None] % 9 < 8, 255, 200)
    model = make_model("patch")
    good, bad = (curves(model, images, maps, 1, fill=fill) for maps in (known, -known))
    assert (good.deletion_area < bad.deletion_area).all()
    assert (good.insertion_area > bad.insertion_area).all()


def test_infidelity_is_zero_for_a_linear_network_and_its_truth(make_model, white):
    model = make_model("patch")
    # Small weights make the softmax as good as linear in the patch.
    module = model.module
    model.module = type("Faint", (type(module),), {"forward": lambda self, x: 1e-3 * module(x)})()
    signed = truth() / 1.5
    signed[0, 22:28, 4:10] = -64 / 36 / 3
    assert infidelity(model, white, signed, 1)[0] < 0.3
    assert infidelity(model, white, np.roll(signed, 12, 1), 1)[0] > 0.8


def test_a_network_that_forgets_gives_other_maps(make_model, blobs):
    model, images = make_model("conv", seed=2), blobs(4)
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    found = randomize_cascading(model, explainers.create("cam"), images, 1, stages=2)
    assert found.layers == ["head", "conv"]
    assert found.likeness.shape == (4, 2)
    assert np.abs(found.likeness[:, -1]).mean() < 0.9
    assert all((before[k] == v).all() for k, v in model.module.state_dict().items())
    control = randomize_cascading(model, explainers.create("random"), images, 1, stages=2)
    np.testing.assert_allclose(control.likeness, 1)


def test_scores_stand_beside_the_random_maps(make_model, blobs):
    scores = faithfulness(make_model("conv"), explainers.create("lime", n_segments=12, n_samples=100), blobs(3))
    names = {"deletion", "insertion", "infidelity", "parameter_randomization"}
    assert set(scores) == names | {f"random_{name}" for name in names}
    assert scores["insertion"].mean() > scores["random_insertion"].mean()
    assert all(values.shape == (3,) for values in scores.values())


def test_undefined_maps_have_no_scores(make_model, white):
    model, maps = make_model("patch"), np.full((1, 32, 28), np.nan)
    assert np.isnan(curves(model, white, maps, 1).deletion_area).all()
    assert np.isnan(infidelity(model, white, maps, 1)).all()
    with pytest.raises(InputError, match="do not fit"):
        curves(model, white, maps[:, :5], 1)
