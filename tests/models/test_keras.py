"""Keras networks give the same answers as torch modules, fire hooks, and never run code from their files."""

import json
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
import torch
from keras import layers

from xai_compare.errors import InputError
from xai_compare.models import cam_head, describe, feature_layer, load
from xai_compare.models.keras.layers import CONVERTERS

SEVEN = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
ENGINES = ["auto", "keras"]


@pytest.fixture(scope="module")
def xception(shared):
    return {"keras": "models/fer2013_mini_XCEPTION.102-0.66.hdf5", "classes": SEVEN, "input": {"range": [-1, 1]}}


def shake(network, seed=0):
    """Give every weight, also the moving statistics, an unremarkable positive or negative value."""
    rng = np.random.default_rng(seed)
    for weight in network.weights:
        positive = "variance" in weight.path or "gamma" in weight.path
        weight.assign(rng.uniform(0.5, 1.5, weight.shape) if positive else rng.normal(0, 0.3, weight.shape))
    return network


def predicted(network, batch: torch.Tensor) -> np.ndarray:
    return network.predict(batch.permute(0, 2, 3, 1).numpy(), verbose=0)


@pytest.mark.parametrize("engine", ENGINES)
def test_mini_xception(engine, xception, shared):
    model = load(xception | {"engine": engine}, base=shared)
    network = keras.saving.load_model(shared / xception["keras"], compile=False)
    batch = torch.rand(4, 1, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        np.testing.assert_allclose(model.probabilities(batch).numpy(), predicted(network, batch), atol=1e-5)
    assert (model.input.size, model.input.channels, model.output) == ((64, 64), "grey", "logits")
    assert model.activations == ("channels_first" if engine == "auto" else "channels_last")
    assert describe(model)["engine"] == ("torch layers" if engine == "auto" else "keras operations")
    assert feature_layer(model) == "conv2d_7"
    torch.testing.assert_close(cam_head(model).weight, torch.eye(7), rtol=0, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_reach_the_input_and_the_feature_maps(engine, xception, shared):
    model = load(xception | {"engine": engine}, base=shared)
    batch = model.prepare(np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8))
    kept = []
    model.module.get_submodule("add_4").register_forward_hook(lambda m, a, out: kept.append(out))
    score = model.module(batch)[:, 3].sum()
    assert torch.autograd.grad(score, kept[0], retain_graph=True)[0].abs().sum() > 0
    batch.requires_grad_()
    assert torch.autograd.grad(model.module(batch)[:, 3].sum(), batch)[0].abs().sum() > 0


def test_both_engines_have_the_same_gradients(xception, shared):
    grads = []
    for engine in ENGINES:
        model = load(xception | {"engine": engine}, base=shared)
        batch = model.prepare(np.random.default_rng(0).integers(0, 256, (1, 64, 64, 3), dtype=np.uint8))
        batch.requires_grad_()
        grads.append(torch.autograd.grad(model.module(batch)[:, 2].sum(), batch)[0])
    torch.testing.assert_close(*grads, rtol=1e-3, atol=1e-4)


def everything(height=33, width=30):
    x = start = keras.Input((height, width, 3))
    x = layers.Rescaling(1 / 2.0, offset=-0.1)(x)
    x = layers.ZeroPadding2D(((1, 0), (0, 2)))(x)
    x = layers.Conv2D(6, (3, 2), strides=2, padding="same", activation="relu")(x)
    x = layers.BatchNormalization()(x)
    y = layers.SeparableConv2D(8, 3, padding="same", depth_multiplier=2, use_bias=True)(x)
    y = layers.LeakyReLU(negative_slope=0.1)(y)
    y = layers.MaxPooling2D(3, strides=2, padding="same")(y)
    z = layers.DepthwiseConv2D(4, strides=2, padding="same", activation="tanh")(x)
    z = layers.Conv2D(8, 1, use_bias=False)(z)
    x = layers.Add()([y, z])
    x = layers.Concatenate()([x, layers.AveragePooling2D(2, strides=1, padding="same")(x)])
    squeezed = layers.GlobalAveragePooling2D(keepdims=True)(x)
    squeezed = layers.Conv2D(16, 1, activation="sigmoid")(squeezed)
    x = layers.Multiply()([x, squeezed])
    x = layers.Conv2D(4, 3, dilation_rate=2, padding="same", activation="swish")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Flatten()(x)
    x = layers.Reshape((-1, 2, 4))(x)
    x = layers.Flatten()(layers.UpSampling2D()(x))
    x = layers.Dense(12)(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.ReLU()(x)
    return keras.Model(start, layers.Dense(3, activation="softmax")(x))


def nested():
    body = keras.Sequential([keras.Input((16, 16, 3)), layers.Conv2D(5, 3, activation="relu"), layers.MaxPooling2D()])
    parts = [keras.Input((16, 16, 3)), body, layers.GlobalAveragePooling2D(), layers.Dense(3), layers.Softmax()]
    return keras.Sequential(parts)


def normalized():
    parts = [keras.Input((16, 16, 3)), layers.Conv2D(5, 3), layers.LayerNormalization(), layers.Activation("relu")]
    return keras.Sequential([*parts, layers.GlobalAveragePooling2D(), layers.Dense(3, activation="softmax")])


def shared_layers():
    conv = layers.Conv2D(3, 3, padding="same")
    start = keras.Input((16, 16, 3))
    x = conv(layers.ReLU()(conv(start)))
    return keras.Model(start, layers.Activation("softmax")(layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("make", [everything, nested, normalized, shared_layers])
def test_parity(make, suffix, engine, tmp_path):
    network = shake(make())
    network.save(tmp_path / f"m{suffix}")
    spec = {"keras": f"m{suffix}", "classes": ["happy", "sad", "fear"], "input": {"range": [0, 1]}, "engine": engine}
    model = load(spec, base=tmp_path)
    batch = torch.rand(3, 3, *model.input.size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        np.testing.assert_allclose(model.probabilities(batch).numpy(), predicted(network, batch), atol=1e-5)
    assert model.output == "logits"
    assert model.source["engine"] == (
        "torch layers" if engine == "auto" and make is not normalized else "keras operations"
    )


def test_hooks_fire_under_the_layers_own_names(tmp_path):
    shake(nested()).save(tmp_path / "m.keras")
    model = load({"keras": "m.keras", "classes": ["happy", "sad", "fear"], "input": {"range": [0, 1]}}, base=tmp_path)
    head = cam_head(model)
    assert head is not None
    assert head.weight.shape == (3, 5)


def windows(x, kernel, stride, pad):
    """The "same" windows of ``(n, h, w, c)`` as ``(n, rows, columns, kernel, kernel, c)``, padded with ``pad``."""
    starts = []
    for size in x.shape[1:3]:
        total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
        starts.append([i * stride - total // 2 for i in range(-(-size // stride))])
    cut = np.full((len(x), len(starts[0]), len(starts[1]), kernel, kernel, x.shape[3]), pad)
    for i, top in enumerate(starts[0]):
        for j, left in enumerate(starts[1]):
            for row in range(kernel):
                for column in range(kernel):
                    y, z = top + row, left + column
                    if 0 <= y < x.shape[1] and 0 <= z < x.shape[2]:
                        cut[:, i, j, row, column] = x[:, y, z]
    return cut


@pytest.mark.parametrize("size", [6, 7, 8, 9])
@pytest.mark.parametrize(("kernel", "stride"), [(1, 2), (2, 2), (3, 2), (3, 3), (4, 1), (5, 2)])
@pytest.mark.parametrize("kind", ["Conv2D", "MaxPooling2D", "AveragePooling2D"])
def test_same_padding_is_tensorflows(kind, kernel, stride, size):
    """Against the definition, spelt out, also where one side gets a pixel more than the other."""
    first = (2, kernel) if kind == "Conv2D" else (kernel,)
    layer = getattr(layers, kind)(*first, strides=stride, padding="same")
    x = np.random.default_rng(0).normal(size=(2, size, size + 1, 3)).astype(np.float32)
    layer.build(x.shape)
    match kind:
        case "Conv2D":
            told = np.einsum("nijrsc,rsco->nijo", windows(x, kernel, stride, 0.0), layer.get_weights()[0])
        case "MaxPooling2D":
            told = windows(x, kernel, stride, -np.inf).max((3, 4))
        case _:
            told = np.nanmean(windows(x, kernel, stride, np.nan), (3, 4))
    with torch.no_grad():
        ours = CONVERTERS[kind](layer, [4])(torch.from_numpy(x).permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
    np.testing.assert_allclose(ours.numpy(), told, rtol=1e-5, atol=1e-5)


def refused(path: Path, message: str) -> None:
    with pytest.raises(InputError) as caught:
        load({"keras": str(path), "classes": ["happy", "sad"], "input": {"range": [0, 1]}})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_lambda_layer_is_refused_and_never_run(suffix, tmp_path):
    marker = tmp_path / "ran"

    def boom(x, marker=str(marker)):
        open(marker, "w").close()  # noqa: PTH123
        return x

    network = keras.Sequential([keras.Input((8, 8, 3)), layers.Lambda(boom), layers.Flatten(), layers.Dense(2)])
    network.save(tmp_path / f"m{suffix}")
    marker.unlink(missing_ok=True)
    refused(tmp_path / f"m{suffix}", "Lambda")
    assert not marker.exists()


def h5(path: Path, *entries: dict) -> Path:
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": list(entries)}}
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        file.create_group("model_weights").attrs["layer_names"] = []
    return path


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"class_name": "TorchModuleWrapper", "config": {"module": "gASVAAA="}}, "TorchModuleWrapper"),
        ({"class_name": "TFSMLayer", "config": {"filepath": "/tmp/x"}}, "TFSMLayer"),
        ({"class_name": "TimeDistributed", "config": {"layer": {"class_name": "Lambda", "config": {}}}}, "Lambda"),
        ({"class_name": "Popen", "module": "subprocess", "config": {"args": "true"}}, "Popen"),
        ({"class_name": "get_file", "module": "keras.utils", "config": {"origin": "file:///x"}}, "get_file"),
        ({"class_name": "Mine", "registered_name": "pack>Mine", "config": {}}, "pack>Mine"),
        ({"class_name": "SoftAttention", "config": {}}, "SoftAttention"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_code_in_a_file_is_refused(entry, message, tmp_path):
    refused(h5(tmp_path / "m.h5", entry), f"has a {message} layer")


def test_damaged_files(tmp_path):
    whole = tmp_path / "whole.h5"
    shake(nested()).save(whole)
    for keep in (0, 100, 4000, -2000):
        (tmp_path / "cut.h5").write_bytes(whole.read_bytes()[:keep])
        refused(tmp_path / "cut.h5", "truncated")
    shake(nested()).save(tmp_path / "whole.keras")
    (tmp_path / "cut.keras").write_bytes((tmp_path / "whole.keras").read_bytes()[:-300])
    refused(tmp_path / "cut.keras", "truncated")
    with zipfile.ZipFile(tmp_path / "empty.keras", "w"):
        pass
    refused(tmp_path / "empty.keras", "cannot be read")


def test_files_of_another_kind(tmp_path):
    network = shake(nested())
    network.save_weights(tmp_path / "only.weights.h5")
    refused(tmp_path / "only.weights.h5", "no architecture")
    (tmp_path / "m.pb").write_bytes(b"x")
    refused(tmp_path / "m.pb", "not a Keras file")
    with h5py.File(tmp_path / "sub.h5", "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "MyModel", "config": {}})
    refused(tmp_path / "sub.h5", "MyModel")


def test_wrong_outputs_and_inputs(tmp_path):
    network = shake(nested())
    network.save(tmp_path / "m.keras")
    refused(tmp_path / "m.keras", "gives (3,) outputs for 2 classes")
    spec = {"keras": "m.keras", "classes": ["happy", "sad", "fear"], "input": {"range": [0, 1]}}
    with pytest.raises(InputError, match="takes 16x16x3, not rgb pictures of 32x32"):
        load(spec | {"input": {"range": [0, 1], "size": 32}}, base=tmp_path)
    with pytest.raises(InputError, match=r"input\.range is not given"):
        load(spec | {"input": {}}, base=tmp_path)
    with pytest.raises(InputError, match="engine must be"):
        load(spec | {"engine": "fast"}, base=tmp_path)
    network.weights[0].assign(np.full(network.weights[0].shape, np.nan))
    network.save(tmp_path / "nan.keras")
    with pytest.raises(InputError, match="not finite"):
        load(spec | {"keras": "nan.keras"}, base=tmp_path)
