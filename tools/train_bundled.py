"""Train the bundled networks on simulated faces: ``python -m tools.train_bundled``.

The faces are cut out as the pipeline cuts out photographs (:func:`xai_compare.images.align`), around landmarks that are
as imprecise as a detector's. Training is seeded and takes minutes on one core; another machine or version of torch may
round differently and end at slightly different weights.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from safetensors.torch import save_file
from torch.nn import functional

import xai_compare
from xai_compare.expressions import BASIC
from xai_compare.images.crop import MARGIN, align
from xai_compare.models.bundled import ARCHITECTURES, BUNDLED, WEIGHTS
from xai_compare.models.model import Model
from xai_compare.synthetic.sets import SimulatedFaces, faces

SIDE = 88
"""Crops are kept a little larger than any network's input."""

console = Console()


def crops(data: SimulatedFaces, per_face: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Cut faces out around imprecise landmarks.

    Returns:
        uint8 ``(n * per_face, SIDE, SIDE, 3)`` crops and int64 ``(n * per_face,)`` indices into ``BASIC``.
    """
    images, labels = [], []
    for k in range(len(data)):
        eyes_apart = float(np.linalg.norm(data.landmarks[k, 45] - data.landmarks[k, 36]))
        for _ in range(per_face):
            points = data.landmarks[k] + rng.normal(0, 0.03 * eyes_apart, (68, 2)) + rng.normal(0, 0.05 * eyes_apart, 2)
            turn = np.deg2rad(rng.normal(0, 2.0))
            points[36:48] += np.outer(points[36:48, 0] - points[36:48, 0].mean(), (0, np.tan(turn)))
            margin = MARGIN * float(rng.normal(1, 0.05))
            images.append(align(data.images[k], points, margin).resized((SIDE, SIDE))[0])
            labels.append(BASIC.index(data.labels[k]))
    return np.stack(images), np.array(labels, np.int64)


def disturbed(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mirror, light, tint, blur, soil and cover uint8 ``(n, h, w, 3)`` crops at random, as photographs may be."""
    batch = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    n, _, height, width = batch.shape

    def draw(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(low, high, (n, *(shape or (1, 1, 1)))).astype(np.float32))

    batch = torch.where(draw(0, 1) < 0.5, batch.flip(-1), batch)
    batch = batch.clamp(min=1e-3) ** torch.exp(draw(-0.35, 0.35))
    batch = (batch - 0.5) * draw(0.7, 1.25) + 0.5 + draw(-0.12, 0.12) + draw(-0.04, 0.04, 3, 1, 1)
    ramp = torch.linspace(-1, 1, width) * draw(-0.15, 0.15) + torch.linspace(-1, 1, height)[:, None] * draw(-0.1, 0.1)
    batch = batch * (1 + ramp)
    grey = batch.mean(1, keepdim=True)
    batch = torch.where(draw(0, 1) < 0.25, grey.expand_as(batch), batch)
    soft = functional.avg_pool2d(functional.pad(batch, (2, 2, 2, 2), mode="replicate"), 5, 1)
    batch = torch.where(draw(0, 1) < 0.4, batch + draw(0, 0.9) * (soft - batch), batch)
    batch = batch + draw(0, 0.04) * torch.from_numpy(rng.standard_normal(batch.shape, np.float32))
    for k in np.flatnonzero(rng.random(n) < 0.35):
        top, left = rng.integers(0, height - 20), rng.integers(0, width - 20)
        tall, wide = rng.integers(12, 40, 2)
        batch[k, :, top : top + tall, left : left + wide] = float(rng.random())
    return np.asarray((batch.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy())


def fit(name: str, images: np.ndarray, labels: np.ndarray, epochs: int, seed: int) -> Model:
    """Train the network ``name`` on uint8 ``(n, h, w, 3)`` crops and their class indices."""
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, 11])
    module = ARCHITECTURES[name](len(BASIC))
    model = Model(name, BASIC, module, module.input)
    optimizer = torch.optim.AdamW(module.parameters(), weight_decay=0.02)
    steps = epochs * (len(images) // 64)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=6e-3, total_steps=steps)
    for epoch in range(epochs):
        module.train()
        losses = []
        for index in _batches(len(images), 64, rng):
            batch = model.prepare(disturbed(images[index], rng))
            loss = functional.cross_entropy(module(batch), torch.from_numpy(labels[index]), label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            losses.append(float(loss.detach()))
        console.print(f"{name}: epoch {epoch + 1}/{epochs}, loss {np.mean(losses):.3f}")
    module.eval()
    return model


def _batches(n: int, size: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    order = rng.permutation(n)
    for start in range(0, n - size + 1, size):
        yield order[start : start + size]


def held_out(seed: int, n_identities: int) -> tuple[np.ndarray, np.ndarray]:
    """Crops and class indices of identities that training with ``seed`` never sees."""
    data = faces(BASIC, n_identities, seed + 10_000, (160, 160), intensity=(0.5, 1.0), slips=0.1)
    return crops(data, 1, np.random.default_rng([seed, 13]))


def accuracy(model: Model, images: np.ndarray, labels: np.ndarray) -> float:
    """Share of the crops whose most probable class is their label."""
    return float((model.predict(images).argmax(1) == labels).mean())


def save(model: Model, folder: Path, card: dict[str, object]) -> None:
    """Write the weights and, beside them, the card."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(
        {key: value.contiguous() for key, value in model.module.state_dict().items()},
        folder / f"{model.name}.safetensors",
    )
    (folder / f"{model.name}.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")


def main(arguments: list[str] | None = None) -> None:
    """Render the training faces, train the networks, and write weights and cards."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--identities", type=int, default=400)
    parser.add_argument("--held-out", type=int, default=80)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--only", choices=BUNDLED, default=None)
    given = parser.parse_args(arguments)
    console.print(f"drawing {given.identities} identities")
    data = faces(BASIC, given.identities, given.seed, (160, 160), intensity=(0.45, 1.0), slips=0.12)
    images, labels = crops(data, 2, np.random.default_rng([given.seed, 12]))
    test = held_out(given.seed, given.held_out)
    for name in BUNDLED if given.only is None else (given.only,):
        model = fit(name, images, labels, given.epochs, given.seed)
        share = accuracy(model, *test)
        parameters = sum(p.numel() for p in model.module.parameters())
        console.print(f"{name}: {parameters} parameters, {share:.4f} of {len(test[1])} held-out crops right")
        save(model, given.out, _card(model, given, share, len(test[1]), parameters))


def _card(model: Model, given: argparse.Namespace, share: float, n: int, parameters: int) -> dict[str, object]:
    spec = model.input
    return {
        "name": model.name,
        "classes": list(model.classes),
        "input": {
            "size": list(spec.size),
            "channels": spec.channels,
            "range": list(spec.range),
            "mean": spec.mean and list(spec.mean),
            "std": spec.std and list(spec.std),
        },
        "parameters": parameters,
        "seed": given.seed,
        "held_out": {"identities": given.held_out, "crops": n, "accuracy": round(share, 4)},
        "trained_on": f"simulated faces of {given.identities} identities (xai_compare.synthetic), no photograph",
        "made_by": f"python -m tools.train_bundled --seed {given.seed} --identities {given.identities} "
        f"--held-out {given.held_out} --epochs {given.epochs}",
        "versions": {"xai_compare": xai_compare.__version__, "torch": torch.__version__},
    }


if __name__ == "__main__":
    main()
