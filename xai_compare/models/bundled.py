"""The small networks that come with the package: two trained on simulated faces, one on photographs.

All end in global average pooling and one linear layer, as class activation mapping demands (Zhou et al. 2016); they
differ in everything else: depth, width, resolution, colour, and the shape of their blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from xai_compare.errors import InputError, nearest
from xai_compare.files import file_sha256
from xai_compare.models.model import InputSpec, Model

BUNDLED = ("compact", "residual")
"""Names of the networks trained on simulated faces."""
PHOTOGRAPHIC = "photographic"
"""Name of the network trained on photographs."""
NAMES = (*BUNDLED, PHOTOGRAPHIC)
"""Names of all networks that come with the package."""

WEIGHTS = Path(__file__).parent / "weights"


def _block(inputs: int, outputs: int, stride: int = 1, groups: int = 1, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class Compact(nn.Module):
    """Five plain convolutions on grey 64 x 64 pictures; 8 x 8 feature maps."""

    input = InputSpec(size=(64, 64), channels="grey", range=(-1.0, 1.0))

    def __init__(self, classes: int = 6, width: int = 16) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(1, width, stride=2, kernel=5),
            _block(width, 2 * width),
            nn.MaxPool2d(2),
            _block(2 * width, 3 * width),
            nn.MaxPool2d(2),
            _block(3 * width, 4 * width),
            _block(4 * width, 5 * width),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(5 * width, classes)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 ``(n, 1, 64, 64)`` to logits ``(n, classes)``."""
        return torch.as_tensor(self.classifier(self.pool(self.features(batch)).flatten(1)))


class _Residual(nn.Module):
    """Depthwise-separable convolutions (Chollet 2017) beside a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _block(inputs, inputs, stride, groups=inputs),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(),
            _block(outputs, outputs, groups=outputs),
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(batch) + self.shortcut(batch))


class Residual(nn.Module):
    """Three residual stages of separable convolutions on colour 80 x 80 pictures; 10 x 10 feature maps."""

    input = InputSpec(size=(80, 80), channels="rgb", range=(0.0, 1.0), mean=(0.5, 0.4, 0.35), std=(0.25, 0.22, 0.22))

    def __init__(self, classes: int = 6, width: int = 20) -> None:
        super().__init__()
        self.features = nn.Sequential(
            _block(3, width, stride=2),
            _Residual(width, 2 * width, 2),
            _Residual(2 * width, 4 * width, 2),
            _Residual(4 * width, 6 * width, 1),
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Linear(6 * width, classes)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 ``(n, 3, 80, 80)`` to logits ``(n, classes)``."""
        return torch.as_tensor(self.classifier(self.pool(self.features(batch)).flatten(1)))


class _SideBySide(nn.Module):
    """Networks whose feature maps of one picture are stacked."""

    def __init__(self, branches: Iterable[nn.Module]) -> None:
        super().__init__()
        # The weights that come with the package name their tensors "features.columns.0...", so this name stays.
        self.columns = nn.ModuleList(branches)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.cat([branch(batch) for branch in self.columns], 1)


class Photographic(nn.Module):
    """Branches of six plain convolutions on grey 80 x 80 pictures, side by side; 10 x 10 feature maps.

    The branches are trained apart. That the linear layer reads all of them makes it the mean of their logits, and one
    network to which class activation mapping applies.
    """

    input = InputSpec(size=(80, 80), channels="grey", range=(0.0, 1.0), mean=(0.5,), std=(0.25,))

    def __init__(self, classes: int = 5, width: int = 20, branches: int = 4) -> None:
        super().__init__()
        self.features = _SideBySide(self._branch(width) for _ in range(branches))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.dropout = nn.Dropout(0.3)
        self.classifier = nn.Linear(branches * 5 * width, classes)

    @staticmethod
    def _branch(width: int) -> nn.Sequential:
        return nn.Sequential(
            _block(1, width, stride=2, kernel=5),
            _block(width, 2 * width, stride=2),
            _block(2 * width, 2 * width),
            _block(2 * width, 4 * width, stride=2),
            _block(4 * width, 4 * width),
            _block(4 * width, 5 * width),
        )

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """float32 ``(n, 1, 80, 80)`` to logits ``(n, classes)``."""
        return torch.as_tensor(self.classifier(self.dropout(self.pool(self.features(batch)).flatten(1))))


ARCHITECTURES: dict[str, type[Compact] | type[Residual] | type[Photographic]] = {
    "compact": Compact,
    "residual": Residual,
    "photographic": Photographic,
}


def bundled(name: str) -> Model:
    """Return a network that comes with the package, on the CPU.

    Raises:
        InputError: if there is none of that name.
    """
    if name not in NAMES:
        raise InputError(f"no bundled network {name!r}", hint=nearest(name, NAMES))
    card = sidecar(name)
    module = ARCHITECTURES[name](len(card["classes"]))
    file = WEIGHTS / f"{name}.safetensors"
    module.load_state_dict(load_file(file))
    return Model(
        name=name,
        classes=tuple(card["classes"]),
        module=module,
        input=module.input,
        source={
            "kind": "bundled",
            "file": file.name,
            "sha256": file_sha256(file),
            "trained_on": card["trained_on"],
        },
    )


def sidecar(name: str) -> dict[str, Any]:
    """What is written beside the weights: classes, input, seed, accuracy on held-out identities, and how made."""
    return dict(json.loads((WEIGHTS / f"{name}.json").read_text("utf-8")))
