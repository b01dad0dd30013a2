"""ONNX files that are damaged, odd or hostile are refused in one line, before memory is taken."""

from __future__ import annotations

import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xai_compare.errors import InputError
from xai_compare.models import load

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
make, FLOAT, INT64 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.INT64


def tensor(name: str, values: Any, kind: Any = np.float32) -> Any:
    return onnx.numpy_helper.from_array(np.asarray(values, kind), name)


def network(
    nodes: list[Any] | None = None,
    weights: list[Any] | None = None,
    opset: int = 13,
    shape: tuple[int | str, ...] = (1, 3, 16, 16),
    outputs: int = 1,
) -> Any:
    """An average over the picture, with ``nodes`` before it that make ``x0`` of ``x``."""
    before = nodes or [make.make_node("Relu", ["x"], ["x0"])]
    nodes = [*before, make.make_node("GlobalAveragePool", ["x0"], ["p"]), make.make_node("Flatten", ["p"], ["y"])]
    value = make.make_tensor_value_info
    graph = make.make_graph(
        nodes, "net", [value("x", FLOAT, shape)], [value("y", FLOAT, ["n", 3])] * outputs, list(weights or ())
    )
    return make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=8)


def added(sizes: list[int], kind: str = "ConstantOfShape") -> Any:
    """A constant of ``sizes`` that a few bytes declare, averaged and added to the picture."""
    if kind == "ConstantOfShape":
        nodes, weights = [make.make_node(kind, ["s"], ["big"])], [tensor("s", sizes, np.int64)]
    else:
        nodes = [make.make_node(kind, ["one", "s"], ["big"])]
        weights = [tensor("one", np.ones([1] * len(sizes))), tensor("s", sizes, np.int64)]
    nodes += [make.make_node("ReduceMean", ["big"], ["m"], keepdims=0), make.make_node("Add", ["x", "m"], ["x0"])]
    return network(nodes, weights)


def hollow() -> Any:
    """A weight that declares 4 TB and holds nothing."""
    weight = onnx.TensorProto(name="w", data_type=FLOAT, dims=[1 << 20, 1 << 20])
    return network([make.make_node("Add", ["x", "w"], ["x0"])], [weight])


def external(location: str, length: int | None = 12, offset: int = 0) -> Any:
    """A weight ``(3, 1, 1)`` whose numbers lie in another file."""
    weight = onnx.TensorProto(name="w", data_type=FLOAT, dims=[3, 1, 1], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", offset), ("length", length)):
        if value is not None:
            weight.external_data.add(key=key, value=str(value))
    return network([make.make_node("Add", ["x", "w"], ["x0"])], [weight])


def spec(model: Any, folder: Path, **keys: Any) -> dict[str, Any]:
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    shown = {"range": [0, 1]}
    return {
        "name": "net",
        "onnx": str(folder / "net.onnx"),
        "classes": ["anger", "fear", "sadness"],
        "input": shown,
        **keys,
    }


BAD: dict[tuple[str, str], Callable[[], Any]] = {
    ("opset 0", "opsets 1 to"): lambda: network(opset=0),
    ("opset too new", "opset 99; opsets 1 to"): lambda: network(opset=99),
    ("opset far too new", "opsets 1 to"): lambda: network(opset=2**40),
    ("no opset", "opset_import"): lambda: make.make_model(network().graph, opset_imports=[]),
    ("empty batch", "a batch of no picture"): lambda: network(shape=(0, 3, 16, 16)),
    ("empty picture", "input.size is not given"): lambda: network(shape=(1, 3, 0, 16)),
    ("negative size", "must be whole pixels"): lambda: network(shape=(1, 3, -16, 16)),
    ("huge picture", "must be whole pixels"): lambda: network(shape=(1, 3, 1 << 20, 1 << 20)),
    ("no channels", "input.channels is not given"): lambda: network(shape=(1, 0, 16, 16)),
    ("five channels", "input.channels is not given"): lambda: network(shape=(1, 5, 16, 16)),
    ("no output", "has no output"): lambda: network(outputs=0),
    ("opset 1", "cannot run"): lambda: network(opset=1),
    ("constant of 40 GB", "holds more than"): lambda: added([100_000, 100_000]),
    ("constant of more than 64 bits", "holds more than"): lambda: added([1 << 40, 1 << 40]),
    ("constant of negative size", "cannot run"): lambda: added([-5, 3]),
    ("expanded to 40 GB", "holds more than"): lambda: added([100_000, 100_000], "Expand"),
    ("repeated to 40 GB", "holds more than"): lambda: added([100_000, 100_000], "Tile"),
    ("hollow weight", "one value field"): hollow,
    ("unknown operator", "No Op registered for NoSuch"): lambda: network([make.make_node("NoSuch", ["x"], ["x0"])]),
    ("foreign operator", "com.example"): lambda: network([make.make_node("Run", ["x"], ["x0"], domain="com.example")]),
    ("loop", "topologically sorted"): lambda: network([make.make_node("Add", ["x", "x0"], ["x0"])]),
    ("value of nothing", "topologically sorted"): lambda: network([make.make_node("Add", ["x", "nowhere"], ["x0"])]),
    ("shapes that do not fit", "cannot be converted"): lambda: network(
        [make.make_node("MatMul", ["x", "w"], ["x0"])], [tensor("w", np.ones((5, 5)))]
    ),
    ("reads outside", "points outside"): lambda: external("../outside.bin"),
    ("reads an absolute path", "absolute path"): lambda: external("/etc/hostname"),
    ("reads a link", "symbolic link"): lambda: external("link.bin"),
    ("reads a folder", "not regular file"): lambda: external("."),
    ("reads what is not there", "not regular file"): lambda: external("absent.bin"),
    ("reads past the end", "exceeds file size"): lambda: external("weights.bin", 12, 1 << 30),
    ("reads too much", "exceeds available"): lambda: external("weights.bin", 1 << 40),
    ("reads from before", "non-negative"): lambda: external("weights.bin", 12, -4),
}


@pytest.mark.parametrize(
    ("made", "words"), [(made, words) for (_, words), made in BAD.items()], ids=[k for k, _ in BAD]
)
def test_a_bad_file_is_refused_in_one_line(made: Callable[[], Any], words: str, tmp_path: Path) -> None:
    (tmp_path / "outside.bin").write_bytes(np.ones(3, np.float32).tobytes())
    folder = tmp_path / "net"
    folder.mkdir()
    (folder / "weights.bin").write_bytes(np.ones(3, np.float32).tobytes())
    (folder / "link.bin").symlink_to(tmp_path / "outside.bin")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as error:
        load(spec(made(), folder))
    assert words in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


def test_weights_beside_the_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(np.array([1, 2, 3], np.float32).tobytes())
    model = load(spec(external("weights.bin"), tmp_path))
    black = np.zeros((1, 16, 16, 3), np.uint8)
    expected = np.exp([1, 2, 3]) / np.exp([1, 2, 3]).sum()
    np.testing.assert_allclose(model.predict(black)[0], expected, rtol=1e-5)


@pytest.mark.parametrize("batch", [1, "n"])
def test_one_of_two_outputs(batch: int | str, tmp_path: Path) -> None:
    model = network(shape=(batch, 3, 16, 16))
    model.graph.node.append(make.make_node("Softmax", ["y"], ["z"]))
    model.graph.output.append(make.make_tensor_value_info("z", FLOAT, ["n", 3]))
    with pytest.raises(InputError, match=r"2 outputs.*take: 0"):
        load(spec(model, tmp_path))
    picture = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    logits, probabilities = (load(spec(model, tmp_path, take=k)) for k in (0, 1))
    assert (logits.output, probabilities.output) == ("logits", "probabilities")
    np.testing.assert_allclose(logits.predict(picture), probabilities.predict(picture), atol=1e-6)


@pytest.mark.parametrize("opset", [7, 8, 9, 13, 17, 18, 20, 21, 22])
def test_opsets_old_and_new_give_what_is_right(opset: int, tmp_path: Path) -> None:
    relu = load(spec(network(opset=opset), tmp_path))
    picture = np.random.default_rng(0).integers(0, 256, (2, 16, 16, 3), np.uint8)
    means = np.exp(picture.mean((1, 2)) / 255)
    np.testing.assert_allclose(relu.predict(picture), means / means.sum(1, keepdims=True), rtol=1e-5)
