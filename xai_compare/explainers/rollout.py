"""Attention rollout (Abnar & Zuidema 2020): how much of each patch reaches a vision transformer's summary."""

from __future__ import annotations

import numpy as np
import torch

from xai_compare.explainers.base import Explainer, Explanation, Pictures
from xai_compare.explainers.class_activation import upsampled
from xai_compare.explainers.probing import checked
from xai_compare.explainers.registry import register
from xai_compare.explainers.tokens import as_map, attention_modules, token_grid, watched
from xai_compare.models import Model


@register("attention_rollout")
class AttentionRollout(Explainer):
    """Product over blocks of half the attention (mean over heads) and half the identity, for the skip connection.

    The row of the class token is mapped; of a network without one, the mean over patches. It does not depend on the
    class that is explained.
    """

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Non-negative maps; all tokens together have 1."""
        with torch.no_grad(), watched(model.module) as attentions:
            checked(model, model.module(pictures.batch))
        flow = torch.eye(attentions[0].shape[1], device=pictures.batch.device)[None]
        for attention in attentions:
            flow = (attention.float() + torch.eye(attention.shape[1], device=flow.device)) / 2 @ flow
        grid = token_grid(flow.shape[1], model.input.size)
        row = flow[:, 0] if grid and grid[0] else flow.mean(1)
        coarse = as_map(row[:, :, None], model.input.size)[:, 0]
        return Explanation(upsampled(coarse, model.input.size), [""] * len(pictures))

    def forwards(self, model: Model) -> int:
        """One."""
        return 1

    def refusal(self, model: Model) -> str | None:
        """Rollout needs attention between all patches in every block."""
        why = "attention rollout needs a vision transformer whose blocks attend to all patches; use grad_cam"
        if not attention_modules(model.module):
            return why
        picture = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))
        with torch.no_grad(), watched(model.module) as attentions:
            model.module(picture)
        sizes = {tuple(attention.shape) for attention in attentions}
        one = next(iter(sizes), (0, 0, 0))
        fits = len(sizes) == 1 and one[0] == 1 and token_grid(one[1], model.input.size) is not None
        return None if fits else why
