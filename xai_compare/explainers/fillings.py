"""What is seen where a part of the picture is hidden."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import torch

    from xai_compare.explainers.base import Batch
    from xai_compare.models import Model

Filling = Literal["black", "blur", "noise"]
BLUR = 0.1
"""Deviation of the blur in picture heights: eyes and mouth of a face that fills the picture are gone."""


def filled(filling: Filling, model: Model, batch: Batch, i: int) -> torch.Tensor:
    """What picture ``i`` of a batch is hidden by, prepared, ``(c, h, w)``.

    Black; the picture blurred; or noise, each channel of each pixel uniform and drawn from the picture's seed.
    """
    # Here, for the options of a study name fillings without torch.
    import torch

    from xai_compare.explainers.batched_forward import black_input
    from xai_compare.explainers.perturbation import blurred

    if filling == "black":
        return black_input(model)[0]
    height, width = model.input.size
    if filling == "noise":
        drawn = np.random.default_rng(batch.seeds[i] + 1).integers(0, 256, (1, height, width, 3), dtype=np.uint8)
        return model.prepare(drawn)[0]
    picture = batch.inputs[i : i + 1]
    deviation = BLUR * height
    # Divided by the blurred mask of the picture, or its border would fade into the zeros around it.
    return (blurred(picture, deviation) / blurred(torch.ones_like(picture), deviation))[0]
