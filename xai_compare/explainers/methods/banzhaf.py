"""Banzhaf values of superpixels, parts of the face or action units (Banzhaf 1965; Wang & Jia 2023)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from xai_compare.explainers.mask_designs import code_masks, different, size_masks
from xai_compare.explainers.methods.shapley import Law, Shapley
from xai_compare.explainers.registry import register


@register("banzhaf")
class Banzhaf(Shapley):
    """Each player's mean effect on the explained probability, the others shown or hidden by the toss of a coin.

    The masks are LIME's, words of a linear code; everything else is as for ``shapley``, with the same extras.
    """

    law: ClassVar[Law] = "half"
    main: ClassVar[str] = "banzhaf"

    def masks(self, players: int, seed: int) -> np.ndarray:
        """See `Shapley.masks`."""
        n = self.options.n_samples
        if players < 31 and n >= 2**players:
            return size_masks(players, n, seed)
        return different(code_masks(players, n, seed))
