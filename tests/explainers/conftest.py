"""Toy networks small enough to reason about, and pictures to show them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.models import InputSpec, Model

CLASSES = ("anger", "happiness", "sadness")


class ConvNet(nn.Module):
    """Convolution, in-place ReLU, batch norm, dropout, global average pooling, one linear layer."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 8, 5, stride=2, padding=2)
        self.norm = nn.BatchNorm2d(8)
        self.act = nn.ReLU(inplace=True)
        self.drop = nn.Dropout(0.5)
        self.head = nn.Linear(8, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.norm(self.conv(x)))
        return self.head(self.drop(x.mean((2, 3))))


class PatchNet(nn.Module):
    """Class 1 is told by the brightness of rows 4..11, columns 14..21; class 2 by another patch; class 0 is flat."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        here, there = x[:, :, 4:12, 14:22].mean((1, 2, 3)), x[:, :, 22:28, 4:10].mean((1, 2, 3))
        return torch.stack([torch.zeros_like(here), 4 * here, 4 * there], 1)


class Constant(nn.Module):
    """The same output whatever it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.tensor([[0.0, 1.0, 0.5]]) + 0 * self.conv(x).mean((1, 2, 3))[:, None]


def transformer(channels: int = 3) -> nn.Module:
    """Two blocks of attention over patches of 4 pixels, for pictures of 32 x 28."""
    from timm.models.vision_transformer import VisionTransformer

    sizes = {"img_size": (32, 28), "patch_size": 4, "embed_dim": 16, "depth": 2, "num_heads": 2}
    return VisionTransformer(in_chans=channels, num_classes=len(CLASSES), **sizes)


KINDS: dict[str, Callable[[], nn.Module]] = {
    "conv": ConvNet,
    "grey": lambda: ConvNet(1),
    "patch": PatchNet,
    "constant": Constant,
    "transformer": transformer,
    "grey transformer": lambda: transformer(1),
}


@pytest.fixture(scope="session")
def make_model() -> Callable[..., Model]:
    """``make_model(kind, size, seed)``: a toy network of one of the ``KINDS``."""

    def make(kind: str = "conv", size: tuple[int, int] = (32, 28), seed: int = 0) -> Model:
        torch.manual_seed(seed)
        module = KINDS[kind]()
        if kind in ("conv", "grey"):
            module.norm.running_mean.normal_(0, 0.1)
            module.head.weight.data.mul_(8)
        spec = InputSpec(size, "grey" if kind.startswith("grey") else "rgb", (-1.0, 1.0))
        return Model(kind, CLASSES, module, spec)

    return make


@pytest.fixture(scope="session")
def blobs() -> Callable[..., np.ndarray]:
    """``blobs(n, size, seed)``: smooth random uint8 pictures ``(n, h, w, 3)``."""

    def make(n: int = 3, size: tuple[int, int] = (32, 28), seed: int = 0) -> np.ndarray:
        noise = torch.rand(n, 3, 6, 5, generator=torch.Generator().manual_seed(seed))
        big = nn.functional.interpolate(noise, size, mode="bilinear")
        return (big * 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()

    return make
