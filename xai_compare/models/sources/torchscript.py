"""Networks saved by ``torch.jit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("torchscript")
class TorchScript:
    """``torchscript: FILE``, with ``output``; input and classes are not in the file.

    What happens inside a script cannot be watched, so CAM, Grad-CAM and rollout refuse it. Gradients reach its input.
    """

    KEYS = ("output",)
    PATHS = ("torchscript",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see `xai_compare.models.exported`."""
        from xai_compare.models.exported import from_script

        return from_script(request)
