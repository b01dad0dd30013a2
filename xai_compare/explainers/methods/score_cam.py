"""Score-CAM (Wang et al. 2020): feature maps weighted by the output for the picture that each of them masks."""

from __future__ import annotations

import torch
from pydantic import Field
from torch.nn import functional

from xai_compare.explainers.base import Batch
from xai_compare.explainers.batched_forward import BatchedForward, black_input
from xai_compare.explainers.feature_maps import ActivationMap, LayerOptions, features_of, last_layer
from xai_compare.explainers.registry import register
from xai_compare.models import Model, Precision


class ScoreCAMOptions(LayerOptions):
    """Options of Score-CAM."""

    precision: Precision = Field("fp32", description="bf16 runs the network in bfloat16")


@register("score_cam")
class ScoreCAM(ActivationMap):
    """Feature maps, each weighted by the softmax over channels of the output under it as a mask (algorithm 1).

    A feature map, upsampled and then scaled to [0, 1], multiplies the picture's difference from black; its score is the
    explained probability (or difference of two). Constant feature maps get no weight. Maps are in units of the
    features, non-negative unless ``relu`` is false.
    """

    Options = ScoreCAMOptions

    def combine(self, model: Model, batch: Batch) -> tuple[torch.Tensor, list[str]]:
        """Picture by picture, for each is shown under as many masks as the layer has channels."""
        features = features_of(model, last_layer(model, self.options.layer), batch.inputs)
        black = black_input(model)[0]
        run = BatchedForward(model, "probabilities", self.options.precision)
        coarse, reasons = [], []
        for picture, maps, weights in zip(batch.inputs, features, batch.weights, strict=True):
            live = maps.amax((1, 2)) > maps.amin((1, 2))
            if not live.any():
                coarse.append(torch.zeros_like(maps[0]))
                reasons.append("every feature map is constant")
                continue

            def masked(chunk: torch.Tensor, picture: torch.Tensor = picture) -> torch.Tensor:
                fine = functional.interpolate(chunk[:, None], model.input.size, mode="bilinear", align_corners=False)
                low, high = fine.amin((2, 3), keepdim=True), fine.amax((2, 3), keepdim=True)
                return black + (fine - low) / (high - low).clamp(min=torch.finfo(fine.dtype).tiny) * (picture - black)

            out = run.perturbed(masked, maps[live]) @ weights
            coarse.append(torch.einsum("c,chw->hw", out.softmax(0), maps[live]))
            reasons.append("the output is the same whatever is hidden" if bool(out.max() == out.min()) else "")
        return torch.stack(coarse), reasons

    def forwards(self, model: Model) -> int:
        """One and as many as the layer has channels."""
        return 1 + int(features_of(model, last_layer(model, self.options.layer), black_input(model)).shape[1])
