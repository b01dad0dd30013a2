"""LIME (Ribeiro et al. 2016) on superpixels."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from xai_compare.errors import InputError
from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.batched_forward import BatchedForward, black_input
from xai_compare.explainers.mask_designs import code_masks, random_masks
from xai_compare.explainers.model_outputs import outputs
from xai_compare.explainers.quadrature import Limit, centres, estimate
from xai_compare.explainers.registry import register
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.surrogate import fit, nearness, weights_of_all
from xai_compare.explainers.threads import one_blas_thread
from xai_compare.models import Model, Precision

CONSTANT = "the output is the same whatever is hidden"
CONSTANT_BELOW = 1e-9
ROUGH = 1e-3
OUTPUTS = 8
"""Outputs from which the quadrature's kernel is chosen: those that vary most."""


class LIMEOptions(Options):
    """Options of LIME; the defaults are those of Gaya-Morey et al. 2024, sections 4.1 and 4.6, and the package's."""

    n_segments: int = Field(30, ge=2, le=2000, description="superpixels asked of SLIC")
    compactness: float = Field(20.0, gt=0, description="SLIC: weight of nearness against colour")
    n_samples: int = Field(1000, ge=10, description="masked pictures shown to the network")
    kernel_width: float = Field(0.25, gt=0, description="of the exponential kernel on the cosine distance")
    alpha: float = Field(1.0, ge=0, description="ridge penalty of the linear surrogate, against weights of about n/2")
    design: Literal["code", "random"] = Field("code", description="masks from a linear code, or independent ones")
    surrogate: Literal["auto", "quadrature", "linear"] = Field(
        "auto", description="fast engine: Bayesian quadrature of LIME's limit, or LIME's regression on the masks shown"
    )
    target_error: float | None = Field(
        None, gt=0, description="stop at this standard error (root mean square, in probability), at most n_samples"
    )
    engine: Literal["fast", "reference"] = Field("fast", description="ours, or the lime package")
    precision: Precision = Field(
        "auto",
        description="fast engine: bf16 runs the network in bfloat16; auto: does so where the device computes in it, "
        "the network is large, and rounding changes outputs by less than a tenth of their spread",
    )
    seed: int = Field(0, ge=0, lt=2**63)


@register("lime")
class LIME(Explainer):
    """Weight of each superpixel in a linear surrogate of the explained probability (or difference of two).

    Switched-off superpixels are black. The map keeps each superpixel's signed weight.

    Where few masks are shown, independent masks and a plain regression waste them. The fast engine shows the words of
    a linear code (`mask_designs`) and estimates what the regression would find with all masks (`quadrature`); with
    ``design: random`` and ``surrogate: linear`` it does just what the lime package does.

    Extras: ``segments`` int16 ``(n, H, W)``; ``standard_error`` float32 ``(n, H, W)`` of each superpixel's weight
    (the quadrature's posterior; for the plain regression that of independent masks, which for a code is too large);
    ``n_segments``, ``samples`` (masks shown), ``bits`` (32, or 16 where the network ran in bfloat16), ``r2`` of the
    plain regression, and ``repeatability``, the expected correlation of two independent runs' maps, all ``(n,)``.
    """

    alone: ClassVar[bool] = True  # It estimates in a second thread while the network runs.
    Options = LIMEOptions

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Superpixel weights; pictures are explained one after the other, each with its own seed."""
        n, (height, width) = len(batch), model.input.size
        maps, errors = np.full((2, n, height, width), np.nan, np.float32)
        segments = np.zeros((n, height, width), np.int16)
        counts = {name: np.full(n, np.nan) for name in ("n_segments", "samples", "bits", "r2", "repeatability")}
        reasons = []
        # The package runs as it is; only our own work is known to gain.
        with one_blas_thread() if self.options.engine == "fast" else nullcontext():
            results = list(self._all(model, batch))
        for i, (labels, found) in enumerate(results):
            segments[i], counts["n_segments"][i] = labels, labels.max() + 1
            reasons.append(found if isinstance(found, str) else "")
            if isinstance(found, str):
                continue
            maps[i], errors[i] = found.coefficients[labels], found.errors[labels]
            counts["samples"][i], counts["bits"][i], counts["r2"][i] = found.samples, found.bits, found.r2
            counts["repeatability"][i] = repeatability(found, labels)
        extras: dict[str, np.ndarray] = {"segments": segments, "standard_error": errors, **counts}
        return Explanation(maps, reasons, extras)

    def _all(self, model: Model, batch: Batch) -> Iterator[tuple[np.ndarray, Weights | str]]:
        """Each picture's superpixels and weights; a second thread makes superpixels and estimates meanwhile."""
        options = self.options
        with ThreadPoolExecutor(1) as aside:
            parts = [
                aside.submit(superpixels, image, options.n_segments, options.compactness) for image in batch.images
            ]
            waiting: deque[tuple[np.ndarray, Future[Weights | str]]] = deque()
            for i, part in enumerate(parts):
                labels = part.result()
                waiting.append((labels, self._one(model, batch, i, labels, aside)))
                if len(waiting) > 1:
                    before, found = waiting.popleft()
                    yield before, found.result()
            for before, found in waiting:
                yield before, found.result()

    def _one(
        self, model: Model, batch: Batch, i: int, labels: np.ndarray, aside: ThreadPoolExecutor
    ) -> Future[Weights | str]:
        if labels.max() == 0:
            return _completed("the picture has only one superpixel")
        if self.options.engine == "reference":
            masks, values, coefficients = self._reference(model, batch, i, labels)
            found = fit(masks, values, nearness(masks, self.options.kernel_width), self.options.alpha)
            return _completed(
                Weights(coefficients, found.errors, found.r2, len(masks)) if np.ptp(values) > 0 else CONSTANT
            )
        return self._fast(model, batch, i, labels, aside)

    def _fast(
        self, model: Model, batch: Batch, i: int, labels: np.ndarray, aside: ThreadPoolExecutor
    ) -> Future[Weights | str]:
        options, segments = self.options, int(labels.max()) + 1
        draw = code_masks if options.design == "code" else random_masks
        masks = draw(segments, options.n_samples, batch.seeds[i])
        quadrature = uses_quadrature(options.surrogate, segments, options.n_samples)
        limit = Limit(segments, options.kernel_width) if quadrature else None
        seen = np.zeros((0, len(model.classes)))
        run = BatchedForward(model, "probabilities", options.precision)
        for n in stages(options.n_samples, segments, options.target_error):
            more = self.probabilities(model, batch.inputs[i], labels, masks[len(seen) : n], run)
            seen = np.concatenate([seen, more])
            values = seen @ batch.weights[i].double().cpu().numpy()
            if np.ptp(values) < CONSTANT_BELOW:
                return _completed(CONSTANT)
            bits = 16 if run.precision == "bf16" else 32
            found: Future[Weights | str] = aside.submit(self._weights_of, masks[:n], values, seen, labels, limit, bits)
            if options.target_error and _typical_error(found.result()) <= options.target_error:
                break
        return found

    def _weights_of(
        self,
        masks: np.ndarray,
        values: np.ndarray,
        seen: np.ndarray,
        labels: np.ndarray,
        limit: Limit | None,
        bits: int = 32,
    ) -> Weights:
        near = nearness(masks, self.options.kernel_width)
        plain = fit(masks, values, near, self.options.alpha if limit is None else ROUGH)
        if limit is None:
            return Weights(plain.coefficients, plain.errors, plain.r2, len(masks), bits)
        others = seen[:, np.argsort(-seen.std(0))[:OUTPUTS]]
        columns = np.column_stack([values, others])
        columns = columns[:, np.ptp(columns, 0) > CONSTANT_BELOW]
        importance = np.sqrt(np.mean((weights_of_all(masks, columns, near, ROUGH) / columns.std(0)) ** 2, 1))
        found = estimate(masks, values, others, centres(labels), limit, importance)
        return Weights(found.coefficients, found.errors, plain.r2, len(masks), bits)

    def _reference(
        self, model: Model, batch: Batch, i: int, labels: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # Imported here: the package is slow to import and seldom asked for.
        from xai_compare.explainers.lime_reference import lime_package

        def value(images: np.ndarray) -> np.ndarray:
            with torch.no_grad():
                return (outputs(model, model.prepare(images), "probabilities") @ batch.weights[i]).cpu().numpy()

        options = self.options
        coefficients, masks, values, _ = lime_package(
            batch.images[i],
            labels,
            value,
            n_samples=options.n_samples,
            kernel_width=options.kernel_width,
            alpha=options.alpha,
            seed=batch.seeds[i],
            batch_size=model.batch_size,
        )
        return masks, values, coefficients

    def probabilities(
        self,
        model: Model,
        picture: torch.Tensor,
        labels: np.ndarray,
        masks: np.ndarray,
        run: BatchedForward | None = None,
    ) -> np.ndarray:
        """Class probabilities ``(n, classes)`` under masks ``(n, segments)`` of one prepared picture ``(c, H, W)``."""
        black = black_input(model)[0]
        index = torch.from_numpy(labels).to(picture.device)
        switches = torch.from_numpy(masks).to(picture.device, torch.bool)
        run = run or BatchedForward(model, "probabilities")
        return run.perturbed(masked(picture, black, index), switches).double().cpu().numpy()

    def chunk(self, model: Model) -> int:
        """Few, so that memory does not grow with the number of pictures."""
        return 8

    def forwards(self, model: Model) -> int:
        """The number of samples."""
        return int(self.options.n_samples)


@dataclass(frozen=True)
class Weights:
    """Superpixels' weights and their standard errors ``(segments,)``, fit of the plain surrogate, masks shown, bits."""

    coefficients: np.ndarray
    errors: np.ndarray
    r2: float
    samples: int
    bits: int = 32


def masked(picture: torch.Tensor, black: torch.Tensor, index: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """What makes pictures ``(n, c, h, w)`` of switches, bool ``(n, segments)``: black where switched off.

    Args:
        picture, black: prepared, ``(c, h, w)``.
        index: superpixel of each pixel, ``(h, w)``.
    """
    # Value by value and channels last, not pixel by pixel: loops over three channels are slow.
    on, off = (part.permute(1, 2, 0).flatten() for part in (picture, black))
    each = index.flatten().repeat_interleave(len(picture))
    height, width = index.shape

    def made(switches: torch.Tensor) -> torch.Tensor:
        shown = switches.gather(1, each.expand(len(switches), -1))
        pictures = torch.where(shown, on, off)
        return pictures.reshape(len(switches), height, width, len(picture)).permute(0, 3, 1, 2)

    return made


def _completed(what: Weights | str) -> Future[Weights | str]:
    future: Future[Weights | str] = Future()
    future.set_result(what)
    return future


def _typical_error(found: Weights | str) -> float:
    return float("inf") if isinstance(found, str) else float(np.sqrt(np.mean(found.errors**2)))


def uses_quadrature(surrogate: str, segments: int, n: int) -> bool:
    """Whether LIME's limit is estimated; ``auto`` does where the masks suffice and the work stays small."""
    if surrogate == "auto":
        return 2 <= segments <= 64 and 2 * (segments + 1) <= n <= 2000
    if surrogate == "quadrature" and n < segments + 3:
        raise InputError(
            f"{n} samples are too few for {segments} superpixels",
            where="explainer 'lime'",
            hint=f"give at least {segments + 3}, or say surrogate: linear",
        )
    return surrogate == "quadrature"


def stages(n_samples: int, segments: int, target: float | None) -> list[int]:
    """Numbers of masks after which the error is looked at."""
    stages = [n_samples]
    while target and stages[0] / 1.5 > max(64, 3 * segments):
        stages.insert(0, int(stages[0] / 1.5))
    return stages


def repeatability(found: Weights, labels: np.ndarray) -> float:
    """Expected Pearson correlation between the maps of two independent runs, from the standard errors.

    Variance of the true map over that of a measured one, each superpixel counted by its pixels; between 0 and 1.
    """
    share = np.bincount(labels.ravel(), minlength=len(found.coefficients)) / labels.size
    centred = found.coefficients - share @ found.coefficients
    seen, noise = float(share @ centred**2), float(share @ found.errors**2 - (share**2) @ found.errors**2)
    return float(np.clip(1.0 - noise / seen, 0.0, 1.0)) if seen > 0 else float("nan")
