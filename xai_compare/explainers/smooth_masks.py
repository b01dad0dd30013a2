"""Smooth masks (Fong et al. 2019, section 3.2): few parameters, joined by a soft maximum of bumps.

A mask over the plane is ``m(u) = smax_i k(u - u_i) p_i``: lattice points ``u_i`` each carry a parameter ``p_i`` in
[0, 1]; ``k`` is 1 within half a radius sigma and falls off like a Gaussian; ``smax`` is the softmax-weighted mean with
temperature 1/20, so that the mask is differentiable, and as smooth as its bumps whatever the parameters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
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
        self._phases = [self._phase(y, x, sigma, device) for y in range(self.density) for x in range(self.density)]
        self._made = (size, step, sigma, device)

    def coarser(self, density: int) -> SmoothMasks:
        """The same masks, computed at fewer points."""
        size, step, sigma, device = self._made
        return SmoothMasks(size, step, sigma, min(density, self.density), device)

    def _phase(self, y: int, x: int, sigma: float, device: torch.device | str) -> Phase:
        """What is needed for the grid points that lie ``y`` and ``x`` grid steps after a lattice point."""
        rows, columns = (
            _Line(at / self.density, self.radius, self.padding, side, cells)
            for at, side, cells in zip((y, x), self.lattice, self._cells, strict=True)
        )
        # Distances are measured from the grid point, not the lattice point, so each phase has heights of its own.
        away = torch.hypot(rows.distances[:, None], columns.distances) * (self.step / sigma)
        height = torch.exp(-2.0 * (away - 0.5).clamp(min=0) ** 2)
        outside = (2 * self.radius + 1) ** 2 - torch.outer(rows.sums.sum(1), columns.sums.sum(1))
        return Phase(*(one.float().to(device) for one in (rows.sums, columns.sums, height, outside)))

    def coarse(self, parameters: torch.Tensor) -> torch.Tensor:
        """Masks ``(n, gh, gw)`` on the grid that spans the domain, from ``(n, lattice h, lattice w)`` in [0, 1]."""
        n, d = len(parameters), self.density
        masks = torch.stack([_SoftMaximum.apply(parameters, phase) for phase in self._phases], 1)
        masks = masks.reshape(n, d, d, *self._cells).permute(0, 3, 1, 4, 2)
        masks = masks.reshape(n, d * self._cells[0], d * self._cells[1])
        return masks[:, : self.grid[0], : self.grid[1]]

    def fine(self, coarse: torch.Tensor) -> torch.Tensor:
        """The part ``(n, h, w)`` of coarse masks that lies on the picture, pixel by pixel."""
        if self.grid != self.domain:
            coarse = functional.interpolate(coarse[:, None], self.domain, mode="bilinear", align_corners=True)[:, 0]
        top = self.margin
        return coarse[:, top : top + self.size[0], top : top + self.size[1]]


class _Line:
    """One axis of a phase: which lattice points are how far from each cell's grid point.

    Attributes:
        distances: ``(distances,)`` that occur in the window, in lattice steps.
        sums: ``(cells, distances * lattice)``, 1 where a lattice point is at that distance from the cell's grid point.
    """

    def __init__(self, phase: float, radius: int, padding: int, lattice: int, cells: int) -> None:
        offset = torch.arange(-radius, radius + 1)
        self.distances, which = (offset.double() - phase).abs().unique(return_inverse=True)
        sums = torch.zeros(cells, len(self.distances), lattice, dtype=torch.float64)
        cell, step = torch.meshgrid(torch.arange(cells), torch.arange(len(offset)), indexing="ij")
        point = cell - padding + radius + offset[step]
        there = (point >= 0) & (point < lattice)
        sums[cell[there], which[step[there]], point[there]] = 1
        self.sums = sums.flatten(1)


@dataclass(frozen=True)
class Phase:
    """The grid points at one place inside their lattice cells, and the bumps that reach them.

    The bump's height depends on the distance alone, so that powers are taken once for each lattice point and pair of
    distances ``(a, b)`` along the axes, and summed over the window by two products with matrices of zeros and ones.

    Attributes:
        rows: ``(cells y, a * lattice h)``.
        columns: ``(cells x, b * lattice w)``.
        height: ``(a, b)`` of the bump at these distances.
        outside: ``(cells y, cells x)`` places in the window off the lattice, where a parameter counts as 0.
    """

    rows: torch.Tensor
    columns: torch.Tensor
    height: torch.Tensor
    outside: torch.Tensor

    def to(self, other: torch.Tensor) -> Phase:
        """With the type and device of another tensor."""
        return Phase(*(one.to(other) for one in (self.rows, self.columns, self.height, self.outside)))

    def heights(self, parameters: torch.Tensor) -> torch.Tensor:
        """``(n, a, lattice h, b, lattice w)``."""
        return parameters[:, None, :, None, :] * self.height[:, None, :, None]

    def gathered(self, values: torch.Tensor) -> torch.Tensor:
        """Sums ``(n, cells y, cells x)`` over the window of ``(n, a, lattice h, b, lattice w)``."""
        n, a, h = values.shape[:3]
        across = values.reshape(n * a * h, -1) @ self.columns.T
        return self.rows @ across.reshape(n, a * h, -1)

    def scattered(self, sums: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
        """The derivative of `gathered`: from ``(n, cells y, cells x)`` back."""
        a, h, b, w = like.shape[1:]
        down = (self.rows.T @ sums).reshape(-1, sums.shape[2])
        return (down @ self.columns).reshape(len(sums), a, h, b, w)


class _SoftMaximum(torch.autograd.Function):
    """Softmax-weighted mean of bumps times parameters, over the window.

    Written out, with its derivative, because the graph that autograd keeps is five times as large.
    """

    @staticmethod
    def forward(ctx: Any, parameters: torch.Tensor, phase: Phase) -> torch.Tensor:
        """``(n, lattice h, lattice w)`` -> ``(n, cells y, cells x)``."""
        phase = phase.to(parameters)
        heights = phase.heights(parameters)
        # No maximum is taken off first: heights are at most 1, and e^20 is no danger.
        weight = (heights * COLDNESS).exp_()
        total, mean = phase.gathered(weight), phase.gathered(weight * heights)
        total += phase.outside
        mean /= total
        ctx.save_for_backward(heights, weight, total, mean)
        ctx.phase = phase
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        heights, weight, total, mean = ctx.saved_tensors
        phase: Phase = ctx.phase
        share = grad / total
        slope = phase.scattered(share, heights)
        rest = phase.scattered(share * (1 - COLDNESS * mean), heights)
        # d(mean) / d(height) = weight (1 + COLDNESS (height - mean)) / total
        slope = slope.mul_(heights).mul_(COLDNESS).add_(rest).mul_(weight)
        return torch.einsum("nahbw,ab->nhw", slope, phase.height), None
