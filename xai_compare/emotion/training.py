"""Training on Lightning, with checkpoints from which it goes on exactly where it was killed.

Everything random in a step is drawn from the seed, the epoch and the step, so that an epoch that is run again after a
kill is the same epoch, and weights end bit for bit as if nothing had happened (on one machine, with as many threads).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.fusion import Fusion
from xai_compare.emotion.losses import RELEASED, LossWeights
from xai_compare.emotion.sampling import ClipArrays, Scaler
from xai_compare.errors import InputError
from xai_compare.extras import require
from xai_compare.models.training.sampling import EpochSampler


@dataclass(frozen=True)
class Recipe:
    """How a network is trained: by default as the paper says, where it says so (section V-A2).

    Attributes:
        epochs, weight_decay: stand only in the authors' test scripts.
        batch, rate: clips in a batch, and the initial learning rate, which follows a cosine to 0 over the epochs.
        weights: of the parts of the loss.
        seed: of the order of the clips, of dropout and of the initial weights (see `xai_compare.emotion.evaluate`).

    The optimizer is AdamW; the paper names none.
    """

    epochs: int = 200
    batch: int = 16
    rate: float = 1e-4
    weight_decay: float = 5e-4
    weights: LossWeights = RELEASED
    seed: int = 0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or not 0 < self.rate < math.inf:
            raise InputError(f"epochs {self.epochs}, batch {self.batch}, rate {self.rate}", hint="all must be positive")
        if not 0 <= self.weight_decay < math.inf:
            raise InputError(f"a weight decay of {self.weight_decay}", hint="give 0 or more")


@dataclass
class History:
    """The mean of each part of the loss in each epoch, a dict for each epoch."""

    epochs: list[dict[str, float]]


def fit(
    net: Fusion,
    data: ClipArrays,
    scaler: Scaler,
    targets: Mapping[str, np.ndarray],
    recipe: Recipe,
    folder: str | Path | None = None,
    tick: Callable[[int], None] = lambda epochs: None,
) -> History:
    """Train ``net``, which ends in evaluation mode.

    Args:
        net: any fusion network.
        data: the training clips.
        scaler: by what they are standardized.
        targets: for each trained head, class indices (integers; negative for none) or values (floats; NaN for none).
        recipe: how.
        folder: where checkpoints are kept, one after each epoch, so that a killed training goes on from there; with
            none nothing is written.
        tick: called with the number of epochs done since the last call: those of a checkpoint at once, then 1 each.

    Raises:
        InputError: if a target has another number of clips, ``folder`` holds another training's checkpoint, or
            Lightning is not installed.
    """
    require("lightning")
    from xai_compare.emotion.learner import Learner
    from xai_compare.models.training.checkpointing import CHECKPOINT, resume

    for name, values in targets.items():
        if name not in net.heads:
            raise InputError(f"the network has no head {name!r}", hint=f"it has {', '.join(net.heads)}")
        if len(values) != len(data):
            raise InputError(f"{len(values)} targets of {name} for {len(data)} clips")
    module = Learner(net, recipe, _digest(net, data, targets, recipe), tick)
    loader: DataLoader[Any] = DataLoader(
        _Batches(data, scaler, targets),
        recipe.batch,
        sampler=EpochSampler(len(data), recipe.seed),
        collate_fn=lambda batch: batch,
    )
    place = None if folder is None else Path(folder)
    if place is not None and (place / CHECKPOINT).is_file():
        _check_same(place / CHECKPOINT, module.digest)
    accelerator = "auto" if torch.cuda.is_available() else "cpu"
    resume(module, loader, place, recipe.epochs, enable_progress_bar=False, accelerator=accelerator, devices=1)
    net.eval()
    return History(module.history)


def predict(net: Fusion, data: ClipArrays, scaler: Scaler, batch: int = 64) -> dict[str, np.ndarray]:
    """What each head answers for each clip: probabilities ``(n, classes)``, or values ``(n,)``; float64."""
    net.eval()
    parts: dict[str, list[np.ndarray]] = {name: [] for name in net.heads}
    with torch.no_grad():
        for start in range(0, len(data), batch):
            part = data.part(np.arange(start, min(start + batch, len(data))))
            for name, out in net.outputs(**scaler.tensors(part)).heads.items():
                answers = out[:, 0] if out.shape[1] == 1 else out.double().softmax(-1)
                parts[name].append(answers.double().cpu().numpy())
    return {name: np.concatenate(values) for name, values in parts.items()}


class _Batches(Dataset[Any]):
    """Whole batches, by the places of their clips."""

    def __init__(self, data: ClipArrays, scaler: Scaler, targets: Mapping[str, np.ndarray]) -> None:
        self.data, self.scaler = data, scaler
        self.targets = {name: torch.from_numpy(_typed(values)) for name, values in targets.items()}

    def __len__(self) -> int:
        return len(self.data)

    def __getitems__(self, pairs: list[tuple[int, int]]) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        places = [place for _, place in pairs]
        inputs = self.scaler.tensors(self.data.part(np.array(places)))
        return inputs, {name: values[places] for name, values in self.targets.items()}


def _typed(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    return values.astype(np.float32) if values.dtype.kind == "f" else values.astype(np.int64)


def _digest(net: Fusion, data: ClipArrays, targets: Mapping[str, np.ndarray], recipe: Recipe) -> str:
    """What makes two trainings the same: the initial weights, the clips, their labels and the recipe."""
    digest = hashlib.sha256(json.dumps([dataclasses.asdict(recipe), data.names], sort_keys=True).encode())
    for name in MODALITIES:
        if (values := getattr(data, name)) is not None:
            digest.update(np.ascontiguousarray(values).tobytes())
    for name, values in sorted(targets.items()):
        digest.update(name.encode() + _typed(values).tobytes())
    for name, tensor in net.state_dict().items():
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _check_same(checkpoint: Path, digest: str) -> None:
    try:
        stored = torch.load(checkpoint, map_location="cpu", weights_only=True).get("digest")
    except Exception as error:
        what = f"the checkpoint cannot be read ({type(error).__name__})"
        raise InputError(what, where=checkpoint, hint="delete it to begin again") from error
    if stored != digest:
        what = "the checkpoint is of another training: clips, labels, network or recipe differ"
        raise InputError(what, where=checkpoint, hint="delete it, or train into another folder")
