"""Copies of networks for methods that hook layers: each use of a layer, and each rectifier, is a layer of its own."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_RECTIFIERS = (functional.relu, torch.relu, torch.relu_, torch.Tensor.relu, torch.Tensor.relu_)


class LayersInTurn(nn.Module):
    """Stands where a layer is used several times, and gives each use a layer of its own."""

    def __init__(self, layers: list[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self._turn = 0

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer whose turn it is gives."""
        layer = self.layers[self._turn % len(self.layers)]
        self._turn += 1
        return layer(*args, **kwargs)


class UnsharedLayers(nn.Module):
    """A network of which every layer is used once, no rectifier works in place, and all of them are ``nn.ReLU``.

    Rectifiers that are called as functions are modules here; what does nothing in evaluation mode, such as stochastic
    depth, is dropout. If the outputs would change by this (a function called for what it does in place), the
    functions stay.

    Args:
        module: a copy of the network, in evaluation mode; it is changed.
        batch: a prepared picture, to see which layers are used how often.
    """

    def __init__(self, module: nn.Module, batch: torch.Tensor) -> None:
        super().__init__()
        self.inner = module
        with torch.no_grad():
            before = module(batch)
            for part in module.modules():
                if getattr(part, "inplace", False):
                    part.inplace = False  # type: ignore[assignment]
            _give_each_use_its_own(module, batch)
            self._mode = _Functions(module)
            with self._mode:
                after = module(batch)
            self._mode.growing = False
        self._routed = torch.allclose(before, after, rtol=1e-4, atol=1e-5 * float(before.abs().max()))
        if self._routed and self._mode.rectifiers:
            # Where methods that hook layers find them; an empty list would look like a layer.
            self.rectifiers = nn.ModuleList(self._mode.rectifiers)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The network's outputs."""
        with self._mode if self._routed else nullcontext():
            return self.inner(batch)


class _Functions(TorchFunctionMode):
    """Sends rectifiers that are called as functions, outside ``nn.ReLU``, through modules, in their order."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.rectifiers: list[nn.Module] = []
        self.growing, self._turn, self._inside = True, 0, 0
        for part in module.modules():
            if isinstance(part, nn.ReLU):
                part.register_forward_pre_hook(lambda m, a: self._step(1))
                part.register_forward_hook(lambda m, a, out: self._step(-1))

    def _step(self, by: int) -> None:
        self._inside += by

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if func not in _RECTIFIERS or self._inside:
            return func(*args, **kwargs)
        if self.growing:
            self.rectifiers.append(nn.ReLU())
        module = self.rectifiers[self._turn % len(self.rectifiers)]
        self._turn += 1
        return module(args[0] if args else kwargs["input"])


def _give_each_use_its_own(module: nn.Module, batch: torch.Tensor) -> None:
    uses: Counter[nn.Module] = Counter()
    idle: set[nn.Module] = set()

    def note(part: nn.Module, args: tuple[Any, ...], out: Any) -> None:
        uses[part] += 1
        if args and isinstance(args[0], torch.Tensor) and isinstance(out, torch.Tensor):
            same = out.data_ptr() == args[0].data_ptr() and out.shape == args[0].shape
            (idle.add if same else idle.discard)(part)

    leaves = [part for part in module.modules() if not any(True for _ in part.children())]
    with ExitStack() as stack:
        for part in leaves:
            stack.callback(part.register_forward_hook(note).remove)
        module(batch)
    instead: dict[nn.Module, nn.Module] = {}
    for part in leaves:
        if part in idle and not any(True for _ in part.parameters()):
            instead[part] = nn.Dropout(0.0).eval()
        elif uses[part] > 1:
            instead[part] = LayersInTurn([_copy_sharing_parameters(part) for _ in range(uses[part])])
    for name, part in list(module.named_modules(remove_duplicate=False)):
        if name and part in instead:
            module.set_submodule(name, instead[part])


def _copy_sharing_parameters(part: nn.Module) -> nn.Module:
    """A copy with the same parameters and buffers, not equal ones."""
    held = [*part.parameters(), *part.buffers()]
    return copy.deepcopy(part, {id(tensor): tensor for tensor in held})
