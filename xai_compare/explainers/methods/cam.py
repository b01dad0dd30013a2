"""Class activation mapping (Zhou et al. 2016)."""

from __future__ import annotations

import numpy as np
import torch

from xai_compare.errors import InputError
from xai_compare.explainers.base import Explanation, Pictures, undefined
from xai_compare.explainers.class_activation import Certain, network_for, raw_features, remembered, upsampled
from xai_compare.explainers.registry import register
from xai_compare.models import CamHead, Model, cam_head


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
        kept = raw_features(model, head.layer, pictures.batch, network_for(model, head.layer))
        coarse = _combined(head, kept.float(), pictures.weights)
        reasons = [
            "" if spread > 0 else "the class activation map is the same everywhere"
            for spread in np.ptp(coarse.flatten(1).cpu().numpy(), axis=1)
        ]
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


def _combined(head: CamHead, features: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Maps ``(n, h, w)`` of the weighted classes, without making those of all classes."""
    features = features.permute(0, 3, 1, 2) if head.channels_last else features
    features = features.clamp(min=0) if head.relu else features
    return torch.einsum("nc,nchw->nhw", weights @ head.weight.to(features), features)
