"""Where in a picture a network's output comes from: one small interface, and a register of explainers.

>>> "lime" in names()
True
"""

from xai_compare.explainers.base import Explainer, Explanation, Options, Pictures
from xai_compare.explainers.registry import create, family, names, register

# isort: split
from xai_compare.explainers import (
    captum_methods,
    class_activation,
    extremal,
    lime,
    random_map,
    rise,
    rollout,
    score_cam,
)

__all__ = ["Explainer", "Explanation", "Options", "Pictures", "create", "family", "names", "register"]

del captum_methods, class_activation, extremal, lime, random_map, rise, rollout, score_cam
