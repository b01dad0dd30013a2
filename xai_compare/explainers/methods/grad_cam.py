"""Grad-CAM (Selvaraju et al. 2017)."""

from __future__ import annotations

import torch
from pydantic import Field

from xai_compare.explainers.base import Batch
from xai_compare.explainers.feature_maps import ActivationMap, LayerOptions, features_and_gradients, last_layer
from xai_compare.explainers.model_outputs import Quantity, logits_refusal
from xai_compare.explainers.registry import register
from xai_compare.models import Model


class GradCAMOptions(LayerOptions):
    """Options of Grad-CAM."""

    on: Quantity = Field("logits", description="which output is differentiated; the paper: logits")


@register("grad_cam")
class GradCAM(ActivationMap):
    """Gradient-weighted class activation mapping (Selvaraju et al. 2017, eq. 1-2).

    Feature maps are weighted by the spatial mean of the gradient of the output. Upsampled bilinearly. Of a vision
    transformer, the patches before the last block's attention are the feature map. Maps are in units of output per
    position, non-negative unless ``relu`` is false.
    """

    Options = GradCAMOptions

    def combine(self, model: Model, batch: Batch) -> tuple[torch.Tensor, list[str]]:
        """Equation 1 (the weights) and the sum of equation 2."""
        layer = last_layer(model, self.options.layer)
        features, gradients = features_and_gradients(model, layer, batch, self.options.on)
        coarse = torch.einsum("nc,nchw->nhw", gradients.mean((2, 3)), features)
        flat = gradients.flatten(1).abs().amax(1).cpu().numpy() == 0
        return coarse, ["the gradient is zero everywhere" if zero else "" for zero in flat]

    def forwards(self, model: Model) -> int:
        """One, and the backward pass through the layers after the feature maps, which is much less than another."""
        return 2

    def refusal(self, model: Model) -> str | None:
        """Grad-CAM needs a spatial feature map, and logits unless told otherwise."""
        return logits_refusal(model, self.options.on) or super().refusal(model)
