"""The search for extremal perturbations: gradient ascent on the masks of several pictures and areas at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from xai_compare.explainers.perturbation import Pyramid
from xai_compare.explainers.smooth_masks import SmoothMasks

Reward = Literal["simple", "contrastive"]
Variant = Literal["preserve", "delete", "dual"]

TIGHTNESS = (300.0, 1400.0)
"""Weight of the area constraint at the first and last step: so chosen that masks keep to their area about as well as
torchray's, whose weight rises from 300 to 4,900 but takes small steps."""
CHOICE = 600.0
"""Weight of the area constraint where the best of several starts is chosen."""
UNEVEN = 0.3
"""By how much of their value the parameters of further starts are lowered at random."""
TORCHRAY = (300.0, 1.0035)
"""Torchray's first weight, and its growth in each step."""
BINS = 256
MOMENTUM, MEMORY = 0.7, 0.99
LIFT = 0.1
"""Steps of a parameter p are divided by p + LIFT: the soft maximum hardly feels small parameters, and a place that was
given up would not come back."""
ROUGH = 0.95
"""Share of the steps that look at rough masks."""


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


@dataclass(frozen=True)
class Problem:
    """Which masks are sought: one for each picture and area, pictures first.

    Attributes:
        outputs: from prepared pictures to ``(n, classes)``, differentiable; perhaps in low precision.
        exact: the same in float32, by which masks are judged.
        reward: from outputs and weights ``(n, classes)`` to ``(n,)``; the larger, the better.
        pyramid: the perturbed pictures.
        masks: what makes masks from parameters.
        weights: ``(k, classes)`` for each mask.
        which: ``(k,)`` picture of each mask.
        areas: ``(k,)`` area of each mask, as a fraction of its domain.
        variant: preserve, delete or dual.
        jitter: whether every other step sees the mirror image.
    """

    outputs: Callable[[torch.Tensor], torch.Tensor]
    exact: Callable[[torch.Tensor], torch.Tensor]
    reward: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    pyramid: Pyramid
    masks: SmoothMasks
    weights: torch.Tensor
    which: torch.Tensor
    areas: torch.Tensor
    variant: str
    jitter: bool

    def rewards(self, masks: torch.Tensor, flip: bool, exact: bool = False) -> torch.Tensor:
        """Reward ``(k,)`` of masks ``(k, h, w)``, differentiable."""
        kept = [1 - masks] if self.variant == "delete" else [masks]
        kept += [1 - masks] if self.variant == "dual" else []
        seen = torch.cat([self.pyramid.apply(mask, self.which) for mask in kept])
        out = (self.exact if exact else self.outputs)(seen.flip(3) if flip else seen)
        parts = [self.reward(part, self.weights) for part in out.split(len(masks))]
        first = -parts[0] if self.variant == "delete" else parts[0]
        return first - parts[1] if self.variant == "dual" else first

    def final_reward(self, masks: torch.Tensor) -> torch.Tensor:
        """Reward ``(k,)`` as it is reported: without gradient, mean of both mirror images if there is jitter."""
        with torch.no_grad():
            return torch.stack(
                [self.rewards(masks, flip, exact=True) for flip in ((False, True) if self.jitter else (False,))]
            ).mean(0)


@dataclass(frozen=True)
class SearchResult:
    """Masks float32 ``(k, h, w)`` in [0, 1], and how well each does; see `ExtremalPerturbation`."""

    masks: np.ndarray
    reward: np.ndarray
    area: np.ndarray
    violation: np.ndarray
    progress: np.ndarray
    flat: np.ndarray


def initial_parameters(masks: SmoothMasks, starts: int, seeds: Sequence[int]) -> torch.Tensor:
    """First parameters ``(len(seeds) * starts, lattice h, lattice w)``: all 1, and for further starts somewhat less."""
    parts = []
    for seed in seeds:
        noise = np.random.default_rng(seed).random((starts, *masks.lattice), dtype=np.float32)
        noise[0] = 0
        parts.append(torch.from_numpy(1 - UNEVEN * noise))
    return torch.cat(parts)


def best_of_starts(found: SearchResult, starts: int) -> SearchResult:
    """Of every ``starts`` masks in a row the one that does best; flat only if all are."""
    score = (found.reward - CHOICE * found.violation).reshape(-1, starts)
    chosen = np.arange(len(score)) * starts + score.argmax(1)
    kept = {name: getattr(found, name)[chosen] for name in ("masks", "reward", "area", "violation", "progress")}
    return SearchResult(**kept, flat=np.logical_and.reduce(found.flat.reshape(-1, starts), 1))


def search(problem: Problem, parameters: torch.Tensor, *, steps: int, learning_rate: float) -> SearchResult:
    """Find masks with Adam, from the parameters ``(k, lattice h, lattice w)`` on; see `initial_parameters`.

    Adam's second moment is shared by all parameters of a mask, so that the gradient keeps its direction: with one
    each, as usual, places that hardly matter move as fast as those that do, and masks settle early. The rate rises
    over the first steps and falls along a half cosine to a tenth. Most steps look at the mask once per lattice
    distance, the last at every point of the grid; the area is counted at the same points in all of them.
    """
    device = problem.weights.device
    parameters = parameters.to(device)
    first, second = torch.zeros_like(parameters), torch.zeros_like(parameters[:, :1, :1])
    rewards, costs = torch.zeros(2, steps, len(parameters))
    rough = problem.masks.coarser(1)
    for t in range(steps):
        masks = rough if t < ROUGH * steps else problem.masks
        with torch.enable_grad():
            parameters.requires_grad_(True)
            coarse = masks.coarse(parameters)
            reward = problem.rewards(masks.fine(coarse), problem.jitter and t % 2 == 0)
            cost = excess(coarse[:, :: masks.density, :: masks.density], problem.areas)
            # The area's weight rises over the search, so that a mask first finds the place, then keeps to its area.
            tightness = TIGHTNESS[0] * (TIGHTNESS[1] / TIGHTNESS[0]) ** (t / max(steps - 1, 1))
            (grad,) = torch.autograd.grad((tightness * cost - reward).sum(), parameters)
        parameters = parameters.detach()
        grad /= parameters + LIFT
        rewards[t], costs[t] = reward.detach(), cost.detach()
        first.lerp_(grad, 1 - MOMENTUM)
        second.lerp_(grad.square().mean((1, 2), keepdim=True), 1 - MEMORY)
        size = (second / (1 - MEMORY ** (t + 1))).sqrt_().add_(1e-12)
        rate = learning_rate * _pace(t / steps) / (1 - MOMENTUM ** (t + 1))
        parameters = (parameters - rate * first / size).clamp_(0, 1)
    return _evaluated(problem, parameters, rewards, costs)


def _pace(t: float) -> float:
    """The rate as a fraction of the largest, over the search's course from 0 to 1."""
    return min(1.0, 0.2 + 2 * t) * (0.55 + 0.45 * math.cos(math.pi * t))


def excess(coarse: torch.Tensor, areas: torch.Tensor, bins: int = BINS) -> torch.Tensor:
    """Mean squared distance ``(k,)`` of each mask from a binary mask of the wanted area (eq. 4); differentiable.

    The paper sorts the mask's values and compares them with sorted zeros and ones. Here values are counted in bins,
    and those in the bin that the area cuts share what is left of it: the same but for the bin's width, faster, and
    without favour, where a sort would call equal values large or small by their place in the picture.
    """
    flat = coarse.flatten(1)
    bin_of = (flat.detach() * bins).long().clamp_(0, bins - 1)
    count = torch.zeros(len(flat), bins, device=flat.device).scatter_add_(1, bin_of, torch.ones_like(flat))
    above = count.flip(1).cumsum(1).flip(1) - count
    wanted = ((areas[:, None] * flat.shape[1] - above) / count.clamp(min=1)).clamp(0, 1)
    share = wanted.gather(1, bin_of)
    return ((flat - share).square() + share * (1 - share)).mean(1)


def evaluated(problem: Problem, masks: np.ndarray, history: np.ndarray) -> SearchResult:
    """What another optimizer found.

    Args:
        problem: the problem it was given.
        masks: ``(k, h, w)``, on the picture; violations are measured there, for the domain is not known.
        history: ``(2, k, steps)`` rewards, and area terms as they were added (negative, with their weight).
    """
    device = problem.weights.device
    tensor = torch.from_numpy(np.ascontiguousarray(masks)).to(device)
    rewards, terms = torch.from_numpy(np.ascontiguousarray(history)).transpose(1, 2)
    tightness = TORCHRAY[0] * TORCHRAY[1] ** torch.arange(len(terms))
    costs = -terms / tightness[:, None]
    return _result(problem, tensor, tensor.mean((1, 2)), costs[-1], rewards, costs)


def _evaluated(problem: Problem, parameters: torch.Tensor, rewards: torch.Tensor, costs: torch.Tensor) -> SearchResult:
    with torch.no_grad():
        coarse = problem.masks.coarse(parameters)
        masks = problem.masks.fine(coarse)
        cost = excess(coarse, problem.areas)
    return _result(problem, masks, masks.mean((1, 2)), cost, rewards, costs)


def _result(
    problem: Problem,
    masks: torch.Tensor,
    area: torch.Tensor,
    cost: torch.Tensor,
    rewards: torch.Tensor,
    costs: torch.Tensor,
) -> SearchResult:
    flat = (rewards == rewards[0]).all(0).numpy()
    return SearchResult(
        masks.cpu().numpy(),
        problem.final_reward(masks).cpu().numpy(),
        area.cpu().numpy(),
        cost.cpu().numpy(),
        _progress(rewards, costs),
        flat,
    )


def _progress(rewards: torch.Tensor, costs: torch.Tensor) -> np.ndarray:
    """Change of the objective over the last tenth of the steps, as a fraction of the reward's range.

    Not of the objective's own range: the first mask covers everything, and its area term dwarfs all that follows.
    """
    objective = rewards - TIGHTNESS[1] * costs
    tail = max(len(objective) // 10, 2)
    late, before = objective[-tail:].mean(0), objective[-2 * tail : -tail].mean(0)
    span = (rewards.amax(0) - rewards.amin(0)).clamp(min=1e-12)
    return ((late - before).abs() / span).numpy()
