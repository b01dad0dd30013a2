"""LIME (Ribeiro et al. 2016) on superpixels."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from pydantic import Field

from xai_compare.explainers.base import Explainer, Explanation, Options, Pictures, undefined
from xai_compare.explainers.probing import outputs
from xai_compare.explainers.registry import register
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.surrogate import Fit, fit, nearness
from xai_compare.models import Model


class LIMEOptions(Options):
    """Options of LIME; the defaults are those of Gaya-Morey et al. 2024, sections 4.1 and 4.6, and the package's."""

    n_segments: int = Field(30, ge=2, le=2000, description="superpixels asked of SLIC")
    compactness: float = Field(20.0, gt=0, description="SLIC: weight of nearness against colour")
    n_samples: int = Field(1000, ge=10, description="masked pictures shown to the network")
    kernel_width: float = Field(0.25, gt=0, description="of the exponential kernel on the cosine distance")
    alpha: float = Field(1.0, ge=0, description="ridge penalty, for weights that sum to about half of n_samples")
    engine: Literal["fast", "reference"] = Field("fast", description="ours, or the lime package")
    seed: int = Field(0, ge=0)


@register("lime")
class LIME(Explainer):
    """Weight of each superpixel in a linear surrogate of the explained probability (or difference of two).

    Switched-off superpixels are black. The map keeps each superpixel's signed weight. Extras: ``segments`` int16
    ``(n, H, W)``; ``standard_error`` float32 ``(n, H, W)``, of each superpixel's weight over repeated draws of the
    masks; ``n_segments``, ``samples``, ``r2``, ``repeatability`` ``(n,)``.
    """

    Options = LIMEOptions

    def explain_batch(self, model: Model, pictures: Pictures) -> Explanation:
        """Superpixel weights; pictures are explained one after the other, each with its own seed."""
        options = self.options
        n, (height, width) = len(pictures), model.input.size
        maps, errors = np.full((2, n, height, width), np.nan, np.float32)
        segments = np.zeros((n, height, width), np.int16)
        counts = {name: np.full(n, np.nan) for name in ("n_segments", "samples", "r2", "repeatability")}
        reasons = []
        for i in range(n):
            labels = superpixels(pictures.images[i], options.n_segments, options.compactness)
            segments[i], counts["n_segments"][i] = labels, labels.max() + 1
            found = self._one(model, pictures, i, labels)
            reasons.append(found if isinstance(found, str) else "")
            if isinstance(found, str):
                continue
            maps[i], errors[i] = found.coefficients[labels], found.errors[labels]
            counts["samples"][i], counts["r2"][i] = options.n_samples, found.r2
            counts["repeatability"][i] = repeatability(found, labels)
        extras: dict[str, np.ndarray] = {"segments": segments, "standard_error": errors, **counts}
        return Explanation(undefined(maps, reasons), reasons, extras)

    def _one(self, model: Model, pictures: Pictures, i: int, labels: np.ndarray) -> Fit | str:
        if labels.max() == 0:
            return "the picture has only one superpixel"
        if self.options.engine == "reference":
            masks, values, told = self._reference(model, pictures, i, labels)
        else:
            masks = sampled_masks(int(labels.max()) + 1, self.options.n_samples, pictures.seeds[i])
            values = self.values(model, pictures.batch[i], labels, masks, pictures.weights[i])
        if np.ptp(values) == 0:
            return "the output is the same whatever is hidden"
        found = fit(masks, values, nearness(masks, self.options.kernel_width), self.options.alpha)
        if self.options.engine == "reference":
            return Fit(told, found.errors, found.intercept, found.r2)
        return found

    def _reference(
        self, model: Model, pictures: Pictures, i: int, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Imported here: the package is slow to import and seldom asked for.
        from xai_compare.explainers.lime_reference import lime_package

        def value(images: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return (outputs(model, model.prepare(images), "probabilities") @ pictures.weights[i]).cpu().numpy()

        options = self.options
        told, masks, values, _ = lime_package(
            pictures.images[i], labels, value, n_samples=options.n_samples, kernel_width=options.kernel_width,
            alpha=options.alpha, seed=pictures.seeds[i], batch_size=options.batch_size,
        )  # fmt: skip
        return masks, values, told

    def values(
        self, model: Model, picture: torch.Tensor, labels: np.ndarray, masks: np.ndarray, weights: torch.Tensor
    ) -> np.ndarray:
        """The explained quantity ``(n,)`` under masks ``(n, segments)`` of one prepared picture ``(c, H, W)``."""
        black = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))[0]
        index = torch.from_numpy(labels).to(picture.device)
        switches = torch.from_numpy(masks.astype(np.float32)).to(picture.device)
        parts = []
        with torch.no_grad():
            for some in switches.split(self.options.batch_size):
                seen = some[:, index][:, None]
                parts.append(outputs(model, torch.where(seen > 0, picture, black), "probabilities") @ weights)
        return torch.cat(parts).double().cpu().numpy()

    @property
    def chunk(self) -> int:
        """Few, so that memory does not grow with the number of pictures."""
        return 8

    def forwards(self, model: Model) -> int:
        """The number of samples."""
        return int(self.options.n_samples)


def sampled_masks(segments: int, n: int, seed: int) -> np.ndarray:
    """Masks, uint8 ``(n, segments)``, each switch on with probability one half; the first is the whole picture."""
    masks = np.random.default_rng(seed).integers(0, 2, (n, segments), dtype=np.uint8)
    masks[0] = 1
    return masks


def repeatability(found: Fit, labels: np.ndarray) -> float:
    """Expected Pearson correlation between the maps of two independent runs, from the standard errors.

    Variance of the true map over that of a measured one, each superpixel counted by its pixels; between 0 and 1.
    """
    share = np.bincount(labels.ravel(), minlength=len(found.coefficients)) / labels.size
    centred = found.coefficients - share @ found.coefficients
    seen, noise = float(share @ centred**2), float(share @ found.errors**2 - (share**2) @ found.errors**2)
    return float(np.clip(1.0 - noise / seen, 0.0, 1.0)) if seen > 0 else float("nan")
