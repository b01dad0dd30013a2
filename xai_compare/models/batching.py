"""Networks that take their pictures in another way, behind the batches ``(n, c, h, w)`` of a `Model`."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Single(nn.Module):
    """A network that takes a fixed number of pictures, one after another."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> Any:
        """``(n, c, h, w)`` to ``(n, classes)``, or to several such where the network gives several."""
        outputs = [self.network(picture[None]) for picture in batch]
        if isinstance(outputs[0], (tuple, list)):
            return [torch.cat(parts) for parts in zip(*outputs, strict=True)]
        return torch.cat(outputs)


class ChannelsLast(nn.Module):
    """A network that takes ``(n, h, w, c)``, as TensorFlow exports it, fed ``(n, c, h, w)``."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> Any:
        """``(n, c, h, w)`` to ``(n, classes)``, or to several such where the network gives several."""
        return self.network(batch.permute(0, 2, 3, 1))


def takes_several(module: nn.Module, shape: tuple[int, ...]) -> bool:
    """Whether the network takes a batch of this shape, more than one picture."""
    try:
        with torch.no_grad():
            outputs = module(torch.zeros(shape))
        several = outputs if isinstance(outputs, (tuple, list)) else [outputs]
        return all(len(output) == shape[0] for output in several)
    except RuntimeError:
        return False
