"""What a network answers when it is fed in one way, and what reaches its batch norms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import nn

from xai_compare.models.checking.variants import InputVariant
from xai_compare.models.model import Model

TEMPERATURES = np.geomspace(0.5, 30, 25)
RATIO, DISTANCE = 1.35, 0.0015
"""How many times nearer to the batch norms' memory an alternative must be, and by how much."""
REPLICATES = 100


@dataclass(frozen=True)
class Response:
    """What a variant gave: log-probabilities ``(n, classes)``, and moments that reached each batch norm."""

    variant: InputVariant
    logs: np.ndarray
    moments: list[tuple[np.ndarray, np.ndarray]]


def probe(model: Model, pictures: Mapping[str, np.ndarray], variant: InputVariant) -> Response:
    """Feed the network as a variant says, and note what reaches each batch norm on the way."""
    images = pictures[variant.crop]
    fed = replace(model, input=variant.spec)
    norms = [m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]
    noted: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {k: [] for k in range(len(norms))}

    def note(k: int) -> Any:
        def hook(module: nn.Module, args: tuple[torch.Tensor, ...]) -> None:
            noted[k].append((args[0].mean((2, 3)), args[0].square().mean((2, 3))))

        return hook

    handles = [norm.register_forward_pre_hook(note(k)) for k, norm in enumerate(norms)]
    outs = []
    try:
        with torch.no_grad():
            for start in range(0, len(images), 64):
                out = model.module(fed.prepare(np.ascontiguousarray(images[start : start + 64]))).float()
                outs.append(out.log_softmax(1) if model.output == "logits" else out.clamp_min(1e-7).log())
    finally:
        for handle in handles:
            handle.remove()
    moments = [
        (
            torch.cat([a for a, _ in noted[k]]).double().cpu().numpy(),
            torch.cat([b for _, b in noted[k]]).double().cpu().numpy(),
        )
        for k in range(len(norms))
        if sum(len(a) for a, _ in noted[k]) == len(images)
    ]
    return Response(variant, torch.cat(outs).cpu().double().numpy(), moments)


def label_likelihood(logs: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Each picture's log-probability of its label, at the temperature that suits all pictures best; ``(n,)``.

    Args:
        logs: log-probabilities, ``(n, classes)``.
        truth: the class of each picture.
    """
    scaled = logs[None] / TEMPERATURES[:, None, None]
    scaled = scaled - scaled.max(-1, keepdims=True)
    normal = scaled - np.log(np.exp(scaled).sum(-1, keepdims=True))
    each = normal[:, np.arange(len(truth)), truth]
    return np.asarray(each[each.mean(1).argmax()])


def preference(base: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """Mean gain in nats, and how many standard errors it is from none."""
    gain = np.clip(other, -8, 0) - np.clip(base, -8, 0)
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    return float(gain.mean()), float(gain.mean() / max(error, 1e-9))


def batch_norm_mismatch(
    moments: list[tuple[np.ndarray, np.ndarray]], norms: list[nn.BatchNorm2d], weights: np.ndarray
) -> np.ndarray:
    """Mean over batch norms of the median divergence between what reached a channel and what it remembers.

    The divergence is Kullback and Leibler's between normal distributions, in nats.

    Args:
        moments: for each batch norm, means and mean squares of each picture and channel, ``(n, channels)``.
        norms: the batch norms.
        weights: ``(..., n)``, how much each picture counts; the last axis sums to 1.

    Returns:
        ``(...)``.
    """
    parts = []
    for (first, second), norm in zip(moments, norms, strict=True):
        mean = weights @ first
        variance = np.maximum(weights @ second - mean**2, 0) + norm.eps
        assert norm.running_mean is not None
        assert norm.running_var is not None
        mean0, variance0 = norm.running_mean.cpu().double().numpy(), norm.running_var.cpu().double().numpy() + norm.eps
        each = 0.5 * ((mean - mean0) ** 2 / variance0 + variance / variance0 - 1 - np.log(variance / variance0))
        parts.append(np.median(each, axis=-1))
    return np.asarray(np.mean(parts, axis=0))


def compare_batch_norms(
    base: Response, other: Response, model: Model, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Mismatch as given and under the alternative, and the share of resamples in which the latter is nearer."""
    norms = [m for m in model.module.modules() if isinstance(m, nn.BatchNorm2d) and m.running_mean is not None]
    if not norms or len(base.moments) != len(norms) or len(other.moments) != len(norms):
        return float("nan"), float("nan"), float("nan")
    n = len(base.logs)
    even = np.full(n, 1 / n)
    own, theirs = (float(batch_norm_mismatch(response.moments, norms, even)) for response in (base, other))
    if not (theirs * RATIO < own and own - theirs > DISTANCE):
        return own, theirs, 0.0
    weights = rng.multinomial(n, even, REPLICATES) / n
    wins = batch_norm_mismatch(other.moments, norms, weights) < batch_norm_mismatch(base.moments, norms, weights)
    return own, theirs, float(wins.mean())


def confidence_of(errors: float) -> float:
    """The probability that something so many standard errors from nothing is more than nothing."""
    return float(stats.norm.cdf(errors))
