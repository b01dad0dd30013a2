"""WeiNet (Wei et al.), as Gaya-Morey et al. (2024) define it."""

from __future__ import annotations

from torch import nn

from xai_compare.models.zoo.network import Network, Plain, convolution, grey, network, pooling


def make(classes: int, pretrained: bool = False) -> nn.Module:
    """Three convolutions, each pooled with stride 1, so that the last map keeps all 64 x 64 positions."""
    features = [
        *convolution(3, 32, 7),
        pooling(2, 1),
        *convolution(32, 32, 7),
        pooling(2, 1),
        *convolution(32, 64, 7),
        pooling(2, 1),
    ]
    return Plain(features, [nn.Linear(64 * 64 * 64, classes)])


network(
    Network(
        name="weinet",
        title="WeiNet",
        input=grey(64),
        epochs=10,
        published="1.7 M",
        layer="features.7",
        cam=False,
        made_of="xai-compare",
        make=make,
    )
)
