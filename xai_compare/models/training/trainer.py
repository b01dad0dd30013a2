"""Training one network, resumed where it was killed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader

from xai_compare.errors import InputError, first_line
from xai_compare.extras import require
from xai_compare.models.model import Model
from xai_compare.models.training.augmentation import augmentation
from xai_compare.models.training.config import Training
from xai_compare.models.training.map_loss import MapLoss
from xai_compare.models.training.sampling import EpochSampler
from xai_compare.models.training.training_faces import AugmentedFaces

if TYPE_CHECKING:
    from xai_compare.models.training.classifier import ClassifierModule


@dataclass(frozen=True)
class Length:
    """How long a training lasts: ``epochs``, or until the training accuracy is ``until`` if that comes sooner."""

    epochs: int
    until: float | None = None


def class_weights(labels: np.ndarray, classes: int) -> np.ndarray:
    """Weights by inverse frequency, float32 ``(classes,)``: n / (classes * n of the class), as scikit-learn balances.

    Raises:
        InputError: if a class has no picture.
    """
    counts = np.bincount(labels, minlength=classes)
    if (counts == 0).any():
        raise InputError(f"class {int(np.argmin(counts))} has no training picture")
    return (len(labels) / (classes * counts)).astype(np.float32)


def undersampled(labels: np.ndarray, seed: int) -> np.ndarray:
    """Indices, sorted, of as many pictures of each class as the smallest has; drawn without replacement."""
    rng = np.random.default_rng([seed, 4])
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    smallest = min(len(places) for places in by_class)
    return np.sort(np.concatenate([rng.choice(places, smallest, replace=False) for places in by_class]))


def fit(
    model: Model,
    images: np.ndarray,
    labels: np.ndarray,
    config: Training,
    length: Length,
    folder: Path,
    *,
    seed: int,
    maps: np.ndarray | None = None,
    progress: bool = False,
) -> list[dict[str, float]]:
    """Train ``model`` in place, and return its history: epoch, loss, accuracy and term of each epoch.

    After each epoch a checkpoint is written into ``folder``; if one is there, the training goes on from it, and ends
    with the weights that it would have had without the interruption (on the same machine and number of threads).

    Args:
        model: with fresh weights.
        images: uint8 ``(n, side, side, 3)``, wider than the network's input (see :class:`TrainingFaces`).
        labels: int ``(n,)``, indices into the model's classes.
        config: batch size, loss, optimizer, augmentation, devices.
        length: when to stop.
        folder: for checkpoints.
        seed: of order, augmentation and dropout.
        maps: ``(n, side, side)``, towards which the network's own are pulled as ``config.towards`` says; NaN for none.
        progress: whether to draw a bar.

    Raises:
        InputError: if the loss is not finite, the checkpoint is not of this network, Lightning refuses the devices or
            is not installed.
    """
    require("lightning")
    from xai_compare.models.training.checkpointing import resume
    from xai_compare.models.training.classifier import ClassifierModule

    weights = class_weights(labels, len(model.classes)) if config.weighted else None
    term = None if maps is None or config.towards is None else MapLoss(model, config.towards)
    learner = ClassifierModule(model, weights, config.optimizer, seed, config.label_smoothing, term, length.until)
    batch = min(config.batch_size, len(labels))
    loader: DataLoader[Any] = DataLoader(
        AugmentedFaces(images, labels, augmentation(config.augment, model.input.size), seed, maps),
        batch_size=batch,
        sampler=EpochSampler(len(labels), seed, 2, batch=batch),
        num_workers=config.workers,
    )
    with torch.random.fork_rng(devices=[]):
        model.module.train().to(memory_format=torch.channels_last)
        try:
            resume(
                learner,
                loader,
                folder,
                length.epochs,
                finished=lambda checkpoint: _finished(checkpoint, learner, length),
                enable_progress_bar=progress,
                accelerator=config.accelerator,
                devices=config.devices,
                strategy=config.strategy,
                precision=config.precision,
                deterministic="warn",
            )
        finally:
            model.module.eval().to(memory_format=torch.contiguous_format)
    model.module.to("cpu")
    return learner.history


def _finished(checkpoint: Path, learner: ClassifierModule, length: Length) -> bool:
    """Load a checkpoint's weights; whether its training had come to its end."""
    try:
        state = torch.load(checkpoint, map_location="cpu", weights_only=True)
        learner.load_state_dict(state["state_dict"])
        learner.history = list(state["history"])
    except Exception as error:
        raise InputError(
            f"the checkpoint is not one of this network ({first_line(error)})",
            where=checkpoint,
            hint="remove it, or train into another folder",
        ) from None
    done = len(learner.history) >= length.epochs
    return done or (length.until is not None and learner.reached(length.until))
