"""Which of captum's methods run on which networks; a failure gives its one line.

``--markdown`` writes the page ``docs/captum.md``; without it the table is printed. Weights are random (but for
mini_xception's), pictures small, samples few: what is shown is whether a method runs, and the seconds say little.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import CLASSES, DATA, enliven, faces

from xai_compare import explainers, models
from xai_compare.errors import InputError
from xai_compare.explainers.families import METHODS
from xai_compare.models import Model

FAST = {
    "KernelShap": {"n_samples": 30},
    "Lime": {"n_samples": 30},
    "ShapleyValueSampling": {"n_samples": 1},
    "IntegratedGradients": {"n_steps": 8},
}
FEW = {"n_segments": 8}
NETWORKS = {
    "mini_xception": ("keras", 64),
    "resnet18": ("torchvision", 96),
    "vgg11": ("torchvision", 96),
    "inception_v3": ("torchvision", 128),
    "mobilenet_v3_small": ("torchvision", 96),
    "efficientnet_b0": ("torchvision", 96),
    "convnext_tiny": ("torchvision", 96),
    "densenet121": ("torchvision", 96),
    "swin_t": ("torchvision", 64),
    "vit_b_16": ("torchvision", 224),
    "legacy_xception": ("timm", 96),
    "xception41": ("timm", 96),
    "tf_efficientnet_lite0": ("timm", 96),
    "convnext_atto": ("timm", 96),
    "deit_tiny_patch16_224": ("timm", 224),
}
PAGE = Path(__file__).resolve().parents[2] / "docs" / "captum.md"


def network(name: str, data: Path) -> Model:
    """A network of the table, with outputs that depend on the picture."""
    source, side = NETWORKS[name]
    if source == "keras":
        file = next((data / "models").glob("*.hdf5"))
        spec: dict[str, Any] = {"keras": str(file), "input": {"size": side, "channels": "grey", "range": [-1, 1]}}
    else:
        spec = {source: name, "weights": "random", "seed": 0, "input": {"size": side, "range": [-1, 1]}}
    model = models.load({"name": name, "classes": CLASSES, **spec})
    if source != "keras":
        last = [m for m in model.module.modules() if isinstance(m, torch.nn.Linear)][-1]
        if not last.weight.any():
            torch.nn.init.normal_(last.weight, generator=torch.Generator().manual_seed(0))
        enliven(model, data)
    return model


def cell(method: str, model: Model, image: np.ndarray) -> tuple[str, str]:
    """What stands in the table, and the line why it did not run."""
    options = FAST.get(method, {}) | (
        FEW if method in ("FeatureAblation", "KernelShap", "Lime", "ShapleyValueSampling") else {}
    )
    if method == "Occlusion":
        channels, half = 1 if model.input.channels == "grey" else 3, [side // 2 for side in model.input.size]
        options = {"sliding_window_shapes": (channels, *half), "strides": (channels, *half)}
    start = time.perf_counter()
    try:
        found = explainers.create(f"captum:{method}", **options).explain(model, image)
    except InputError as error:
        return "no", str(error)
    if found.reasons[0]:
        return "no", f"model {model.name!r}: captum's {method}: {found.reasons[0]}"
    ratio = found.extras.get("completeness")
    partial = ratio is not None and not abs(float(ratio[0]) - 1) < 0.05
    return ("runs*" if partial else "runs") + f" ({time.perf_counter() - start:.1f} s)", ""


def left_alone(model: Model, weights: dict[str, torch.Tensor]) -> bool:
    """Whether no hook is left and every weight is the same object with the same values."""
    hooks = any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.module.modules())
    now = dict(model.module.named_parameters())
    return not hooks and all(now[k] is v for k, v in weights.items()) and set(now) == set(weights)


def column(name: str, methods: list[str], data: Path) -> tuple[dict[str, str], list[str]]:
    """A network's cells by method, and the lines of the failures."""
    cells, lines = {}, []
    model = network(name, data)
    weights, before = dict(model.module.named_parameters()), [p.clone() for p in model.module.parameters()]
    image = faces(data, 1, model.input.size)
    for method in methods:
        cells[method], line = cell(method, model, image)
        lines += [line] if line else []
        assert left_alone(model, weights), (method, name)
        print(f"{name:24s} {method:22s} {cells[method]:16s} {line}", flush=True)
    assert all(torch.equal(a, b) for a, b in zip(before, model.module.parameters(), strict=True)), name
    return cells, lines


def page(columns: dict[str, dict[str, str]], lines: list[str], methods: list[str]) -> str:
    """The page."""
    names = list(columns)
    rows = [
        f"| {method} | " + " | ".join(columns[name][method].split(" (")[0] for name in names) + " |"
        for method in methods
    ]
    sizes = ", ".join(f"`{name}` ({NETWORKS[name][0]}, {NETWORKS[name][1]} px)" for name in names)
    return "\n".join(
        [
            "# Captum's methods on a dozen and more networks",
            "",
            "Every attribution method of captum that attributes to the pixels of one picture is an explainer,",
            "`captum:NAME`, with captum's options. This page is made by",
            "`python benchmarks/explainers/captum_table.py --markdown`: one photograph, random weights but for",
            "`mini_xception`, few samples, small pictures. It shows what runs, not what is worth running.",
            "",
            f"Networks: {sizes}.",
            "",
            "Methods that hook layers (DeepLift, DeepLiftShap, Deconvolution, GuidedBackprop, GuidedGradCam, LRP) run",
            "on a copy of the network in which every use of a layer is a layer of its own, no ReLU works in place, and",
            "ReLUs called as functions are modules. The network itself is never touched: after each cell, no hook is",
            "left and every weight is the same object with the same values.",
            "",
            "`runs*`: the method ran, but its attributions do not add up to the output (DeepLift: to its difference",
            "from a black picture's) within 5 %. For LRP, biases and functions between layers are reasons; for",
            "DeepLift no cause was traced (for `vgg11`, captum by itself gives the same sum). The extra",
            "`completeness` holds the ratio. Take such a map for what it is, or use `captum:IntegratedGradients`. LRP",
            "whose sum is more than a hundredfold output gives NaN and a reason.",
            "",
            "| method | " + " | ".join(names) + " |",
            "|" + " --- |" * (len(names) + 1),
            *rows,
            "",
            "## Why not",
            "",
            *(f"- {line}" for line in lines),
            "",
        ]
    )


def main() -> None:
    """Print progress, then the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with faces/images and models/*.hdf5")
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--methods", nargs="+", default=list(METHODS["captum"]), choices=METHODS["captum"])
    parser.add_argument("--markdown", action="store_true", help="write docs/captum.md")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    columns: dict[str, dict[str, str]] = {}
    lines: list[str] = []
    for name in args.networks:
        columns[name], failed = column(name, args.methods, args.data)
        lines += failed
        if args.markdown:
            # After each network, for all of them take a quarter of an hour.
            PAGE.write_text(page(columns, lines, args.methods), encoding="utf-8")
    if not args.markdown:
        print(page(columns, lines, args.methods))


if __name__ == "__main__":
    main()
