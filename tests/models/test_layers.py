"""Feature layers and CAM heads of every family of architectures, against what is known of them."""

import pytest
import timm
import torch
from torch import nn
from torchvision import models as torchvision_models

from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model, cam_head, feature_layer
from xai_compare.models.bundled import ARCHITECTURES
from xai_compare.models.layers import channels_last, random_batch

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")

# architecture, picture's side, feature layer, channels of the CAM head (None: there is no such head)
TORCHVISION = [
    ("resnet18", 96, "layer4", 512),
    ("densenet121", 96, "features", 1024),
    ("mobilenet_v2", 96, "features", 1280),
    ("mobilenet_v3_small", 96, "features", None),
    ("efficientnet_b0", 96, "features", 1280),
    ("convnext_tiny", 96, "features", None),
    ("googlenet", 96, "inception5b", 1024),
    ("inception_v3", 128, "Mixed_7c", 2048),
    ("squeezenet1_1", 96, "classifier.2", 7),
    ("shufflenet_v2_x0_5", 96, "conv5", 1024),
    ("alexnet", 96, "features.11", None),
    ("swin_t", 64, "permute", 768),
    ("swin_v2_t", 64, "permute", 768),
    pytest.param("vgg11", 96, "features.19", None, marks=pytest.mark.slow),
]
TIMM = [
    ("resnet18", 96, "layer4", 512),
    ("densenet121", 96, "features", 1024),
    ("mobilenetv3_small_050", 96, "blocks", None),
    ("mobilenetv4_conv_small", 96, "blocks", None),
    ("efficientnet_b0", 96, "bn2", 1280),
    ("tf_efficientnet_lite0", 96, "bn2", 1280),
    ("convnext_atto", 96, "stages", None),
    ("inception_v3", 128, "Mixed_7c", 2048),
    ("legacy_xception", 96, "act4", 2048),
    ("xception41", 96, "blocks", 2048),
    pytest.param("swin_tiny_patch4_window7_224", 224, "norm", 768, marks=pytest.mark.slow),
    pytest.param("vgg11", 96, "features.19", None, marks=pytest.mark.slow),
]


def wrap(module: nn.Module, size: int = 96, **kwargs) -> Model:
    return Model("net", CLASSES, module, InputSpec((size, size)), **kwargs)


def calibrate(model: Model) -> None:
    """Batch norms that know the noise: as initialized, random weights let it die out or explode."""
    norms = [m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum, norm.training = None, True
    with torch.no_grad():
        model.module(random_batch(model, 4))
    for norm in norms:
        norm.training = False


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


@pytest.mark.parametrize(("name", "side", "layer", "channels"), TORCHVISION)
def test_torchvision(name, side, layer, channels):
    torch.manual_seed(0)
    options = {"googlenet": {"aux_logits": False, "init_weights": False}, "inception_v3": {"init_weights": False}}
    module = torchvision_models.get_model(name, weights=None, num_classes=7, **options.get(name, {}))
    check(wrap(module, side), layer, channels)


@pytest.mark.parametrize(("name", "side", "layer", "channels"), TIMM)
def test_timm(name, side, layer, channels):
    torch.manual_seed(0)
    model = wrap(timm.create_model(name, num_classes=7), side)
    calibrate(model)
    check(model, layer, channels)


@pytest.mark.parametrize(
    ("declared", "shape", "last"),
    [
        pytest.param("channels_first", (2, 768, 7, 7), False, id="as-declared"),
        pytest.param("channels_first", (2, 7, 7, 768), True, id="last-in-spite-of-the-declaration"),
        pytest.param("channels_last", (2, 7, 7, 768), True, id="as-declared-last"),
        pytest.param("channels_last", (2, 768, 7, 7), False, id="first-in-spite-of-the-declaration"),
        pytest.param("channels_first", (2, 7, 7, 7), False, id="undecided"),
        pytest.param("channels_first", (2, 1280, 1, 1), False, id="pooled"),
        pytest.param("channels_first", (2, 12, 196, 64), None, id="attention-heads"),
        pytest.param("channels_first", (2, 196, 64), None, id="tokens"),
    ],
)
def test_the_axis_order_of_a_map_shows_in_its_shape(declared, shape, last):
    model = wrap(nn.Flatten(), 224, activations=declared)
    assert channels_last(model, shape) is last


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


@pytest.mark.parametrize("name", ["test_vit", "vit_base_patch16_siglip_224"], ids=["class-token", "attention-pooling"])
def test_a_transformer_has_no_feature_map(name):
    model = wrap(timm.create_model(name, num_classes=7, img_size=64), 64)
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
