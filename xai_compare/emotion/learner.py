"""A fusion network as Lightning trains it; imported only where Lightning is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import lightning
import numpy as np
import torch

from xai_compare.emotion.fusion import Fusion
from xai_compare.emotion.losses import total_loss

if TYPE_CHECKING:
    from xai_compare.emotion.training import Recipe


class Learner(lightning.LightningModule):
    """Trains a network as a `Recipe` says, and keeps the mean losses of each epoch."""

    def __init__(self, net: Fusion, recipe: Recipe, digest: str, tick: Callable[[int], None]) -> None:
        super().__init__()
        self.net, self.recipe, self.digest, self.tick = net, recipe, digest, tick
        self.history: list[dict[str, float]] = []
        self._sums: dict[str, float] = {}

    def configure_optimizers(self) -> Any:
        """AdamW on a cosine, stepped once an epoch."""
        trained = [p for p in self.net.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, self.recipe.rate, weight_decay=self.recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.recipe.epochs)
        return [optimizer], [schedule]

    def on_train_epoch_start(self) -> None:
        """Begin to add up losses."""
        self.net.train()
        self._sums = {}

    def training_step(self, batch: tuple[dict[str, Any], dict[str, torch.Tensor]], index: int) -> torch.Tensor:
        """One step; see the module `xai_compare.emotion.training` on what is random in it."""
        inputs, targets = batch
        # Seeded at each step, because Lightning and its loaders draw numbers of their own, and more of them after a
        # resumption: dropout would differ, and a resumed training would end with other weights.
        torch.manual_seed(_seed_of(self.recipe.seed, self.current_epoch, index))
        parts = total_loss(self.net.outputs(**inputs), targets, self.recipe.weights, self.net.modalities)
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(value.detach())
        return parts["loss"]

    def on_train_epoch_end(self) -> None:
        """Keep the epoch's mean losses."""
        steps = max(int(self.trainer.num_training_batches), 1)
        self.history.append({name: value / steps for name, value in self._sums.items()})
        self.tick(1)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the history with the weights."""
        checkpoint["history"], checkpoint["digest"] = self.history, self.digest

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take the history up again."""
        self.history = list(checkpoint["history"])
        self.tick(len(self.history))


def _seed_of(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])
