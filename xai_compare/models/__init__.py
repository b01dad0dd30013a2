"""Networks, wherever they come from, behind one interface."""

from xai_compare.models.layers import CamHead, cam_head, feature_layer
from xai_compare.models.model import InputSpec, Model

__all__ = ["CamHead", "InputSpec", "Model", "cam_head", "feature_layer"]
