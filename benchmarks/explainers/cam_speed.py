"""CAM and Grad-CAM: throughput against captum and pytorch-grad-cam (if installed), batches of 32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from common import arguments, faces, network, timed

from xai_compare import explainers
from xai_compare.models import Model, feature_layer


def captum(model: Model, images: np.ndarray, targets: list[int]) -> np.ndarray:
    """Captum's layer method, upsampled."""
    layer = model.module.get_submodule(feature_layer(model))
    told = LayerGradCam(model.module, layer).attribute(model.prepare(images), target=targets, relu_attributions=True)
    return LayerAttribution.interpolate(told, model.input.size, "bilinear")[:, 0].detach().cpu().numpy()


def other(model: Model) -> Callable[[np.ndarray, list[int]], np.ndarray] | None:
    """pytorch-grad-cam's Grad-CAM, which scales each map to [0, 1]."""
    try:
        from pytorch_grad_cam import GradCAM
        from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    except ImportError:
        return None
    cam = GradCAM(model=model.module, target_layers=[model.module.get_submodule(feature_layer(model))])
    return lambda images, targets: cam(model.prepare(images), [ClassifierOutputTarget(k) for k in targets])


def main() -> None:
    """Print one line per network and method."""
    args = arguments(__doc__ or "", repeats=5)
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, 32, model.input.size)
        targets = model.predict(images).argmax(1).tolist()
        batch = model.prepare(images)
        peer = other(model)
        works: dict[str, Callable[[], object]] = {
            "one forward": lambda: model.module(batch).detach(),  # noqa: B023
            "captum grad_cam": lambda: captum(model, images, targets),  # noqa: B023
        }
        if peer is not None:
            works["pytorch-grad-cam"] = lambda: peer(images, targets)  # noqa: B023
        for method in ("cam", "grad_cam"):
            explainer = explainers.create(method)
            if explainer.refusal(model) is None:
                works[f"ours {method}"] = lambda e=explainer: e(model, images, targets)  # type: ignore[misc] # noqa: B023
        seconds: dict[str, float] = {}
        for label, work in works.items():
            with torch.set_grad_enabled(label != "one forward"):
                work()
                seconds[label] = min(timed(work)[0] for _ in range(args.repeats))
        for label, took in seconds.items():
            print(
                f"{name:20s} {label:18s} {32 / took:7.1f} pictures/s, x{took / seconds['one forward']:.2f} of a forward"
            )
        if "ours grad_cam" in seconds:
            found, told = explainers.create("grad_cam")(model, images, targets), captum(model, images, targets)
            print(f"{name:20s} largest difference to captum, relative: {np.abs(found - told).max() / told.max():.1e}")


if __name__ == "__main__":
    main()
