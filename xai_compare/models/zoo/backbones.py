"""The eight networks that start from ImageNet weights, from torchvision or timm."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torchvision
from torch import nn

from xai_compare.models.zoo.network import Backbone, Network, grey, network

IMAGENET = (0.449, 0.226)
"""Mean and deviation of ImageNet's pictures, averaged over the colours, because the paper feeds grey ones."""
INCEPTION = (0.5, 0.5)
"""Those with which Google trained its networks: pictures in -1..1."""


def _torchvision(name: str, channels: int, classes: int, pretrained: bool) -> nn.Module:
    weights = torchvision.models.get_model_weights(name)["IMAGENET1K_V1"] if pretrained else None
    whole: Any = torchvision.models.get_model(name, weights=weights, **({"progress": False} if pretrained else {}))
    return Backbone(whole.features, channels, classes)


def _timm(name: str, channels: int, classes: int, pretrained: bool) -> nn.Module:
    import timm

    features: Any = timm.create_model(name, pretrained=pretrained, num_classes=0, global_pool="")
    for top in ("global_pool", "head"):
        if hasattr(features, top):
            # timm leaves a pooling that does nothing; whoever looks for the pooled map would take its input for it.
            setattr(features, top, nn.Identity())
    return Backbone(features, channels, classes)


def _entry(
    name: str,
    title: str,
    source: Callable[[str, int, int, bool], nn.Module],
    architecture: str,
    channels: int,
    published: str,
    epochs: int,
    layer: str,
    standardized: tuple[float, float] = IMAGENET,
) -> None:
    library = source.__name__.removeprefix("_")
    entry = Network(
        name=name,
        title=title,
        input=grey(224, *standardized),
        epochs=epochs,
        published=published,
        layer=layer,
        cam=True,
        made_of=f"{library} `{architecture}`",
        make=partial(source, architecture, channels),
        imagenet=f"{architecture} (IMAGENET1K_V1)" if library == "torchvision" else architecture,
    )
    network(entry)


_entry("vgg16", "VGG16", _torchvision, "vgg16", 512, "14.7 M", 2, "features.29")
_entry("vgg19", "VGG19", _torchvision, "vgg19", 512, "20 M", 2, "features.35")
_entry("resnet50", "ResNet50", _timm, "resnet50.tv_in1k", 2048, "23.6 M", 2, "features")
_entry("resnet101v2", "ResNet101V2", _timm, "resnetv2_101", 2048, "42.6 M", 2, "features", INCEPTION)
_entry("inceptionv3", "InceptionV3", _timm, "inception_v3.tf_in1k", 2048, "21.8 M", 2, "features", INCEPTION)
_entry("xception", "Xception", _timm, "legacy_xception", 2048, "20.9 M", 2, "features", INCEPTION)
_entry("mobilenetv3_large", "MobileNetV3Large", _torchvision, "mobilenet_v3_large", 960, "3 M", 10, "features")
_entry("efficientnetv2_b0", "EfficientNetV2B0", _timm, "tf_efficientnetv2_b0", 1280, "5.9 M", 10, "features")
