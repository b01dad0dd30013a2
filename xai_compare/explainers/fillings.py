"""What is seen where a part of the picture is hidden."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import torch

    from xai_compare.explainers.base import Batch
    from xai_compare.models import Model

Filling = Literal["black", "blur", "noise", "mean_face"]
BLUR = 0.1
"""Deviation of the blur in picture heights: eyes and mouth of a face that fills the picture are gone."""


def filled(filling: Filling, model: Model, batch: Batch, i: int, landmarks: np.ndarray | None = None) -> torch.Tensor:
    """What picture ``i`` of a batch is hidden by, prepared, ``(c, h, w)``.

    Black; the picture blurred; noise, each channel of each pixel uniform and drawn from the picture's seed; or the mean
    neutral face (simulated) warped onto ``landmarks`` ``(68, 2)``, with the picture's own mean and spread of colours.
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
    if filling == "mean_face":
        if landmarks is None:
            raise ValueError("the mean face is warped onto landmarks")
        return model.prepare(_neutral(batch.images[i], landmarks)[None])[0]
    picture = batch.inputs[i : i + 1]
    deviation = BLUR * height
    # Divided by the blurred mask of the picture, or its border would fade into the zeros around it.
    return (blurred(picture, deviation) / blurred(torch.ones_like(picture), deviation))[0]


def _neutral(image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """The mean face on the landmarks of a uint8 ``(h, w, 3)`` picture, as dark and as rich in contrast."""
    from xai_compare.faces.warp import inverse_warp

    mean = _mean_face().reshape(-1, 3)[inverse_warp(landmarks[None], image.shape[:2])[0]]
    spread, own = mean.std((0, 1)), image.std((0, 1))
    fitted = (mean - mean.mean((0, 1))) * own / np.maximum(spread, 1e-9) + image.mean((0, 1))
    return fitted.round().clip(0, 255).astype(np.uint8)


@cache
def _mean_face() -> np.ndarray:
    """The mean of 200 simulated neutral faces on the standard face, float64 ``(275, 224, 3)``."""
    from PIL import Image

    from xai_compare import faces

    return np.asarray(Image.open(Path(faces.__file__).parent / "mean_face.png"), np.float64)
