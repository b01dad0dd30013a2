"""Which of several areas is enough (Fong et al. 2019, section 3.1: the smallest area that reaches a threshold)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from xai_compare.explainers.extremal_search import Problem

UNMOVED = "the perturbation does not lower the explained output"
UNREACHED = "no area reaches the share of the output asked for"


@dataclass(frozen=True)
class Choice:
    """The area chosen for each picture.

    Attributes:
        column: int ``(n,)`` index among the areas; -1 where none will do.
        area: float32 ``(n,)``, as a fraction of the masks' domain; NaN where none will do.
        threshold: float32 ``(n,)`` the reward that was to be reached.
        reasons: why none will do; ``""`` where one does.
    """

    column: np.ndarray
    area: np.ndarray
    threshold: np.ndarray
    reasons: list[str]


def smallest(problem: Problem, reward: np.ndarray, areas: tuple[float, ...], share: float) -> Choice:
    """The smallest area whose mask reaches the share.

    The reward of a full mask counts as 1 and that of an empty mask as 0, so that the share means the same wherever a
    network's logits have their zero, and for every variant.

    Args:
        problem: masks by picture, then area.
        reward: ``(n, areas)`` of the final masks.
        areas: in any order.
        share: in (0, 1].
    """
    full, empty = (_plain(problem, value)[:: len(areas)] for value in (1.0, 0.0))
    threshold = empty + share * (full - empty)
    order = np.argsort(areas)
    reached = reward[:, order] >= threshold[:, None]
    moved = full > empty
    column = np.where(moved & reached.any(1), order[reached.argmax(1)], -1)
    area = np.where(column >= 0, np.asarray(areas, np.float32)[column], np.float32(np.nan))
    reasons = ["" if c >= 0 else UNREACHED if m else UNMOVED for c, m in zip(column, moved, strict=True)]
    return Choice(column, area, threshold.astype(np.float32), reasons)


def _plain(problem: Problem, value: float) -> np.ndarray:
    """Reward ``(k,)`` of masks that are ``value`` throughout, as that of the final masks is reported."""
    masks = torch.full((len(problem.which), *problem.masks.size), value, device=problem.weights.device)
    return problem.final_reward(masks).cpu().numpy()
