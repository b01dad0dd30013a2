"""Small files of networks that promise much, each with the command that reads it."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

from bomb_files import bomb


def network(folder: Path, **spec: object) -> list[str]:
    """`explain` with a network of a study."""
    from PIL import Image

    from xai_compare.synthetic import faces

    Image.fromarray(faces(("anger",), 1, seed=1, size=(200, 200)).images[0]).save(folder / "face.png")
    asked = {"name": "b", "images": {"folder": str(folder)}, "explainers": ["cam"]}
    asked["models"] = [{"name": "net", "classes": ["anger", "happiness", "fear"], **spec}]
    (folder / "study.yaml").write_text(json.dumps(asked))
    return ["explain", str(folder / "face.png"), "--model", f"{folder / 'study.yaml'}:net", "--explainer", "grad_cam"]


SIZED = {"input": {"size": [64, 64], "range": [0, 1]}}


def safetensors(folder: Path, entries: dict[str, object], data: bytes, header: int | None = None) -> list[str]:
    """A network whose weights are a safetensors file with this header."""
    text = json.dumps(entries).encode()
    (folder / "w.safetensors").write_bytes(struct.pack("<Q", header or len(text)) + text + data)
    return network(folder, torchvision="resnet18", weights=str(folder / "w.safetensors"), **SIZED)


@bomb
def safetensors_of_tensors(folder: Path) -> list[str]:
    """300,000 tensors of one byte."""
    entries = {f"t{k}": {"dtype": "U8", "shape": [1], "data_offsets": [k, k + 1]} for k in range(300_000)}
    return safetensors(folder, entries, bytes(300_000))


@bomb
def safetensors_of_promises(folder: Path) -> list[str]:
    """A tensor that declares 4 TB."""
    return safetensors(folder, {"t": {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}, b"")


@bomb
def safetensors_of_header(folder: Path) -> list[str]:
    """A header that declares 10^15 bytes."""
    return safetensors(folder, {}, b"", 10**15)


@bomb
def pt_of_zeros(folder: Path) -> list[str]:
    """A torch file whose members are compressed: 20 MB for 20 GB."""
    import torch

    torch.save({"t": torch.zeros(10)}, folder / "small.pt")
    with (
        zipfile.ZipFile(folder / "small.pt") as small,
        zipfile.ZipFile(folder / "w.pt", "w", zipfile.ZIP_DEFLATED) as big,
    ):
        for name in small.namelist():
            with big.open(name, "w", force_zip64=True) as file:
                file.write(small.read(name))
                if name.endswith("data/0"):
                    for _ in range(20_000):
                        file.write(bytes(1_000_000))
    return network(folder, torchvision="resnet18", weights=str(folder / "w.pt"), **SIZED)


@bomb
def pt_of_strides(folder: Path) -> list[str]:
    """Tensors of one number that declare 400 GB by a stride of 0."""
    import torch

    torch.save({"fc.weight": torch.zeros(1).expand(10**6, 10**5)}, folder / "w.pt")
    return network(folder, torchvision="resnet18", weights=str(folder / "w.pt"), **SIZED)


def onnx_file(folder: Path, nodes: list[object], weights: list[object]) -> list[str]:
    """A network that is an ONNX file."""
    from onnx import TensorProto, helper

    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3])
    graph = helper.make_graph(nodes, "g", [picture], [answer], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    (folder / "n.onnx").write_bytes(model.SerializeToString())
    return network(folder, onnx=str(folder / "n.onnx"), input={"range": [0, 1]})


@bomb
def onnx_of_constants(folder: Path) -> list[str]:
    """A constant of 40 GB that is declared by its shape."""
    from onnx import TensorProto, helper

    shape = helper.make_tensor("s", TensorProto.INT64, [2], [10**5, 10**5])
    nodes = [
        helper.make_node("ConstantOfShape", ["s"], ["c"]),
        helper.make_node("ReduceSum", ["c"], ["r"], keepdims=0),
        helper.make_node("ReduceMean", ["x"], ["m"], axes=[2, 3], keepdims=0),
        helper.make_node("Add", ["m", "r"], ["y"]),
    ]
    return onnx_file(folder, nodes, [shape])


@bomb
def onnx_of_expansion(folder: Path) -> list[str]:
    """One picture that is repeated 10^6 times."""
    from onnx import TensorProto, helper

    times = helper.make_tensor("s", TensorProto.INT64, [4], [1, 1, 1000, 1000])
    nodes = [helper.make_node("Tile", ["x", "s"], ["t"]), helper.make_node("ReduceMean", ["t"], ["y"], axes=[2, 3])]
    return onnx_file(folder, nodes, [times])


@bomb
def onnx_of_nodes(folder: Path) -> list[str]:
    """100,000 layers."""
    from onnx import helper

    nodes = [helper.make_node("Relu", [f"r{k}" if k else "x"], [f"r{k + 1}"]) for k in range(100_000)]
    return onnx_file(folder, [*nodes, helper.make_node("ReduceMean", ["r100000"], ["y"], axes=[2, 3])], [])


def keras_config(layers: list[dict[str, object]]) -> dict[str, object]:
    """A sequential network."""
    return {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}


def dense(name: str, units: int) -> dict[str, object]:
    """A dense layer."""
    return {"class_name": "Dense", "config": {"name": name, "units": units}}


INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, 64, 64, 3], "name": "x"}}
FLAT = {"class_name": "Flatten", "config": {"name": "f"}}


def h5(folder: Path, config: dict[str, object], fill: Callable[..., object] = lambda file: None) -> list[str]:
    """A network that is an HDF5 file."""
    import h5py

    with h5py.File(folder / "n.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.attrs["keras_version"], file.attrs["backend"] = "2.15.0", "tensorflow"
        fill(file)
    return network(folder, keras=str(folder / "n.h5"), input={"range": [0, 1]})


@bomb
def h5_of_layers(folder: Path) -> list[str]:
    """100,000 layers without weights."""
    layers = [{"class_name": "ReLU", "config": {"name": f"r{k}"}} for k in range(100_000)]
    config = json.dumps(keras_config([INPUT, *layers]))
    import h5py

    with h5py.File(folder / "n.h5", "w", libver="latest") as file:
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = []
        file.attrs.create("model_config", config)
    return network(folder, keras=str(folder / "n.h5"), input={"range": [0, 1]})


@bomb
def h5_of_units(folder: Path) -> list[str]:
    """A layer that declares 10^9 units, so that its weights would take 49 TB."""
    return h5(folder, keras_config([INPUT, FLAT, dense("d", 10**9)]))


@bomb
def h5_of_dataset(folder: Path) -> list[str]:
    """Weights that declare 40 GB and hold nothing."""

    def fill(file: object) -> None:
        weights = file.create_group("model_weights")  # type: ignore[attr-defined]
        weights.attrs["layer_names"] = [b"f", b"d"]
        weights.create_group("f").attrs["weight_names"] = []
        layer = weights.create_group("d")
        layer.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        layer.create_dataset("d/kernel:0", (10**5, 10**5), "f4", chunks=(1000, 1000), compression="gzip")
        layer.create_dataset("d/bias:0", (2,), "f4")

    return h5(folder, keras_config([INPUT, FLAT, dense("d", 2)]), fill)


@bomb
def keras_archive(folder: Path) -> list[str]:
    """A .keras file whose config.json unpacks to 5 GB."""
    with zipfile.ZipFile(folder / "n.keras", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("config.json", "w", force_zip64=True) as file:
            for _ in range(5000):
                file.write(bytes(1_000_000))
        archive.writestr("metadata.json", "{}")
        archive.writestr("model.weights.h5", b"")
    return network(folder, keras=str(folder / "n.keras"), input={"range": [0, 1]})


@bomb
def hf_config(folder: Path) -> list[str]:
    """A Hugging Face folder that declares 100,000 layers of 10^5 units."""
    place = folder / "hf"
    place.mkdir()
    config = {"model_type": "vit", "architectures": ["ViTForImageClassification"], "num_hidden_layers": 100_000}
    config |= {"hidden_size": 98_304, "num_attention_heads": 12, "id2label": {"0": "anger", "1": "happiness"}}
    (place / "config.json").write_text(json.dumps(config))
    (place / "preprocessor_config.json").write_text(json.dumps({"image_processor_type": "ViTImageProcessor"}))
    text = json.dumps({"t": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (place / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    return network(folder, hf=str(place))
