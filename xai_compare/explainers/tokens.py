"""Vision transformers: tokens as a picture, and the attention between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models import Model
from xai_compare.models.layers import random_batch

PREFIXES = (1, 0, 2, 5, 4, 9, 8)
"""Numbers of tokens before the patches that are tried: a class token, none, a distillation token, registers."""


def token_grid(tokens: int, size: tuple[int, int]) -> tuple[int, int, int] | None:
    """Prefix, rows and columns of ``tokens`` patches of a picture of ``size``, or None if they fit no grid."""
    for prefix in (prefix for prefix in PREFIXES if 3 * prefix < tokens):
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
    """The first norm of the last transformer block, whose gradient still reaches the patches, or None.

    Found by running the network: of the norms of that name, the last one run whose output is a grid of patches.
    """
    seen: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, out: object) -> None:
            if isinstance(out, torch.Tensor) and out.ndim == 3 and token_grid(out.shape[1], model.input.size):
                seen.append(name)

        return hook

    with ExitStack() as stack, torch.no_grad():
        for name, module in model.module.named_modules():
            if name.rpartition(".")[2] in ("norm1", "ln_1", "layernorm_before") and not isinstance(module, nn.Identity):
                stack.callback(module.register_forward_hook(note(name)).remove)
        model.module(random_batch(model, 1))
    return seen[-1] if seen else None


def summary_tokens(model: Model, tokens: int) -> torch.Tensor:
    """How much each of ``tokens`` counts in what the head reads, float32 ``(tokens,)``, summing to one.

    Equal for all tokens after the last block on which the outputs depend: the class token, both of a distilled
    network, or all patches if they are averaged. If the outputs depend on none (a head that is still zero), the
    first token's where there is one before the patches, else all.
    """
    kept: list[torch.Tensor] = []

    def note(module: nn.Module, args: object, out: object) -> None:
        if isinstance(out, torch.Tensor) and out.ndim == 3 and out.shape[1] == tokens and out.requires_grad:
            kept.append(out)

    with ExitStack() as stack, torch.enable_grad():
        for module in model.module.modules():
            stack.callback(module.register_forward_hook(note).remove)
        out = model.module(random_batch(model, 1).requires_grad_())
        # Different weights for each output, for the sum of probabilities would have no gradient.
        total = (out * torch.arange(1.0, out.shape[1] + 1, device=out.device)).sum()
        gradient = torch.autograd.grad(total, kept[-1], allow_unused=True)[0] if kept else None
    read = torch.zeros(tokens) if gradient is None else (gradient[0] != 0).any(1).float().cpu()
    if not read.any():
        prefix, _, _ = token_grid(tokens, model.input.size) or (0, 0, 0)
        read[: 1 if prefix else tokens] = 1.0
    return read / read.sum()


def attention_modules(module: nn.Module) -> list[nn.Module]:
    """Self-attentions that can be made to show their weights: torch's own, timm's and transformers'."""
    return [m for m in module.modules() if isinstance(m, nn.MultiheadAttention) or _timm(m) or _transformers(m)]


def _timm(module: nn.Module) -> bool:
    return hasattr(module, "fused_attn") and isinstance(getattr(module, "attn_drop", None), nn.Module)


def _transformers(module: nn.Module) -> bool:
    """Attention of transformers that gives its weights beside its output; the innermost module of that kind."""

    def shows(m: nn.Module) -> bool:
        eager = getattr(getattr(m, "config", None), "_attn_implementation", None) == "eager"
        return eager and type(m).__name__.endswith("Attention")

    return shows(module) and not any(shows(m) for m in module.modules() if m is not module)


@contextmanager
def attention_weights(module: nn.Module) -> Iterator[list[torch.Tensor]]:
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
            elif _transformers(attention):
                handles = [attention.register_forward_hook(lambda m, a, out: seen.append(out[1].mean(1)))]
            else:
                inner: nn.Module = attention.attn_drop  # type: ignore[assignment]
                handles = [inner.register_forward_hook(lambda m, a, out: seen.append(out.mean(1)))]
                stack.callback(setattr, attention, "fused_attn", attention.fused_attn)
                attention.fused_attn = False  # type: ignore[assignment]
            for handle in handles:
                stack.callback(handle.remove)
        yield seen
