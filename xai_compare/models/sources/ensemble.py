"""Binary networks for all pairs of classes, as training writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("ensemble")
class Ensemble:
    """``ensemble: FOLDER``, the ``pairs`` of a fold, and ``vote: simple`` or ``weighted``.

    Architecture, classes and input come from the cards beside the weights. ``network`` names the architecture where
    the cards name code of one's own, which only the study may ask to run.
    """

    KEYS = ("vote", "network")
    PATHS = ("ensemble",)

    @staticmethod
    def build(request: Request) -> Model:
        """The ensemble."""
        from xai_compare.models.ensembles import from_folder

        return from_folder(request)
