"""What the explainers that read feature maps share: which layer, its maps, and how they become a picture's map."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import ClassVar, TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Batch, DeterministicExplainer, Explanation, Options
from xai_compare.explainers.model_outputs import Quantity, convert, preserve_state
from xai_compare.explainers.tokens import as_map, token_layer
from xai_compare.models import Model, feature_layer
from xai_compare.models.layers import ambiguous, channels_last, random_batch


class LayerOptions(Options):
    """What explainers that add up feature maps share."""

    relu: bool = Field(True, description="keep positive evidence only, as the paper does; false: the signed map")
    layer: str | None = Field(None, description="name of the module to read; the last spatial one by default")


class ActivationMap(DeterministicExplainer):
    """Feature maps of one layer, added with weights and upsampled bilinearly; a subclass writes `combine`."""

    Options: ClassVar[type[Options]] = LayerOptions

    @abstractmethod
    def combine(self, model: Model, batch: Batch) -> tuple[torch.Tensor, list[str]]:
        """Signed maps ``(n, h, w)`` of the layer's size, and for each why it is undefined (``""`` if it is not)."""

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Maps at the network's input size; non-negative unless ``relu`` is false."""
        coarse, reasons = self.combine(model, batch)
        coarse = coarse.clamp(min=0) if getattr(self.options, "relu", False) else coarse
        return Explanation(upsampled(coarse, model.input.size), reasons)

    def refusal(self, model: Model) -> str | None:
        """A spatial feature map is needed."""
        return layer_refusal(model, self.options.layer)


T = TypeVar("T")

_ROUNDING = 1e-4
"""Largest difference, as a share of the largest value, that folding may make at a layer."""


def upsampled(coarse: torch.Tensor, size: tuple[int, int]) -> np.ndarray:
    """Coarse maps ``(n, h, w)`` at ``size``, bilinearly, pixel centres aligned (``align_corners=False``)."""
    fine = functional.interpolate(coarse.float()[:, None], size, mode="bilinear", align_corners=False)
    return fine[:, 0].cpu().numpy()


def submodule(model: Model, layer: str) -> nn.Module:
    """The module called ``layer``.

    Raises:
        InputError: naming the nearest, if there is none.
    """
    try:
        return model.module.get_submodule(layer)
    except AttributeError:
        known = [name for name, _ in model.module.named_modules() if name]
        hint = nearest(layer, known)
        if not hint.startswith("did"):
            hint = f"it has {len(known)} layers, such as {', '.join(known[-3:])}"
        raise InputError(f"there is no layer {layer!r}", where=f"model {model.name!r}", hint=hint) from None


def own_name(model: Model, layer: str) -> str:
    """The name of a layer here: a network that was wrapped when it was loaded has ``network.`` before its own names."""
    names, wrapped = {name for name, _ in model.module.named_modules()}, f"network.{layer}"
    return wrapped if layer not in names and wrapped in names else layer


def last_layer(model: Model, layer: str | None) -> str:
    """``layer``, or the last spatial one, or a vision transformer's last one whose patches matter.

    Raises:
        InputError: if there is none.
    """
    if layer:
        return own_name(model, layer)
    try:
        return cached_for(feature_layer, model)
    except InputError:
        if tokens := cached_for(token_layer, model):
            return tokens
        raise


def layer_refusal(model: Model, layer: str | None) -> str | None:
    """Why there is no spatial layer, or None.

    Raises:
        InputError: if a layer is named that the network has not: a slip of the pen, which no study should pass over.
    """
    if layer:
        layer = own_name(model, layer)
        submodule(model, layer)
        if cached_for(ambiguous, model, layer):
            return f"layer {layer!r} runs more than once in a pass, and its last map does not carry all of the output"
    try:
        submodule(model, last_layer(model, layer))
    except InputError as error:
        return str(error)
    return None


def channels_first(model: Model, features: torch.Tensor) -> torch.Tensor:
    """Maps ``(n, c, h, w)`` of what a layer gives: tokens ``(n, tokens, c)``, or maps in either axis order."""
    if features.ndim == 3:
        return as_map(features, model.input.size)
    last = channels_last(model, features.shape)
    return (
        features.permute(0, 3, 1, 2) if (model.activations == "channels_last" if last is None else last) else features
    )


def channels_last_in_memory(batch: torch.Tensor) -> torch.Tensor:
    """The same pictures, in the layout in which convolutions are fastest (see `batched_forward`)."""
    return batch.contiguous(memory_format=torch.channels_last)


def features_of(model: Model, layer: str, batch: torch.Tensor) -> torch.Tensor:
    """Feature maps, float32 ``(n, channels, h, w)``, that the layer gives for a prepared batch."""
    return channels_first(model, raw_features(model, layer, batch, network_for(model, layer)).float())


def raw_features(model: Model, layer: str, batch: torch.Tensor, module: nn.Module) -> torch.Tensor:
    """What the layer of ``module`` (the network or its folded copy) gives for a prepared batch, as it gives it."""
    kept: list[torch.Tensor] = []
    # Cloned, because what follows may work in place.
    hook = module.get_submodule(layer).register_forward_hook(
        lambda m, a, out: kept.append(_checked_map(layer, model, out).clone())
    )
    try:
        with torch.no_grad():
            module(channels_last_in_memory(batch))
    finally:
        hook.remove()
    if not kept:
        raise InputError(f"layer {layer!r} is never run", where=f"model {model.name!r}")
    return kept[-1]


def features_and_gradients(model: Model, layer: str, batch: Batch, on: Quantity) -> tuple[torch.Tensor, torch.Tensor]:
    """Feature maps of a layer, and the gradient of the explained quantity there; float32 ``(n, channels, h, w)``."""
    leaf: list[torch.Tensor] = []

    def cut(module: nn.Module, args: object, out: object) -> torch.Tensor:
        # The graph begins here, so that nothing below the layer is kept or differentiated.
        leaf[:] = [_checked_map(layer, model, out).detach().requires_grad_()]
        torch.set_grad_enabled(True)
        return leaf[0].clone()

    module = network_for(model, layer)
    handle = module.get_submodule(layer).register_forward_hook(cut)
    try:
        with torch.no_grad():
            out = convert(model, module(channels_last_in_memory(batch.inputs)), on)
            if not leaf:
                raise InputError(f"layer {layer!r} is never run", where=f"model {model.name!r}")
            total = (out * batch.weights).sum()
            gradient = torch.autograd.grad(total, leaf[0], allow_unused=True)[0] if total.requires_grad else None
    finally:
        handle.remove()
    features = leaf[0].detach()
    gradient = torch.zeros_like(features) if gradient is None else gradient.float()
    return channels_first(model, features.float()), channels_first(model, gradient)


def _checked_map(layer: str, model: Model, out: object) -> torch.Tensor:
    if not isinstance(out, torch.Tensor) or out.ndim not in (3, 4):
        raise InputError(f"layer {layer!r} does not give a feature map (n, c, h, w)", where=f"model {model.name!r}")
    return out


def network_for(model: Model, layer: str) -> nn.Module:
    """The network, or its folded copy if the layer gives the same there."""
    submodule(model, layer)
    return model.engine.network if cached_for(_same_there, model, layer) else model.module


def _same_there(model: Model, layer: str) -> bool:
    """Whether the layer gives the same in the folded copy; a convolution before a batch norm does not."""
    original, folded = (
        raw_features(model, layer, random_batch(model), module) for module in (model.module, model.engine.network)
    )
    return bool((original - folded).abs().max() <= _ROUNDING * original.abs().max())


def cached_for(function: Callable[..., T], model: Model, *arguments: str) -> T:
    """``function(model, *arguments)``, which takes a few forward passes; kept until weights or hooks change."""

    def compute() -> T:
        with preserve_state(model.module):
            return function(model, *arguments)

    return model.engine.cached((function.__name__, *arguments), compute)
