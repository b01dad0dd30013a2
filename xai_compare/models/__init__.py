"""Networks, wherever they come from, behind one interface; torch is imported when something here is first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xai_compare.models.engine import Engine, Precision
    from xai_compare.models.layers import CamHead, cam_head, feature_layer
    from xai_compare.models.loading import load, permit, torch_device
    from xai_compare.models.model import InputSpec, Model
    from xai_compare.models.provenance import describe

_PLACES = {
    "CamHead": "layers",
    "Engine": "engine",
    "InputSpec": "model",
    "Model": "model",
    "Precision": "engine",
    "cam_head": "layers",
    "describe": "provenance",
    "feature_layer": "layers",
    "load": "loading",
    "permit": "loading",
    "torch_device": "loading",
}

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
    "permit",
    "torch_device",
]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'xai_compare.models' has no attribute {name!r}")
    return getattr(importlib.import_module(f"xai_compare.models.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
