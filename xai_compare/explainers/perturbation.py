"""Perturbed pictures (Fong et al. 2019): each pixel blurred, or faded, as much as a mask says."""

from __future__ import annotations

import math
from typing import Literal

import torch

Kind = Literal["blur", "fade"]


class Pyramid:
    """Pictures at several strengths of perturbation; the last level is the picture itself.

    Args:
        batch: prepared pictures ``(n, c, h, w)``.
        kind: ``"blur"`` convolves with Gaussians of deviations spread evenly from ``max_blur`` to 0 pixels, zeros
            (the prepared value 0) around the picture; ``"fade"`` multiplies the prepared picture by 0 to 1.
        levels: number of strengths, at least 2.
        max_blur: largest deviation in pixels.
    """

    def __init__(self, batch: torch.Tensor, kind: Kind, levels: int, max_blur: float) -> None:
        kept = torch.linspace(0, 1, levels).tolist()
        made = [batch * k if kind == "fade" else blurred(batch, (1 - k) * max_blur) for k in kept]
        self._shape = batch.shape
        # Channels last, so that a mask's value finds all channels of a pixel side by side.
        self._pixels = torch.stack(made).permute(0, 1, 3, 4, 2).reshape(-1, batch.shape[1])
        self._last = levels - 1

    def apply(self, masks: torch.Tensor, which: torch.Tensor) -> torch.Tensor:
        """Pictures ``which`` ``(k,)`` under masks ``(k, h, w)`` in [0, 1]: 1 keeps the picture, 0 perturbs it most.

        Neighbouring levels are joined linearly. The result ``(k, c, h, w)`` lies channels last in memory.
        """
        n, c, h, w = self._shape
        place = masks * self._last
        below = place.detach().floor().clamp_(0, self._last - 1)
        blend = (place - below).reshape(-1, 1)
        first = (which * (h * w))[:, None] + torch.arange(h * w, device=masks.device)
        index = (below.long() * (n * h * w)).flatten(1).add_(first).flatten()
        lower = self._pixels.index_select(0, index)
        rise = self._pixels.index_select(0, index.add_(n * h * w)).sub_(lower)
        return torch.addcmul(lower, rise, blend).reshape(-1, h, w, c).permute(0, 3, 1, 2)


def blurred(batch: torch.Tensor, deviation: float) -> torch.Tensor:
    """Gaussian blur, the kernel cut at four deviations and summing to one, with zeros around the picture."""
    if deviation <= 0:
        return batch
    # Two products with banded matrices; a convolution with so long a kernel takes many times as long.
    rows, columns = (_band(side, deviation).to(batch) for side in batch.shape[2:])
    return rows @ batch @ columns.T


def _band(side: int, deviation: float) -> torch.Tensor:
    reach = math.ceil(4 * deviation)
    total = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, dtype=torch.float64) / deviation) ** 2).sum()
    line = torch.arange(side, dtype=torch.float64)
    away = (line[:, None] - line[None]).abs()
    return torch.exp(-0.5 * (away / deviation) ** 2).masked_fill(away > reach, 0.0) / total
