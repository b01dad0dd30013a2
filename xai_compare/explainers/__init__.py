"""Where in a picture a network's output comes from: one small interface, and a register of explainers.

>>> "lime" in names()
True
"""

from xai_compare.explainers.base import Explainer, Explanation, Options, Pictures
from xai_compare.explainers.registry import FAMILIES, REGISTRY, create, family, names, register

__all__ = [
    "FAMILIES",
    "REGISTRY",
    "Explainer",
    "Explanation",
    "Options",
    "Pictures",
    "create",
    "family",
    "names",
    "register",
]
