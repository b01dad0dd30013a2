"""A small network that names action units, trained on rendered faces: the frozen backbone of the simulated study.

Liu et al. (2024) read frames with a ResNet that was trained on other faces. This one, too, is trained on faces of other
people than those of the study, here simulated ones, and knows nothing of what anybody reports.
"""

from __future__ import annotations

import torch
from torch import nn


class UnitReader(nn.Module):
    """Frames ``(n, 3, h, w)`` to ``(n, 96)``: convolutions whose last map, an eighth of the side, is averaged.

    Attributes:
        out_features: 96.
        input_side: of the frames that it was trained on.
    """

    out_features = 96
    input_side = 64

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        widths = ((3, 24, 5, 2), (24, 48, 3, 2), (48, 96, 3, 2), (96, 96, 3, 1))
        self.maps = nn.Sequential(
            *(
                nn.Sequential(nn.Conv2d(a, b, k, s, k // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU())
                for a, b, k, s in widths
            )
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.register_buffer("mean", torch.zeros(self.out_features))
        self.register_buffer("std", torch.ones(self.out_features))

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        """The averaged features, standardized over the faces that the reader was trained on."""
        return (self.pool(self.maps(frames)).flatten(1) - self.mean) / self.std

    def calibrate(self, frames: torch.Tensor) -> None:
        """Standardize features over these frames."""
        self.mean.zero_()
        self.std.fill_(1)
        with torch.no_grad():
            features = torch.cat([self(part) for part in frames.split(64)])
        self.mean.copy_(features.mean(0))
        self.std.copy_(features.std(0).clamp(min=1e-6))
