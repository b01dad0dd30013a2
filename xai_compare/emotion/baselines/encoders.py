"""What all baselines share: the encoders of the three modalities, and the heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from xai_compare.emotion.blocks import MODALITIES, Features
from xai_compare.emotion.emert import Fusion, Outputs, _width_of, chosen, head_sizes, two_layers
from xai_compare.errors import InputError

WIDTH = 64
"""Of each modality's features."""


class Baseline(Fusion):
    """Encodes each modality as a sequence ``(b, t, 64)`` and leaves it to a subclass to fuse them.

    A subclass sets ``fused_width`` before the heads are made (in `build`) and writes `fuse`. The arguments are those of
    `xai_compare.emotion.EMERT`.
    """

    fused_width: int

    def __init__(
        self,
        task: str = "classification",
        classes: int = 7,
        *,
        tasks: Sequence[str] = ("er", "fer"),
        modalities: Sequence[str] = MODALITIES,
        backbone: nn.Module,
        eye_features: int = 39,
        frames: int = 8,
        steps: int = 32,
        layers: int = 1,
    ) -> None:
        super().__init__()
        self.modalities = chosen(modalities)
        self.subnet = Features(backbone, eye_features, 2, layers, unused_classifier=False)
        inner = {"face": _width_of(backbone), "eye": 128, "fixation": 128}
        self.project = nn.ModuleDict({name: nn.Linear(inner[name], WIDTH) for name in self.modalities})
        self.dropout = nn.Dropout(0.5)
        self.lengths = {"face": frames, "eye": steps, "fixation": steps}
        self.heads = head_sizes(task, classes, tasks)
        self.build()
        self.head = nn.ModuleDict({name: two_layers(self.fused_width, n) for name, n in self.heads.items()})

    def build(self) -> None:
        """Make the layers that fuse, and set ``fused_width``."""
        raise NotImplementedError

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Features ``(b, fused_width)`` of the sequences ``(b, t, 64)`` of all modalities that are read."""
        raise NotImplementedError

    def outputs(self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None) -> Outputs:
        """The answers of the heads."""
        return self.fused(self.sequences(face, eye, fixation))

    def sequences(
        self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """The features of each modality before its projection, as `EMERT.sequences` gives them."""
        given = {"face": face, "eye": eye, "fixation": fixation}
        found = {}
        for name in self.modalities:
            values = given[name]
            if values is None:
                raise InputError(f"there is no {name} input", hint=f"leave {name} out of the network's modalities")
            if name == "face":
                found[name] = self.subnet.face(values)
            else:
                found[name] = (self.subnet.e_lstm if name == "eye" else self.subnet.v_lstm)(values)[0]
        return found

    def fused(self, sequences: Mapping[str, torch.Tensor]) -> Outputs:
        """The answers to sequences of features."""
        drawn = {name: self.dropout(self.project[name](sequences[name])) for name in self.modalities}
        features = self.fuse(drawn)
        return Outputs({name: self.head[name](features) for name in self.heads}, features=features)
