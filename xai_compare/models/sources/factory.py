"""A network made by the user's own Python function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("factory")
class Factory:
    """``factory: "file:function"`` with ``options`` and more; see `xai_compare.models.python_factory.build`."""

    KEYS = ("weights", "seed", "options", "output", "folder")
    PATHS = ("folder", "weights")
    DEFAULTS: Mapping[str, str] = {"folder": "."}
    RUNS_CODE = True

    @staticmethod
    def build(request: Request) -> Model:
        """What the function returns."""
        from xai_compare.models.python_factory import build

        return build(request)
