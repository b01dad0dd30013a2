"""Class activation mapping (Zhou et al. 2016)."""

from __future__ import annotations

import numpy as np
import torch

from xai_compare.errors import InputError
from xai_compare.explainers.base import Batch, Options
from xai_compare.explainers.feature_maps import ActivationMap, cached_for, network_for, raw_features
from xai_compare.explainers.registry import register
from xai_compare.models import Model, cam_head


@register("cam")
class CAM(ActivationMap):
    """Class activation mapping (Zhou et al. 2016, eq. 2): the head's weights times the last feature maps.

    The map is signed, in units of the logit, and its mean is the logit less the bias. Upsampled bilinearly (pixel
    centres aligned, as ``align_corners=False``).
    """

    Options = Options

    def combine(self, model: Model, batch: Batch) -> tuple[torch.Tensor, list[str]]:
        """The weighted classes' map alone, without making those of all classes."""
        head = cached_for(cam_head, model)
        if head is None:
            raise InputError(str(self.refusal(model)))
        features = raw_features(model, head.layer, batch.inputs, network_for(model, head.layer)).float()
        features = features.permute(0, 3, 1, 2) if head.channels_last else features
        features = features.clamp(min=0) if head.relu else features
        coarse = torch.einsum("nc,nchw->nhw", batch.weights @ head.weight.to(features), features)
        spreads = np.ptp(coarse.flatten(1).cpu().numpy(), axis=1)
        return coarse, ["" if spread > 0 else "the class activation map is the same everywhere" for spread in spreads]

    def refusal(self, model: Model) -> str | None:
        """CAM needs global average pooling and one linear layer."""
        if cached_for(cam_head, model) is None:
            return (
                "CAM needs a network that ends in global average pooling and one linear layer; "
                "use grad_cam, which equals CAM there and works on others too"
            )
        return None
