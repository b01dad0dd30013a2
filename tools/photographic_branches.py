"""Branches of the bundled network for photographs: each trained from few pictures, then laid side by side."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from scipy import optimize
from scipy.special import log_softmax
from torch import nn
from torch.nn import functional

from xai_compare.faces.canonical import MIRRORED
from xai_compare.models.bundled import Photographic
from xai_compare.models.model import Model
from xai_compare.models.training.trainer import class_weights

BATCH, RATE, DECAY = 32, 0.004, 0.05
MEMORY = 0.99
"""Of the running mean of the weights."""
LANDMARK_WEIGHT = 10.0
"""Weight of the landmarks' places in what is learned."""


def random_affine(draws: torch.Generator, n: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Mirror, turn, scale and shift ``n`` pictures.

    Args:
        draws: the generator.
        n: how many.
        scale: side of the pictures that come out over that of those that go in.

    Returns:
        for each, where the pixels that come out are read, as `torch.nn.functional.affine_grid` takes it, float32
        ``(n, 2, 3)``; and whether it is mirrored, bool ``(n,)``.
    """

    def draw(most: float, *shape: int) -> torch.Tensor:
        return (torch.rand(n, *shape, generator=draws) * 2 - 1) * most

    angle, zoom, mirrored = draw(math.radians(8)), torch.exp(draw(math.log(1.15))), draw(1) < 0
    sign = torch.where(mirrored, -1.0, 1.0)
    cos, sin, shift = angle.cos() / zoom * scale, angle.sin() / zoom * scale, draw(0.12 * scale, 2)
    rows = [torch.stack([cos * sign, -sin, shift[:, 0]], 1), torch.stack([sin * sign, cos, shift[:, 1]], 1)]
    return torch.stack(rows, 1), mirrored


def move_landmarks(points: torch.Tensor, grids: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Landmarks ``(n, 68, 2)``, -1 to 1 from edge to edge, where `random_affine` carries them."""
    numbered = torch.where(mirrored[:, None, None], points[:, MIRRORED], points)
    return (numbered - grids[:, None, :, 2]) @ torch.linalg.inv(grids[:, :, :2]).transpose(1, 2)


def augment(pictures: torch.Tensor, grids: torch.Tensor, side: int, draws: torch.Generator) -> torch.Tensor:
    """Move, light, cover: grey ``(n, 1, h, w)`` in 0..1 to ``(n, 1, side, side)``."""
    n = len(pictures)

    def factor(most: float) -> torch.Tensor:
        return torch.exp((torch.rand(n, 1, 1, 1, generator=draws) * 2 - 1) * math.log(most))

    grid = functional.affine_grid(grids, [n, 1, side, side], align_corners=False)
    moved = functional.grid_sample(pictures, grid, align_corners=False, padding_mode="reflection")
    moved = moved.clamp(1e-3, 1) ** factor(1.5)
    mean = moved.mean((2, 3), keepdim=True)
    contrast, light = factor(1.3), factor(1.3)
    moved = ((moved - mean) * contrast + mean * light).clamp(0, 1)
    for k in (torch.rand(n, generator=draws) < 0.15).nonzero().flatten().tolist():
        tall, wide = torch.randint(8, 30, (2,), generator=draws).tolist()
        top, left = (int(torch.randint(0, side - length, (1,), generator=draws)) for length in (tall, wide))
        moved[k, :, top : top + tall, left : left + wide] = float(torch.rand(1, generator=draws))
    return moved


class LandmarkHead(nn.Module):
    """Reads 68 points out of feature maps: a map for each, and the mean place under its softmax."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.maps = nn.Conv2d(channels, 68, 1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """``(n, channels, h, w)`` to x and y ``(n, 68, 2)``, -1 to 1 from edge to edge."""
        h, w = features.shape[2:]
        shares = self.maps(features).flatten(2).softmax(2).unflatten(2, (h, w))
        ys, xs = ((torch.arange(count) + 0.5) / count * 2 - 1 for count in (h, w))
        return torch.stack([(shares.sum(2) * xs).sum(2), (shares.sum(3) * ys).sum(2)], 2)


def fit(
    model: Model,
    images: np.ndarray,
    landmarks: np.ndarray,
    targets: torch.Tensor,
    labels: np.ndarray,
    *,
    epochs: int,
    seed: int,
) -> Model:
    """Train one branch, and return it with the running mean of its weights.

    Args:
        model: `Photographic` of one branch, with fresh weights.
        images: uint8 ``(n, side, side, 3)``, wider than the input.
        landmarks: ``(n, 68, 2)``, x and y in pixels of ``images``.
        targets: what is learned of each picture, ``(n, classes)``.
        labels: int ``(n,)``, by whose frequency pictures are weighted.
        epochs: how often each picture is shown.
        seed: of order, augmentation and dropout.
    """
    torch.manual_seed(seed)
    draws = torch.Generator().manual_seed(seed)
    average, spec = copy.deepcopy(model.module), model.input
    module = model.module.to(memory_format=torch.channels_last)
    assert isinstance(module, Photographic)
    assert spec.mean is not None
    assert spec.std is not None
    landmark_head = LandmarkHead(module.classifier.in_features)
    grey = torch.from_numpy((images @ np.array([0.299, 0.587, 0.114])).astype(np.float32) / 255)[:, None]
    points = torch.from_numpy((landmarks + 0.5) / images.shape[1] * 2 - 1).float()
    weight = torch.from_numpy(class_weights(labels, len(model.classes)))
    steps = len(labels) // BATCH
    optimizer = torch.optim.AdamW([*module.parameters(), *landmark_head.parameters()], weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=epochs * steps, pct_start=0.2)
    module.train()
    for done in range(epochs * steps):
        if done % steps == 0:
            order = torch.randperm(len(labels), generator=draws)
        chosen = order[done % steps * BATCH :][:BATCH]
        grids, mirrored = random_affine(draws, len(chosen), spec.size[0] / images.shape[1])
        batch = (augment(grey[chosen], grids, spec.size[0], draws) - spec.mean[0]) / spec.std[0]
        features = module.features(batch.contiguous(memory_format=torch.channels_last))
        out = module.classifier(module.dropout(module.pool(features).flatten(1))).log_softmax(1)
        each = weight[labels[chosen]]
        missed = functional.smooth_l1_loss(
            landmark_head(features), move_landmarks(points[chosen], grids, mirrored), beta=0.05
        )
        loss = -((targets[chosen] * out).sum(1) * each).sum() / each.sum() + LANDMARK_WEIGHT * missed
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        _move_average(average, module, min(MEMORY, (1 + done) / (10 + done)))
    return replace(model, module=average.eval())


def join_branches(branches: Sequence[Model], calibration: np.ndarray) -> Model:
    """Branches side by side: the mean of their logits, times ``calibration[0]``, plus ``calibration[1:]``."""
    parts = [branch.module for branch in branches if isinstance(branch.module, Photographic)]
    module, scale = Photographic(len(branches[0].classes), branches=len(parts)), float(calibration[0])
    with torch.no_grad():
        for k, part in enumerate(parts):
            module.features.columns[k].load_state_dict(part.features.columns[0].state_dict())
        weight = torch.cat([part.classifier.weight for part in parts], 1) / len(parts)
        bias = torch.stack([part.classifier.bias for part in parts]).mean(0)
        module.classifier.weight.copy_(weight * scale)
        module.classifier.bias.copy_(bias * scale + torch.from_numpy(calibration[1:]))
    return replace(branches[0], module=module.eval())


def calibrate(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A factor of the logits, then a bias for each class, that suit labels best where each class counts alike."""
    weights = 1 / np.bincount(labels)[labels]
    rows = np.arange(len(labels))

    def loss(fit: np.ndarray) -> float:
        likelihoods = log_softmax(logits * fit[0] + fit[1:], axis=1)[rows, labels]
        return float(-(weights * likelihoods).sum() / weights.sum() + 1e-3 * (fit[1:] ** 2).sum())

    start = np.concatenate([[1.0], np.zeros(logits.shape[1])])
    return np.asarray(optimize.minimize(loss, start, method="L-BFGS-B").x)


def _move_average(average: torch.nn.Module, module: torch.nn.Module, memory: float) -> None:
    """Move what is average a little towards the weights and the batch norms' memory of now."""
    with torch.no_grad():
        for mean, now in zip(average.state_dict().values(), module.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(now, 1 - memory)
            else:
                mean.copy_(now)
