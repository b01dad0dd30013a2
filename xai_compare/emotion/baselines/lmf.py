"""LMF (Liu et al. 2018): the outer product of all modalities, through factors of low rank."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from xai_compare.emotion.baselines import BASELINES
from xai_compare.emotion.baselines.base import WIDTH, Baseline

_RANK = 4


@BASELINES.register("lmf")
class LowRank(Baseline):
    """The rows "LMF" of Liu et al. (2024): eq. 6 of Liu et al. (2018), rank 4."""

    def build(self) -> None:
        """Factors for each modality, with one for the constant 1 appended to it."""
        self.fused_width = WIDTH
        self.factors = nn.ParameterDict(
            {name: nn.Parameter(torch.empty(_RANK, WIDTH + 1, WIDTH)) for name in self.modalities}
        )
        for factor in self.factors.values():
            nn.init.xavier_normal_(factor)
        self.rank_weights = nn.Parameter(torch.full((_RANK,), 1 / _RANK))
        self.bias = nn.Parameter(torch.zeros(WIDTH))

    def fuse(self, sequences: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The product over modalities of their factors, summed over ranks."""
        product: torch.Tensor | None = None
        for name, values in sequences.items():
            mean = values.mean(1)
            extended = torch.cat([mean, torch.ones_like(mean[:, :1])], -1)
            part = torch.einsum("bi,rio->bro", extended, self.factors[name])
            product = part if product is None else product * part
        assert product is not None
        return torch.einsum("bro,r->bo", product, self.rank_weights) + self.bias
