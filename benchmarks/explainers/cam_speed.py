"""CAM and Grad-CAM: throughput against captum, pytorch-grad-cam (if installed) and the bare passes they need.

The bare pass is the same engine's (folded, channels last): one forward, the maps kept, and for Grad-CAM the backward
through what follows them; it starts from a prepared batch and ends with the gradient. All else starts from uint8
pictures and ends with maps at the pictures' size as numpy arrays. Rounds are interleaved; the least time counts.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from common import arguments, faces, network, timed

from xai_compare import explainers
from xai_compare.models import Model, feature_layer


def captum(model: Model, images: np.ndarray, targets: list[int], relu: bool = True) -> np.ndarray:
    """Captum's layer method, upsampled."""
    layer = model.module.get_submodule(feature_layer(model))
    told = LayerGradCam(model.module, layer).attribute(model.prepare(images), target=targets, relu_attributions=relu)
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


def forward(module: torch.nn.Module, batch: torch.Tensor) -> torch.Tensor:
    """The outputs, no gradients."""
    with torch.no_grad():
        return module(batch)


def there_and_back(module: torch.nn.Module, layer: str, batch: torch.Tensor, targets: list[int]) -> torch.Tensor:
    """One forward and the backward from the outputs to the feature maps, nothing below them recorded."""
    leaf: list[torch.Tensor] = []

    def cut(one: torch.nn.Module, args: object, out: torch.Tensor) -> torch.Tensor:
        leaf[:] = [out.detach().requires_grad_()]
        torch.set_grad_enabled(True)
        return leaf[0].clone()

    hook = module.get_submodule(layer).register_forward_hook(cut)
    with torch.no_grad():
        out = module(batch)
        hook.remove()
        return torch.autograd.grad(out[range(len(batch)), targets].sum(), leaf[0])[0]


def works(model: Model, images: np.ndarray, targets: list[int]) -> dict[str, Callable[[], object]]:
    """What is timed, by label."""
    batch = model.prepare(images)
    fast = batch.contiguous(memory_format=torch.channels_last)
    engine, layer = model.engine.network, feature_layer(model)
    told: dict[str, Callable[[], object]] = {
        "preparing the pictures": lambda: model.prepare(images),
        "forward as usual": lambda: forward(model.module, batch),
        "bare forward": lambda: forward(engine, fast),
        "bare forward, backward": lambda: there_and_back(engine, layer, fast, targets),
        "captum grad_cam": lambda: captum(model, images, targets),
    }
    if (peer := other(model)) is not None:
        told["pytorch-grad-cam"] = lambda: peer(images, targets)
    for method in ("cam", "grad_cam"):
        explainer = explainers.create(method)
        if explainer.refusal(model) is None:
            told[f"ours {method}"] = lambda e=explainer: e(model, images, targets)  # type: ignore[misc]
    return told


def main() -> None:
    """Print one line per network and method."""
    args = arguments(__doc__ or "", repeats=7)
    warnings.simplefilter("ignore")
    print("| network | what | pictures/s | of the bare passes | against captum | against pytorch-grad-cam |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, 32, model.input.size)
        targets = model.predict(images).argmax(1).tolist()
        seconds: dict[str, float] = {}
        timings = works(model, images, targets)
        for turn in range(args.repeats + 1):
            for label, work in timings.items():
                took = timed(work)[0]
                if turn:
                    seconds[label] = min(took, seconds.get(label, took))
        for label, took in seconds.items():
            base = seconds["bare forward" if label.endswith(" cam") else "bare forward, backward"]
            peers = [
                f"x{seconds[peer] / took:.2f}" if peer in seconds and label.startswith("ours") else ""
                for peer in ("captum grad_cam", "pytorch-grad-cam")
            ]
            print(f"| {name} | {label} | {32 / took:.1f} | x{took / base:.2f} | {' | '.join(peers)} |", flush=True)


if __name__ == "__main__":
    main()
