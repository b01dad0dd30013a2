"""Smooth masks (Fong et al. 2019, section 3.2): few parameters, joined by a soft maximum of bumps.

A mask over the plane is ``m(u) = smax_i k(u - u_i) p_i``: lattice points ``u_i`` each carry a parameter ``p_i`` in
[0, 1]; ``k`` is 1 within half a radius sigma and falls off like a Gaussian; ``smax`` is the softmax-weighted mean with
temperature 1/20, so that the mask is differentiable, and as smooth as its bumps whatever the parameters.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch.autograd.function import once_differentiable
from torch.nn import functional

COLDNESS = 20.0


class SmoothMasks:
    """Masks for pictures of one size, made on a grid finer or coarser than the picture and joined bilinearly.

    The masks' domain reaches beyond the picture by about ``sigma`` on each side, so that a bump may be centred
    outside it; areas are fractions of the domain.

    Args:
        size: height and width of the pictures.
        step: distance of the lattice points in pixels.
        sigma: radius of the bumps in pixels.
        density: grid points computed per lattice step; ``step`` of them gives every pixel.
        device: of the masks.
    """

    def __init__(
        self, size: tuple[int, int], step: int, sigma: float, density: int, device: torch.device | str = "cpu"
    ) -> None:
        self.size, self.step, self.density = size, step, min(density, step)
        self.radius = 1 + math.ceil(sigma / step)
        self.margin = step * math.ceil(sigma / step)
        reach = 1 + math.ceil((self.margin + sigma) / step)
        self.lattice = tuple(math.ceil(side / step) for side in size)
        cells = tuple(side + 2 * (reach - self.radius) for side in self.lattice)
        self.domain = tuple(step * (side - 1) + 1 for side in cells)
        self.padding = reach
        self.grid = tuple(self.density * (side - 1) + 1 for side in cells)
        self._cells = cells
        self._bumps = self._phases(sigma).to(device)
        self._made = (size, step, sigma, device)

    def coarser(self, density: int) -> SmoothMasks:
        """The same masks, computed at fewer points."""
        size, step, sigma, device = self._made
        return SmoothMasks(size, step, sigma, min(density, self.density), device)

    def _phases(self, sigma: float) -> torch.Tensor:
        """Bump heights ``(density^2, window)`` at each place inside a lattice cell, for the lattice points near it."""
        offset = torch.arange(-self.radius, self.radius + 1, dtype=torch.float64)
        phase = torch.arange(self.density, dtype=torch.float64) / self.density
        away = (offset[None] - phase[:, None]) * (self.step / sigma)
        distance = (away[:, None, :, None] ** 2 + away[None, :, None, :] ** 2).sqrt()
        bump = torch.exp(-2.0 * (distance - 0.5).clamp(min=0) ** 2)
        return bump.reshape(self.density**2, -1).float()

    def coarse(self, parameters: torch.Tensor) -> torch.Tensor:
        """Masks ``(n, gh, gw)`` on the grid that spans the domain, from ``(n, lattice h, lattice w)`` in [0, 1]."""
        n, d = len(parameters), self.density
        window = functional.unfold(parameters[:, None], 2 * self.radius + 1, padding=self.padding)
        masks = _SoftMaximum.apply(window, self._bumps)
        masks = masks.reshape(n, d, d, *self._cells).permute(0, 3, 1, 4, 2)
        masks = masks.reshape(n, d * self._cells[0], d * self._cells[1])
        return masks[:, : self.grid[0], : self.grid[1]]

    def fine(self, coarse: torch.Tensor) -> torch.Tensor:
        """The part ``(n, h, w)`` of coarse masks that lies on the picture, pixel by pixel."""
        if self.grid != self.domain:
            coarse = functional.interpolate(coarse[:, None], self.domain, mode="bilinear", align_corners=True)[:, 0]
        top = self.margin
        return coarse[:, top : top + self.size[0], top : top + self.size[1]]


class _SoftMaximum(torch.autograd.Function):
    """Softmax-weighted mean of bumps times parameters, over the window.

    Written out, with its derivative, because the graph that autograd keeps is five times as large.
    """

    @staticmethod
    def forward(ctx: Any, window: torch.Tensor, bumps: torch.Tensor) -> torch.Tensor:
        """``window (n, k, cells)``, ``bumps (phases, k)`` -> ``(n, phases, cells)``."""
        heights = window[:, None] * bumps[None, :, :, None]
        # No maximum is taken off first: heights are at most 1, and e^20 is no danger.
        weight = (heights * COLDNESS).exp_()
        total = weight.sum(2)
        mean = torch.einsum("npkl,npkl->npl", weight, heights) / total
        ctx.save_for_backward(heights, weight, total, mean, bumps)
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        heights, weight, total, mean, bumps = ctx.saved_tensors
        slope = torch.add((1 - COLDNESS * mean)[:, :, None], heights, alpha=COLDNESS).mul_(weight)
        return torch.einsum("npkl,npl,pk->nkl", slope, grad / total, bumps), None
