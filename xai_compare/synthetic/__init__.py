"""Simulated faces whose answers are known, and the networks and study that come with the package."""

from __future__ import annotations

from xai_compare.synthetic.anatomy import ACTION_UNITS
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.render import RenderedFace, render

__all__ = ["ACTION_UNITS", "Identity", "RenderedFace", "render"]
