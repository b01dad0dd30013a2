"""Copies of networks made for many forward passes: batch norms folded into convolutions, channels last in memory."""

from __future__ import annotations

import copy
import logging
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

if TYPE_CHECKING:
    from xai_compare.models.model import Model

log = logging.getLogger(__name__)

TOLERANCE = 1e-5
"""Largest difference of the outputs, as a fraction of the largest, at which copies are equal in any case."""
ROUNDING, ROOM = 8.0, 10.0
"""Otherwise what an input disturbed by this many of its type's smallest fractions changes, and how many times that."""

Stamp = tuple[object, ...]


def fold(model: Model) -> nn.Module | None:
    """A copy of ``model.module`` that gives the same outputs sooner; differentiable with respect to its input.

    Its batch norms are folded into the convolutions (and linear layers) before them, and its weights lie channels
    last. That it is the same network is checked on noise, against what the network itself makes of a rounding of its
    input, for some magnify that a thousandfold. None for what cannot be copied. Nothing is chosen by measuring time,
    so equal networks have equal copies. `Engine.network` keeps the copy.
    """
    noise = np.random.default_rng(0).integers(0, 256, (2, *model.input.size, 3), dtype=np.uint8)
    batch = model.prepare(noise)
    try:
        with torch.no_grad():
            plain = copy.deepcopy(model.module).eval().requires_grad_(False)
            told, shaken = plain(batch), plain(disturbed(batch))
            copies = [_fold(copy.deepcopy(plain), _pairs(plain, batch)), plain]
            for one in copies:
                one = one.to(memory_format=torch.channels_last)
                # A convolution whose output is read in two places shows here.
                if nearly(told, one(batch), shaken):
                    return one
    except Exception as error:
        # Networks refuse to be copied in many ways; the network itself gives the same answer.
        log.info("%s runs as it is (%s)", model.name, (str(error).splitlines() or [type(error).__name__])[0])
    return None


def stamp_of(module: nn.Module) -> Stamp:
    """Changes whenever a weight or a buffer is written or replaced, or a hook comes or goes.

    Walked by hand: torch's own ways to list a network's tensors take milliseconds.
    """
    parts: list[object] = []
    left = [module]
    while left:
        one = left.pop()
        left += [child for child in one._modules.values() if child is not None]
        parts += (*one._forward_pre_hooks, *one._forward_hooks)
        for tensor in (*one._parameters.values(), *one._buffers.values()):
            if tensor is not None:
                parts.append((tensor.data_ptr(), tensor._version))
    return tuple(parts)


def nearly(told: torch.Tensor, found: torch.Tensor, shaken: torch.Tensor) -> bool:
    """Whether ``found`` are the outputs ``told`` but for rounding; ``shaken``: those of an input disturbed a little."""
    room = max(TOLERANCE * float(told.abs().max()), ROOM * float((shaken - told).abs().max()))
    return bool((found - told).abs().max() <= room)


def disturbed(batch: torch.Tensor) -> torch.Tensor:
    """A batch changed by about what rounding changes in a network's layers."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(batch.shape, generator=generator).to(batch)
    return batch + ROUNDING * torch.finfo(batch.dtype).eps * batch.abs().max() * noise


def _fold(module: nn.Module, pairs: list[tuple[str, str]]) -> nn.Module:
    """Fold batch norms in place into the layers before them."""
    for first, norm in pairs:
        one, other = module.get_submodule(first), module.get_submodule(norm)
        fuse: Callable[..., nn.Module] = fuse_linear_bn_eval if isinstance(one, nn.Linear) else fuse_conv_bn_eval
        module.set_submodule(first, fuse(one, other))
        module.set_submodule(norm, _after(other))
    return module


def _after(norm: nn.Module) -> nn.Module:
    """What a batch norm still does once it is folded: timm's have an activation of their own."""
    later = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    return later[0] if len(later) == 1 else nn.Sequential(*later)


def _pairs(module: nn.Module, batch: torch.Tensor) -> list[tuple[str, str]]:
    """Names of layers and of the batch norms whose input is, as the very tensor, their output; each run once."""
    runs: Counter[str] = Counter()
    made: dict[int, tuple[str, torch.Tensor]] = {}
    found: list[tuple[str, str]] = []

    def watch(name: str, one: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def after(one: nn.Module, args: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
            runs[name] += 1
            if isinstance(one, _NORMS):
                before = made.get(id(args[0]))
                if before is not None and before[1] is args[0]:
                    found.append((before[0], name))
            else:
                # The tensor is kept, for otherwise another could come to have its id.
                made[id(out)] = (name, out)

        return one.register_forward_hook(after)

    handles = [watch(name, one) for name, one in module.named_modules() if isinstance(one, _LAYERS + _NORMS)]
    try:
        module(batch)
    finally:
        for handle in handles:
            handle.remove()
    return [
        (first, norm)
        for first, norm in found
        if runs[first] == runs[norm] == 1 and getattr(module.get_submodule(norm), "running_mean", None) is not None
    ]


_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
