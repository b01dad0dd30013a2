"""Extremal perturbations (Fong et al. 2019): the small region that, kept or removed, changes the output most."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
import torch
from pydantic import Field, field_validator, model_validator
from torch import nn

from xai_compare.errors import InputError
from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.extremal_area_choice import smallest
from xai_compare.explainers.extremal_search import (
    REWARDS,
    Problem,
    Reward,
    SearchResult,
    Variant,
    best_of_starts,
    evaluated,
    initial_parameters,
    search,
)
from xai_compare.explainers.model_outputs import Quantity, convert, logits_refusal, outputs
from xai_compare.explainers.perturbation import Kind, Pyramid
from xai_compare.explainers.registry import register
from xai_compare.explainers.smooth_masks import SmoothMasks
from xai_compare.explainers.targets import single_class
from xai_compare.models import Model, Precision
from xai_compare.models.engine import ResolvedPrecision

PAPER_SIZE = 224
FAST_STEPS, REFERENCE_STEPS = 120, 800
LARGE = 1e8
"""Operations a picture from which ``precision: auto`` searches in bfloat16; smaller networks gain little."""


class ExtremalOptions(Options):
    """Options of extremal perturbations; the defaults are torchray's, lengths scaled to the input size."""

    areas: tuple[float, ...] = Field((0.1,), description="areas of the masks, as fractions of their domain")
    select: Literal["mean", "smallest"] = Field(
        "mean", description="the mean of all areas' masks, or the mask of the smallest area that reaches the share"
    )
    share: float = Field(0.9, gt=0, le=1, description="select smallest: of the fall from full to empty masks")
    variant: Variant = Field("preserve", description="keep the region, delete it, or both at once")
    reward: Reward = Field("simple", description="the output, or the output less the largest other one")
    on: Quantity = Field("logits", description="which output is rewarded")
    perturbation: Kind = Field("blur", description="what is done outside the mask")
    levels: int = Field(8, ge=2, le=64, description="strengths of perturbation between which is interpolated")
    max_blur: float = Field(20.0, gt=0, description="deviation of the strongest blur in pixels")
    step: int | None = Field(None, ge=1, description="distance of mask parameters in pixels; 7 at 224 pixels")
    sigma: float | None = Field(None, gt=0, description="radius of the mask's bumps in pixels; 3 steps by default")
    steps: int | None = Field(None, ge=1, description="of the optimizer; 120 (fast) or 800 (reference) by default")
    starts: int = Field(3, ge=1, le=100, description="fast engine: searches, of which the best mask is kept")
    jitter: bool = Field(True, description="flip the perturbed picture in every other step")
    density: int = Field(2, ge=1, description="fast engine: mask values computed per parameter distance")
    learning_rate: float = Field(0.06, gt=0, description="fast engine: of Adam")
    precision: Precision = Field(
        "auto",
        description="fast engine: bf16 searches with the network in bfloat16, and judges in float32; auto: does so "
        "where the device computes in it and the network is large",
    )
    engine: Literal["fast", "reference"] = Field("fast", description="ours, or torchray")
    seed: int = Field(0, ge=0, lt=2**63)

    @field_validator("areas", mode="before")
    @classmethod
    def _areas(cls, areas: object) -> object:
        several = (areas,) if isinstance(areas, (int, float)) else areas
        if isinstance(several, (list, tuple)):
            if not several:
                raise ValueError("name at least one area")
            if any(isinstance(a, (int, float)) and not 0 < a < 1 for a in several):
                raise ValueError("areas are fractions between 0 and 1")
        return several

    @model_validator(mode="after")
    def _several(self) -> Self:
        if self.select == "smallest" and len(set(self.areas)) < 2:
            raise ValueError("to select the smallest, name several areas, such as [0.025, 0.05, 0.1, 0.2, 0.4]")
        return self


@register("extremal_perturbation")
class ExtremalPerturbation(Explainer):
    """The smooth masks that preserve (or delete) the explained output best: their mean over areas, or the smallest
    that is enough.

    An area is a fraction of the masks' domain, which reaches about sigma beyond the picture on each side, as in
    torchray: 0.1 is 13.5 % of a picture of 224 pixels. Extras, all ``(n, areas)``: ``reward``, the explained output
    under the final mask, mean of the perturbed picture and its mirror image if ``jitter``; ``area``, the
    fraction of the picture that the mask covers;
    ``violation``, the mean squared distance from a binary mask of that area; ``progress``, by how much the objective
    (reward less weighted violation, at the last weight) still changed in the last tenth of the steps, as a fraction of
    the reward's range over all steps (small: converged; near 1: more steps would tell another story);
    ``unperturbed`` ``(n,)``, the explained output of the picture itself; and ``bits`` ``(n,)``, 32, or 16 where the
    search ran in bfloat16.

    With ``select: smallest`` (Fong et al. 2019, section 3.1) the extras also hold, ``(n,)`` each, ``chosen``, the area,
    and ``threshold``, the reward it had to reach: ``share`` of the way from an empty mask's to a full one's. The map is
    NaN where no area reaches it, or where the perturbation does not lower the output at all.
    """

    Options = ExtremalOptions
    results = 2

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Masks in [0, 1], mean over areas."""
        options = self.options
        shape = (len(batch), len(options.areas))
        problem = self._problem(model, batch)
        if options.engine == "reference":
            found = self._reference(model, batch, problem)
        else:
            found = self._fast(model, batch, problem.masks)
        masks = found.masks.reshape(*shape, *model.input.size)
        flat = [bool(row.all()) for row in np.split(found.flat, len(batch))]
        reasons = ["the output is the same under every mask" if f else "" for f in flat]
        with torch.no_grad():
            whole = problem.reward(problem.exact(batch.inputs), batch.weights).cpu().numpy()
        extras = {name: getattr(found, name).reshape(shape) for name in ("reward", "area", "violation", "progress")}
        extras["unperturbed"] = whole
        extras["bits"] = np.full(len(batch), 16.0 if self._precision(model) == "bf16" else 32.0)
        if options.select == "mean":
            return Explanation(masks.mean(1), reasons, extras)
        choice = smallest(problem, extras["reward"], options.areas, options.share)
        reasons = [first or second for first, second in zip(reasons, choice.reasons, strict=True)]
        maps = masks[np.arange(len(masks)), choice.column]
        return Explanation(maps, reasons, extras | {"chosen": choice.area, "threshold": choice.threshold})

    def _fast(self, model: Model, batch: Batch, masks: SmoothMasks) -> SearchResult:
        options, starts = self.options, self.options.starts
        first = initial_parameters(masks, starts, [seed for seed in batch.seeds for _ in options.areas])
        found = search(
            self._problem(model, batch, starts),
            first,
            steps=options.steps or FAST_STEPS,
            learning_rate=options.learning_rate,
        )
        return best_of_starts(found, starts)

    def _problem(self, model: Model, batch: Batch, starts: int = 1) -> Problem:
        options, n, each = self.options, len(batch), starts * len(self.options.areas)
        if options.reward == "contrastive" and single_class(batch.weights) is None:
            raise InputError(
                "a pair is contrastive already", where=f"explainer {self.name!r}", hint="say reward: simple"
            )
        step, sigma = lengths(options, model.input.size)
        device = batch.inputs.device
        network, quick = model.engine.network, model.engine.forward(self._precision(model))

        def watched(batch: torch.Tensor) -> torch.Tensor:
            model.engine.count_images(3 * len(batch))
            return quick(batch)

        return Problem(
            outputs=lambda batch: convert(model, watched(batch), options.on),
            exact=lambda batch: convert(model, network(batch), options.on),
            reward=REWARDS[options.reward],
            pyramid=Pyramid(batch.inputs, options.perturbation, options.levels, options.max_blur),
            masks=SmoothMasks(model.input.size, step, sigma, options.density, device),
            weights=batch.weights.repeat_interleave(each, 0),
            which=torch.arange(n, device=device).repeat_interleave(each),
            areas=torch.tensor(options.areas, device=device).repeat_interleave(starts).repeat(n),
            variant=options.variant,
            jitter=options.jitter,
        )

    def _reference(self, model: Model, batch: Batch, problem: Problem) -> SearchResult:
        # Imported here: torchray imports pyplot and is seldom asked for.
        from xai_compare.explainers.extremal_reference import torchray_masks

        options = self.options
        if options.max_blur != ExtremalOptions.model_fields["max_blur"].default:
            raise InputError("torchray's blur is fixed", where=f"explainer {self.name!r}", hint="leave max_blur out")
        step, sigma = lengths(options, model.input.size)
        several = [
            torchray_masks(
                _Combined(model, options.on, batch.weights[i], options.reward),
                batch.inputs[i : i + 1],
                _explained(batch.weights[i], options.reward),
                areas=list(options.areas),
                perturbation=options.perturbation,
                steps=options.steps or REFERENCE_STEPS,
                levels=options.levels,
                step=step,
                sigma=sigma,
                jitter=options.jitter,
                variant=options.variant,
                reward=options.reward,
            )
            for i in range(len(batch))
        ]
        return evaluated(
            problem,
            np.concatenate([found[0] for found in several]),
            np.concatenate([found[1] for found in several], axis=1),
        )

    def chunk(self, model: Model) -> int:
        """Pictures whose masks fill a batch."""
        return max(1, model.batch_size // self._masks())

    def forwards(self, model: Model) -> int:
        """Forward and backward (counted as two) passes of all steps, areas and starts."""
        steps = self.options.steps or (REFERENCE_STEPS if self.options.engine == "reference" else FAST_STEPS)
        return 3 * steps * self._masks()

    def _precision(self, model: Model) -> ResolvedPrecision:
        return (
            "fp32"
            if self.options.engine == "reference"
            else model.engine.resolve_precision(self.options.precision, LARGE)
        )

    def _masks(self) -> int:
        """Perturbed pictures of one picture in every step."""
        starts = self.options.starts if self.options.engine == "fast" else 1
        return len(self.options.areas) * starts * (2 if self.options.variant == "dual" else 1)

    def refusal(self, model: Model) -> str | None:
        """Logits are needed unless told otherwise."""
        return logits_refusal(model, self.options.on)


def lengths(options: ExtremalOptions, size: tuple[int, int]) -> tuple[int, float]:
    """Distance of the mask's parameters and radius of its bumps, in pixels."""
    step = options.step or max(1, round(7 * min(size) / PAPER_SIZE))
    return step, options.sigma or 3.0 * step


class _Combined(nn.Module):
    """The network's outputs as torchray wants them: one column that is explained, or all of them."""

    def __init__(self, model: Model, on: Quantity, weights: torch.Tensor, reward: str) -> None:
        super().__init__()
        self._model, self._on, self._weights, self._all = model, on, weights, reward == "contrastive"

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n, 1)`` or ``(n, classes)``."""
        out = outputs(self._model, batch, self._on)
        return out if self._all else (out @ self._weights)[:, None]


def _explained(weights: torch.Tensor, reward: str) -> int:
    return int(weights.argmax()) if reward == "contrastive" else 0
