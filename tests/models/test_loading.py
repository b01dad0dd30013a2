"""Specifications, zoos, factories and state dicts: what loads, and the one line that refuses what does not."""

import hashlib
import pickle
import sysconfig
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from xai_compare import synthetic
from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model, describe, load

CLASSES = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
INPUT = {"size": 64, "channels": "rgb", "range": [0, 1]}
RANDOM = {"classes": CLASSES, "weights": "random", "seed": 3, "input": INPUT}
NET = {"torchvision": "resnet18", **RANDOM}
PICTURES = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)


def without(spec: dict, *keys: str, **more) -> dict:
    return {k: v for k, v in spec.items() if k not in keys} | more


@pytest.fixture(scope="module")
def resnet() -> Model:
    return load(NET)


@pytest.mark.parametrize(
    "source",
    [
        {"torchvision": "resnet18"},
        {"torchvision": "mobilenet_v3_small"},
        {"torchvision": "efficientnet_b0"},
        {"torchvision": "convnext_tiny"},
        {"torchvision": "densenet121"},
        {"torchvision": "googlenet"},
        {"timm": "resnet18"},
        {"timm": "mobilenetv3_small_050"},
        {"timm": "test_convnext"},
        pytest.param({"torchvision": "vgg11"}, marks=pytest.mark.slow),
        pytest.param({"torchvision": "inception_v3", "input": {"size": 96, "range": [0, 1]}}, marks=pytest.mark.slow),
    ],
    ids=lambda source: "-".join(map(str, next(iter(source.items())))),
)
def test_architectures_by_name(source):
    model = load(RANDOM | source)
    assert model.classes == ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    assert model.name == next(iter(source.values()))
    assert not model.module.training
    np.testing.assert_allclose(model.predict(PICTURES).sum(1), 1, rtol=1e-5)


def test_a_seed_makes_the_weights_and_leaves_the_generator(resnet):
    state = torch.get_rng_state()
    again, other = load(NET), load(NET | {"seed": 4})
    assert torch.equal(state, torch.get_rng_state())
    np.testing.assert_array_equal(again.predict(PICTURES), resnet.predict(PICTURES))
    assert not np.allclose(other.predict(PICTURES), resnet.predict(PICTURES))


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_grey_input(source):
    model = load({source: "resnet18", **RANDOM, "input": {**INPUT, "channels": "gray", "mean": 0.5, "std": 0.2}})
    assert model.prepare(PICTURES).shape == (2, 1, 64, 64)
    assert model.input.channels == "grey"
    assert model.predict(PICTURES).shape == (2, 7)


def test_timm_knows_its_input():
    model = load({"timm": "test_resnet", "classes": CLASSES, "weights": "random", "seed": 0})
    assert model.input.size == (160, 160)
    assert len(model.input.mean) == len(model.input.std) == 3


def test_height_and_width_keep_their_order():
    model = load(NET | {"input": {"size": [64, 96], "range": [0, 1]}})
    assert model.prepare(PICTURES).shape == (2, 3, 64, 96)


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda s: s, id="plain"),
        pytest.param(lambda s: {"state_dict": s, "epoch": 3}, id="state_dict"),
        pytest.param(lambda s: {"model": {f"module.{k}": v for k, v in s.items()}}, id="model-module"),
        pytest.param(lambda s: {"state_dict": {f"model.module.{k}": v for k, v in s.items()}}, id="two-prefixes"),
    ],
)
def test_a_state_dict_comes_back(wrap, resnet, tmp_path):
    torch.save(wrap(resnet.module.state_dict()), tmp_path / "w.pt")
    model = load(without(NET, "seed", weights="w.pt"), base=tmp_path)
    np.testing.assert_array_equal(model.predict(PICTURES), resnet.predict(PICTURES))


def test_safetensors_come_back_and_are_described(resnet, tmp_path):
    save_file(resnet.module.state_dict(), tmp_path / "wéights 1.safetensors")
    model = load(without(NET, "seed", weights="wéights 1.safetensors", name="mine"), base=tmp_path)
    np.testing.assert_array_equal(model.predict(PICTURES), resnet.predict(PICTURES))
    told, origin = describe(model), describe(resnet)
    assert told["state_sha256"] == origin["state_sha256"]
    assert (told["name"], told["kind"], told["architecture"]) == ("mine", "torchvision", "resnet18")
    assert told["parameters"] == sum(p.numel() for p in model.module.parameters())
    assert len(told["sha256"]) == 64
    assert origin["sha256"] is None
    assert origin["seed"] == 3
    assert "torchvision" in told["versions"]


def test_auxiliary_classifiers_are_left_out(tmp_path):
    from torchvision.models import googlenet

    torch.save(googlenet(weights=None, num_classes=7, init_weights=False).state_dict(), tmp_path / "g.pth")
    model = load({"torchvision": "googlenet", "classes": CLASSES, "weights": "g.pth", "input": INPUT}, base=tmp_path)
    assert model.source["without"] == "auxiliary classifiers"


class Bomb:
    def __reduce__(self):
        return Path.touch, (Path(self.marker),)


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt"])
@pytest.mark.parametrize("legacy", [False, True], ids=["zip", "legacy"])
def test_a_pickle_is_refused_and_never_run(suffix, legacy, tmp_path):
    bomb = Bomb()
    bomb.marker = str(tmp_path / "ran")
    file = tmp_path / f"w{suffix}"
    torch.save(
        {"state_dict": {"fc.weight": torch.zeros(1)}, "x": bomb}, file, _use_new_zipfile_serialization=not legacy
    )
    with pytest.raises(InputError, match="pickled objects are never loaded"):
        load(without(NET, "seed", weights=file.name), base=tmp_path)
    assert not (tmp_path / "ran").exists()


def test_a_bare_pickle_is_refused_and_never_run(tmp_path):
    bomb = Bomb()
    bomb.marker = str(tmp_path / "ran")
    (tmp_path / "w.pt").write_bytes(pickle.dumps(bomb))
    with pytest.raises(InputError):
        load(without(NET, "seed", weights="w.pt"), base=tmp_path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("keep", [0, 10, 1000, -100])
def test_a_truncated_file_is_refused(suffix, keep, tmp_path):
    file = tmp_path / f"w{suffix}"
    state = {"weight": torch.zeros(64, 64), "bias": torch.zeros(64)}
    torch.save(state, file) if suffix == ".pt" else save_file(state, file)
    file.write_bytes(file.read_bytes()[:keep])
    with pytest.raises(InputError, match=r"cannot be read|never loaded"):
        load(without(NET, "seed", weights=file.name), base=tmp_path)


def test_weights_that_do_not_fit(resnet, tmp_path):
    state = resnet.module.state_dict()
    undefined = {"layer1.0.conv1.weight": state["layer1.0.conv1.weight"] * torch.nan}
    cases = {
        "fc.weight is (7, 512) in the file and (2, 512)": (state, ["happy", "sad"]),
        "lack conv1.weight": (without(state, "conv1.weight"), CLASSES),
        "also hold extra": (state | {"extra": torch.zeros(1)}, CLASSES),
        "layer1.0.conv1.weight are not finite": (state | undefined, CLASSES),
        "no state dict": ({"epoch": 3}, CLASSES),
    }
    for message, (held, classes) in cases.items():
        torch.save(held, tmp_path / "w.pt")
        with pytest.raises(InputError) as caught:
            load(without(NET, "seed", weights="w.pt", classes=classes), base=tmp_path)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (without(NET, "torchvision", kears="m.h5"), "unknown key 'kears'; did you mean 'keras'"),
        (NET | {"weight": "x"}, "unknown key 'weight'; did you mean 'weights'"),
        (NET | {"input": {"sise": 3}}, "unknown key input.sise; did you mean 'size'"),
        (without(NET, "torchvision"), "no source"),
        (NET | {"timm": "resnet18"}, "2 sources"),
        (NET | {"onnx": "m.onnx"}, "it has 2 sources"),
        (NET | {"torchvision": "resnet81"}, "unknown torchvision architecture 'resnet81'; did you mean 'resnet18'"),
        (without(NET, "torchvision", timm="hf-hub:someone/net"), "unknown timm architecture"),
        (NET | {"torchvision": 18}, "unknown torchvision architecture 18"),
        (without(NET, "classes"), "classes are not given"),
        (NET | {"classes": "happy"}, "list of expressions"),
        (NET | {"classes": ["happy", "joy"]}, "happiness more than once"),
        (NET | {"classes": ["happy", "hangry"]}, "unknown expression 'hangry'"),
        (without(NET, "weights"), "no weights"),
        (without(NET, "seed"), "needs a seed"),
        (NET | {"seed": "x"}, "`seed` must be"),
        (NET | {"weights": "pretrained", "seed": None}, "needs a seed"),
        (NET | {"weights": "none.pt"}, "there is no weights file"),
        (NET | {"input": {"range": [0, 1]}}, "input.size is not given"),
        (NET | {"input": {"size": 64}}, "input.range is not given"),
        (NET | {"input": INPUT | {"size": -3}}, "input.size"),
        (NET | {"input": INPUT | {"range": [1, 0]}}, "input.range"),
        (NET | {"input": INPUT | {"mean": [0, 0]}}, "input.mean has 2 values for 3 channels"),
        (NET | {"input": INPUT | {"std": 0}}, "input.std must be positive"),
        (NET | {"input": INPUT | {"channels": "cmyk"}}, "rgb, bgr, grey or grey3"),
        (NET | {"input": 64}, "`input` must hold"),
        (NET | {"torchvision": "vit_b_32"}, "does not run on rgb pictures of 64x64"),
        ("resnet18", "described by keys"),
        ({"keras": "none.h5", "classes": CLASSES}, "there is no Keras file"),
    ],
)
def test_what_the_user_must_mend(spec, message):
    with pytest.raises(InputError) as caught:
        load(spec)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "cpu:x", "mps"])
def test_unknown_devices(device):
    with pytest.raises(InputError, match="device"):
        load(NET, device=device)


FACTORY = """
import torch
from torch import nn
from xai_compare.models import InputSpec, Model

def make(width=4, outputs=7):
    return nn.Sequential(nn.Conv2d(3, width, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, outputs))

def model():
    return Model("inner", ["happy", "sad"], make(outputs=2), InputSpec((8, 8)))

def certain():
    return nn.Sequential(make(), nn.Softmax(1))

def undefined():
    return nn.Sequential(make(), nn.Threshold(1e9, float("nan")))

def pair():
    class Pair(nn.Module):
        def forward(self, x):
            return x, x
    return Pair()

def broken():
    raise ValueError("first line")

def nothing():
    return 3
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "my_networks.py").write_text(FACTORY)
    return tmp_path


def made(function: str, **more) -> dict:
    return {"factory": f"my_networks:{function}", "classes": CLASSES, "input": INPUT} | more


def test_factories(folder):
    model = load(made("make", options={"width": 5}, seed=1), base=folder, allow_code=True)
    assert model.module[0].out_channels == 5
    assert describe(model)["options"] == {"width": 5}
    inner = load({"factory": "my_networks:model", "name": "outer"}, base=folder, allow_code=True)
    assert (inner.name, inner.classes, inner.input) == ("outer", ("happiness", "sadness"), InputSpec((8, 8)))
    certain = load(made("certain", output="probabilities"), base=folder, allow_code=True)
    np.testing.assert_allclose(certain.predict(PICTURES).sum(1), 1, rtol=1e-5)
    torch.save(model.module.state_dict(), folder / "w.pt")
    again = load(made("make", options={"width": 5}, weights="w.pt"), base=folder, allow_code=True)
    np.testing.assert_array_equal(again.predict(PICTURES), model.predict(PICTURES))


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (made("make", options={"outputs": 3}), "gives (3,) outputs for 7 classes"),
        (made("certain", output="logits"), "outputs are probabilities, not logits"),
        (made("make", output="probabilities"), "outputs are logits, not probabilities"),
        (made("undefined"), "not finite"),
        (made("pair"), "returns 2 outputs"),
        (made("broken"), "failed (ValueError: first line)"),
        (made("nothing"), "returned a int"),
        (made("none"), "no function 'none'"),
        (made("make", options={"depth": 3}), "failed (TypeError"),
        (made("make", options=[3]), "options must be"),
        (made("make", output="labels"), "output must be"),
        (made("make", factory="my_networks"), "must read 'file:function'"),
        (made("make", factory="no_such_module_here:make"), "there is no factory file"),
        (made("make", factory="subprocess:check_call"), "there is no factory file"),
        (made("make", factory="../my_networks:make"), "must read 'file:function'"),
        (made("make", factory="subprocess:check_call", folder=sysconfig.get_path("stdlib")), "an installed package"),
        (made("model"), "has its own input"),
    ],
)
def test_factories_that_fail(spec, message, folder):
    with pytest.raises(InputError) as caught:
        load(spec, base=folder, allow_code=True)
    assert message in str(caught.value)


def test_code_runs_only_where_it_is_allowed(folder):
    (folder / "my_networks.py").write_text(
        f"from pathlib import Path\nPath({str(folder / 'mark')!r}).touch()\n" + FACTORY
    )
    with pytest.raises(InputError, match=r"asks to run code \(factory 'my_networks:make'\), which was not allowed"):
        load(made("make"), base=folder)
    assert not (folder / "mark").exists()
    described = describe(load(made("make"), base=folder, allow_code=True))
    assert (folder / "mark").exists()
    assert described["code"]["file"] == str(folder / "my_networks.py")
    assert described["code"]["sha256"] == hashlib.sha256((folder / "my_networks.py").read_bytes()).hexdigest()


def test_a_package_offers_a_factory_by_name(monkeypatch):
    point = EntryPoint("mine", "torch.nn:Sequential", "xai_compare.factories")
    monkeypatch.setattr("xai_compare.registry.entry_points", lambda group: [point] if group == point.group else [])
    spec = {"factory": "mine", "classes": CLASSES, "input": INPUT}
    with pytest.raises(InputError, match="not allowed"):
        load(spec)
    with pytest.raises(InputError, match="outputs"):  # It is called, and a network without layers has no classes.
        load(spec, allow_code=True)


def test_bundled_networks_come_from_the_synthetic_room(monkeypatch):
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 2))
    net = Model("inner", ["happy", "sad"], module, InputSpec((4, 4)), source={"file": "n.safetensors"})
    monkeypatch.setattr(synthetic, "bundled", lambda name: net, raising=False)
    model = load({"bundled": "compact", "name": "default"})
    assert model.name == "default"
    assert describe(model)["kind"] == "bundled"
    with pytest.raises(InputError, match="its own classes"):
        load({"bundled": "compact", "classes": ["happy", "sad"]})
