"""Feature layers and CAM heads of every family of architectures, against what is known of them."""

import pytest
import timm
import torch
from torch import nn
from torchvision import models as torchvision_models

from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model, cam_head, feature_layer
from xai_compare.models.layers import random_batch
from xai_compare.synthetic.networks import ARCHITECTURES

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

# architecture, feature layer, channels of the CAM head (None: there is no such head)
TORCHVISION = [
    ("resnet18", "layer4", 512),
    ("densenet121", "features", 1024),
    ("mobilenet_v2", "features", 1280),
    ("mobilenet_v3_small", "features", None),
    ("efficientnet_b0", "features", 1280),
    ("convnext_tiny", "features", None),
    ("googlenet", "inception5b", 1024),
    ("squeezenet1_1", "classifier.2", 7),
    ("shufflenet_v2_x0_5", "conv5", 1024),
    ("alexnet", "features.11", None),
    pytest.param("vgg11", "features.19", None, marks=pytest.mark.slow),
]
TIMM = [
    ("resnet18", "layer4", 512),
    ("densenet121", "features", 1024),
    ("mobilenetv3_small_050", "blocks", None),
    ("efficientnet_b0", "bn2", 1280),
    ("convnext_atto", "stages", None),
    pytest.param("vgg11", "features.19", None, marks=pytest.mark.slow),
]


def wrap(module: nn.Module, size: int = 96, **kwargs) -> Model:
    return Model("net", CLASSES, module, InputSpec((size, size)), **kwargs)


def check(model: Model, layer: str, channels: int | None) -> None:
    assert feature_layer(model) == layer
    head = cam_head(model)
    if channels is None:
        assert head is None
        return
    assert head is not None
    assert head.weight.shape == (7, channels)
    kept = []
    handle = model.module.get_submodule(head.layer).register_forward_hook(lambda m, a, out: kept.append(out.clone()))
    batch = random_batch(model, 3, seed=9)
    with torch.no_grad():
        logits = model.module(batch)
    handle.remove()
    torch.testing.assert_close(head.maps(kept[0]).mean((2, 3)) + head.bias, logits, rtol=0, atol=1e-4)


@pytest.mark.parametrize(("name", "layer", "channels"), TORCHVISION)
def test_torchvision(name, layer, channels):
    torch.manual_seed(0)
    options = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    check(wrap(torchvision_models.get_model(name, weights=None, num_classes=7, **options)), layer, channels)


@pytest.mark.parametrize(("name", "layer", "channels"), TIMM)
def test_timm(name, layer, channels):
    torch.manual_seed(0)
    check(wrap(timm.create_model(name, num_classes=7)), layer, channels)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_bundled_architectures(name):
    module = ARCHITECTURES[name](7)
    head = cam_head(Model("net", CLASSES, module, module.input))
    assert head is not None
    assert head.layer == feature_layer(Model("net", CLASSES, module, module.input))


def test_the_head_of_a_resnet_is_its_linear_layer():
    module = torchvision_models.resnet18(weights=None, num_classes=7)
    head = cam_head(wrap(module))
    torch.testing.assert_close(head.weight, module.fc.weight.detach(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(head.bias, module.fc.bias.detach(), rtol=1e-4, atol=1e-5)


def test_a_rectifier_between_maps_and_pooling_is_found():
    assert cam_head(wrap(torchvision_models.densenet121(weights=None, num_classes=7))).relu


def test_global_pooling_of_class_maps_is_the_identity():
    module = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 7, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = cam_head(wrap(module, 16))
    assert head.layer == "2"
    torch.testing.assert_close(head.weight, torch.eye(7))
    torch.testing.assert_close(head.bias, torch.zeros(7))


def test_pooling_before_global_pooling_is_looked_at_too():
    layers = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7)]
    model = wrap(nn.Sequential(*layers), 16)
    assert feature_layer(model) == "1"
    assert cam_head(model).layer == "2"


@pytest.mark.parametrize(
    "tail",
    [
        pytest.param([nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 7)], id="largest"),
        pytest.param([nn.Flatten(), nn.Linear(8 * 14 * 14, 7)], id="flat"),
        pytest.param([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 7)], id="two"),
        pytest.param([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 7), nn.Softmax(1)], id="softmax"),
    ],
)
def test_other_heads_are_not_misjudged(tail):
    torch.manual_seed(0)
    assert cam_head(wrap(nn.Sequential(nn.Conv2d(3, 8, 3), *tail), 16)) is None


def test_two_linear_layers_without_a_nonlinearity_are_one():
    tail = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 8), nn.Linear(8, 7)]
    assert cam_head(wrap(nn.Sequential(nn.Conv2d(3, 8, 3), *tail), 16)).weight.shape == (7, 8)


def test_a_transformer_has_no_feature_map():
    model = wrap(timm.create_model("test_vit", num_classes=7), 160)
    with pytest.raises(InputError, match="no convolutional feature map"):
        feature_layer(model)
    assert cam_head(model) is None


def test_nothing_is_left_behind():
    module = torchvision_models.resnet18(weights=None, num_classes=7)
    module.fc.weight.requires_grad_(False)
    asked = {name: p.requires_grad for name, p in module.named_parameters()}
    state = torch.get_rng_state()
    model = wrap(module)
    feature_layer(model)
    cam_head(model)
    assert not any(m._forward_hooks for m in module.modules())
    assert asked == {name: p.requires_grad for name, p in module.named_parameters()}
    assert torch.equal(state, torch.get_rng_state())
