"""Extremal perturbations by torchray, for comparison with ours."""

from __future__ import annotations

import os

import numpy as np
import torch
from torch import nn

# torchray imports pyplot, which must not look for a screen.
os.environ.setdefault("MPLBACKEND", "Agg")

from torchray.attribution.extremal_perturbation import (
    contrastive_reward,
    extremal_perturbation,
    simple_reward,
)


def torchray_masks(
    module: nn.Module,
    picture: torch.Tensor,
    target: int,
    *,
    areas: list[float],
    perturbation: str,
    steps: int,
    levels: int,
    step: int,
    sigma: float,
    jitter: bool,
    variant: str,
    reward: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Masks ``(areas, h, w)`` and the history ``(2, areas, steps)`` of one prepared picture ``(1, c, h, w)``.

    ``module`` gives ``(n, outputs)``, of which ``target`` is explained.
    """
    function = {"simple": simple_reward, "contrastive": contrastive_reward}[reward]
    with torch.enable_grad():
        masks, history = extremal_perturbation(
            module,
            picture,
            target,
            areas=areas,
            perturbation=perturbation,
            max_iter=steps,
            num_levels=levels,
            step=step,
            sigma=sigma,
            jitter=jitter,
            variant=variant,
            reward_func=function,
        )
    return masks[:, 0].detach().cpu().numpy(), history.permute(1, 0, 2).numpy()
