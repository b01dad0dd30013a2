"""What every explainer promises, checked for each of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_compare import explainers
from xai_compare.errors import InputError

CASES = {
    "cam": {},
    "grad_cam": {},
    "lime": {"n_segments": 9, "n_samples": 60},
    "extremal_perturbation": {"steps": 6},
    "random": {},
    "rise": {"n_samples": 50},
    "score_cam": {},
}
each = pytest.mark.parametrize("name", list(CASES))


def test_every_explainer_is_listed_here():
    assert set(CASES) <= set(explainers.names())


def state(model):
    return (
        [m.training for m in model.module.modules()],
        [(p.requires_grad, p.grad, p.detach().clone()) for p in model.module.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.module.modules()],
    )


def same_state(a, b):
    return a[0] == b[0] and a[2] == b[2] and all(
        x[0] == y[0] and x[1] is y[1] and torch.equal(x[2], y[2]) for x, y in zip(a[1], b[1], strict=True)
    )  # fmt: skip


@each
def test_maps_are_float32_of_the_pictures_size(name, make_model, blobs):
    found = explainers.create(name, **CASES[name]).explain(make_model(), blobs(3), [0, "happiness", ("sadness", 0)])
    assert found.maps.shape == (3, 32, 28)
    assert found.maps.dtype == np.float32
    assert found.reasons == ["", "", ""]
    assert np.isfinite(found.maps).all()
    assert all(len(extra) == 3 for extra in found.extras.values())


@each
def test_batches_and_order_change_nothing(name, make_model, blobs):
    model, images = make_model(), blobs(5)
    targets = ["anger", "happiness", "sadness", "predicted", ("happiness", "sadness")]
    together = explainers.create(name, **CASES[name])(model, images, targets)
    small = explainers.create(name, **CASES[name], batch_size=2)(model, images[::-1], targets[::-1])[::-1]
    alone = [explainers.create(name, **CASES[name])(model, images[i : i + 1], [targets[i]])[0] for i in range(5)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(together, small, rtol=1e-4, atol=1e-5)


@each
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_network_is_left_as_it_was(name, training, make_model, blobs):
    model = make_model(seed=3)
    model.module.train(training)
    model.module.conv.weight.requires_grad_(False)
    before = state(model)
    first = explainers.create(name, **CASES[name])(model, blobs(2), 1)
    assert same_state(before, state(model))
    np.testing.assert_array_equal(first, explainers.create(name, **CASES[name])(model, blobs(2), 1))


@each
def test_nothing_is_left_behind_after_an_error(name, make_model, blobs):
    if name == "random":
        pytest.skip("the random map never runs the network")
    model = make_model(seed=4)
    before = state(model)
    explainer = explainers.create(name, **CASES[name])
    explainer(model, blobs(1), 0)
    broken = model.module.head.register_forward_hook(lambda *_: (_ for _ in ()).throw(RuntimeError("broken")))
    with pytest.raises(RuntimeError, match="broken"):
        explainer(model, blobs(1), 0)
    broken.remove()
    assert same_state(before, state(model))


@each
def test_other_sizes_are_explained_at_input_size_and_resized_back(name, make_model, blobs):
    assert explainers.create(name, **CASES[name])(make_model(), blobs(1, (50, 40)), 0).shape == (1, 50, 40)


@each
def test_no_pictures_no_maps(name, make_model, blobs):
    assert explainers.create(name, **CASES[name])(make_model(), blobs(1)[:0], "predicted").shape == (0, 32, 28)


@each
def test_a_constant_network_has_no_explanation(name, make_model, blobs):
    if name == "random":
        pytest.skip("the random map knows no network")
    explainer = explainers.create(name, **CASES[name])
    if explainer.refusal(make_model("constant")):
        return
    found = explainer.explain(make_model("constant"), blobs(2), 1)
    assert np.isnan(found.maps).all()
    assert all(found.reasons)


@each
def test_grey_networks_and_logs(name, make_model, blobs):
    assert np.isfinite(explainers.create(name, **CASES[name])(make_model("grey"), blobs(2))).all()


@each
def test_unknown_options_name_the_nearest(name):
    with pytest.raises(InputError, match=r"unknown option 'batch_sise'; did you mean 'batch_size'\?"):
        explainers.create(name, batch_sise=3)
    with pytest.raises(InputError, match="option batch_size = 0"):
        explainers.create(name, batch_size=0)


def test_unknown_explainers_name_the_nearest():
    with pytest.raises(InputError, match=r"unknown explainer 'grad_cm'; did you mean 'grad_cam'\?"):
        explainers.create("grad_cm")


@pytest.mark.parametrize("name", ["lime", "random", "rise"])
def test_seeds_come_from_content_options_and_seed(name, make_model, blobs):
    model, images = make_model(), blobs(2)
    twice = np.stack([images[0], images[1], images[0]])
    maps = explainers.create(name, **CASES[name])(model, twice, 1)
    np.testing.assert_array_equal(maps[0], maps[2])
    other = explainers.create(name, **CASES[name], seed=1)(model, twice, 1)
    assert not np.allclose(maps, other)


def test_a_third_party_explainer_comes_by_entry_point(monkeypatch, make_model, blobs):
    from importlib.metadata import EntryPoint

    from xai_compare.explainers import registry

    points = {
        "flat": EntryPoint("flat", "test_explainers_contract:Flat", registry.GROUP),
        "gone": EntryPoint("gone", "no_such_module:X", registry.GROUP),
        "odd": EntryPoint("odd", "pathlib:Path", registry.GROUP),
    }
    monkeypatch.setattr(registry, "_plugins", lambda: points)
    assert explainers.names()[-3:] == ["flat", "gone", "odd"]
    assert (explainers.create("flat")(make_model(), blobs(1), 0) == 1).all()
    with pytest.raises(InputError, match="cannot be loaded"):
        explainers.create("gone")
    with pytest.raises(InputError, match="no subclass"):
        explainers.create("odd")


class Flat(explainers.Explainer):
    """A third party's explainer."""

    def explain_batch(self, model, pictures):
        """Ones."""
        return explainers.Explanation(np.ones(pictures.images.shape[:3], np.float32), [""] * len(pictures))

    def forwards(self, model):
        """None."""
        return 0


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ("hapiness", "did you mean 'happiness'"),
        ("surprise", "has no class surprise"),
        (3, "target 3 is no output"),
        (-1, "target -1 is no output"),
        (["anger"], "1 targets for 2 pictures"),
        (("anger", 0), "names one class twice"),
        (1.5, "targets must be"),
        ([None, None], "a target must be"),
        ([True, True], "a target must be"),
    ],
    ids=str,
)
def test_bad_targets(targets, message, make_model, blobs):
    with pytest.raises(InputError, match=message):
        explainers.create("random")(make_model(), blobs(2), targets)


def test_targets_in_all_their_forms(make_model, blobs):
    model, images = make_model(), blobs(2)
    explainer = explainers.create("cam")
    one = [explainer(model, images, k) for k in range(3)]
    np.testing.assert_array_equal(explainer(model, images, "happy"), one[1])
    np.testing.assert_array_equal(explainer(model, images, np.array([2, 0]))[0], one[2][0])
    np.testing.assert_array_equal(explainer(model, images, [("sadness", "anger"), [2, 0]]),
                                  explainer(model, images, ("sadness", "anger")))  # fmt: skip
    np.testing.assert_allclose(explainer(model, images, (2, 0)), one[2] - one[0], atol=1e-5)
    guess = model.predict(images).argmax(1)
    np.testing.assert_array_equal(explainer(model, images), np.stack([one[g][i] for i, g in enumerate(guess)]))


@pytest.mark.parametrize("images", [np.zeros((2, 8, 8)), np.zeros((8, 8, 3), np.uint8), np.zeros((1, 8, 8, 3))])
def test_bad_pictures(images, make_model):
    with pytest.raises(InputError, match="images must be uint8"):
        explainers.create("random")(make_model(), images, 0)


@pytest.mark.parametrize("name", ["grad_cam", "lime", "extremal_perturbation"])
def test_networks_that_give_nan_or_the_wrong_number_of_outputs(name, make_model, blobs):
    explainer = explainers.create(name, **CASES[name])
    model = make_model(seed=5)
    model.module.head.bias.data[0] = float("nan")
    with pytest.raises(InputError, match="not finite"):
        explainer(model, blobs(1), 0)
    model = make_model(seed=5)
    model.classes = ("anger", "fear")
    with pytest.raises(InputError, match="for 2 classes"):
        explainer(model, blobs(1), 0)
