"""Networks for tests: fixed weights, nothing learned."""

from __future__ import annotations

import torch
from torch import nn


class Pooled(nn.Module):
    """Convolution, global average pooling, one linear layer."""

    def __init__(self, seed: int, classes: int) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(seed)
        self.features = nn.Sequential(nn.Conv2d(1, 6, 5, stride=2, padding=2), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(6, classes)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=draws) * 0.7
        self.classifier.weight.data.abs_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.pool(self.features(x - 0.4)).flatten(1))


class Sick(Pooled):
    """Gives NaN, always or for bright pictures only."""

    def __init__(self, above: float) -> None:
        super().__init__(0, 3)
        self.above = above

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        bright = x.amax((1, 2, 3)) > self.above
        return torch.where(bright[:, None], torch.nan, super().forward(x))


def pooled(seed: int = 0, classes: int = 3) -> nn.Module:
    return Pooled(seed, classes)


def dark(class_without_evidence: int = 0) -> nn.Module:
    """One class has nothing that speaks for it: its Grad-CAM is zero everywhere."""
    network = Pooled(0, 3)
    network.classifier.weight.data[class_without_evidence] *= -1
    return network


def sick(above: float = -1.0) -> nn.Module:
    return Sick(above)


def broken() -> nn.Module:
    raise RuntimeError("this factory\nis closed")


class Fickle(nn.Module):
    """Answers by the last digits of the mean brightness: as good as chance, but always the same."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.mean((1, 2, 3))[:, None] * torch.tensor([3000.0, 5000.0, 7000.0])).sin() * 3


def fickle() -> nn.Module:
    return Fickle()
