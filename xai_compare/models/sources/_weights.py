"""What the architectures by name have in common: the three kinds of weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

from xai_compare.errors import InputError
from xai_compare.files import file_sha256
from xai_compare.models.checkpoint import load_weights, read_state_dict
from xai_compare.models.request import Request, seeded
from xai_compare.models.sources import WORDS


def wants_pretrained(request: Request) -> bool:
    """Whether the specification asks for downloaded weights; checks that weights and seed are said.

    Raises:
        InputError: if no weights are named, or random numbers would be drawn without a seed.
    """
    weights = request.spec.get("weights")
    if weights is None:
        raise InputError(
            "no weights are given",
            where=request.where,
            hint="name a state dict under `weights`, or say `weights: random` with a `seed`",
        )
    if weights in WORDS and request.seed is None:
        drawn = "weights: random needs a seed"
        if weights == "pretrained":
            drawn = "weights: pretrained needs a seed, because the layer that gives these classes is new and random"
        raise InputError(drawn, where=request.where, hint="say `seed: 0`, or any other number")
    return weights == "pretrained"


def with_weights(
    request: Request, make: Callable[[], nn.Module], ignore: tuple[str, ...] = ()
) -> tuple[nn.Module, dict[str, Any]]:
    """Make the network and lay its weights in; also returns what the provenance must say of them.

    Raises:
        InputError: if the weights cannot be read, do not fit or cannot be downloaded.
    """
    weights = request.spec["weights"]
    source: dict[str, Any] = {"kind": request.source, "architecture": request.value}
    if weights in WORDS:
        try:
            with seeded(request.seed):
                module = make()
        except (OSError, RuntimeError, ValueError) as error:
            if weights == "random" or isinstance(error, InputError):
                raise
            raise InputError(
                f"the pretrained weights cannot be downloaded ({type(error).__name__}: {error})",
                where=request.where,
                hint="download the file and name it",
            ) from error
        return module, {**source, "weights": weights, "seed": request.seed}
    path = request.path(weights, "weights file")
    tensors = read_state_dict(path)
    with seeded(0):
        module = make()
    source |= load_weights(module, tensors, path, ignore)
    return module, {**source, "file": str(path), "sha256": file_sha256(path)}
