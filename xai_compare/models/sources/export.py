"""Networks saved by ``torch.export``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("export")
class Export:
    """``export: FILE.pt2``, with ``output``; size and channels come from the file."""

    KEYS = ("output",)
    PATHS = ("export",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see `xai_compare.models.exported`."""
        from xai_compare.models.exported import from_export

        return from_export(request)
