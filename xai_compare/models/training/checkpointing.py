"""What every training on Lightning here shares: checkpoints that are whole or absent, and quiet."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import lightning
from lightning.pytorch.callbacks import Checkpoint

CHECKPOINT = "last.ckpt"
_LOGGERS = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")


class EpochCheckpoint(Checkpoint):
    """Write a checkpoint after each epoch, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write beside the last one, then take its place."""
        part = self._folder / f"{CHECKPOINT}.part"
        trainer.save_checkpoint(part)
        if trainer.is_global_zero:
            part.replace(self._folder / CHECKPOINT)


@contextmanager
def quiet_lightning() -> Iterator[None]:
    """Without Lightning's advice on workers, devices and logging; what fails still fails, and Ctrl-C stays Ctrl-C."""
    levels = {name: logging.getLogger(name).level for name in _LOGGERS}
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"lightning.*")
        warnings.filterwarnings("ignore", message=r".*lightning.*")
        warnings.filterwarnings("ignore", message=r".*lr_scheduler\.step.*")
        try:
            for name in _LOGGERS:
                logging.getLogger(name).setLevel(logging.ERROR)
            yield
        except SystemExit as end:
            # Lightning makes an exit with code 1 of Ctrl-C, and has the next one ignored.
            if not isinstance(end.__context__, KeyboardInterrupt):
                raise
            signal.signal(signal.SIGINT, signal.default_int_handler)
            raise KeyboardInterrupt from None
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
