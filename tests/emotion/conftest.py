"""Clips as small as they can be, drawn at random: no face, no eye, only shapes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from xai_compare.emotion import CLASSES, Clip, Clips, Sizes
from xai_compare.emotion.clips import prepared_table

SMALL = Sizes(frames=2, steps=4, side=16)


class Tiny(nn.Module):
    """A backbone of one convolution."""

    out_features = 6
    input_side = 16

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.ReLU())
        self.pool = nn.AdaptiveAvgPool2d(1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        return self.pool(self.maps(frames)).flatten(1)


def made_up(people: int = 6, each: int = 7, width: int = 5, seed: int = 0) -> Clips:
    """Clips of noise in which every person has every class, and the eye's first feature tells the self-report."""
    rng = np.random.default_rng(seed)
    n = people * each
    er = np.arange(n) % 7
    fer = rng.permuted(er.reshape(people, each), axis=1).ravel()
    held = []
    for k in range(n):
        eye = rng.normal(size=(9, width)).astype(np.float32)
        eye[:, 0] += 3 * er[k]
        held.append(
            Clip(
                f"clip{k}",
                f"p{k // each}",
                rng.integers(0, 256, (3, 16, 16, 3), dtype=np.uint8),
                eye,
                rng.normal(size=(9, 2)).astype(np.float32),
            )
        )
    table = pd.DataFrame(
        {
            "clip": [c.name for c in held],
            "person": [c.person for c in held],
            "file": "memory",
            "er": [CLASSES[k] for k in er],
            "fer": [CLASSES[k] for k in fer],
            "er_valence": rng.uniform(-1, 1, n),
            "er_arousal": rng.uniform(-1, 1, n),
            "fer_valence": rng.uniform(-1, 1, n),
            "fer_arousal": rng.uniform(-1, 1, n),
            "fer_intensity": rng.uniform(0, 3, n),
        }
    )
    return Clips(prepared_table(table, "clips"), held.__getitem__, tuple(f"f{k}" for k in range(width)))


@pytest.fixture
def clips() -> Clips:
    return made_up()


@pytest.fixture
def small() -> Sizes:
    return SMALL


@pytest.fixture
def backbone() -> Callable[[], nn.Module]:
    return Tiny
