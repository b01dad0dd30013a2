"""Late fusion: each modality decides for itself, and the logits are averaged."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.baselines.base import WIDTH, Baseline
from xai_compare.emotion.fusion import Outputs, mlp_head


@BASELINES.register("late_fusion")
class LateFusion(Baseline):
    """One head for each modality and task, on the modality's mean over time; the paper has no such row."""

    def build(self) -> None:
        """Heads for each modality."""
        self.fused_width = WIDTH
        self.own = nn.ModuleDict(
            {f"{name}_{head}": mlp_head(WIDTH, n) for name in self.modalities for head, n in self.heads.items()}
        )

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The mean of the modalities' means; only reported as features."""
        return torch.stack([values.mean(1) for values in sequences.values()]).mean(0)

    def from_sequences(self, sequences: Mapping[str, torch.Tensor]) -> Outputs:
        """The mean over modalities of what each one's heads answer."""
        projected = self.projected(sequences)
        means = {name: values.mean(1) for name, values in projected.items()}
        answers = {
            head: torch.stack([self.own[f"{name}_{head}"](mean) for name, mean in means.items()]).mean(0)
            for head in self.heads
        }
        return Outputs(answers, features=self.fuse(projected))
