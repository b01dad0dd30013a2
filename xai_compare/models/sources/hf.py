"""Image classifiers of Hugging Face's transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("hf")
class HuggingFace:
    """``hf: NAME`` on the hub, or a local folder; classes, size, range, mean and std come from its configuration.

    Weights are read from safetensors, or from torch files without unpickling; no code of a repository is run.
    """

    KEYS = ("revision",)
    PATHS = ("hf",)
    NAMES = ("hf",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see `xai_compare.models.hub`."""
        from xai_compare.models.hub import build

        return build(request)
