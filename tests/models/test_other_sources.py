"""Networks from files of other frameworks: the same answers as there, and every explainer that can explain them."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.models import Model, load
from xai_compare.models.sources import SOURCES, located
from xai_compare.models.zoo import ZOO

CLASSES = ["anger", "happiness", "surprise"]
SIDE = 48
# Patches of colour: noise has no superpixels.
IMAGES = np.random.default_rng(0).integers(0, 256, (2, 6, 6, 3), np.uint8).repeat(SIDE // 6, 1).repeat(SIDE // 6, 2)
INPUT = {"size": SIDE, "channels": "rgb", "range": [0, 1]}
AVERAGE = {
    "lime": {"n_samples": 200},
    "rise": {"n_samples": 40},
    "extremal_perturbation": {"steps": 12, "areas": [0.2]},
}


class Small(nn.Module):
    """A small network with a CAM head."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 12, 3, 2, 1), nn.ReLU()
        )
        self.head = nn.Linear(12, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(x).mean((2, 3)))


def small() -> nn.Module:
    torch.manual_seed(0)
    return Small().eval()


def prepared(images: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def expected(module: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return module(prepared(IMAGES)).softmax(1).numpy()


def onnx_file(
    folder: Path, *, opset: int | None = 17, batch: int | None = None
) -> tuple[dict[str, object], np.ndarray]:
    import onnxruntime

    path, dynamic = folder / "net.onnx", None if batch else {"x": {0: "n"}, "y": {0: "n"}}
    example = torch.zeros(batch or 2, 3, SIDE, SIDE)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            small(),
            (example,),
            path,
            dynamo=False,
            opset_version=opset,
            input_names=["x"],
            output_names=["y"],
            dynamic_axes=dynamic,
        )
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    step = batch or 2
    raw = [session.run(None, {"x": prepared(IMAGES[k : k + step]).numpy()})[0] for k in range(0, 2, step)]
    told = torch.from_numpy(np.concatenate(raw)).softmax(1).numpy()
    return {"onnx": str(path), "classes": CLASSES, "input": {"range": [0, 1]}}, told


def export_file(folder: Path) -> tuple[dict[str, object], np.ndarray]:
    path, count = folder / "net.pt2", torch.export.Dim("n", min=1, max=64)
    program = torch.export.export(small(), (torch.zeros(2, 3, SIDE, SIDE),), dynamic_shapes=({0: count},))
    torch.export.save(program, path)
    told = torch.export.load(path).module()(prepared(IMAGES)).softmax(1).detach().numpy()
    return {"export": str(path), "classes": CLASSES, "input": {"range": [0, 1]}}, told


def script_file(folder: Path) -> tuple[dict[str, object], np.ndarray]:
    path = folder / "net.ts"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.trace(small(), torch.zeros(2, 3, SIDE, SIDE)), str(path))
        told = torch.jit.load(str(path))(prepared(IMAGES)).softmax(1).detach().numpy()
    return {"torchscript": str(path), "classes": CLASSES, "input": INPUT}, told


def hf_folder(folder: Path, kind: str = "vit", labels: tuple[str, ...] = ("angry", "happy", "surprise")) -> Path:
    """A classifier of transformers as `save_pretrained` writes it."""
    import transformers

    torch.manual_seed(0)
    common = {"id2label": dict(enumerate(labels)), "label2id": {name: k for k, name in enumerate(labels)}}
    if kind == "vit":
        config = transformers.ViTConfig(
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=SIDE,
            patch_size=8,
            **common,
        )
        network = transformers.ViTForImageClassification(config)
    else:
        config = transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 12], depths=[1, 1], layer_type="basic", **common
        )
        network = transformers.ResNetForImageClassification(config)
    network.eval().save_pretrained(folder)
    said = {
        "do_normalize": True,
        "image_mean": [0.5] * 3,
        "image_std": [0.5] * 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_resize": True,
        "size": {"height": SIDE, "width": SIDE},
        "image_processor_type": "ViTImageProcessor",
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(said), "utf-8")
    return folder


def hf(folder: Path, kind: str = "vit") -> tuple[dict[str, object], np.ndarray]:
    import transformers

    place = hf_folder(folder / kind, kind)
    network = transformers.AutoModelForImageClassification.from_pretrained(place)
    with torch.no_grad():
        told = network(pixel_values=(prepared(IMAGES) - 0.5) / 0.5).logits.softmax(1).numpy()
    return {"hf": str(place)}, told


def zoo(folder: Path) -> tuple[dict[str, object], np.ndarray]:
    from safetensors.torch import save_file

    torch.manual_seed(1)
    module = ZOO.get("songnet").make(3, False).eval()
    save_file(module.state_dict(), folder / "song.safetensors")
    spec = {
        "zoo": "songnet",
        "weights": str(folder / "song.safetensors"),
        "classes": CLASSES,
        "input": {"channels": "rgb"},
    }
    large = torch.nn.functional.interpolate(prepared(IMAGES) * 255, (224, 224), mode="bilinear", antialias=True) / 255
    with torch.no_grad():
        return spec, module(large).softmax(1).numpy()


MADE: dict[str, Callable[[Path], tuple[dict[str, object], np.ndarray]]] = {
    "onnx": onnx_file,
    "onnx of one picture": lambda folder: onnx_file(folder, batch=1),
    "export": export_file,
    "torchscript": script_file,
    "hf vision transformer": hf,
    "hf resnet": lambda folder: hf(folder, "resnet"),
    "zoo": zoo,
}


@pytest.mark.parametrize("source", MADE)
def test_answers_are_those_of_its_own_framework(source: str, tmp_path: Path) -> None:
    spec, told = MADE[source](tmp_path)
    model = load(spec, allow_code=True)
    np.testing.assert_allclose(model.predict(IMAGES), told, atol=1e-4)
    assert model.classes == tuple(CLASSES)


@pytest.mark.parametrize("source", [name for name in MADE if name != "torchscript"])
def test_networks_can_be_copied(source: str, tmp_path: Path) -> None:
    """Captum is given a copy, and so is each thread."""
    model = load(MADE[source](tmp_path)[0], allow_code=True)
    other = replace(model, module=copy.deepcopy(model.module))
    np.testing.assert_array_equal(other.predict(IMAGES), model.predict(IMAGES))


@pytest.mark.parametrize("source", MADE)
def test_gradients_reach_the_picture(source: str, tmp_path: Path) -> None:
    model = load(MADE[source](tmp_path)[0], allow_code=True)
    batch = model.prepare(IMAGES).requires_grad_(True)
    model.probabilities(batch)[:, 0].sum().backward()
    assert batch.grad is not None
    assert float(batch.grad.abs().sum()) > 0


# source, explainer, whether it runs
RUNS = [
    (source, explainer, True)
    for source in ("onnx", "export", "hf vision transformer", "hf resnet")
    for explainer in ("lime", "extremal_perturbation", "grad_cam", "rise")
] + [
    ("onnx", "cam", True),
    ("export", "cam", True),
    ("hf resnet", "cam", True),
    ("hf vision transformer", "attention_rollout", True),
    ("hf vision transformer", "cam", False),
    ("torchscript", "lime", True),
    ("torchscript", "extremal_perturbation", True),
    ("torchscript", "grad_cam", False),
    ("onnx", "attention_rollout", False),
]


@pytest.mark.parametrize(("source", "explainer", "runs"), RUNS)
def test_explainers_run_or_refuse_in_one_line(source: str, explainer: str, runs: bool, tmp_path: Path) -> None:
    model = load(MADE[source](tmp_path)[0], allow_code=True)
    made = explainers.create(explainer, **AVERAGE.get(explainer, {}))
    refusal = made.refusal(model)
    if not runs:
        assert refusal
        assert "\n" not in refusal
        return
    assert refusal is None
    # Grad-CAM of one class may be zero throughout, not that of all.
    found = [made(model, IMAGES, name) for name in model.classes]
    assert all(maps.shape == (2, *model.input.size) for maps in found)
    assert np.isfinite(found).all()
    assert max(np.ptp(maps[0]) for maps in found) > 0


def test_newer_operators_are_written_as_older_ones(tmp_path: Path) -> None:
    spec, told = onnx_file(tmp_path, opset=20)
    np.testing.assert_allclose(load(spec).predict(IMAGES), told, atol=1e-4)


def test_an_onnx_network_with_channels_last(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weight = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    graph = helper.make_graph(
        [
            helper.make_node("ReduceMean", ["x"], ["pooled"], axes=[1, 2], keepdims=0),
            helper.make_node("MatMul", ["pooled", "w"], ["y"]),
        ],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(weight, "w")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    made.metadata_props.add(key="classes", value="anger,happiness,surprise")
    onnx.save(made, tmp_path / "last.onnx")
    model = load({"onnx": str(tmp_path / "last.onnx"), "input": {"range": [0, 1]}})
    logits = torch.from_numpy((IMAGES / 255).mean((1, 2)) @ weight)
    np.testing.assert_allclose(model.predict(IMAGES), logits.softmax(1).numpy(), atol=1e-4)


def test_an_operator_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [helper.make_node("Det", ["x"], ["y"])],
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, SIDE, SIDE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), tmp_path / "d.onnx")
    with pytest.raises(InputError, match=r"cannot be converted to torch .*Det") as error:
        load({"onnx": str(tmp_path / "d.onnx"), "classes": CLASSES, "input": {"range": [0, 1]}})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("source", "kind"), [("onnx", "ONNX"), ("export", "torch.export"), ("torchscript", "TorchScript")]
)
def test_a_file_of_another_kind_is_refused(source: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "net").write_bytes(b"no network")
    with pytest.raises(InputError, match=kind) as error:
        load({source: str(tmp_path / "net"), "classes": CLASSES, "input": INPUT}, allow_code=True)
    assert "\n" not in str(error.value)


def test_labels_that_are_no_expressions_need_classes(tmp_path: Path) -> None:
    place = hf_folder(tmp_path / "net", "resnet", ("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.raises(InputError, match=r"LABEL_0.*list under `classes`"):
        load({"hf": str(place)})
    assert load({"hf": str(place), "classes": CLASSES}).classes == tuple(CLASSES)


def test_an_unknown_hub_name_without_network_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="neither a local folder nor") as error:
        load({"hf": "nobody/has-this-network", "classes": CLASSES})
    assert "\n" not in str(error.value)


def test_hub_names_stay_names_and_folders_become_paths(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert located({"hf": "google/vit-base"}, tmp_path)["hf"] == "google/vit-base"
    assert located({"hf": "mine"}, tmp_path)["hf"] == str(tmp_path / "mine")


def test_networks_from_scratch_have_nothing_to_download() -> None:
    with pytest.raises(InputError, match="trains WeiNet from scratch"):
        load({"zoo": "weinet", "weights": "pretrained", "seed": 0, "classes": CLASSES})


def test_the_zoo_is_drawn_from_its_seed() -> None:
    spec = {"zoo": "weinet", "weights": "random", "classes": CLASSES}
    first, again, other = (load({**spec, "seed": seed}).predict(IMAGES) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 1e-4


@pytest.mark.parametrize("channels", ["bgr", "grey3"])
def test_channel_orders_are_what_they_say(channels: str) -> None:
    from xai_compare.models import InputSpec

    model = Model("m", CLASSES, small(), InputSpec((SIDE, SIDE), channels))  # type: ignore[arg-type]
    batch = model.prepare(IMAGES)
    told = prepared(IMAGES).flip(1) if channels == "bgr" else None
    if told is None:
        grey = (prepared(IMAGES) * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True)
        told = grey.expand(-1, 3, -1, -1)
    torch.testing.assert_close(batch, told)


def test_every_source_is_found_by_name() -> None:
    for name in ("zoo", "hf", "onnx", "export", "torchscript", "keras", "timm", "torchvision", "factory", "bundled"):
        assert hasattr(SOURCES.get(name), "build")
