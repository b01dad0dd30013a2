"""Every source that takes a file of weights refuses one of which a tensor is missing, unused or of another shape."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from xai_compare.errors import InputError
from xai_compare.models import load
from xai_compare.models.sources import SOURCES

CLASSES = ["anger", "fear", "sadness"]
SHOWN = {"size": 64, "channels": "rgb", "range": [0, 1]}
SPECS: dict[str, dict[str, Any]] = {
    "zoo": {"zoo": "songnet"},
    "timm": {"timm": "resnet18"},
    "torchvision": {"torchvision": "resnet18", "input": SHOWN},
    "factory": {"factory": "nets:small", "input": SHOWN},
    "bundled": {"bundled": "compact"},
}
FACTORY = (
    "from torch import nn\n\n\ndef small():\n    pool = nn.AdaptiveAvgPool2d(1)\n"
    "    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), pool, nn.Flatten(), nn.Linear(4, 3))\n"
)
CHANGES: dict[str, tuple[Callable[[dict[str, torch.Tensor], str], object], str]] = {
    "missing": (lambda state, name: state.pop(name), "lack {}"),
    "unused": (lambda state, name: state.update(forgotten=torch.zeros(2)), "also hold forgotten"),
    "shape": (lambda state, name: state.update({name: torch.zeros(99)}), r"{} is \(99,\) in the file"),
}


def test_no_source_with_weights_is_left_out() -> None:
    # Ensembles are folders of trainings, whose weights are laid in by the same function.
    assert {name for name, source in SOURCES.all().items() if "weights" in source.KEYS} == set(SPECS)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("source", SPECS)
def test_weights_that_do_not_fit_are_refused(source: str, change: str, tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(FACTORY, "utf-8")
    spec, place = {**SPECS[source], "classes": CLASSES}, tmp_path / "w.safetensors"
    begun = {} if source == "factory" else {"weights": "random"}
    whole = load({**spec, **begun, "seed": 0}, base=tmp_path, allow_code=True)
    state = {name: value.clone() for name, value in whole.module.state_dict().items()}
    save_file(state, place)
    again = load({**spec, "weights": str(place)}, base=tmp_path, allow_code=True)
    assert all(torch.equal(value, state[name]) for name, value in again.module.state_dict().items())
    last = [name for name in state if name.endswith("bias")][-1]
    make, words = CHANGES[change]
    make(state, last)
    save_file(state, place)
    with pytest.raises(InputError, match=words.format(last.replace(".", r"\."))) as error:
        load({**spec, "weights": str(place)}, base=tmp_path, allow_code=True)
    assert "\n" not in str(error.value)
