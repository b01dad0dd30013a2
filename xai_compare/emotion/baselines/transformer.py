"""ResNet + transformer: all tokens attend to all."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.baselines.base import WIDTH, Baseline


@BASELINES.register("resnet_transformer")
class TokenFusion(Baseline):
    """The rows "ResNet_Transformer" of Liu et al. (2024): tokens of all modalities in one encoder of two layers."""

    def build(self) -> None:
        """Position embeddings and the encoder."""
        self.fused_width = WIDTH
        tokens = sum(self.lengths[name] for name in self.modalities)
        self.positions = nn.Parameter(0.02 * torch.randn(1, tokens, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, 4, 2 * WIDTH, 0.1, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The mean over tokens."""
        return self.encoder(torch.cat(list(sequences.values()), 1) + self.positions).mean(1)
