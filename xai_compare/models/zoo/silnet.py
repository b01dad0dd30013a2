"""SilNet (Ramis et al. 2022), as Gaya-Morey et al. (2024) define it."""

from __future__ import annotations

from torch import nn

from xai_compare.models.zoo.network import Network, Plain, convolution, grey, network, pooling


def make(classes: int, pretrained: bool = False) -> nn.Module:
    """Five convolutions and three dense layers; the first dense layer holds nearly all parameters."""
    features = [
        *convolution(3, 32, 11),
        pooling(2, 2),
        *convolution(32, 32, 7),
        *convolution(32, 32, 7),
        pooling(2, 1),
        *convolution(32, 64, 5),
        *convolution(64, 64, 5),
        pooling(2, 1),
    ]
    classifier = [
        nn.Linear(75 * 75 * 64, 512),
        nn.ReLU(),
        nn.Dropout(0.5),
        nn.Linear(512, 512),
        nn.ReLU(),
        nn.Linear(512, classes),
    ]
    return Plain(features, classifier)


network(
    Network(
        name="silnet",
        title="SilNet",
        input=grey(150),
        epochs=10,
        published="184.9 M",
        layer="features.11",
        cam=False,
        made_of="xai-compare",
        make=make,
    )
)
