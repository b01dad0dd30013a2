"""A source of networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from xai_compare.models import InputSpec, Model


class _Blurred(nn.Module):
    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(width)
        self.features = nn.Conv2d(3, width, 5, stride=2, padding=2)
        self.head = nn.Linear(width, classes)
        for weight in self.parameters():
            weight.data = torch.randn(weight.shape, generator=draws) * 0.3

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).relu().mean((2, 3)))


class ToyNetwork:
    """``toy_network: WIDTH``, a network nobody trained."""

    KEYS = ("scale",)
    PATHS: ClassVar[tuple[str, ...]] = ()
    DEFAULTS: ClassVar[Mapping[str, Any]] = {"scale": 1.0}

    @staticmethod
    def build(request: Any) -> Model:
        """The network."""
        network = _Blurred(len(request.classes), int(request.value))
        return Model(request.name, request.classes, network, InputSpec((32, 32)), source={"kind": "toy_network"})
