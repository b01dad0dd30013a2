"""Small networks of every kind are refused, remarked on or let pass as they should be; whole architectures pass."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.load_check import layers_of
from benchmarks.small_networks import CASES, SEVEN, specification
from xai_compare.errors import InputError
from xai_compare.models import load
from xai_compare.models.bundled import NAMES
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
