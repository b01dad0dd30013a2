"""Parity: explainer, independent implementation, network, largest difference (relative to the largest value)."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from cam_speed import captum
from common import arguments, faces, network

from xai_compare import explainers
from xai_compare.explainers.lime_reference import lime_package
from xai_compare.explainers.smooth_masks import SmoothMasks
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.surrogate import fit, nearness
from xai_compare.models import Model, cam_head


def row(explainer: str, peer: str, model: Model, difference: float) -> None:
    """Print one row of the table."""
    print(f"| {explainer} | {peer} | {model.name} | {difference:.1e} |", flush=True)


def lime(model: Model, images: np.ndarray, samples: int) -> float:
    """Largest difference of coefficients to the package's, for its own masks."""
    ours, worst = explainers.create("lime"), 0.0
    for image in images:
        labels = superpixels(image, 30, 20.0)
        k = int(model.predict(image[None])[0].argmax())
        told, masks, _, _ = lime_package(image, labels, lambda x, k=k: model.predict(x)[:, k], n_samples=samples,
                                         kernel_width=0.25, alpha=1.0, seed=0, batch_size=10)  # fmt: skip
        values = ours.probabilities(model, model.prepare(image[None])[0], labels, masks)[:, k]  # type: ignore[attr-defined]
        worst = max(worst, float(np.abs(fit(masks, values, nearness(masks, 0.25), 1.0).coefficients - told).max()))
    return worst


def cam(model: Model, images: np.ndarray) -> float:
    """Largest difference of the map's mean at feature size to the logit less the bias."""
    head = cam_head(model)
    assert head is not None
    kept: list[torch.Tensor] = []
    handle = model.module.get_submodule(head.layer).register_forward_hook(lambda m, a, out: kept.append(out.clone()))
    with torch.no_grad():
        out = model.module(model.prepare(images))
    handle.remove()
    told = head.maps(kept[0]).mean((2, 3)) + head.bias
    return float((told - out).abs().max() / out.abs().max())


def main() -> None:
    """Print the table."""
    args = arguments(__doc__ or "", samples=200)
    warnings.simplefilter("ignore")
    print("| explainer | independent implementation | network | largest difference |\n| --- | --- | --- | --- |")
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, args.pictures, model.input.size)
        targets = model.predict(images).argmax(1).tolist()
        told, found = captum(model, images, targets), explainers.create("grad_cam")(model, images, targets)
        row("grad_cam", "captum LayerGradCam", model, float(np.abs(found - told).max() / told.max()))
        if explainers.create("cam").refusal(model) is None:
            row("cam", "the logit itself", model, cam(model, images))
        row("lime (coefficients)", "lime package", model, lime(model, images, args.samples))
        row("extremal_perturbation (masks)", "torchray MaskGenerator", model, masks(model))


def masks(model: Model) -> float:
    """Largest difference of exact smooth masks to torchray's."""
    from torchray.attribution.extremal_perturbation import MaskGenerator

    step = max(1, round(7 * min(model.input.size) / 224))
    ours, theirs = (
        SmoothMasks(model.input.size, step, 3.0 * step, step),
        MaskGenerator(model.input.size, step, 3 * step),
    )
    parameters = torch.rand(2, *ours.lattice, generator=torch.Generator().manual_seed(0))
    return float((ours.fine(ours.coarse(parameters)) - theirs.generate(parameters[:, None])[0][:, 0]).abs().max())


if __name__ == "__main__":
    main()
