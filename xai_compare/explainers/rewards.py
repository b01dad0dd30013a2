"""What an extremal perturbation seeks (Fong et al. 2019, section 3.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch

Reward = Literal["simple", "contrastive"]
Variant = Literal["preserve", "delete", "dual"]


def simple(outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The explained output ``(n,)``, or difference of two, of ``outputs`` and ``weights`` ``(n, classes)``."""
    return (outputs * weights).sum(1)


def contrastive(outputs: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The explained output less the largest other one, ``(n,)``."""
    return simple(outputs, weights) - outputs.masked_fill(weights > 0, -torch.inf).amax(1)


REWARDS: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "simple": simple,
    "contrastive": contrastive,
}
