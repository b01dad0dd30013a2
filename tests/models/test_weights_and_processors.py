"""All of a file is used, nothing of a network stays random, and pictures are prepared as a processor does."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models import Model, load
from xai_compare.models.checkpoint import load_weights, read_state_dict
from xai_compare.models.request import Request

transformers = pytest.importorskip("transformers")
CLASSES = ("anger", "happiness", "sadness")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.fc = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2)


@pytest.mark.parametrize(
    "beside",
    [np.float64(3), np.float32(0.5), np.int64(7), np.arange(3.0), np.array("x"), argparse.Namespace(lr=np.float64(1))],
    ids=["float64", "float32", "int64", "array", "text", "arguments"],
)
def test_what_stands_beside_the_tensors_is_left(beside: object, tmp_path: Path) -> None:
    state = Small().state_dict()
    torch.save({"state_dict": state, "epoch": beside}, tmp_path / "w.pt")
    tensors = read_state_dict(tmp_path / "w.pt")
    assert tensors.keys() == state.keys()
    assert all(torch.equal(tensors[name], state[name]) for name in state)


@pytest.mark.parametrize(
    ("rename", "prefix"),
    [
        (lambda name: name, ""),
        (lambda name: f"backbone.{name}", "backbone."),
        (lambda name: f"encoder.{name}", "encoder."),
        (lambda name: f"module.model.{name}", "module.model."),
        (lambda name: f"anything.{name}", "anything."),
        (lambda name: name if name.startswith("fc") else f"backbone.{name}", "backbone."),
    ],
)
def test_a_prefix_is_taken_off_and_said(rename: Callable[[str], str], prefix: str, tmp_path: Path) -> None:
    trained, fresh = Small(), Small()
    state = {rename(name): value for name, value in trained.state_dict().items()}
    assert load_weights(fresh, state, tmp_path) == ({"prefix": prefix} if prefix else {})
    assert torch.equal(fresh.conv.weight, trained.conv.weight)


def test_a_prefix_is_not_taken_off_where_then_not_all_fits(tmp_path: Path) -> None:
    state = {f"backbone.{name}": value for name, value in Small().state_dict().items() if name != "fc.bias"}
    with pytest.raises(InputError, match=r"lack fc\.bias"):
        load_weights(Small(), state, tmp_path)


def folder_of(place: Path) -> Path:
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 8], depths=[1, 1], layer_type="basic", id2label=dict(enumerate(CLASSES))
    )
    transformers.ResNetForImageClassification(config).save_pretrained(place)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(place)
    return place


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: state.pop("classifier.1.weight"), "they lack classifier.1.weight"),
        (lambda state: state.update({"classifier.2.weight": torch.zeros(2)}), "also hold classifier.2.weight"),
        (
            lambda state: state.update({"classifier.1.bias": torch.zeros(9)}),
            "cannot be read|cannot read|can read|in another shape",
        ),
    ],
    ids=["missing", "unused", "shape"],
)
def test_a_folder_whose_tensors_are_not_those_of_the_network(
    change: Callable[[dict[str, torch.Tensor]], object], message: str, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    file = folder_of(tmp_path / "net") / "model.safetensors"
    assert load({"hf": str(file.parent)}).input.size == (32, 32)
    state = load_file(file)
    change(state)
    save_file(state, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match=message) as error:
        load({"hf": str(file.parent)})
    assert "\n" not in str(error.value)


def prepared_by(processor: Any, given: dict[str, Any] | None = None) -> Model:
    """A model that is fed as the processor says, or the refusal."""
    from xai_compare.models.huggingface import _fed_as

    request = Request("hf", "net", {"input": given} if given else {}, Path(), "net")
    return _fed_as(request, processor, SimpleNamespace(num_channels=3), CLASSES, nn.Identity(), {})


SIDE = {"height": 32, "width": 32}


@pytest.mark.parametrize(
    "make",
    [
        lambda: transformers.ViTImageProcessor(size=SIDE),
        lambda: transformers.ViTImageProcessor(size=SIDE, do_normalize=False),
        lambda: transformers.ViTImageProcessor(size=SIDE, do_rescale=False, do_normalize=False),
        lambda: transformers.ViTImageProcessor(size=SIDE, resample=3),
        lambda: transformers.BeitImageProcessor(size=SIDE, do_center_crop=False),
        lambda: transformers.MobileViTImageProcessor(size={"shortest_edge": 32}, crop_size=SIDE),
        lambda: transformers.EfficientNetImageProcessor(size=SIDE, resample=2),
        lambda: transformers.EfficientNetImageProcessor(
            size=SIDE, resample=2, rescale_offset=True, rescale_factor=1 / 127.5, include_top=False
        ),
    ],
    ids=["plain", "not normalized", "not rescaled", "bicubic", "beit", "flipped", "divided twice", "offset"],
)
def test_pictures_are_prepared_as_the_processor_does(make: Callable[[], Any]) -> None:
    from PIL import Image

    processor = make()
    model = prepared_by(processor)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    expected = torch.stack(
        [processor(Image.fromarray(i), return_tensors="pt")["pixel_values"][0] for i in images]
    ).float()
    torch.testing.assert_close(model.prepare(images), expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transformers.DeiTImageProcessor(size={"height": 40, "width": 40}, crop_size=SIDE), "size or crop"),
        (lambda: transformers.MobileViTImageProcessor(size={"shortest_edge": 36}, crop_size=SIDE), "size or crop"),
        (lambda: transformers.ViTImageProcessor(size=SIDE, resample=0), "left out"),
    ],
    ids=["crop", "crop of flipped", "no antialiasing"],
)
def test_what_cannot_be_matched_is_refused_until_the_study_says_the_input(
    make: Callable[[], Any], message: str
) -> None:
    with pytest.raises(InputError, match=message) as error:
        prepared_by(make())
    assert "say how it is to be fed" in str(error.value)
    assert prepared_by(make(), {"size": 32}).input.size == (32, 32)


@pytest.mark.parametrize("given", [{"range": [0, 1]}, {"channels": "rgb"}, {"mean": [0, 0, 0]}])
def test_a_key_under_input_settles_its_own_part_only(given: dict[str, Any]) -> None:
    """The processor crops; that the study names a range says nothing of that."""
    cropping = transformers.DeiTImageProcessor(size={"height": 40, "width": 40}, crop_size=SIDE)
    with pytest.raises(InputError, match=r"size or crop.*input: \{size: \[32, 32\]\}"):
        prepared_by(cropping, given)
    plain = prepared_by(transformers.ViTImageProcessor(size=SIDE), given).input
    assert all(np.allclose(getattr(plain, key), value) for key, value in given.items() if key != "channels")


class Inverted:
    """A processor whose values no range, mean and deviation can match."""

    do_rescale, do_normalize, rescale_factor, image_mean, image_std = True, False, 1 / 255, None, None
    size: dict[str, int] = {"height": 32, "width": 32}  # noqa: RUF012

    def __call__(self, image: Any, return_tensors: str) -> dict[str, torch.Tensor]:
        values = torch.from_numpy(np.array(image.resize((32, 32)))).permute(2, 0, 1).float() / 255
        return {"pixel_values": ((values - 0.5) ** 2)[None]}


def test_values_that_cannot_be_matched_are_settled_by_what_says_values() -> None:
    for given in (None, {"size": 32}, {"channels": "rgb"}):
        with pytest.raises(InputError, match=r"other values.*range"):
            prepared_by(Inverted(), given)
    assert prepared_by(Inverted(), {"range": [-1, 1]}).input.range == (-1.0, 1.0)


@pytest.mark.parametrize("text", ["{", "[]", '"text"', "\x00"])
def test_a_damaged_processor_is_refused(text: str, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "net")
    (folder / "preprocessor_config.json").write_text(text, "utf-8")
    with pytest.raises(InputError, match=r"preprocessor_config\.json") as error:
        load({"hf": str(folder), "input": {"size": 32, "range": [0, 1]}})
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("beside", ["state_dict_ema", "model_ema", "ema", "swa"])
def test_two_sets_of_weights_in_a_file_are_refused(beside: str, tmp_path: Path) -> None:
    state, other = Small().state_dict(), Small().state_dict()
    place = tmp_path / "w.pt"
    averaged = {f"module.{name}": value for name, value in other.items()}
    torch.save({"state_dict": state, beside: {**averaged, "n_averaged": torch.tensor(3)}}, place)
    with pytest.raises(InputError, match=f"state_dict and {beside}; save the one") as error:
        read_state_dict(place)
    assert "\n" not in str(error.value)
    torch.save({"state_dict": state, beside: dict(state), "optimizer": {"state": {}}}, place)
    assert torch.equal(read_state_dict(place)["fc.bias"], state["fc.bias"])


def test_a_timm_network_keeps_its_mean_and_deviation(tmp_path: Path) -> None:
    import timm

    place, mean, std = tmp_path / "net", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6)
    cfg = timm.get_pretrained_cfg("resnet18").to_dict()
    cfg |= {"input_size": (3, 64, 64), "mean": mean, "std": std}
    config = transformers.TimmWrapperConfig(
        architecture="resnet18", id2label=dict(enumerate(CLASSES)), pretrained_cfg=cfg, num_labels=3
    )
    transformers.TimmWrapperForImageClassification(config).save_pretrained(place)
    model = load({"hf": str(place)})
    spec = model.input
    assert "cuts the middle 0.95 of a picture out, which is left out" in repr(model)
    assert (spec.size, spec.mean, spec.std, spec.range) == ((64, 64), mean, std, (0.0, 1.0))


@pytest.mark.parametrize("opset", [8, 13])
@pytest.mark.parametrize("pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_onnx_networks_that_pad_by_themselves(opset: int, pad: str, kernel: int, tmp_path: Path) -> None:
    onnx, onnxruntime = pytest.importorskip("onnx"), pytest.importorskip("onnxruntime")
    make, rng = onnx.helper, np.random.default_rng(0)
    weights = {
        "w": rng.normal(size=(3, 3, kernel, kernel)).astype(np.float32),
        "shape": np.array([1, 3]),
    }
    value = lambda name, dims: make.make_tensor_value_info(name, onnx.TensorProto.FLOAT, dims)  # noqa: E731
    graph = make.make_graph(
        [
            make.make_node("Conv", ["x", "w"], ["a"], auto_pad=pad, strides=[2, 2], kernel_shape=[kernel, kernel]),
            make.make_node("MaxPool", ["a"], ["b"], auto_pad=pad, strides=[2, 2], kernel_shape=[kernel, kernel]),
            make.make_node("GlobalAveragePool", ["b"], ["c"]),
            make.make_node("Reshape", ["c", "shape"], ["y"]),
        ],
        "net",
        [value("x", [1, 3, 33, 30])],
        [value("y", [1, 3])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    if opset < 9:
        for name, array in weights.items():
            kind = onnx.helper.np_dtype_to_tensor_dtype(array.dtype)
            graph.input.append(make.make_tensor_value_info(name, kind, array.shape))
    file = tmp_path / "net.onnx"
    onnx.save(
        make.make_model(graph, opset_imports=[make.make_opsetid("", opset)], ir_version=3 if opset < 9 else 7), file
    )
    model = load({"onnx": str(file), "classes": CLASSES, "input": {"range": [0, 1]}})
    images = rng.integers(0, 256, (1, 33, 30, 3), dtype=np.uint8)
    batch = model.prepare(images)
    expected = onnxruntime.InferenceSession(file).run(None, {"x": batch.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(model.module(batch).numpy(), expected, atol=1e-4)
