"""The four networks that are trained from scratch, as Gaya-Morey et al. (2024) define them.

AlexNet (Krizhevsky et al. 2012) is, unlike the original, padded throughout and has a dense layer more. Nearly all
parameters of SilNet (Ramis et al. 2022) are in its first dense layer. SongNet (Song et al.) has one dense layer. WeiNet
(Wei et al.) pools with stride 1, so that its last map keeps all 64 x 64 positions.
"""

from __future__ import annotations

from functools import partial

from torch import nn

from xai_compare.models.zoo.network import Network, Plain, convolution, grey, network, pooling

LAYERS: dict[str, tuple[str, str]] = {
    "alexnet": (
        "conv 3 96 11 4, pool 3 2, conv 96 256 5, pool 3 2, conv 256 384 3, conv 384 384 3, conv 384 256 3, pool 3 2",
        f"dense {7 * 7 * 256} 4096, relu, drop 0.4, dense 4096 4096, relu, dense 4096 4096, relu, drop 0.4, dense 4096",
    ),
    "silnet": (
        "conv 3 32 11, pool 2 2, conv 32 32 7, conv 32 32 7, pool 2 1, conv 32 64 5, conv 64 64 5, pool 2 1",
        f"dense {75 * 75 * 64} 512, relu, drop 0.5, dense 512 512, relu, dense 512",
    ),
    "songnet": (
        "conv 3 64 5, pool 3 2, conv 64 64 5, pool 3 2, "
        "conv 64 32 3, pool 3 2, drop 0.5, conv 32 32 3, pool 3 2, drop 0.5",
        f"dense {14 * 14 * 32}",
    ),
    "weinet": (
        "conv 3 32 7, pool 2 1, conv 32 32 7, pool 2 1, conv 32 64 7, pool 2 1",
        f"dense {64 * 64 * 64}",
    ),
}
"""Features, then classifier: ``conv INPUTS OUTPUTS KERNEL [STRIDE]`` with ReLU, ``pool KERNEL STRIDE``, ``dense INPUTS
[OUTPUTS]`` (the classes where none are said), ``relu``, ``drop SHARE``."""


def make(name: str, classes: int, pretrained: bool = False) -> nn.Module:
    """The network of that name, with fresh weights."""
    features, classifier = (
        [module for layer in part.split(", ") for module in _modules(layer.split(), classes)] for part in LAYERS[name]
    )
    return Plain(features, classifier)


def _modules(layer: list[str], classes: int) -> list[nn.Module]:
    match layer:
        case ["conv", *sizes]:
            return convolution(*map(int, sizes))
        case ["pool", kernel, stride]:
            return [pooling(int(kernel), int(stride))]
        case ["dense", inputs, *outputs]:
            return [nn.Linear(int(inputs), int(outputs[0]) if outputs else classes)]
        case ["drop", share]:
            return [nn.Dropout(float(share))]
        case _:
            return [nn.ReLU()]


for _name, _title, _size, _epochs, _published, _layer in (
    ("alexnet", "AlexNet", 224, 10, "88.7 M", "features.11"),
    ("silnet", "SilNet", 150, 10, "184.9 M", "features.11"),
    ("songnet", "SongNet", 224, 25, "172.7 K", "features.11"),
    ("weinet", "WeiNet", 64, 10, "1.7 M", "features.7"),
):
    network(
        Network(
            name=_name,
            title=_title,
            input=grey(_size),
            epochs=_epochs,
            published=_published,
            layer=_layer,
            cam=False,
            made_of="xai-compare",
            make=partial(make, _name),
        )
    )
