"""ONNX networks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("onnx")
class Onnx:
    """``onnx: FILE``, with ``output``; size and channels come from the file where they are fixed there.

    The network is converted to torch layers, so that it has gradients, and compared with onnxruntime on noise.
    """

    KEYS = ("output",)
    PATHS = ("onnx",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see `xai_compare.models.onnx_file`."""
        from xai_compare.models.onnx_file import build

        return build(request)
