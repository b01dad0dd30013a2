"""A network as Lightning trains it, and what ends a training."""

from __future__ import annotations

import math
from typing import Any

import lightning
import numpy as np
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models.model import Model
from xai_compare.models.training.config import Optimizer
from xai_compare.models.training.map_loss import MapLoss
from xai_compare.models.training.sampling import derive_seed


class ClassifierModule(lightning.LightningModule):
    """Cross-entropy on pictures that are prepared as `Model.predict` prepares them.

    Args:
        model: the network; its ``module`` is trained.
        weights: of the classes in the cross-entropy, float32 ``(classes,)``; None for equal ones.
        optimizer: how weights are changed.
        seed: of dropout, drawn anew for each step so that a resumed training repeats it.
        smoothing: label smoothing.
        term: something added to the loss.
        until: stop when the training accuracy of an epoch reaches this (Park & Wallraven 2022, 5.1: 0.90).

    Attributes:
        history: for each finished epoch: epoch, loss, accuracy and term.
    """

    def __init__(
        self,
        model: Model,
        weights: np.ndarray | None,
        optimizer: Optimizer,
        seed: int,
        smoothing: float = 0.0,
        term: MapLoss | None = None,
        until: float | None = None,
    ) -> None:
        super().__init__()
        self._until = until
        self.model, self.module, self.term = model, model.module, term
        self.history: list[dict[str, float]] = []
        self._optimizer, self._seed = optimizer, seed
        weight = None if weights is None else torch.as_tensor(weights, dtype=torch.float32)
        self._loss = nn.CrossEntropyLoss(weight=weight, label_smoothing=smoothing)
        self._sums = np.zeros(4)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Pictures stay where they are: the model prepares them, and moves them itself."""
        return batch

    def on_train_epoch_start(self) -> None:
        """Begin to count."""
        self._sums = np.zeros(4)

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor, torch.Tensor], batch_idx: int) -> torch.Tensor:
        """One step; refuses a loss that is not finite."""
        pictures, labels, maps = batch
        # Dropout is drawn from the place in the training alone: loaders draw from the same generator, how often
        # depends on whether the training was resumed.
        torch.manual_seed(derive_seed(self._seed, 3, self.current_epoch, batch_idx, self.global_rank))
        prepared = self.model.prepare(pictures.permute(0, 2, 3, 1).numpy())
        prepared, labels = prepared.contiguous(memory_format=torch.channels_last), labels.to(prepared.device)
        out, node = (self.module(prepared), prepared) if self.term is None else self.term.run(prepared)
        logits = out
        if self.model.output == "probabilities":
            out = out.clamp_min(1e-7).log()
        loss: torch.Tensor = self._loss(out, labels)
        extra = torch.zeros_like(loss) if self.term is None else self.term(logits, node, labels, maps)
        whole = loss + extra
        if not math.isfinite(float(whole.detach())):
            raise InputError(
                f"the loss is not finite (NaN or infinity) in epoch {self.current_epoch + 1}",
                where=f"training of {self.model.name!r}",
                hint="lower optimizer.lr, or check the pictures; nothing was written",
            )
        right = float((out.detach().argmax(1) == labels).sum())
        self._sums += (len(labels), right, float(loss.detach()) * len(labels), float(extra.detach()) * len(labels))
        return whole

    def on_train_epoch_end(self) -> None:
        """Add the epoch to the history, and stop where the accuracy suffices."""
        sums = torch.as_tensor(self._sums)
        if self.trainer.world_size > 1:
            sums = torch.as_tensor(self.all_gather(sums.to(self.device))).reshape(-1, 4).sum(0).cpu()
        count, right, loss, extra = (float(value) for value in sums)
        self.history.append(
            {"epoch": self.current_epoch + 1, "loss": loss / count, "accuracy": right / count, "term": extra / count}
        )
        # Lightning asks callbacks before this hook, so none of them could stop at this epoch.
        if self._until is not None and self.reached(self._until):
            self.trainer.should_stop = True

    def reached(self, accuracy: float) -> bool:
        """Whether the last epoch's training accuracy is this or more."""
        return bool(self.history) and self.history[-1]["accuracy"] >= accuracy

    def configure_optimizers(self) -> Any:
        """The optimizer and, where one is asked for, its schedule by steps."""
        kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
        asked = self._optimizer
        more: dict[str, Any] = {"momentum": 0.9} if asked.name == "sgd" else {}
        wanted = [p for p in self.module.parameters() if p.requires_grad]
        optimizer = kinds[asked.name](wanted, lr=asked.lr, weight_decay=asked.weight_decay, **more)
        if asked.schedule == "constant":
            return optimizer
        steps = max(int(self.trainer.estimated_stepping_batches), 1)
        scheduler: Any = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        if asked.schedule == "one_cycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=asked.lr, total_steps=steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """EpochCheckpoint the history with the weights."""
        checkpoint["history"] = self.history

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history up again."""
        self.history = list(checkpoint["history"])
