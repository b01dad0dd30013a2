"""Many forward passes of one network, batch by batch: what the perturbation explainers share."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
import torch

from xai_compare.explainers.model_outputs import Quantity, convert
from xai_compare.models import Model, Precision
from xai_compare.models.engine import ResolvedPrecision, unchanged

log = logging.getLogger(__name__)

LARGE = 1e7
"""Operations a picture from which ``auto`` thinks of bfloat16; smaller networks gain nothing."""
TRIAL = 8
ROUGH = 0.1
"""Largest rounding error of bfloat16, as a fraction of the outputs' spread over perturbed pictures, that ``auto``
accepts: it adds a hundredth to the variance from which explanations are estimated."""

Make = Callable[[torch.Tensor], torch.Tensor]


def black_input(model: Model) -> torch.Tensor:
    """A black picture as the network takes it, ``(1, c, h, w)``."""
    return model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))


class BatchedForward:
    """A network's outputs for any number of perturbed pictures, by its engine (`xai_compare.models.engine`).

    Args:
        model: the network.
        quantity: what is wanted of it.
        precision: ``bf16`` runs the network in bfloat16, outputs are float32; ``auto`` does where the device
            computes in it, the network is large, and the first pictures show that its rounding hardly matters.
    """

    def __init__(self, model: Model, quantity: Quantity, precision: Precision = "fp32") -> None:
        self.model, self.quantity = model, quantity
        settled = model.engine.resolve_precision(precision, LARGE)
        self.precision: Precision = "auto" if precision == "auto" and settled == "bf16" else settled

    def perturbed(self, make: Make, recipes: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, classes)`` of the pictures that ``make`` makes of ``recipes`` ``(n, ...)``, batch by batch.

        A recipe is small (a mask, a number), so that pictures are made only as many at a time as fit a batch.
        """
        precision = self._tried(make, recipes[:TRIAL]) if self.precision == "auto" else self.precision
        self.precision = precision
        return convert(self.model, self.model.engine.outputs(recipes, make, precision), self.quantity)

    def of(self, pictures: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, classes)`` of prepared pictures."""
        return self.perturbed(unchanged, pictures)

    def _tried(self, make: Make, recipes: torch.Tensor) -> ResolvedPrecision:
        """``bf16`` if its outputs for a few pictures are near enough those of ``fp32``."""
        engine = self.model.engine
        exact = convert(self.model, engine.outputs(recipes, make, "fp32"), self.quantity)
        rough = convert(self.model, engine.outputs(recipes, make, "bf16"), self.quantity)
        error, spread = (rough - exact).square().mean().sqrt(), exact.var(0).mean().sqrt()
        log.debug("%s: bfloat16 errs by %.4f of the outputs' spread", self.model.name, float(error / spread))
        return "bf16" if bool(torch.isfinite(error)) and error <= ROUGH * spread else "fp32"
