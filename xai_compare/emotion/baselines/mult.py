"""MulT (Tsai et al. 2019): each modality attends to each other one, then to itself."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.baselines.base import WIDTH, Baseline

_HEADS = 4


class _Crossmodal(nn.Module):
    """One block of section 3.2: normed cross-attention, then a feed-forward layer, both residual."""

    def __init__(self) -> None:
        super().__init__()
        self.norm_q, self.norm_k, self.norm = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attend = nn.MultiheadAttention(WIDTH, _HEADS, 0.1, batch_first=True)
        self.forward_layer = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.ReLU(), nn.Linear(2 * WIDTH, WIDTH))

    def forward(self, target: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        source = self.norm_k(source)
        target = target + self.attend(self.norm_q(target), source, source, need_weights=False)[0]
        return target + self.forward_layer(self.norm(target))


@BASELINES.register("mult")
class MulT(Baseline):
    """The rows "MuT" of Liu et al. (2024): crossmodal transformers of one block each, for want of data."""

    def build(self) -> None:
        """Positions, a crossmodal block for each ordered pair, a transformer for each target."""
        self.pairs = [(a, b) for a in self.modalities for b in self.modalities if a != b] or [
            (self.modalities[0], self.modalities[0])
        ]
        sources = {name: sum(a == name for a, _ in self.pairs) for name in self.modalities}
        self.positions = nn.ParameterDict(
            {name: nn.Parameter(0.02 * torch.randn(1, self.lengths[name], WIDTH)) for name in self.modalities}
        )
        self.cross = nn.ModuleDict({f"{a}_{b}": _Crossmodal() for a, b in self.pairs})
        self.itself = nn.ModuleDict(
            {
                name: nn.TransformerEncoderLayer(n * WIDTH, _HEADS, 2 * WIDTH, 0.1, batch_first=True, norm_first=True)
                for name, n in sources.items()
            }
        )
        self.fused_width = WIDTH * sum(sources.values())

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The last token of each target, side by side."""
        placed = {name: values + self.positions[name] for name, values in sequences.items()}
        last = []
        for name in self.modalities:
            attended = [self.cross[f"{a}_{b}"](placed[a], placed[b]) for a, b in self.pairs if a == name]
            last.append(self.itself[name](torch.cat(attended, -1))[:, -1])
        return torch.cat(last, -1)
