"""What every explainer promises, checked for each of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from xai_compare import explainers
from xai_compare.errors import InputError

CASES = {
    "attention_rollout": {},
    "cam": {},
    "grad_cam": {},
    "lime": {"n_segments": 9, "n_samples": 60},
    "banzhaf": {"n_segments": 9, "n_samples": 60},
    "shapley": {"n_segments": 9, "n_samples": 60, "interactions": True},
    "extremal_perturbation": {"steps": 6},
    "random": {},
    "rise": {"n_samples": 50},
    "score_cam": {},
}
NETWORKS = {"attention_rollout": ("transformer", "grey transformer")}
"""A network and its grey sister that the explainer can explain, where those of convolutions will not do."""
NO_PASSES = ("random",)
"""Explainers that never run the network."""
each = pytest.mark.parametrize("name", list(CASES))


def network(name):
    return NETWORKS.get(name, ("conv", "grey"))[0]


def test_every_explainer_of_the_package_is_held_to_the_contract():
    ours = [
        name
        for name in explainers.REGISTRY.names()
        if explainers.REGISTRY.get(name).__module__.startswith("xai_compare.")
    ]
    assert sorted(CASES) == sorted(ours)


def state(model):
    return (
        [m.training for m in model.module.modules()],
        [(p.requires_grad, p.grad, p.detach().clone()) for p in model.module.parameters()],
        [len(m._forward_hooks) + len(m._forward_pre_hooks) + len(m._backward_hooks) for m in model.module.modules()],
    )


def same_state(a, b):
    return (
        a[0] == b[0]
        and a[2] == b[2]
        and all(x[0] == y[0] and x[1] is y[1] and torch.equal(x[2], y[2]) for x, y in zip(a[1], b[1], strict=True))
    )


@each
def test_maps_are_float32_of_the_pictures_size(name, make_model, blobs):
    found = explainers.create(name, **CASES[name]).explain(
        make_model(network(name)), blobs(3), [0, "happiness", ("sadness", 0)]
    )
    assert found.maps.shape == (3, 32, 28)
    assert found.maps.dtype == np.float32
    assert found.reasons == ["", "", ""]
    assert np.isfinite(found.maps).all()
    assert all(len(extra) == 3 for extra in found.extras.values())


@each
def test_batches_and_order_change_nothing(name, make_model, blobs):
    model, images = make_model(network(name), seed=6), blobs(5)
    targets = ["anger", "happiness", "sadness", "predicted", ("happiness", "sadness")]
    together = explainers.create(name, **CASES[name])(model, images, targets)
    model.batch_size = 2
    small = explainers.create(name, **CASES[name])(model, images[::-1], targets[::-1])[::-1]
    model.batch_size = 32
    alone = [explainers.create(name, **CASES[name])(model, images[i : i + 1], [targets[i]])[0] for i in range(5)]
    np.testing.assert_allclose(together, np.stack(alone), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(together, small, rtol=1e-4, atol=1e-5)


@each
@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_the_network_is_left_as_it_was(name, training, make_model, blobs):
    model = make_model(network(name), seed=3)
    model.module.train(training)
    next(model.module.parameters()).requires_grad_(False)
    before = state(model)
    first = explainers.create(name, **CASES[name])(model, blobs(2), 1)
    assert same_state(before, state(model))
    np.testing.assert_array_equal(first, explainers.create(name, **CASES[name])(model, blobs(2), 1))


@each
def test_nothing_is_left_behind_after_an_error(name, make_model, blobs):
    if name in NO_PASSES:
        pytest.skip("it never runs the network")
    model = make_model(network(name), seed=4)
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
    assert explainers.create(name, **CASES[name])(make_model(network(name)), blobs(1, (50, 40)), 0).shape == (1, 50, 40)


@each
def test_no_pictures_no_maps(name, make_model, blobs):
    assert explainers.create(name, **CASES[name])(make_model(network(name)), blobs(1)[:0], "predicted").shape == (
        0,
        32,
        28,
    )


@each
def test_a_constant_network_has_no_explanation(name, make_model, blobs):
    if name in NO_PASSES:
        pytest.skip("it never runs the network")
    explainer = explainers.create(name, **CASES[name])
    if explainer.refusal(make_model("constant")):
        return
    found = explainer.explain(make_model("constant"), blobs(2), 1)
    assert np.isnan(found.maps).all()
    assert all(found.reasons)


@each
def test_grey_networks_and_logs(name, make_model, blobs):
    grey = make_model(NETWORKS.get(name, ("conv", "grey"))[1])
    assert np.isfinite(explainers.create(name, **CASES[name])(grey, blobs(2))).all()


@each
def test_unknown_options_are_refused(name):
    with pytest.raises(InputError, match="unknown option 'flavour'"):
        explainers.create(name, flavour=3)


def test_unknown_and_bad_options_are_explained():
    with pytest.raises(InputError, match=r"unknown option 'n_sample'; did you mean 'n_samples'\?"):
        explainers.create("lime", n_sample=3)
    with pytest.raises(InputError, match="option 'n_samples' = 0"):
        explainers.create("lime", n_samples=0)


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


PLUGIN = """
import numpy as np
from xai_compare import explainers


class Flat(explainers.Explainer):
    def explain_batch(self, model, pictures):
        return explainers.Explanation(np.ones(pictures.images.shape[:3], np.float32), [""] * len(pictures))

    def forwards(self, model):
        return 0
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A package, as pip installs it, that names explainers by entry point."""
    (tmp_path / "flat_package.py").write_text(PLUGIN)
    info = tmp_path / "flat_package-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: flat-package\nVersion: 1.0\n")
    points = ["flat = flat_package:Flat", "gone = no_such_module:X", "odd = pathlib:Path"]
    (info / "entry_points.txt").write_text("\n".join(["[xai_compare.explainers]", *points]))
    monkeypatch.syspath_prepend(tmp_path)
    yield
    explainers.REGISTRY.remove("flat")


def test_a_third_party_explainer_comes_by_entry_point(installed, make_model, blobs):
    assert explainers.names()[-3:] == ["flat", "gone", "odd"]
    flat = explainers.create("flat")
    assert flat.name == "flat"
    assert (flat(make_model(), blobs(1), 0) == 1).all()
    with pytest.raises(InputError, match="'gone' cannot be loaded"):
        explainers.create("gone")
    with pytest.raises(InputError, match="'odd' is not a subclass of"):
        explainers.create("odd")


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ("hapiness", "did you mean 'happiness'"),
        ("surprise", "has no class surprise"),
        (3, "target 3 is not an output"),
        (-1, "target -1 is not an output"),
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
    np.testing.assert_array_equal(
        explainer(model, images, [("sadness", "anger"), [2, 0]]), explainer(model, images, ("sadness", "anger"))
    )
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
