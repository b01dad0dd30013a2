"""CAM and Grad-CAM: maps read from the last feature maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Explainer, Explanation, Options, Pictures, undefined
from xai_compare.explainers.probing import Quantity, convert, lacks_logits, untouched
from xai_compare.explainers.registry import register
from xai_compare.explainers.tokens import as_map, token_layer
from xai_compare.models import CamHead, Model, cam_head, feature_layer
from xai_compare.models.layers import channels_last, random_batch


class Certain(Explainer):
    """An explainer that draws nothing by chance, and so spends no time on seeds."""

    def seed_of(self, image: np.ndarray) -> int:
        """Always 0."""
        return 0


@register("cam")
class CAM(Certain):
    """Class activation mapping (Zhou et al. 2016, eq. 2): the head's weights times the last feature maps.

    The map is signed, and its mean is the logit less the bias. Upsampled bilinearly (pixel centres aligned, as
    ``align_corners=False``).
    """

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Signed maps in units of the logit."""
        head = remembered(cam_head, model)
        if head is None:
            raise InputError(str(self.refusal(model)))
        kept = _raw_features(model, head.layer, pictures.batch, _engine(model, head.layer))
        coarse = _combined(head, kept.float(), pictures.weights)
        reasons = ["" if spread > 0 else "the class activation map is the same everywhere"
                   for spread in np.ptp(coarse.flatten(1).cpu().numpy(), axis=1)]  # fmt: skip
        return Explanation(undefined(upsampled(coarse, model.input.size), reasons), reasons)

    def forwards(self, model: Model) -> int:
        """One."""
        return 1

    def refusal(self, model: Model) -> str | None:
        """CAM needs global average pooling and one linear layer."""
        if remembered(cam_head, model) is None:
            return (
                "CAM needs a network that ends in global average pooling and one linear layer; "
                "use grad_cam, which equals CAM there and works on others too"
            )
        return None


class GradCAMOptions(Options):
    """Options of Grad-CAM."""

    relu: bool = Field(True, description="keep positive evidence only, as the paper does; false: the signed map")
    layer: str | None = Field(None, description="name of the module to read; the last spatial one by default")
    on: Quantity = Field("logits", description="which output is differentiated; the paper: logits")


@register("grad_cam")
class GradCAM(Certain):
    """Gradient-weighted class activation mapping (Selvaraju et al. 2017, eq. 1-2).

    Feature maps are weighted by the spatial mean of the gradient of the output. Upsampled bilinearly. Of a vision
    transformer, the patches before the last block's attention are the feature map.
    """

    Options = GradCAMOptions

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Maps in units of output per position, non-negative unless ``relu`` is false."""
        features, gradients = self._gradients(model, pictures)
        features, gradients = (channels_first(model, part) for part in (features, gradients))
        coarse = torch.einsum("nc,nchw->nhw", gradients.mean((2, 3)), features)
        coarse = coarse.clamp(min=0) if self.options.relu else coarse
        flat = gradients.flatten(1).abs().amax(1).cpu().numpy() == 0
        reasons = ["the gradient is zero everywhere" if zero else "" for zero in flat]
        return Explanation(undefined(upsampled(coarse, model.input.size), reasons), reasons)

    def _gradients(self, model: Model, pictures: Pictures) -> tuple[torch.Tensor, torch.Tensor]:
        leaf: list[torch.Tensor] = []

        def cut(module: nn.Module, args: object, out: object) -> torch.Tensor:
            # The graph begins here, so that nothing below the layer is kept or differentiated.
            leaf[:] = [_map_of(layer, model, out).detach().requires_grad_()]
            torch.set_grad_enabled(True)
            return leaf[0].clone()

        layer = last_layer(model, self.options.layer)
        module = _engine(model, layer)
        handle = module.get_submodule(layer).register_forward_hook(cut)
        try:
            with torch.no_grad():
                out = convert(model, module(channels_last_in_memory(pictures.batch)), self.options.on)
                if not leaf:
                    raise InputError(f"layer {layer!r} is never run", where="explainer 'grad_cam'")
                total = (out * pictures.weights).sum()
                gradient = torch.autograd.grad(total, leaf[0], allow_unused=True)[0] if total.requires_grad else None
        finally:
            handle.remove()
        features = leaf[0].detach()
        return features.float(), torch.zeros_like(features) if gradient is None else gradient.float()

    def forwards(self, model: Model) -> int:
        """One, and the backward pass through the layers after the feature maps, which is much less than another."""
        return 2

    def refusal(self, model: Model) -> str | None:
        """Grad-CAM needs a spatial feature map, and logits unless told otherwise."""
        if why := lacks_logits(model, self.options.on):
            return why
        return layer_refusal(model, self.options.layer)


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
        raise InputError(f"there is no layer {layer!r}", where=f"model {model.name!r}",
                         mend=nearest(layer, known)) from None  # fmt: skip


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
    """Why there is no such layer, or no spatial one, or None."""
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
    return channels_first(model, _raw_features(model, layer, batch, _engine(model, layer)).float())


def _raw_features(model: Model, layer: str, batch: torch.Tensor, module: nn.Module) -> torch.Tensor:
    kept: list[torch.Tensor] = []
    # Cloned, because what follows may work in place.
    hook = module.get_submodule(layer).register_forward_hook(
        lambda m, a, out: kept.append(_map_of(layer, model, out).clone())
    )
    try:
        with torch.no_grad():
            module(channels_last_in_memory(batch))
    finally:
        hook.remove()
    if not kept:
        raise InputError(f"layer {layer!r} is never run", where=f"model {model.name!r}")
    return kept[-1]


def _map_of(layer: str, model: Model, out: object) -> torch.Tensor:
    if not isinstance(out, torch.Tensor) or out.ndim not in (3, 4):
        raise InputError(f"layer {layer!r} gives no feature map (n, c, h, w)", where=f"model {model.name!r}")
    return out


def _engine(model: Model, layer: str) -> nn.Module:
    """The network, or its folded copy if the layer gives the same there."""
    submodule(model, layer)
    return model.engine.network if remembered(_same_there, model, layer) else model.module


def _same_there(model: Model, layer: str) -> bool:
    """Whether the layer gives the same in the folded copy; a convolution before a batch norm does not."""
    told, found = (
        _raw_features(model, layer, random_batch(model), module) for module in (model.module, model.engine.network)
    )
    return bool((told - found).abs().max() <= _ROUNDING * told.abs().max())


def _combined(head: CamHead, features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Maps ``(n, h, w)`` of the weighted classes, without making those of all classes."""
    features = features.permute(0, 3, 1, 2) if head.channels_last else features
    features = features.clamp(min=0) if head.relu else features
    return torch.einsum("nc,nchw->nhw", weights @ head.weight.to(features), features)


T = TypeVar("T")

_ROUNDING = 1e-4


def remembered(question: Callable[..., T], model: Model, *about: str) -> T:
    """The answer to a question that takes a few forward passes, remembered until its weights or hooks change."""

    def asked() -> T:
        with untouched(model.module):
            return question(model, *about)

    return model.engine.remembered((question.__name__, *about), asked)
