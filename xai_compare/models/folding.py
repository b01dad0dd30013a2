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

from xai_compare.errors import first_line

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
            expected, jittered = plain(batch), plain(jitter(batch))
            folded = _fold(copy.deepcopy(plain), _foldable_pairs(plain, batch))
            # If folding changed the answer, the plain copy is tried, channels last only. It did so, for example, where
            # the output of a convolution is read in two places, for one of them still wants it without the batch norm.
            for candidate in (folded, plain):
                candidate = candidate.to(memory_format=torch.channels_last)
                if equal_but_for_rounding(expected, candidate(batch), jittered):
                    return candidate
    except Exception as error:
        # Networks refuse to be copied in many ways; the network itself gives the same answer.
        log.info("%s runs as it is (%s)", model.name, first_line(error))
    return None


def module_stamp(module: nn.Module) -> Stamp:
    """Changes whenever a weight or a buffer is written or replaced, or a hook comes or goes.

    Walked by hand: torch's own ways to list a network's tensors take milliseconds.
    """
    parts: list[object] = []
    waiting = [module]
    while waiting:
        part = waiting.pop()
        waiting += [child for child in part._modules.values() if child is not None]
        parts += (*part._forward_pre_hooks, *part._forward_hooks)
        for tensor in (*part._parameters.values(), *part._buffers.values()):
            if tensor is not None:
                parts.append((tensor.data_ptr(), tensor._version))
    return tuple(parts)


def equal_but_for_rounding(expected: torch.Tensor, outputs: torch.Tensor, jittered: torch.Tensor) -> bool:
    """Whether ``outputs`` are those ``expected`` but for rounding; ``jittered``: those of the input after `jitter`."""
    # No fixed tolerance suits all: untrained networks magnify the rounding of their input a thousandfold, and a
    # tolerance that lets them pass would not see a wrongly folded layer of a trained one.
    room = max(TOLERANCE * float(expected.abs().max()), ROOM * float((jittered - expected).abs().max()))
    return bool((outputs - expected).abs().max() <= room)


def jitter(batch: torch.Tensor) -> torch.Tensor:
    """A batch changed by about what rounding changes in a network's layers."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(batch.shape, generator=generator).to(batch)
    return batch + ROUNDING * torch.finfo(batch.dtype).eps * batch.abs().max() * noise


def _fold(module: nn.Module, pairs: list[tuple[str, str]]) -> nn.Module:
    """Fold batch norms in place into the layers before them."""
    for layer_name, norm_name in pairs:
        layer, norm = module.get_submodule(layer_name), module.get_submodule(norm_name)
        fuse: Callable[..., nn.Module] = fuse_linear_bn_eval if isinstance(layer, nn.Linear) else fuse_conv_bn_eval
        module.set_submodule(layer_name, fuse(layer, norm))
        module.set_submodule(norm_name, _remaining(norm))
    return module


def _remaining(norm: nn.Module) -> nn.Module:
    """What a batch norm still does once it is folded: timm's have an activation of their own."""
    later = [getattr(norm, name) for name in ("drop", "act") if isinstance(getattr(norm, name, None), nn.Module)]
    return later[0] if len(later) == 1 else nn.Sequential(*later)


def _foldable_pairs(module: nn.Module, batch: torch.Tensor) -> list[tuple[str, str]]:
    """Names of layers and of the batch norms whose input is, as the very tensor, their output; each run once."""
    runs: Counter[str] = Counter()
    outputs: dict[int, tuple[str, torch.Tensor]] = {}
    pairs: list[tuple[str, str]] = []

    def watch(name: str, module: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def after(module: nn.Module, args: tuple[torch.Tensor, ...], out: torch.Tensor) -> None:
            runs[name] += 1
            if isinstance(module, _NORMS):
                before = outputs.get(id(args[0]))
                if before is not None and before[1] is args[0]:
                    pairs.append((before[0], name))
            else:
                # The tensor is kept, for otherwise another could come to have its id.
                outputs[id(out)] = (name, out)

        return module.register_forward_hook(after)

    handles = [watch(name, part) for name, part in module.named_modules() if isinstance(part, _LAYERS + _NORMS)]
    try:
        module(batch)
    finally:
        for handle in handles:
            handle.remove()
    return [
        (first, norm)
        for first, norm in pairs
        # A layer that is run twice shares its weights: folded, it would carry the batch norm of one place to the other.
        if runs[first] == runs[norm] == 1 and getattr(module.get_submodule(norm), "running_mean", None) is not None
    ]


_LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)
