"""How training pictures are varied, by torchvision's transforms v2."""

from __future__ import annotations

import math
from typing import Any

import torch
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

ROOM = 1.2
"""Stored crops are this much wider than what networks are shown, so that shifted pictures have no empty edge."""


class RandomGamma(v2.Transform):
    """Gamma correction by a random exponent, log-uniform between 1 / ``most`` and ``most``."""

    def __init__(self, most: float) -> None:
        super().__init__()
        self.most = most

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the exponent."""
        return {"gamma": math.exp((2 * float(torch.rand(())) - 1) * math.log(self.most))}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Apply the exponent to a picture; a map of it stays as it is."""
        if isinstance(inpt, tv_tensors.Mask):
            return inpt
        return functional.adjust_gamma(inpt, params["gamma"])


def augmentation(name: str, size: tuple[int, int]) -> v2.Transform:
    """The variations of a paper, ending in the middle ``size`` (height, width) pixels.

    ``gaya_morey`` (2024, 3.2): gamma correction, translation in both axes, crop, mirroring. ``park_wallraven``
    (2022, 5.1): horizontal flip, small shifts, scales and rotations, brightness and contrast. Neither paper prints the
    amounts: shifts are up to 5 % of the picture, scales 0.9 to 1.1 (``gaya_morey``: 1 to 1.1, a closer crop), rotations
    up to 10 degrees, gamma 1/1.5 to 1.5, brightness and contrast 0.8 to 1.2. ``strong`` is ours, for few
    pictures: more of all of these, blur, and rectangles that are blotted out. ``none``: the middle only.

    The input is a uint8 tensor ``(3, h, w)``, `ROOM` times as wide as ``size``; draws come from torch's generator.
    """
    bilinear = v2.InterpolationMode.BILINEAR
    steps: dict[str, list[v2.Transform]] = {
        "gaya_morey": [
            v2.RandomHorizontalFlip(),
            RandomGamma(1.5),
            v2.RandomAffine(0, translate=(0.05, 0.05), scale=(1.0, 1.1), interpolation=bilinear),
        ],
        "park_wallraven": [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(10, translate=(0.05, 0.05), scale=(0.9, 1.1), interpolation=bilinear),
            v2.ColorJitter(brightness=0.2, contrast=0.2),
        ],
        "strong": [
            v2.RandomHorizontalFlip(),
            v2.RandomAffine(12, translate=(0.07, 0.07), scale=(0.85, 1.15), interpolation=bilinear),
            v2.ColorJitter(brightness=0.3, contrast=0.3),
            RandomGamma(1.5),
            v2.RandomApply([v2.GaussianBlur(5, (0.3, 1.5))], p=0.25),
            v2.RandomErasing(p=0.3, scale=(0.02, 0.12)),
        ],
        "none": [],
    }
    made: v2.Transform = v2.Compose([*steps[name], v2.CenterCrop(list(size))])
    return made
