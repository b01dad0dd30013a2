"""What the zoo knows of a network, and the layers that the four networks trained from scratch are built of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import nn

from xai_compare.models.model import InputSpec
from xai_compare.registry import Registry


@dataclass(frozen=True)
class Network:
    """One network of the zoo.

    Attributes:
        name: its key in a study, ``zoo: NAME``.
        title: its name in the paper.
        input: what it is fed. The paper feeds grey pictures; the network repeats the one channel three times. With
            ``channels: rgb`` it takes colours.
        epochs: how long the paper trained it.
        published: its parameters as the paper prints them, head for six expressions included.
        layer: the module whose output Grad-CAM reads.
        cam: whether it ends in global average pooling and one linear layer, as CAM needs.
        made_of: where the layers come from.
        make: ``make(classes, pretrained)`` builds it; ``pretrained`` downloads ImageNet weights.
        imagenet: the name of those weights; None where the paper trained from scratch.
    """

    name: str
    title: str
    input: InputSpec
    epochs: int
    published: str
    layer: str
    cam: bool
    made_of: str
    make: Callable[[int, bool], nn.Module] = field(repr=False)
    imagenet: str | None = None

    @property
    def defaults(self) -> dict[str, Any]:
        """The input as a study writes it, without what is not said."""
        spec = self.input
        keys = {"size": spec.size, "channels": spec.channels, "range": spec.range, "mean": spec.mean, "std": spec.std}
        return {key: value for key, value in keys.items() if value is not None}


def _problem(thing: Any) -> str:
    return "" if isinstance(thing, Network) else f"is a {type(thing).__name__}, not a Network"


ZOO: Registry[Network] = Registry("network", "xai_compare.zoo", ("xai_compare.models.zoo.*",), check=_problem)


def network(entry: Network) -> Network:
    """Make a network known by its name."""
    return ZOO.register(entry.name, entry)


def three_channels(batch: torch.Tensor) -> torch.Tensor:
    """A grey batch ``(n, 1, h, w)`` with its channel repeated three times; a colour batch as it is."""
    return batch.expand(-1, 3, -1, -1) if batch.shape[1] == 1 else batch


def convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """A convolution padded as Keras pads ``same`` (more at the bottom and right where the padding is odd), and ReLU."""
    if stride == 1:
        return [nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2), nn.ReLU()]
    from timm.layers.conv2d_same import Conv2dSame

    return [Conv2dSame(inputs, outputs, kernel, stride), nn.ReLU()]


def pooling(kernel: int, stride: int) -> nn.Module:
    """Maximum pooling padded as Keras pads ``same``."""
    from timm.layers.pool2d_same import create_pool2d

    made: nn.Module = create_pool2d("max", kernel, stride=stride, padding="same")
    return made


class Plain(nn.Module):
    """Convolutions, then flattened dense layers: the shape of the four networks that are trained from scratch."""

    def __init__(self, features: list[nn.Module], classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                # Keras's own start (Glorot uniform, zero bias), from which the paper trained.
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 ``(n, 1 or 3, h, w)`` to logits ``(n, classes)``."""
        return torch.as_tensor(self.classifier(self.features(three_channels(batch)).flatten(1)))


class Backbone(nn.Module):
    """A network without its top, global average pooling, and one dense layer (section 3.3 of the paper)."""

    def __init__(self, features: nn.Module, channels: int, classes: int) -> None:
        super().__init__()
        self.features = features
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 ``(n, 1 or 3, h, w)`` to logits ``(n, classes)``."""
        return torch.as_tensor(self.classifier(self.pool(self.features(three_channels(batch))).flatten(1)))


def grey(size: int, mean: float | None = None, std: float | None = None) -> InputSpec:
    """A square grey input in 0..1, standardized where the weights ask for it."""
    channels: Literal["grey"] = "grey"
    return InputSpec((size, size), channels, (0.0, 1.0), mean and (mean,), std and (std,))  # type: ignore[arg-type]
