"""A study of two faces and a network, and what an error must look like."""

from __future__ import annotations

from pathlib import Path

import yaml

FACTORY = """
import torch
from torch import nn

def good():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 4, 5, padding=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )

class Sick(nn.Module):
    def forward(self, x):
        return x.mean((1, 2, 3))[:, None] * torch.tensor([torch.nan, 1.0])

def sick():
    return Sick()
"""


def study(place: Path, file: Path, **changes: object) -> Path:
    model = {"name": "net", "factory": "cli_networks:good", "classes": ["anger", "happiness"]}
    model["folder"] = str(place)
    model["input"] = {"size": 24, "channels": "grey", "range": [0, 1]}
    model |= changes.pop("model", {})
    content = {
        "name": "toy",
        "images": {"manifest": str(place / "labels.csv"), "choose_by": "label"},
        "models": [model],
        "explainers": ["random"],
        "compare": {"bootstrap": 0},
        **changes,
    }
    file.write_text(yaml.safe_dump(content))
    return file


def one_line(code: int, err: str, *says: str) -> None:
    assert code == 2, err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert "Traceback" not in err
    for word in says:
        assert word in err
