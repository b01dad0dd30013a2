"""Networks that EMERT is compared with, one in each file, from their papers and on one set of encoders.

They are small versions of the rows of Liu et al. (2024), Tables II to V: the same encoders, width and heads for all, so
that only the way in which modalities are fused differs. Rows of the paper that are not here are cited alone (see
`xai_compare.emotion.published`). A file in this folder that registers a `Baseline` adds a setting.
"""

from __future__ import annotations

from xai_compare.emotion.baselines.base import Baseline
from xai_compare.registry import Registry

BASELINES: Registry[type[Baseline]] = Registry(
    "fusion network",
    "xai_compare.fusion_networks",
    ("xai_compare.emotion.baselines.*",),
    check=lambda thing: "" if isinstance(thing, type) and issubclass(thing, Baseline) else "is not a Baseline",
)
"""By name: ``late_fusion``, ``lmf``, ``mult``, ``resnet_lstm``, ``resnet_transformer``."""

__all__ = ["BASELINES", "Baseline"]
