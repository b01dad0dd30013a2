"""SongNet (Song et al.), as Gaya-Morey et al. (2024) define it."""

from __future__ import annotations

from torch import nn

from xai_compare.models.zoo.network import Network, Plain, convolution, grey, network, pooling


def make(classes: int, pretrained: bool = False) -> nn.Module:
    """Four pooled convolutions and one dense layer."""
    features = [
        *convolution(3, 64, 5),
        pooling(3, 2),
        *convolution(64, 64, 5),
        pooling(3, 2),
        *convolution(64, 32, 3),
        pooling(3, 2),
        nn.Dropout(0.5),
        *convolution(32, 32, 3),
        pooling(3, 2),
        nn.Dropout(0.5),
    ]
    return Plain(features, [nn.Linear(14 * 14 * 32, classes)])


network(
    Network(
        name="songnet",
        title="SongNet",
        input=grey(224),
        epochs=25,
        published="172.7 K",
        layer="features.11",
        cam=False,
        made_of="xai-compare",
        make=make,
    )
)
