"""Parity: explainer, independent implementation, network, largest difference (relative to the largest value).

Networks are those given with ``--networks``; attention rollout has its own, a vision transformer. pytorch-grad-cam is
compared if it is installed. ``--only`` picks explainers.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from unittest import mock

import numpy as np
import timm
import torch
from cam_speed import captum, other
from common import CLASSES, arguments, faces, network
from torch import nn
from torch.nn import functional

from xai_compare import explainers
from xai_compare.explainers.lime_reference import lime_package
from xai_compare.explainers.smooth_masks import SmoothMasks
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.surrogate import fit, nearness
from xai_compare.models import InputSpec, Model, cam_head, feature_layer

Rows = Iterator[tuple[str, str, float, int]]


def relative(found: np.ndarray, told: np.ndarray) -> float:
    """Largest difference of two sets of maps, as a fraction of each map's largest value; the worst map."""
    flat = np.abs(told).reshape(len(told), -1).max(1)
    return float((np.abs(found - told).reshape(len(told), -1).max(1) / np.where(flat > 0, flat, 1)).max())


def to_unit(maps: np.ndarray) -> np.ndarray:
    """Each map from 0 to 1, as pytorch-grad-cam gives it."""
    low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
    return np.asarray((maps - low) / np.where(high > low, high - low, 1))


def coarse_cams(model: Model, images: np.ndarray, targets: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """The class maps by the last linear layer's own weights, ``(n, h, w)``, and the logits less the bias ``(n,)``.

    Without such a layer the class maps are what is pooled.
    """
    kept: list[torch.Tensor] = []
    layer = model.module.get_submodule(feature_layer(model))
    hook = layer.register_forward_hook(lambda m, a, out: kept.append(out.clone()))
    with torch.no_grad():
        out = model.module(model.prepare(images))[range(len(images)), targets]
    hook.remove()
    last = [m for m in model.module.modules() if isinstance(m, nn.Linear)]
    if not last:
        return kept[0][range(len(images)), targets], out
    weight, bias = last[-1].weight.detach()[targets], last[-1].bias.detach()[targets]
    return (weight[:, :, None, None] * kept[0]).sum(1), out - bias


def cam_rows(model: Model, images: np.ndarray) -> Rows:
    """CAM against the head's own weights, against the logit, and against captum's signed Grad-CAM."""
    if cam_head(model) is None:
        return
    targets, n = model.predict(images).argmax(1).tolist(), len(images)
    found = explainers.create("cam")(model, images, targets)
    coarse, logits = coarse_cams(model, images, targets)
    fine = functional.interpolate(coarse[:, None], model.input.size, mode="bilinear")[:, 0].numpy()
    yield "cam", "last layer's weights x features", relative(found, fine), n
    yield (
        "cam (mean of the coarse map)",
        "logit less the bias",
        float(((coarse.mean((1, 2)) - logits).abs() / logits.abs()).max()),
        n,
    )
    positions = coarse.shape[1] * coarse.shape[2]
    told = captum(model, images, targets, relu=False) * positions
    yield "cam", "captum LayerGradCam x positions", relative(found, told), n


def grad_cam_rows(model: Model, images: np.ndarray) -> Rows:
    """Grad-CAM against captum, and against pytorch-grad-cam after its scaling to [0, 1]."""
    targets, n = model.predict(images).argmax(1).tolist(), len(images)
    for relu in (True, False):
        found = explainers.create("grad_cam", relu=relu)(model, images, targets)
        label = "grad_cam" if relu else "grad_cam (signed)"
        yield label, "captum LayerGradCam", relative(found, captum(model, images, targets, relu)), n
    if (peer := other(model)) is not None:
        ours = to_unit(explainers.create("grad_cam")(model, images, targets))
        yield "grad_cam (scaled to 0..1)", "pytorch-grad-cam GradCAM", relative(ours, peer(images, targets)), n


def score_cam_rows(model: Model, images: np.ndarray) -> Rows:
    """Score-CAM against pytorch-grad-cam's, on two pictures.

    It masks the prepared picture, so it is given a network for which black is 0; and it aligns corners where it
    enlarges feature maps to masks, though not where it enlarges the result, so it is made to align none.
    """
    try:
        import pytorch_grad_cam.score_cam as peer
    except ImportError:
        return
    peer.tqdm = SimpleNamespace(tqdm=lambda some: some)
    images = images[:2]
    targets = model.predict(images).argmax(1).tolist()
    black = model.prepare(np.zeros((1, *model.input.size, 3), np.uint8))
    layer = model.module.get_submodule(feature_layer(model))
    shifted = Shifted(model.module, black)
    cam = peer.ScoreCAM(shifted, [layer])
    with mock.patch("torch.nn.UpsamplingBilinear2d", lambda size: nn.Upsample(size, mode="bilinear")):
        told = cam(model.prepare(images) - black, [lambda out, k=k: out.softmax(-1)[k] for k in targets])
    found = to_unit(explainers.create("score_cam")(model, images, targets))
    yield (
        "score_cam (scaled to 0..1)",
        "pytorch-grad-cam ScoreCAM, no corners aligned",
        relative(found, told),
        len(images),
    )


class Shifted(nn.Module):
    """A network for which black is 0."""

    def __init__(self, module: nn.Module, black: torch.Tensor) -> None:
        super().__init__()
        self.module, self.black = module, black

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The outputs."""
        return self.module(batch + self.black)  # type: ignore[no-any-return]


def lime_rows(model: Model, images: np.ndarray, samples: int) -> Rows:
    """Coefficients against the package's, for its own masks."""
    ours, worst = explainers.create("lime"), 0.0
    for image in images:
        labels = superpixels(image, 30, 20.0)
        k = int(model.predict(image[None])[0].argmax())
        told, masks, _, _ = lime_package(
            image,
            labels,
            lambda x, k=k: model.predict(x)[:, k],
            n_samples=samples,
            kernel_width=0.25,
            alpha=1.0,
            seed=0,
            batch_size=10,
        )
        values = ours.probabilities(model, model.prepare(image[None])[0], labels, masks)[:, k]  # type: ignore[attr-defined]
        worst = max(worst, float(np.abs(fit(masks, values, nearness(masks, 0.25), 1.0).coefficients - told).max()))
    yield "lime (coefficients, absolute)", f"lime package, {samples} masks", worst, len(images)


def mask_rows(model: Model, images: np.ndarray) -> Rows:
    """Exact smooth masks of Extremal Perturbation against torchray's, of equal random parameters."""
    from torchray.attribution.extremal_perturbation import MaskGenerator

    step, n = max(1, round(7 * min(model.input.size) / 224)), len(images)
    ours = SmoothMasks(model.input.size, step, 3.0 * step, step)
    theirs = MaskGenerator(model.input.size, step, 3 * step)
    parameters = torch.rand(n, *ours.lattice, generator=torch.Generator().manual_seed(0))
    told = theirs.generate(parameters[:, None])[0][:, 0]
    yield (
        "extremal_perturbation (masks)",
        "torchray MaskGenerator",
        float((ours.fine(ours.coarse(parameters)) - told).abs().max()),
        n,
    )


def rollout_rows(images: np.ndarray) -> Rows:
    """Rollout of timm's small DeiT against attention recomputed from queries and keys, in double precision."""
    torch.manual_seed(0)
    module = timm.create_model("deit_tiny_patch16_224", num_classes=7)
    for block in module.blocks:
        # As initialized, every patch attends to every other alike.
        nn.init.normal_(block.attn.qkv.weight, std=0.1)
    model = Model("deit_tiny", tuple(CLASSES), module, InputSpec(images.shape[1:3]))
    inputs: list[torch.Tensor] = []
    hooks = [
        block.norm1.register_forward_hook(lambda m, a, out: inputs.append(out.double())) for block in module.blocks
    ]
    with torch.no_grad():
        module(model.prepare(images))
    for hook in hooks:
        hook.remove()
    flow = torch.eye(197, dtype=torch.float64)
    for x, block in zip(inputs, module.blocks, strict=True):
        qkv = x @ block.attn.qkv.weight.detach().double().T + block.attn.qkv.bias.detach().double()
        q, k, _ = qkv.unflatten(2, (3, block.attn.num_heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1).mean(1)
        flow = (attention + torch.eye(197)) / 2 @ flow
    told = functional.interpolate(flow[:, 0, 1:].reshape(-1, 1, 14, 14), images.shape[1:3], mode="bilinear")[:, 0]
    found = explainers.create("attention_rollout")(model, images)
    yield "attention_rollout", "queries and keys, in double precision", relative(found, told.numpy()), len(images)


def main() -> None:
    """Print the table."""
    args = arguments(__doc__ or "", samples=200, only="")
    warnings.simplefilter("ignore")
    print("| explainer | independent implementation | network | largest difference | pictures |")
    print("| --- | --- | --- | --- | --- |")
    kinds: dict[str, Callable[[Model, np.ndarray], Rows]] = {
        "cam": cam_rows,
        "grad_cam": grad_cam_rows,
        "score_cam": score_cam_rows,
        "lime": lambda model, images: lime_rows(model, images, args.samples),
        "masks": mask_rows,
    }
    wanted = args.only.split(",") if args.only else [*kinds, "rollout"]
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, args.pictures, model.input.size)
        for kind in (kind for kind in kinds if kind in wanted):
            show(name, kinds[kind](model, images))
    if "rollout" in wanted:
        show("deit_tiny", rollout_rows(faces(args.data, args.pictures, (224, 224))))


def show(name: str, rows: Rows) -> None:
    """Print rows of the table."""
    for explainer, peer, difference, n in rows:
        print(f"| {explainer} | {peer} | {name} | {difference:.1e} | {n} |", flush=True)


if __name__ == "__main__":
    main()
