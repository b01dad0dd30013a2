"""AlexNet (Krizhevsky et al. 2012) in the variant of Gaya-Morey et al. (2024)."""

from __future__ import annotations

from torch import nn

from xai_compare.models.zoo.network import Network, Plain, convolution, grey, network, pooling


def make(classes: int, pretrained: bool = False) -> nn.Module:
    """Five convolutions and four dense layers; unlike the original, padded throughout and with a dense layer more."""
    features = [
        *convolution(3, 96, 11, stride=4),
        pooling(3, 2),
        *convolution(96, 256, 5),
        pooling(3, 2),
        *convolution(256, 384, 3),
        *convolution(384, 384, 3),
        *convolution(384, 256, 3),
        pooling(3, 2),
    ]
    classifier = [
        nn.Linear(7 * 7 * 256, 4096),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Linear(4096, 4096),
        nn.ReLU(),
        nn.Dropout(0.4),
        nn.Linear(4096, classes),
    ]
    return Plain(features, classifier)


network(
    Network(
        name="alexnet",
        title="AlexNet",
        input=grey(224),
        epochs=10,
        published="88.7 M",
        layer="features.11",
        cam=False,
        made_of="xai-compare",
        make=make,
    )
)
