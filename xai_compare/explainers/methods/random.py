"""A control: random maps that ignore the network."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.registry import register
from xai_compare.models import Model


class RandomOptions(Options):
    """Options of the random map."""

    cells: int = Field(8, ge=1, description="random values along each side; they are joined bilinearly")
    seed: int = Field(0, ge=0, lt=2**63)


@register("random")
class RandomMap(Explainer):
    """Uniform noise on a coarse grid, upsampled: as smooth as a CAM, and independent of the network."""

    Options = RandomOptions
    control = True

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Maps in [0, 1] that depend on the picture's content and the seed only."""
        cells = self.options.cells
        noise = np.stack([np.random.default_rng(seed).random((cells, cells)) for seed in batch.seeds])
        maps = functional.interpolate(torch.from_numpy(noise[:, None]), model.input.size, mode="bilinear")
        return Explanation(maps[:, 0].float().numpy())

    def forwards(self, model: Model) -> int:
        """None."""
        return 0
