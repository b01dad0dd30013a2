"""Networks that take their pictures in another way, behind the batches ``(n, c, h, w)`` of a `Model`."""

from __future__ import annotations

import torch
from torch import nn


class Single(nn.Module):
    """A network that takes a fixed number of pictures, one after another."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n, c, h, w)`` to ``(n, classes)``."""
        return torch.cat([self.network(one[None]) for one in batch])


class ChannelsLast(nn.Module):
    """A network that takes ``(n, h, w, c)``, as TensorFlow exports it, fed ``(n, c, h, w)``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n, c, h, w)`` to ``(n, classes)``."""
        return torch.as_tensor(self.network(batch.permute(0, 2, 3, 1)))


def takes_several(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether the network takes a batch of this shape, more than one picture."""
    try:
        with torch.no_grad():
            return len(module(torch.zeros(shape))) == shape[0]
    except RuntimeError:
        return False
