"""Attention rollout (Abnar & Zuidema 2020): how much of each patch reaches a vision transformer's summary."""

from __future__ import annotations

import torch

from xai_compare.explainers.base import Batch, DeterministicExplainer, Explanation
from xai_compare.explainers.batched_forward import black_input
from xai_compare.explainers.feature_maps import cached_for, upsampled
from xai_compare.explainers.registry import register
from xai_compare.explainers.tokens import as_map, attention_modules, attention_weights, summary_tokens, token_grid
from xai_compare.models import Model


@register("attention_rollout")
class AttentionRollout(DeterministicExplainer):
    """Product over blocks of half the attention (mean over heads) and half the identity, for the skip connection.

    The row of the class token is mapped; of a network whose head reads several tokens, or the mean over patches, the
    mean of their rows. It does not depend on the class that is explained.
    """

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Non-negative maps; all tokens together have 1."""
        with torch.no_grad(), attention_weights(model.module) as attentions:
            model.checked(model.module(batch.inputs))
        flow = torch.eye(attentions[0].shape[1], device=batch.inputs.device)[None]
        for attention in attentions:
            flow = (attention.float() + torch.eye(attention.shape[1], device=flow.device)) / 2 @ flow
        # What the head reads is remembered, so that every batch gives the same.
        row = torch.einsum("t,ntk->nk", cached_for(_summary, model).to(flow), flow)
        coarse = as_map(row[:, :, None], model.input.size)[:, 0]
        return Explanation(upsampled(coarse, model.input.size))

    def refusal(self, model: Model) -> str | None:
        """Rollout needs attention between all patches in every block."""
        if cached_for(_tokens, model):
            return None
        return "attention rollout needs a vision transformer whose blocks attend to all patches; use grad_cam"


def _tokens(model: Model) -> int:
    """How many tokens every block attends to, or 0 if that differs, or they are no grid, or cannot be read."""
    if not attention_modules(model.module):
        return 0
    with torch.no_grad(), attention_weights(model.module) as attentions:
        model.module(black_input(model))
    shapes = {tuple(attention.shape) for attention in attentions}
    pictures, rows, columns = next(iter(shapes), (0, 0, 0))
    fits = len(shapes) == 1 and pictures == 1 and rows == columns and token_grid(rows, model.input.size) is not None
    return rows if fits else 0


def _summary(model: Model) -> torch.Tensor:
    return summary_tokens(model, cached_for(_tokens, model))
