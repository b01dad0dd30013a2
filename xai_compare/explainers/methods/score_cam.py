"""Score-CAM (Wang et al. 2020): feature maps weighted by what the network says where they are large."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from xai_compare.explainers.base import Explanation, Options, Pictures, undefined
from xai_compare.explainers.class_activation import Certain, features_of, last_layer, layer_refusal, upsampled
from xai_compare.explainers.forwarding import Forward
from xai_compare.explainers.registry import register
from xai_compare.models import Model, Precision


class ScoreCAMOptions(Options):
    """Options of Score-CAM."""

    relu: bool = Field(True, description="keep positive evidence only, as the paper does; false: the signed map")
    layer: str | None = Field(None, description="name of the module to read; the last spatial one by default")
    precision: Precision = Field("fp32", description="bf16 runs the network in bfloat16")


@register("score_cam")
class ScoreCAM(Certain):
    """Feature maps, each weighted by the softmax over channels of the output under it as a mask (algorithm 1).

    A feature map, upsampled and then scaled to [0, 1], multiplies the picture's difference from black; its score is the
    explained probability (or difference of two). Constant feature maps get no weight.
    """

    Options = ScoreCAMOptions

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Maps in units of the features, non-negative unless ``relu`` is false."""
        features = features_of(model, last_layer(model, self.options.layer), pictures.batch)
        black = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))[0]
        run = Forward(model, "probabilities", self.options.precision)
        coarse, reasons = [], []
        for picture, maps, weights in zip(pictures.batch, features, pictures.weights, strict=True):
            live = maps.amax((1, 2)) > maps.amin((1, 2))
            reasons.append("" if live.any() else "every feature map is constant")
            if not live.any():
                coarse.append(torch.zeros_like(maps[0]))
                continue

            def masked(some: torch.Tensor, picture: torch.Tensor = picture) -> torch.Tensor:
                fine = functional.interpolate(some[:, None], model.input.size, mode="bilinear", align_corners=False)
                low, high = fine.amin((2, 3), keepdim=True), fine.amax((2, 3), keepdim=True)
                return black + (fine - low) / (high - low).clamp(min=torch.finfo(fine.dtype).tiny) * (picture - black)

            out = run.made(masked, maps[live]) @ weights
            if bool(out.max() == out.min()):
                reasons[-1] = "the output is the same whatever is hidden"
            coarse.append(torch.einsum("c,chw->hw", out.softmax(0), maps[live]))
        stacked = torch.stack(coarse)
        stacked = stacked.clamp(min=0) if self.options.relu else stacked
        return Explanation(undefined(upsampled(stacked, model.input.size), reasons), reasons)

    def forwards(self, model: Model) -> int:
        """One and as many as the layer has channels."""
        picture = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))
        return 1 + int(features_of(model, last_layer(model, self.options.layer), picture).shape[1])

    def refusal(self, model: Model) -> str | None:
        """Score-CAM needs a spatial feature map."""
        return layer_refusal(model, self.options.layer)
