"""Each source of networks beside its own framework, and with each explainer.

``python benchmarks/sources.py --out DIR`` builds a small network with random weights for each source, saves it as the
source wants it, and writes ``sources.csv``: the largest difference of a probability between ``Model.predict`` and the
framework that the network came from, on the same prepared pictures, beside the largest difference between pictures;
then for each explainer whether it runs, or the line by which it refuses (``refusals.csv``).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.models import Model, load
from xai_compare.models.ensembles import pairs_of
from xai_compare.models.training import cards
from xai_compare.models.zoo import ZOO

CLASSES = ["anger", "happiness", "surprise"]
SIDE = 64
IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8).repeat(SIDE // 8, 1).repeat(SIDE // 8, 2)
INPUT = {"size": SIDE, "channels": "rgb", "range": [0, 1]}
EXPLAINERS = (
    "cam",
    "grad_cam",
    "score_cam",
    "attention_rollout",
    "lime",
    "rise",
    "extremal_perturbation",
    "captum:Saliency",
    "captum:IntegratedGradients",
)
Made = tuple[dict[str, Any], Callable[[torch.Tensor], torch.Tensor]]
"""A specification, and the framework's own logits or probabilities of a prepared batch."""


def alive(module: nn.Module) -> nn.Module:
    """Random weights whose answers differ: batch norms that remember the pictures, and a last layer of weight."""
    batch = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 255
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None
    with torch.no_grad():
        module.train()(batch)
        last = [p for p in module.parameters() if p.ndim > 1][-1]
        last.mul_(1 / max(float(module.eval()(batch).std(0).mean()), 1e-6))
    return module


def _timm(name: str) -> nn.Module:
    import timm

    torch.manual_seed(0)
    return alive(timm.create_model(name, num_classes=len(CLASSES)))


def bundled(folder: Path) -> Made:
    """The network itself is its framework."""
    from xai_compare.models.bundled import bundled as of_package

    return {"bundled": "compact"}, of_package("compact").module


def zoo(folder: Path) -> Made:
    """WeiNet, with weights from a safetensors file."""
    torch.manual_seed(0)
    module = alive(ZOO.get("weinet").make(3, False))
    save_file(module.state_dict(), folder / "wei.safetensors")
    spec = {"zoo": "weinet", "weights": str(folder / "wei.safetensors"), "classes": CLASSES}
    return {**spec, "input": {"channels": "rgb"}}, module


def torchvision(folder: Path) -> Made:
    """ResNet-18, with weights from a torch state dict."""
    from torchvision.models import resnet18

    torch.manual_seed(0)
    module = alive(resnet18(num_classes=3))
    torch.save(module.state_dict(), folder / "r18.pt")
    return {"torchvision": "resnet18", "weights": str(folder / "r18.pt"), "classes": CLASSES, "input": INPUT}, module


def timm(folder: Path) -> Made:
    """MobileNetV3, with weights from a safetensors file."""
    module = _timm("mobilenetv3_small_050")
    save_file(module.state_dict(), folder / "m.safetensors")
    spec = {"timm": "mobilenetv3_small_050", "weights": str(folder / "m.safetensors"), "classes": CLASSES}
    return {**spec, "input": {**INPUT, "mean": [0.0] * 3, "std": [1.0] * 3}}, module


def factory(folder: Path) -> Made:
    """A function of one's own."""
    (folder / "own.py").write_text(
        "import torchvision\n\n\ndef network():\n    made = torchvision.models.squeezenet1_1(num_classes=3)\n"
        "    made.classifier[1].weight.data *= 30\n    return made\n",
        "utf-8",
    )
    from torchvision.models import squeezenet1_1

    torch.manual_seed(5)
    module = squeezenet1_1(num_classes=3).eval()
    module.classifier[1].weight.data *= 30
    spec = {"factory": "own.py:network", "folder": str(folder), "seed": 5, "classes": CLASSES, "input": INPUT}
    return spec, module


def exported(folder: Path) -> Made:
    """ResNet-10 through torch.export."""
    batch = torch.export.Dim("n", min=1, max=4096)
    program = torch.export.export(_timm("resnet10t"), (torch.zeros(2, 3, SIDE, SIDE),), dynamic_shapes=({0: batch},))
    torch.export.save(program, folder / "r10.pt2")
    own = torch.export.load(folder / "r10.pt2").module()
    return {"export": str(folder / "r10.pt2"), "classes": CLASSES, "input": {"range": [0, 1]}}, own


def script(folder: Path) -> Made:
    """ResNet-10 through TorchScript."""
    torch.jit.save(torch.jit.trace(_timm("resnet10t"), torch.zeros(2, 3, SIDE, SIDE)), str(folder / "r10.ts"))
    own = torch.jit.load(str(folder / "r10.ts"))
    return {"torchscript": str(folder / "r10.ts"), "classes": CLASSES, "input": INPUT}, own


def onnx(folder: Path, name: str) -> Made:
    """A network of timm through ONNX, run by onnxruntime."""
    import onnxruntime

    path = folder / f"{name}.onnx"
    torch.onnx.export(
        _timm(name),
        (torch.zeros(2, 3, SIDE, SIDE),),
        path,
        dynamo=False,
        opset_version=17,
        input_names=["x"],
        output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
    )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def own(batch: torch.Tensor) -> torch.Tensor:
        return torch.from_numpy(session.run(None, {"x": batch.numpy()})[0])

    return {"onnx": str(path), "classes": CLASSES, "input": {"range": [0, 1]}}, own


def hugging_face(folder: Path, kind: str) -> Made:
    """A classifier of transformers in a local folder."""
    import transformers

    torch.manual_seed(0)
    labels = dict(enumerate(("angry", "happy", "surprise")))
    config: Any
    made: Any
    if kind == "ViT":
        config = transformers.ViTConfig(
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=3,
            intermediate_size=96,
            image_size=SIDE,
            patch_size=8,
            id2label=labels,
            label2id={v: k for k, v in labels.items()},
        )
        made = transformers.ViTForImageClassification(config)
        batch = torch.from_numpy(IMAGES).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            out = made.eval()(pixel_values=batch).logits
            made.classifier.weight /= out.std(0).mean()
            made.classifier.bias -= made(pixel_values=batch).logits.mean(0)
        made.save_pretrained(folder / kind)
    else:
        config = transformers.ResNetConfig(
            embedding_size=16,
            hidden_sizes=[16, 24],
            depths=[1, 1],
            layer_type="basic",
            id2label=labels,
            label2id={v: k for k, v in labels.items()},
        )
        made = transformers.ResNetForImageClassification(config)
        made.classifier[1].weight.data *= 30
        made.save_pretrained(folder / kind)
    said = {
        "image_processor_type": "ViTImageProcessor",
        "do_normalize": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
    }
    (folder / kind / "preprocessor_config.json").write_text(json.dumps(said), "utf-8")
    network = transformers.AutoModelForImageClassification.from_pretrained(folder / kind).eval()
    return {"hf": str(folder / kind)}, lambda batch: network(pixel_values=batch).logits


def keras(folder: Path) -> Made:
    """Convolutions, global average pooling and a softmax, run by Keras itself."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras as framework

    layers = framework.layers
    framework.utils.set_random_seed(0)
    network = framework.Sequential(
        [
            layers.Input((SIDE, SIDE, 3)),
            layers.Conv2D(8, 3, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.SeparableConv2D(12, 3, padding="same", activation="relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    inner = framework.Model(network.inputs, network.layers[-2].output)(IMAGES / np.float32(255)).detach().cpu().numpy()
    kernel = np.random.default_rng(3).normal(0, 0.2 / inner.std(0).mean(), (inner.shape[1], 3)).astype(np.float32)
    network.layers[-1].set_weights([kernel, -(inner @ kernel).mean(0)])
    network.save(folder / "net.keras")

    def own(batch: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(network(batch.permute(0, 2, 3, 1), training=False)).detach().cpu()

    return {"keras": str(folder / "net.keras"), "classes": CLASSES, "input": {"range": [0, 1]}}, own


def ensemble(folder: Path) -> Made:
    """Three binary WeiNets; their votes counted here."""
    networks = {}
    for seed, names in enumerate(pairs_of(tuple(CLASSES))):
        spec = {
            "zoo": "weinet",
            "weights": "random",
            "seed": seed,
            "classes": list(names),
            "input": {"channels": "rgb"},
        }
        networks[names] = load(spec)
        cards.write(
            networks[names],
            folder / "pairs" / "_".join(names),
            {"network": {"zoo": "weinet", "input": {"channels": "rgb"}}},
        )

    def own(batch: torch.Tensor) -> torch.Tensor:
        votes = torch.zeros(len(batch), len(CLASSES))
        for names, model in networks.items():
            for k, answer in enumerate(model.module(batch).argmax(1).tolist()):
                votes[k, CLASSES.index(names[answer])] += 1
        return votes / votes.sum(1, keepdim=True)

    return {"ensemble": str(folder / "pairs")}, own


SOURCES: dict[str, Callable[[Path], Made]] = {
    "bundled (compact)": bundled,
    "zoo (WeiNet, safetensors)": zoo,
    "torchvision (ResNet-18, state dict)": torchvision,
    "timm (MobileNetV3, safetensors)": timm,
    "factory (SqueezeNet)": factory,
    "export (ResNet-10)": exported,
    "torchscript (ResNet-10)": script,
    "onnx (MobileNetV3)": lambda folder: onnx(folder, "mobilenetv3_small_050"),
    "onnx (ResNet-10)": lambda folder: onnx(folder, "resnet10t"),
    "hf (vision transformer)": lambda folder: hugging_face(folder, "ViT"),
    "hf (ResNet)": lambda folder: hugging_face(folder, "ResNet"),
    "keras (separable convolutions)": keras,
    "ensemble (WeiNet, simple vote)": ensemble,
}


def difference(model: Model, own: Callable[[torch.Tensor], torch.Tensor]) -> tuple[float, float]:
    """The largest difference of a probability from the framework's own, and between pictures."""
    with torch.no_grad():
        out = own(model.prepare(IMAGES)).float()
    summed = bool((out >= 0).all()) and bool(torch.allclose(out.sum(1), torch.ones(len(out)), atol=1e-4))
    told = (out if summed else out.softmax(1)).detach().numpy()
    return float(np.abs(model.predict(IMAGES) - told).max()), float(np.ptp(told, axis=0).max())


def explained(model: Model, name: str) -> str:
    """``runs``, or the line by which the explainer refuses."""
    made = explainers.create(name)
    targets = ("anger", "happiness") if model.source.get("kind") == "ensemble" else "anger"
    if why := made.refuses(model, targets):
        return why
    try:
        found = made(model, IMAGES[:2], targets)
    except InputError as error:
        return str(error)
    assert found.shape == (2, SIDE, SIDE)
    return "runs" if np.isfinite(found).all() else "not finite"


def main() -> None:
    """Build, compare, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rows, refusals = [], []
    for name, make in SOURCES.items():
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            spec, own = make(Path(folder))
            model = load({"name": name, **spec}, allow_code=True)
            apart, spread = difference(model, own)
            row = {"source": name, "from its framework": f"{apart:.1e}", "between pictures": f"{spread:.2f}"}
            for explainer in EXPLAINERS:
                answer = explained(model, explainer)
                row[explainer] = answer if answer == "runs" else "refuses"
                if answer != "runs":
                    refusals.append((name, explainer, answer))
        rows.append(row)
        print(row, flush=True)
    pd.DataFrame(rows).to_csv(given.out / "sources.csv", index=False)
    pd.DataFrame(refusals, columns=["source", "explainer", "line"]).to_csv(given.out / "refusals.csv", index=False)
    print(pd.DataFrame(rows).to_string(index=False))
    for one in refusals:
        print(*one, sep=": ")


if __name__ == "__main__":
    main()
