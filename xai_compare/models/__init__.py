"""Networks, wherever they come from, behind one interface."""

from xai_compare.models.engine import Engine, Precision
from xai_compare.models.layers import CamHead, cam_head, feature_layer
from xai_compare.models.loading import load, torch_device
from xai_compare.models.model import InputSpec, Model
from xai_compare.models.provenance import describe

__all__ = [
    "CamHead",
    "Engine",
    "InputSpec",
    "Model",
    "Precision",
    "cam_head",
    "describe",
    "feature_layer",
    "load",
    "torch_device",
]
