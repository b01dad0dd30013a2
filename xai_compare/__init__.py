"""When a network reads a facial expression, does it look where people look?

The rooms of the package follow the pipeline; each is imported when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_ROOMS = (
    "comparison", "ekman", "emotion", "explainers", "expressions", "faces", "heatmaps", "human", "images", "models",
    "report", "runs", "synthetic",
)  # fmt: skip
_NAMES = {"Study": "xai_compare.study", "Run": "xai_compare.runs", "run": "xai_compare.runs"}

__all__ = ["Run", "Study", "__version__", "comparison", "ekman", "emotion", "explainers", "expressions", "faces", "heatmaps",
           "human", "images", "models", "report", "run", "runs", "synthetic"]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"xai_compare.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'xai_compare' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
