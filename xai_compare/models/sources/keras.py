"""Keras networks from ``.h5``, ``.hdf5`` or ``.keras`` files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("keras")
class Keras:
    """``keras: FILE``, with ``engine``; see `xai_compare.models.keras_file.build`."""

    KEYS = ("engine",)
    PATHS = ("keras",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network as torch layers, or as Keras' own operations."""
        from xai_compare.models.keras_file import build

        return build(request)
