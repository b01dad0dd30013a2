"""The twelve networks against the published parameter counts, and against Keras layer by layer."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.expressions import BASIC
from xai_compare.models import Model, cam_head, feature_layer
from xai_compare.models.zoo import ZOO

SCRATCH = ("alexnet", "weinet", "songnet", "silnet")
LARGE = {"alexnet", "silnet", "vgg16", "vgg19", "resnet101v2", "resnet50", "inceptionv3", "xception"}
NAMES = [pytest.param(n, marks=pytest.mark.slow) if n in LARGE else n for n in ZOO]


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def skeleton(name: str) -> nn.Module:
    """The network without memory for its weights: enough to count."""
    with torch.device("meta"):
        return ZOO.get(name).make(6, False)


def printed(published: str) -> tuple[float, int]:
    """The number that the paper prints, and the digits after its point."""
    number, unit = published.split()
    return float(number) * {"K": 1e3, "M": 1e6}[unit], len(number.partition(".")[2])


@pytest.mark.parametrize("name", SCRATCH)
def test_parameters_of_the_networks_from_scratch_agree_to_the_printed_digits(name: str) -> None:
    published = ZOO.get(name).published
    _, digits = printed(published)
    count = parameters(skeleton(name)) / {"K": 1e3, "M": 1e6}[published.split()[1]]
    assert f"{count:.{digits}f}" == published.split()[0]


@pytest.mark.parametrize("name", [n for n in ZOO if n not in SCRATCH])
def test_parameters_of_the_backbones_agree_within_two_per_cent(name: str) -> None:
    count = parameters(skeleton(name))
    assert count == pytest.approx(printed(ZOO.get(name).published)[0], rel=0.02)


def test_the_zoo_is_that_of_the_paper(shared: Path) -> None:
    with (shared / "networks.csv").open(encoding="utf-8") as file:
        rows = {row["network"]: row for row in csv.DictReader(file)}
    ours = {ZOO.get(name).title: ZOO.get(name) for name in ZOO}
    assert set(ours) == set(rows)
    for title, entry in ours.items():
        row = rows[title]
        assert entry.input.size == (int(row["input_px"]),) * 2
        assert entry.published == row["parameters_published"]
        assert entry.epochs == int(row["epochs"])
        assert (entry.imagenet is not None) == (row["imagenet_pretrained"] == "yes")


@pytest.mark.parametrize("name", NAMES)
def test_each_network_knows_its_grad_cam_layer_and_whether_cam_applies(name: str) -> None:
    entry = ZOO.get(name)
    torch.manual_seed(0)
    module = entry.make(6, False).eval()
    model = Model(name, BASIC, module, entry.input)
    assert feature_layer(model) == entry.layer
    assert (cam_head(model) is not None) == entry.cam


@pytest.mark.parametrize("name", ["weinet", "songnet"])
def test_grey_pictures_are_colour_pictures_whose_channels_agree(name: str) -> None:
    entry = ZOO.get(name)
    torch.manual_seed(0)
    module = entry.make(4, False).eval()
    batch = torch.rand(2, 1, *entry.input.size)
    with torch.no_grad():
        torch.testing.assert_close(module(batch), module(batch.expand(-1, 3, -1, -1)))


def keras_twin(definition: str, size: int, classes: int) -> object:
    """The network built by Keras from the definition's own words."""
    import keras
    from keras import layers

    made: list[object] = [keras.Input((size, size, 3))]
    for word in re.split(r";\s*", definition.split(". ")[0]):
        relu = "relu" if "relu" in word else None
        if found := re.match(r"conv(\d+)x\d+(?:/(\d))?-(\d+)", word):
            kernel, stride, count = int(found[1]), int(found[2] or 1), int(found[3])
            made.append(layers.Conv2D(count, kernel, stride, padding="same", activation=relu))
        elif found := re.match(r"maxpool(\d)/(\d)", word):
            made.append(layers.MaxPooling2D(int(found[1]), int(found[2]), padding="same"))
        elif found := re.match(r"dropout([\d.]+)", word):
            made.append(layers.Dropout(float(found[1])))
        elif word == "flatten":
            made.append(layers.Flatten())
        elif found := re.match(r"dense(\d+)", word):
            made.append(layers.Dense(int(found[1]), activation=relu))
        else:
            assert word == "dense classes", word
            made.append(layers.Dense(classes))
    return keras.Sequential(made)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["weinet", "songnet"])
def test_the_same_weights_give_the_same_outputs_in_keras(name: str, shared: Path) -> None:
    keras = pytest.importorskip("keras")
    with (shared / "networks.csv").open(encoding="utf-8") as file:
        rows = {row["network"]: row for row in csv.DictReader(file)}
    entry = ZOO.get(name)
    twin = keras_twin(rows[entry.title]["definition"], entry.input.size[0], 6)
    module = entry.make(6, False).eval()
    lay_in_keras_weights(module, twin)
    pictures = np.random.default_rng(0).random((2, *entry.input.size, 3)).astype(np.float32)
    told = keras.ops.convert_to_numpy(twin(pictures, training=False))
    with torch.no_grad():
        found = module(torch.from_numpy(pictures).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(found, told, atol=1e-4)


def lay_in_keras_weights(module: nn.Module, twin: object) -> None:
    """Copy a Keras twin's weights; the first dense layer's rows go from channels last to channels first."""
    ours = [m for m in module.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    theirs = [layer for layer in twin.layers if layer.get_weights()]
    assert len(ours) == len(theirs)
    channels = 0
    with torch.no_grad():
        for mine, layer in zip(ours, theirs, strict=True):
            weight, bias = (torch.from_numpy(np.array(w)) for w in layer.get_weights())
            if isinstance(mine, nn.Conv2d):
                mine.weight.copy_(weight.permute(3, 2, 0, 1))
                channels = mine.out_channels
            elif channels:
                side = int((weight.shape[0] // channels) ** 0.5)
                mine.weight.copy_(weight.reshape(side, side, channels, -1).permute(3, 2, 0, 1).flatten(1))
                channels = 0
            else:
                mine.weight.copy_(weight.T)
            assert mine.bias is not None
            mine.bias.copy_(bias)
