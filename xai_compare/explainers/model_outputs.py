"""Running a network without leaving a trace on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn
from torch.nn import functional

from xai_compare.errors import InputError
from xai_compare.models import Model

Quantity = Literal["logits", "probabilities", "log_probabilities"]


@contextmanager
def preserve_state(module: nn.Module) -> Iterator[None]:
    """Evaluation mode, and no gradients asked for by parameters, inside; everything as it was, after."""
    training = [m for m in module.modules() if m.training]
    asked = [p for p in module.parameters() if p.requires_grad]
    for m in training:
        m.training = False
    for p in asked:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for m in training:
            m.training = True
        for p in asked:
            p.requires_grad_(True)


def outputs(model: Model, batch: torch.Tensor, quantity: Quantity) -> torch.Tensor:
    """Logits, probabilities or their logarithms, ``(n, classes)``, of a prepared batch; differentiable.

    Raises:
        InputError: if the network's output is not ``(n, classes)`` or not finite, or logits are asked of a network
            that gives probabilities only.
    """
    return convert(model, model.module(batch), quantity)


def convert(model: Model, out: object, quantity: Quantity) -> torch.Tensor:
    """The network's own output, as the ``quantity`` asked for."""
    out = model.checked(out)
    if quantity == "logits":
        if why := logits_refusal(model, quantity):
            raise InputError(why, where=f"model {model.name!r}")
        return out
    if model.output == "independent_logits":
        return out.sigmoid() if quantity == "probabilities" else functional.logsigmoid(out)
    if model.output == "logits":
        return out.softmax(-1) if quantity == "probabilities" else out.log_softmax(-1)
    return out if quantity == "probabilities" else out.clamp(min=torch.finfo(out.dtype).tiny).log()


def logits_refusal(model: Model, quantity: Quantity) -> str | None:
    """Why the network does not give ``quantity``, or None."""
    if quantity == "logits" and model.output == "probabilities":
        return "the network gives probabilities, not logits; say on: log_probabilities or on: probabilities"
    return None
