"""RISE (Petsiuk et al. 2018): random smooth masks, weighted by the network's output under each."""

from __future__ import annotations

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.batched_forward import BatchedForward, black_input
from xai_compare.explainers.registry import register
from xai_compare.models import Model, Precision


class RISEOptions(Options):
    """Options of RISE; the defaults are the paper's for networks of 224 pixels, with fewer masks."""

    n_samples: int = Field(2000, ge=10, description="masked pictures shown to the network")
    cells: int = Field(7, ge=1, le=64, description="cells of the coarse mask along each side")
    probability: float = Field(0.5, gt=0, lt=1, description="that a cell is left visible")
    precision: Precision = Field("fp32", description="bf16 runs the network in bfloat16")
    seed: int = Field(0, ge=0, lt=2**63)


@register("rise")
class RISE(Explainer):
    """Difference of the mean output when a place is visible from the mean output overall, per unit of visibility.

    The paper's map (eq. 6) less a constant: the mean output is taken off before masks are weighted, which removes the
    uneven coverage of a finite number of masks. Hidden is black. Extra: ``standard_error`` float32 ``(n, H, W)``.
    """

    Options = RISEOptions

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Signed maps in units of probability."""
        maps, errors, reasons = [], [], []
        for i, seed in enumerate(batch.seeds):
            mean, error, constant = self._one(model, batch, i, seed)
            maps.append(mean)
            errors.append(error)
            reasons.append("the output is the same whatever is hidden" if constant else "")
        return Explanation(np.stack(maps), reasons, {"standard_error": np.stack(errors)})

    def _one(self, model: Model, batch: Batch, i: int, seed: int) -> tuple[np.ndarray, np.ndarray, bool]:
        options, size, picture = self.options, model.input.size, batch.inputs[i]
        black = black_input(model)[0]
        rng = np.random.default_rng(seed)
        cells = rng.random((options.n_samples, options.cells + 1, options.cells + 1)) < options.probability
        shifts = rng.random((options.n_samples, 2))
        coarse = torch.from_numpy(np.concatenate([cells.reshape(len(cells), -1), shifts], 1)).float().to(picture.device)

        def masks(recipes: torch.Tensor) -> torch.Tensor:
            return smooth(recipes[:, :-2].reshape(-1, 1, options.cells + 1, options.cells + 1), recipes[:, -2:], size)

        run = BatchedForward(model, "probabilities", options.precision)
        out = run.perturbed(lambda recipes: black + masks(recipes) * (picture - black), coarse) @ batch.weights[i]
        centred = out - out.mean()
        total, square = torch.zeros(2, *size, device=picture.device)
        for recipes, weight in zip(coarse.split(256), centred.split(256), strict=True):
            term = (masks(recipes)[:, 0] - options.probability) * weight[:, None, None]
            total += term.sum(0)
            square += term.square().sum(0)
        n, scale = options.n_samples, options.probability * (1 - options.probability)
        error = (square / n - (total / n).square()).clamp(min=0).sqrt() / (scale * n**0.5)
        return (total / (n * scale)).cpu().numpy(), error.cpu().numpy(), bool(out.max() == out.min())

    def chunk(self, model: Model) -> int:
        """Few, so that memory does not grow with the number of pictures."""
        return 8

    def forwards(self, model: Model) -> int:
        """The number of samples."""
        return int(self.options.n_samples)


def smooth(cells: torch.Tensor, shifts: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Masks ``(n, 1, h, w)`` in [0, 1]: coarse cells upsampled bilinearly, shifted by up to a cell (section 3.2)."""
    steps = cells.shape[-1] - 1
    place = [torch.arange(side, device=cells.device, dtype=torch.float32) / side * steps for side in size]
    rows = place[0][None] + shifts[:, :1]
    columns = place[1][None] + shifts[:, 1:]
    grid = torch.stack(torch.broadcast_tensors(columns[:, None, :], rows[:, :, None]), -1)
    return functional.grid_sample(cells, grid * (2 / steps) - 1, align_corners=True, padding_mode="border")
