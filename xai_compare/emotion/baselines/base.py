"""What all baselines share: the encoders of the three modalities, and the heads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.fusion import Fusion, Outputs, feature_width, head_sizes, mlp_head

WIDTH = 64
"""Of each modality's features."""


class Baseline(Fusion):
    """Projects each modality to a sequence ``(b, t, 64)`` and leaves it to a subclass to fuse them.

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
        super().__init__(modalities, backbone, eye_features, layers)
        widths = {"face": feature_width(backbone), "eye": 128, "fixation": 128}
        self.project = nn.ModuleDict({name: nn.Linear(widths[name], WIDTH) for name in self.modalities})
        self.dropout = nn.Dropout(0.5)
        self.lengths = {"face": frames, "eye": steps, "fixation": steps}
        self.heads = head_sizes(task, classes, tasks)
        self.build()
        self.head = nn.ModuleDict({name: mlp_head(self.fused_width, n) for name, n in self.heads.items()})

    def build(self) -> None:
        """Make the layers that fuse, and set ``fused_width``."""
        raise NotImplementedError

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Features ``(b, fused_width)`` of the sequences ``(b, t, 64)`` of all modalities that are read."""
        raise NotImplementedError

    def projected(self, sequences: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The sequences of features, each at the common width, with dropout."""
        return {name: self.dropout(self.project[name](sequences[name])) for name in self.modalities}

    def from_sequences(self, sequences: Mapping[str, torch.Tensor]) -> Outputs:
        """The answers to sequences of features."""
        features = self.fuse(self.projected(sequences))
        return Outputs({name: self.head[name](features) for name in self.heads}, features=features)
