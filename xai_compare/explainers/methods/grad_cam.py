"""Grad-CAM (Selvaraju et al. 2017)."""

from __future__ import annotations

import torch
from pydantic import Field
from torch import nn

from xai_compare.errors import InputError
from xai_compare.explainers.base import Explanation, Options, Pictures, undefined
from xai_compare.explainers.class_activation import (
    Certain,
    channels_first,
    channels_last_in_memory,
    last_layer,
    layer_refusal,
    map_of,
    network_for,
    upsampled,
)
from xai_compare.explainers.probing import Quantity, convert, lacks_logits
from xai_compare.explainers.registry import register
from xai_compare.models import Model


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
            leaf[:] = [map_of(layer, model, out).detach().requires_grad_()]
            torch.set_grad_enabled(True)
            return leaf[0].clone()

        layer = last_layer(model, self.options.layer)
        module = network_for(model, layer)
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
