"""Train the reader of action units on simulated faces: the frozen backbone of ``examples/emert_simulated``."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from xai_compare.emotion.sampling import face_tensor
from xai_compare.synthetic.identity import Identity
from xai_compare.synthetic.render import render
from xai_compare.synthetic.sets import ANTAGONISTS
from xai_compare.synthetic.unit_reader import UnitReader

UNITS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 15, 20, 23, 25, 26)


def unit_faces(n: int, seed: int, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Simulated faces of people drawn anew for each: uint8 ``(n, side, side, 3)``, and which units act, ``(n, 14)``."""
    rng = np.random.default_rng([seed, 23])
    images, acts = np.empty((n, side, side, 3), np.uint8), np.zeros((n, len(UNITS)), np.float32)
    for i in range(n):
        # Identities from a range of seeds that no simulated study uses.
        identity = Identity.random(int(rng.integers(2**33, 2**34)))
        units = {u: float(rng.uniform(0.3, 1)) for u in UNITS if rng.random() < 0.2}
        for a, b in ANTAGONISTS:
            if a in units and b in units:
                del units[b]
        shift = rng.normal(0, 0.012, 2)
        face = render(
            identity,
            units,
            size=(side, side),
            zoom=float(rng.uniform(0.93, 1.05)),
            shift=(float(shift[0]), float(shift[1])),
            roll=float(rng.normal(0, 2)),
            regions=False,
        )
        images[i], acts[i] = face.image, [u in units for u in UNITS]
    return images, acts


def train_unit_reader(
    n: int = 5000,
    epochs: int = 8,
    seed: int = 0,
    batch: int = 64,
    each: Callable[[str], None] = lambda line: None,
) -> UnitReader:
    """Train the reader on ``n`` simulated faces; equal arguments give equal networks on one machine."""
    images, acts = unit_faces(n, seed)
    held = max(n // 10, 1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reader = UnitReader()
        head = nn.Linear(reader.out_features, len(UNITS))
        both = nn.ModuleList([reader, head])
        optimizer = torch.optim.AdamW(both.parameters(), 1e-2, weight_decay=1e-2)
        steps = epochs * ((n - held) // batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=max(steps, 1))
        rng = np.random.default_rng([seed, 24])
        for epoch in range(epochs):
            both.train()
            order = held + rng.permutation(n - held)
            for start in range(0, len(order) - batch + 1, batch):
                chosen = order[start : start + batch]
                frames = face_tensor(_lit(images[chosen], rng))
                loss = functional.binary_cross_entropy_with_logits(head(reader(frames)), torch.from_numpy(acts[chosen]))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
            both.eval()
            with torch.no_grad():
                right = ((head(reader(face_tensor(images[:held]))) > 0).numpy() == (acts[:held] > 0.5)).mean()
            each(f"unit reader: epoch {epoch + 1}/{epochs}, {right:.3f} of the units of {held} other faces right")
    reader.eval().calibrate(face_tensor(images[held : held + 1000]))
    for parameter in reader.parameters():
        parameter.requires_grad_(False)
    return reader.eval()


def _lit(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The light and the noise that frames of simulated clips have, somewhat wider."""
    light = images * rng.normal(1, 0.05, (len(images), 1, 1, 1)) + rng.normal(0, 4, images.shape)
    return np.clip(light, 0, 255).astype(np.uint8)
