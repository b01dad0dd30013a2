"""Vision transformers: tokens as a picture, and the attention between them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models import Model

PREFIXES = (1, 0, 2, 5)
"""Numbers of tokens before the patches that are tried: a class token, none, a distillation token, four registers."""


def token_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int, int] | None:
    """Prefix, rows and columns of ``tokens`` patches of a picture of ``size``, or None if they fit no grid."""
    for prefix in PREFIXES:
        rows = round(((tokens - prefix) * size[0] / size[1]) ** 0.5)
        if rows > 1 and (tokens - prefix) % rows == 0:
            columns = (tokens - prefix) // rows
            if columns > 1 and abs(rows / columns - size[0] / size[1]) < 0.05 * size[0] / size[1]:
                return prefix, rows, columns
    return None


def as_map(tokens: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Patches of ``(n, tokens, c)`` as ``(n, c, rows, columns)``.

    Raises:
        InputError: if the tokens fit no grid.
    """
    grid = token_grid(tokens.shape[1], size)
    if grid is None:
        raise InputError(f"{tokens.shape[1]} tokens are no grid of patches of a {size[0]}x{size[1]} picture")
    prefix, rows, columns = grid
    return tokens[:, prefix:].transpose(1, 2).unflatten(2, (rows, columns))


def token_layer(model: Model) -> str | None:
    """The first norm of the last transformer block, whose gradient still reaches the patches, or None."""
    names = [n for n, m in model.module.named_modules()
             if n.rpartition(".")[2] in ("norm1", "ln_1") and isinstance(m, nn.LayerNorm)]  # fmt: skip
    return names[-1] if names else None


def attention_modules(module: nn.Module) -> list[nn.Module]:
    """Self-attentions that can be made to show their weights: torch's own and timm's."""
    return [m for m in module.modules() if isinstance(m, nn.MultiheadAttention) or _timm(m)]


def _timm(module: nn.Module) -> bool:
    return hasattr(module, "fused_attn") and isinstance(getattr(module, "attn_drop", None), nn.Module)


@contextmanager
def watched(module: nn.Module) -> Iterator[list[torch.Tensor]]:
    """Attention matrices ``(n, tokens, tokens)``, mean over heads, of each block run inside."""
    seen: list[torch.Tensor] = []

    def ask(m: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        return args, kwargs | {"need_weights": True, "average_attn_weights": True}

    with ExitStack() as stack:
        for attention in attention_modules(module):
            if isinstance(attention, nn.MultiheadAttention):
                handles = [
                    attention.register_forward_pre_hook(ask, with_kwargs=True),
                    attention.register_forward_hook(lambda m, a, out: seen.append(out[1])),
                ]
            else:
                inner: nn.Module = attention.attn_drop  # type: ignore[assignment]
                handles = [inner.register_forward_hook(lambda m, a, out: seen.append(out.mean(1)))]
                stack.callback(setattr, attention, "fused_attn", attention.fused_attn)
                attention.fused_attn = False  # type: ignore[assignment]
            for handle in handles:
                stack.callback(handle.remove)
        yield seen
