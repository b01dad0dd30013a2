"""What the explainers that read feature maps share: which layer, its maps, and how they become a picture's map."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Explainer
from xai_compare.explainers.probing import untouched
from xai_compare.explainers.tokens import as_map, token_layer
from xai_compare.models import Model, feature_layer
from xai_compare.models.layers import channels_last, random_batch


class Certain(Explainer):
    """An explainer that draws nothing by chance, and so spends no time on seeds."""

    def seed_of(self, image: np.ndarray) -> int:
        """Always 0."""
        return 0


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


def last_layer(model: Model, layer: str | None) -> str:
    """``layer``, or the last spatial one, or a vision transformer's last one whose patches matter.

    Raises:
        InputError: if there is none.
    """
    if layer:
        return layer
    try:
        return remembered(feature_layer, model)
    except InputError:
        if tokens := remembered(token_layer, model):
            return tokens
        raise


def layer_refusal(model: Model, layer: str | None) -> str | None:
    """Why there is no spatial layer, or None.

    Raises:
        InputError: if a layer is named that the network has not: a slip of the pen, which no study should pass over.
    """
    if layer:
        submodule(model, layer)
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
    """The same pictures, in the layout in which convolutions are fastest (see `forwarding`)."""
    return batch.contiguous(memory_format=torch.channels_last)


def features_of(model: Model, layer: str, batch: torch.Tensor) -> torch.Tensor:
    """Feature maps, float32 ``(n, channels, h, w)``, that the layer gives for a prepared batch."""
    return channels_first(model, raw_features(model, layer, batch, network_for(model, layer)).float())


def raw_features(model: Model, layer: str, batch: torch.Tensor, module: nn.Module) -> torch.Tensor:
    kept: list[torch.Tensor] = []
    # Cloned, because what follows may work in place.
    hook = module.get_submodule(layer).register_forward_hook(
        lambda m, a, out: kept.append(map_of(layer, model, out).clone())
    )
    try:
        with torch.no_grad():
            module(channels_last_in_memory(batch))
    finally:
        hook.remove()
    if not kept:
        raise InputError(f"layer {layer!r} is never run", where=f"model {model.name!r}")
    return kept[-1]


def map_of(layer: str, model: Model, out: object) -> torch.Tensor:
    if not isinstance(out, torch.Tensor) or out.ndim not in (3, 4):
        raise InputError(f"layer {layer!r} does not give a feature map (n, c, h, w)", where=f"model {model.name!r}")
    return out


def network_for(model: Model, layer: str) -> nn.Module:
    """The network, or its folded copy if the layer gives the same there."""
    submodule(model, layer)
    return model.engine.network if remembered(_same_there, model, layer) else model.module


def _same_there(model: Model, layer: str) -> bool:
    """Whether the layer gives the same in the folded copy; a convolution before a batch norm does not."""
    told, found = (
        raw_features(model, layer, random_batch(model), module) for module in (model.module, model.engine.network)
    )
    return bool((told - found).abs().max() <= _ROUNDING * told.abs().max())


T = TypeVar("T")

_ROUNDING = 1e-4


def remembered(question: Callable[..., T], model: Model, *about: str) -> T:
    """The answer to a question that takes a few forward passes, remembered until its weights or hooks change."""

    def asked() -> T:
        with untouched(model.module):
            return question(model, *about)

    return model.engine.cached((question.__name__, *about), asked)
