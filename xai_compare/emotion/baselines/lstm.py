"""ResNet + LSTM: a recurrent network reads the frames, and the last states stand side by side."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.baselines.base import WIDTH, Baseline


@BASELINES.register("resnet_lstm")
class RecurrentFusion(Baseline):
    """The rows "ResNet_LSTM" of Liu et al. (2024); the eyes' LSTMs are those of the encoders."""

    def build(self) -> None:
        """An LSTM over frames."""
        self.fused_width = WIDTH * len(self.modalities)
        if "face" in self.modalities:
            self.over_frames = nn.LSTM(WIDTH, WIDTH, batch_first=True)

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The last states, side by side."""
        last = [(self.over_frames(x)[0] if name == "face" else x)[:, -1] for name, x in sequences.items()]
        return torch.cat(last, -1)
