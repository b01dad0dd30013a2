"""Running a network without leaving a trace on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models import Model

Quantity = Literal["logits", "probabilities", "log_probabilities"]


@contextmanager
def untouched(module: nn.Module) -> Iterator[None]:
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


def checked(model: Model, out: object) -> torch.Tensor:
    """``out`` if it is a finite tensor ``(n, classes)``.

    Raises:
        InputError: if it is not.
    """
    where = f"model {model.name!r}"
    if not isinstance(out, torch.Tensor) or out.ndim != 2 or out.shape[1] != len(model.classes):
        shape = tuple(out.shape) if isinstance(out, torch.Tensor) else type(out).__name__
        raise InputError(f"the network gives {shape} for {len(model.classes)} classes", where=where,
                         mend="name as many classes as the network has outputs, in their order")  # fmt: skip
    if not torch.isfinite(out).all():
        raise InputError("the network's output is not finite (NaN or infinity)", where=where,
                         mend="check the weights and the input range")  # fmt: skip
    return out


def outputs(model: Model, batch: torch.Tensor, quantity: Quantity) -> torch.Tensor:
    """Logits, probabilities or their logarithms, ``(n, classes)``, of a prepared batch; differentiable.

    Raises:
        InputError: if the network's output is not ``(n, classes)`` or not finite, or logits are asked of a network
            that gives probabilities only.
    """
    return convert(model, model.module(batch), quantity)


def convert(model: Model, out: object, quantity: Quantity) -> torch.Tensor:
    """The network's own output, as the ``quantity`` asked for."""
    out = checked(model, out)
    if quantity == "logits":
        if why := lacks_logits(model, quantity):
            raise InputError(why, where=f"model {model.name!r}")
        return out
    if model.output == "logits":
        return out.softmax(-1) if quantity == "probabilities" else out.log_softmax(-1)
    return out if quantity == "probabilities" else out.clamp(min=torch.finfo(out.dtype).tiny).log()


def lacks_logits(model: Model, quantity: Quantity) -> str | None:
    """Why ``quantity`` cannot be had from the network, or None."""
    if quantity == "logits" and model.output != "logits":
        return "the network gives probabilities, no logits; say on: log_probabilities or on: probabilities"
    return None
