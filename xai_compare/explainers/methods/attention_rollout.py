"""Attention rollout (Abnar & Zuidema 2020): how much of each patch reaches a vision transformer's summary."""

from __future__ import annotations

import numpy as np
import torch

from xai_compare.explainers.base import Explanation, Pictures
from xai_compare.explainers.class_activation import Certain, remembered, upsampled
from xai_compare.explainers.registry import register
from xai_compare.explainers.tokens import as_map, attention_modules, summary_tokens, token_grid, watched
from xai_compare.models import Model


@register("attention_rollout")
class AttentionRollout(Certain):
    """Product over blocks of half the attention (mean over heads) and half the identity, for the skip connection.

    The row of the class token is mapped; of a network whose head reads several tokens, or the mean over patches, the
    mean of their rows. It does not depend on the class that is explained.
    """

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Non-negative maps; all tokens together have 1."""
        with torch.no_grad(), watched(model.module) as attentions:
            model.checked(model.module(pictures.batch))
        flow = torch.eye(attentions[0].shape[1], device=pictures.batch.device)[None]
        for attention in attentions:
            flow = (attention.float() + torch.eye(attention.shape[1], device=flow.device)) / 2 @ flow
        # What the head reads is remembered, so that every batch gives the same.
        row = torch.einsum("t,ntk->nk", remembered(_summary, model).to(flow), flow)
        coarse = as_map(row[:, :, None], model.input.size)[:, 0]
        return Explanation(upsampled(coarse, model.input.size), [""] * len(pictures))

    def forwards(self, model: Model) -> int:
        """One."""
        return 1

    def refusal(self, model: Model) -> str | None:
        """Rollout needs attention between all patches in every block."""
        if remembered(_tokens, model):
            return None
        return "attention rollout needs a vision transformer whose blocks attend to all patches; use grad_cam"


def _tokens(model: Model) -> int:
    """How many tokens every block attends to, or 0 if that differs, or they are no grid, or cannot be read."""
    if not attention_modules(model.module):
        return 0
    picture = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))
    with torch.no_grad(), watched(model.module) as attentions:
        model.module(picture)
    sizes = {tuple(attention.shape) for attention in attentions}
    one = next(iter(sizes), (0, 0, 0))
    fits = len(sizes) == 1 and one[0] == 1 and one[1] == one[2] and token_grid(one[1], model.input.size) is not None
    return one[1] if fits else 0


def _summary(model: Model) -> torch.Tensor:
    return summary_tokens(model, remembered(_tokens, model))
