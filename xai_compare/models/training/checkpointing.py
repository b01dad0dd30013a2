"""What every training on Lightning here shares: checkpoints that are whole or absent, the trainer, and quiet."""

from __future__ import annotations

import logging
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Checkpoint

from xai_compare import watches
from xai_compare.errors import InputError, first_line
from xai_compare.files import file_sha256, raise_full, write_atomically

CHECKPOINT = "last.ckpt"
SUM = "last.ckpt.sha256"
_LOGGERS = ("lightning.pytorch", "lightning.pytorch.utilities.rank_zero", "lightning.fabric")


class EpochCheckpoint(Checkpoint):
    """Write a checkpoint after each epoch, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Write beside the last one, then take its place."""
        part = self._folder / f"{CHECKPOINT}.part"
        try:
            trainer.save_checkpoint(part)
        except Exception as error:
            part.unlink(missing_ok=True)
            raise_full(error, self._folder / CHECKPOINT)
            raise
        if trainer.is_global_zero:
            # First the hash: a process that ends between the two leaves a checkpoint that is not trusted, and not one
            # that nobody can check.
            write_atomically(self._folder / SUM, file_sha256(part))
            part.replace(self._folder / CHECKPOINT)
            watches.finished(self._folder / CHECKPOINT)


def is_whole(checkpoint: Path) -> bool:
    """Whether a checkpoint is as it was written; a damaged one would be gone on from in silence."""
    kept = checkpoint.with_name(SUM)
    return kept.is_file() and kept.read_text("utf-8") == file_sha256(checkpoint)


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


def resume(
    module: lightning.LightningModule,
    loader: Any,
    folder: Path | None,
    epochs: int,
    *,
    finished: Callable[[Path], bool] = lambda checkpoint: False,
    **options: Any,
) -> None:
    """Train for ``epochs``, from the checkpoint in ``folder`` if there is one that is whole, else from the beginning.

    Args:
        module: what is trained.
        loader: of its batches, in an order that depends on the epoch alone.
        folder: where a checkpoint is kept after each epoch; with None nothing is written.
        epochs: how long, those of the checkpoint included.
        finished: given the checkpoint; whether its training had come to its end, so that nothing is left to do.
        options: of Lightning's trainer, such as ``devices``.

    Raises:
        InputError: if Lightning refuses the options.
    """
    checkpoint = None if folder is None else folder / CHECKPOINT
    if checkpoint is not None and checkpoint.is_file() and not is_whole(checkpoint):
        checkpoint.unlink()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with quiet_lightning():
        try:
            trainer = lightning.Trainer(
                max_epochs=epochs,
                callbacks=[] if folder is None else [EpochCheckpoint(folder)],
                enable_checkpointing=folder is not None,
                default_root_dir=folder,
                logger=False,
                enable_model_summary=False,
                num_sanity_val_steps=0,
                use_distributed_sampler=False,
                **options,
            )
        except Exception as error:
            raise InputError(
                f"Lightning refuses these devices ({first_line(error)})",
                where="training",
                hint="check accelerator, devices and strategy",
            ) from None
        if checkpoint is None or not checkpoint.is_file():
            trainer.fit(module, loader)
        elif not finished(checkpoint):
            # Only tensors and plain values are read: a checkpoint may come from anywhere, and a pickle can run code.
            trainer.fit(module, loader, ckpt_path=checkpoint, weights_only=True)
