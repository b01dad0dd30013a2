"""Small networks of every kind are refused, remarked on or let pass as they should be; whole architectures pass."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from torchvision.models import resnet18 as torchvision_resnet18

from benchmarks.load_check import layers_of
from benchmarks.small_networks import CASES, SEVEN, specification
from xai_compare.errors import InputError
from xai_compare.explainers import create
from xai_compare.models import InputSpec, Model, load
from xai_compare.models.bundled import NAMES
from xai_compare.models.layers import ambiguous
from xai_compare.models.outputs import remark_on_outputs
from xai_compare.models.zoo import ZOO

LOADED = [name for name, case in CASES.items() if not case.refused]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused])
def test_a_network_that_cannot_be_read_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(InputError) as error:
        load(specification(name), allow_code=True)
    assert CASES[name].refused in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", LOADED)
def test_what_is_said_of_a_network_that_loads(name: str) -> None:
    said = remark_on_outputs(load(specification(name), allow_code=True))
    assert said is None if not CASES[name].remark else said is not None and CASES[name].remark in said


@pytest.mark.parametrize("name", LOADED)
def test_which_layers_are_read(name: str) -> None:
    grad_cam, cam = layers_of(load(specification(name), allow_code=True))
    assert CASES[name].grad_cam in grad_cam
    assert cam == (CASES[name].cam or "none")


@pytest.mark.parametrize(("name", "refused"), [("layers called twice", True), ("plain", False)])
def test_a_named_layer_that_two_pictures_share_is_refused(name: str, refused: bool) -> None:
    model = load(specification(name), allow_code=True)
    why = create("grad_cam", layer="second").refuses(model, "predicted")
    assert (why is not None and "runs more than once in a pass" in why) if refused else why is None


@pytest.mark.parametrize("name", ["functional dropout, off", "two outputs, one taken", "n x c x 1 x 1", "plain"])
def test_a_layer_is_named_as_the_network_itself_names_it(name: str) -> None:
    model = load(specification(name), allow_code=True)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    named, found = (
        create("grad_cam", **options).explain(model, pictures, [0, 1]) for options in ({"layer": "second"}, {})
    )
    np.testing.assert_array_equal(named.maps, found.maps)


def test_a_layer_that_runs_twice_in_a_row_is_read_the_last_time() -> None:
    network = torchvision_resnet18(weights=None, num_classes=7)
    model = Model("net", SEVEN, network, InputSpec((64, 64)))
    assert not ambiguous(model, "layer4.1.relu")
    assert ambiguous(model, "layer4.0.relu") is False


def without_remark(spec: dict[str, Any]) -> None:
    assert remark_on_outputs(load(spec)) is None


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_said_of_bundled_networks(name: str) -> None:
    without_remark({"bundled": name})


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ZOO))
def test_nothing_is_said_of_the_zoo(name: str) -> None:
    without_remark({"zoo": name, "weights": "random", "seed": 0, "classes": list(SEVEN)})


TIMM = (
    "resnet18",
    "mobilenetv3_small_050",
    "efficientnet_b0",
    "tf_efficientnet_lite0",
    "densenet121",
    "convnext_atto",
    "ghostnet_050",
    "regnetx_002",
    "mobilevit_xxs",
    "test_vit",
    "repvgg_a0",
    "edgenext_xx_small",
)


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_nothing_is_said_of_timm(name: str) -> None:
    without_remark({"timm": name, "weights": "random", "seed": 0, "classes": list(SEVEN)})
