"""CAM and Grad-CAM against captum, arithmetic by hand, and each other."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import LayerAttribution, LayerGradCam
from torch import nn

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model


def hand_made() -> Model:
    """Feature maps are the red channel and one minus it, in 2x2 blocks of a 4x4 picture."""
    pool, conv, head = nn.AvgPool2d(2), nn.Conv2d(3, 2, 1), nn.Linear(2, 2)
    conv.weight.data = torch.tensor([[1.0, 0, 0], [-1.0, 0, 0]])[:, :, None, None]
    conv.bias.data = torch.tensor([0.0, 1.0])
    head.weight.data = torch.tensor([[2.0, -1.0], [0.5, 3.0]])
    head.bias.data = torch.tensor([0.25, 0.0])
    module = nn.Sequential(pool, conv, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    return Model("hand", ("anger", "fear"), module, InputSpec((4, 4)))


def red() -> np.ndarray:
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, :2, :2, 0] = 255
    return image


def test_cam_by_hand():
    # F = [[1, 0], [0, 0]] and 1 - F; the map of class 0 is 2 F - (1 - F) = 3 F - 1, and its mean, with the bias, the
    # logit. Upsampling 2 to 4 bilinearly, centres aligned, gives weights 1, 3/4, 1/4, 0.
    side = np.array([1, 0.75, 0.25, 0])
    np.testing.assert_allclose(explainers.create("cam")(hand_made(), red(), 0)[0], 3 * np.outer(side, side) - 1)


def test_grad_cam_by_hand():
    side = np.array([1, 0.75, 0.25, 0])
    signed = explainers.create("grad_cam", relu=False)(hand_made(), red(), 0)[0]
    np.testing.assert_allclose(signed, (3 * np.outer(side, side) - 1) / 4, atol=1e-7)
    # The paper rectifies the coarse map, so the upsampled one is that of [[1/2, 0], [0, 0]].
    rectified = explainers.create("grad_cam")(hand_made(), red(), 0)[0]
    np.testing.assert_allclose(rectified, np.outer(side, side) / 2, atol=1e-7)


@pytest.mark.parametrize("relu", [True, False], ids=["relu", "signed"])
@pytest.mark.parametrize("kind", ["conv", "grey"])
@pytest.mark.parametrize("layer", ["conv", "norm"])
def test_grad_cam_equals_captum(kind, layer, relu, make_model, blobs):
    model, images = make_model(kind, seed=1), blobs(4)
    found = explainers.create("grad_cam", layer=layer, relu=relu)(model, images, [0, 1, 2, 0])
    told = LayerGradCam(model.module, model.module.get_submodule(layer)).attribute(
        model.prepare(images), target=[0, 1, 2, 0], relu_attributions=relu
    )
    told = LayerAttribution.interpolate(told, (32, 28), "bilinear")[:, 0].detach().numpy()
    np.testing.assert_allclose(found, told, atol=1e-6 * np.abs(told).max())


def test_grad_cam_equals_cam_up_to_scale_where_both_apply(make_model, blobs):
    model, images = make_model(), blobs(3)
    cam, grad = (
        explainers.create(name, **o)(model, images) for name, o in (("cam", {}), ("grad_cam", {"relu": False}))
    )
    np.testing.assert_allclose(cam, grad * (cam[0, 5, 5] / grad[0, 5, 5]), rtol=1e-3, atol=1e-5)


def test_cam_sums_to_the_logit(make_model, blobs):
    # 2x2 to 4x4 keeps the mean only for even ratios; here 16x14 features become 32x28.
    model, images = make_model(), blobs(2)
    logit = model.module(model.prepare(images))[:, 1] - model.module.head.bias[1]
    np.testing.assert_allclose(explainers.create("cam")(model, images, 1).mean((1, 2)), logit.detach(), rtol=0.02)


def test_cam_refuses_other_heads_and_recommends_grad_cam():
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 2))
    model = Model("flat", ("anger", "fear"), module, InputSpec((8, 8)))
    assert "grad_cam" in explainers.create("cam").refusal(model)
    with pytest.raises(InputError, match="use grad_cam"):
        explainers.create("cam")(model, np.zeros((1, 8, 8, 3), np.uint8), 0)
    assert explainers.create("grad_cam").refusal(model) is None


def test_grad_cam_says_what_is_wrong_with_a_layer(make_model, blobs):
    with pytest.raises(InputError, match="did you mean 'conv'"):
        explainers.create("grad_cam", layer="conw")(make_model(), blobs(1), 0)
    with pytest.raises(InputError, match="does not give a feature map"):
        explainers.create("grad_cam", layer="head")(make_model(), blobs(1), 0)


def test_a_network_that_gives_probabilities_has_no_logits(make_model, blobs):
    model = make_model()
    model.output = "probabilities"
    assert "log_probabilities" in explainers.create("grad_cam").refusal(model)
    model.module = nn.Sequential(model.module, nn.Softmax(1))
    found = explainers.create("grad_cam", on="log_probabilities", relu=False)(model, blobs(1), (1, 2))
    told = explainers.create("grad_cam", relu=False)(make_model(), blobs(1), (1, 2))
    np.testing.assert_allclose(found, told, rtol=1e-3, atol=1e-5)


def test_changed_weights_are_noticed(make_model, blobs):
    model = make_model(seed=7)
    explainer = explainers.create("cam")
    before = explainer(model, blobs(1), 0)
    with torch.no_grad():
        model.module.head.weight.mul_(2)
    np.testing.assert_allclose(explainer(model, blobs(1), 0), 2 * before, rtol=1e-3)
