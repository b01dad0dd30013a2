"""Networks that EMERT is setting_difference with, one in each file, from their papers and on one set of encoders.

They are small versions of the rows of Liu et al. (2024), Tables II to V: the same encoders, width and heads for all, so
that what differs is how modalities are fused. The rows of the paper that are not here are only cited (see
`xai_compare.emotion.published`).
"""

from __future__ import annotations

from xai_compare.emotion.baselines.encoders import Baseline
from xai_compare.registry import Registry

BASELINES: Registry[type[Baseline]] = Registry(
    "fusion network",
    "xai_compare.fusion_networks",
    tuple(f"xai_compare.emotion.baselines.{name}" for name in ("late_fusion", "lstm", "transformer", "mult", "lmf")),
    check=lambda thing: "" if isinstance(thing, type) and issubclass(thing, Baseline) else "is not a Baseline",
)
"""By name: ``late_fusion``, ``resnet_lstm``, ``resnet_transformer``, ``mult``, ``lmf``."""

__all__ = ["BASELINES", "Baseline"]
