"""The bundled networks: small, as good as they claim, and open to class activation mapping."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from tools.train_bundled import accuracy, disturbed, held_out, main
from xai_compare.errors import InputError
from xai_compare.expressions import BASIC
from xai_compare.faces.detection import Landmarker
from xai_compare.images.crop import align
from xai_compare.models.bundled import WEIGHTS, sidecar
from xai_compare.synthetic import BUNDLED, bundled, faces


@pytest.mark.parametrize("name", BUNDLED)
def test_weights_are_small_and_documented(name: str) -> None:
    assert (WEIGHTS / f"{name}.safetensors").stat().st_size < 2_000_000
    card = sidecar(name)
    assert card["classes"] == list(BASIC)
    assert "simulated" in card["trained_on"]
    spec = bundled(name).input
    assert (card["input"]["size"], card["input"]["channels"]) == (list(spec.size), spec.channels)
    assert card["held_out"]["accuracy"] > 0.95


@pytest.mark.parametrize("name", BUNDLED)
def test_networks_end_in_pooling_and_one_linear_layer(name: str) -> None:
    module = bundled(name).module
    assert [type(layer) for layer in list(module.children())[1:]] == [nn.AdaptiveAvgPool2d, nn.Linear]


def test_the_networks_differ() -> None:
    compact, residual = (bundled(name) for name in BUNDLED)
    assert compact.input.channels != residual.input.channels
    assert compact.input.size != residual.input.size


@pytest.mark.parametrize("name", BUNDLED)
def test_held_out_identities_are_named_as_the_card_says(name: str) -> None:
    model, card = bundled(name), sidecar(name)
    images, labels = held_out(card["seed"], 12)
    assert accuracy(model, images, labels) > min(0.93, card["held_out"]["accuracy"] - 0.04)


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_faces_found_by_dlib_are_named(name: str) -> None:
    landmarker, model = Landmarker(), bundled(name)
    data = faces(BASIC, 6, 7, (256, 256), intensity=(0.75, 1.0))
    crops = [align(image, landmarker.faces(image)[0].landmarks).resized((112, 112))[0] for image in data.images]
    right = model.predict(np.stack(crops)).argmax(1) == [BASIC.index(label) for label in data.labels]
    assert right.mean() > 0.95


def test_an_unknown_network_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="compact"):
        bundled("compct")


def test_disturbances_are_seeded_and_keep_the_format() -> None:
    images = faces(("anger",), 2, 1, (64, 64)).images
    first, again = (disturbed(images, np.random.default_rng(1)) for _ in range(2))
    assert first.dtype == np.uint8
    assert first.shape == images.shape
    assert (first == again).all()
    assert (first != images).any()


@pytest.mark.slow
def test_training_is_seeded(tmp_path_factory: pytest.TempPathFactory) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folders = [tmp_path_factory.mktemp("weights") for _ in range(2)]
    for folder in folders:
        main(["--out", str(folder), "--identities", "12", "--held-out", "2", "--epochs", "1", "--only", "compact"])
    torch.set_num_threads(threads)
    first, again = ((folder / "compact.safetensors").read_bytes() for folder in folders)
    assert first == again
    assert json.loads((folders[0] / "compact.json").read_text())["seed"] == 7
