"""What EMERT is trained on: its tasks, and the modality that each of its features comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional

from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.fusion import Outputs


@dataclass(frozen=True)
class LossWeights:
    """Weights of the modality loss of common and of private features, and of the tasks."""

    common: float
    private: float
    task: float


PAPER = LossWeights(0.3, 0.0, 0.1)
"""Liu et al. (2024, section IV): 0.3 L_adv + 0.1 (L_e + L_f), L_adv of the common features (eq. 1)."""
RELEASED = LossWeights(0.1, 0.1, 1.0)
"""The authors' program."""


def modality_loss(logits: Sequence[torch.Tensor], modalities: Sequence[str] = MODALITIES) -> torch.Tensor:
    """Sum over modalities of the cross-entropy between logits ``(b, 3)`` and the modality that they come from.

    Equation 1 of the paper weighs the modalities' log probabilities by the emotion's labels, which are of another
    space; the authors' program compares them with the index of the modality, which is what is done here. At chance it
    is ``3 ln 3`` for three modalities.
    """
    losses = [
        functional.cross_entropy(each, torch.full((len(each),), MODALITIES.index(name), device=each.device))
        for name, each in zip(modalities, logits, strict=True)
    ]
    return torch.stack(losses).sum()


def task_losses(heads: Mapping[str, torch.Tensor], targets: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The loss of each head that has a target: cross-entropy of class indices, or Huber's of values (eq. 3, 4).

    Clips without a label (a negative index, NaN) do not count; without any the loss is 0.
    """
    losses = {}
    for name, target in targets.items():
        out = heads[name]
        if target.is_floating_point():
            known = torch.isfinite(target)
            loss = functional.huber_loss(out[known, 0], target[known], reduction="sum") / known.sum().clamp(min=1)
        else:
            known = target >= 0
            loss = functional.cross_entropy(out[known], target[known], reduction="sum") / known.sum().clamp(min=1)
        losses[name] = loss
    return losses


def total_loss(
    outputs: Outputs,
    targets: Mapping[str, torch.Tensor],
    weights: LossWeights = RELEASED,
    modalities: Sequence[str] = MODALITIES,
) -> dict[str, torch.Tensor]:
    """All parts by name, and ``loss``, their weighted sum; the modality losses are absent without decoupling."""
    parts = task_losses(outputs.heads, targets)
    loss = weights.task * torch.stack(list(parts.values())).sum()
    if outputs.common:
        parts["common"] = modality_loss(outputs.common, modalities)
        parts["private"] = modality_loss(outputs.private, modalities)
        loss = loss + weights.common * parts["common"] + weights.private * parts["private"]
    return {**parts, "loss": loss}
