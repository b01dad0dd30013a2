"""Many forward passes of one network: what the perturbation explainers share."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from typing import Literal

import torch

from xai_compare.explainers.compiling import Compile, compiled, spend
from xai_compare.explainers.probing import Quantity, convert
from xai_compare.models import Model

log = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16"]


class Forward:
    """A network's outputs for any number of prepared pictures, in batches of one shape.

    The last batch is padded, so that nothing depends on how many pictures there are. Pictures lie in memory with the
    channels last, which on a CPU is 1.5 to 2.3 times as fast for networks of colour pictures and no slower for grey
    ones; always, for a choice by stopwatch would change the last bits of an answer. The network's own weights stay
    as they are. A batch that does not fit in the device's memory is halved, once and for all.

    Args:
        model: the network.
        quantity: what is wanted of it.
        batch_size: pictures in a pass.
        precision: ``bf16`` runs the network in bfloat16 where torch considers that safe; outputs are float32.
        compile: whether full batches run through a compiled copy; ``auto`` when it repays, see `compiling`.
    """

    def __init__(
        self, model: Model, quantity: Quantity, batch_size: int, precision: Precision = "fp32",
        compile: Compile = "never",
    ) -> None:  # fmt: skip
        self.model, self.quantity, self.batch_size, self.precision = model, quantity, batch_size, precision
        self.compile: Compile = compile if precision == "fp32" else "never"

    def masked(
        self, picture: torch.Tensor, black: torch.Tensor, switches: torch.Tensor, index: torch.Tensor
    ) -> torch.Tensor:
        """Outputs ``(n, classes)`` of a picture ``(c, h, w)`` whose superpixels are black where switched off.

        Args:
            picture, black: prepared, ``(c, h, w)``.
            switches: bool ``(n, segments)``.
            index: superpixel of each pixel, ``(h, w)``.
        """
        return self.made(lambda some: torch.where(some[:, index][:, None], picture, black), switches)

    def made(self, make: Callable[[torch.Tensor], torch.Tensor], recipes: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, classes)`` of the pictures that ``make`` makes of ``recipes`` ``(n, ...)``, batch by batch.

        Memory does not grow with n but for the outputs.
        """
        parts, start = [], 0
        while start < len(recipes):
            some = recipes[start : start + self.batch_size]
            short = self.batch_size - len(some)
            full = torch.cat([some, some[-1:].expand(short, *some.shape[1:])]) if short and start else some
            try:
                parts.append(self._outputs(make(full))[: len(some)])
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise
                self.batch_size = (self.batch_size + 1) // 2
                log.info("out of memory: %s goes on with batches of %d", self.model.name, self.batch_size)
                continue
            start += len(some)
        return torch.cat(parts)

    def _outputs(self, batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            run = compiled(self.model.module, batch, self.compile) if len(batch) == self.batch_size else None
            if run is not None:
                return convert(self.model, run(batch), self.quantity)
        start = time.perf_counter()
        batch = batch.contiguous(memory_format=torch.channels_last)
        with torch.no_grad(), self._cast(batch.device.type):
            out = convert(self.model, self.model.module(batch).float(), self.quantity)
        if self.compile != "never":
            _wait(batch)
            spend(self.model.module, time.perf_counter() - start)
        return out

    def _cast(self, device: str) -> contextlib.AbstractContextManager[object]:
        return torch.autocast(device, torch.bfloat16) if self.precision == "bf16" else contextlib.nullcontext()


def _wait(batch: torch.Tensor) -> None:
    if batch.device.type == "cuda":
        torch.cuda.synchronize(batch.device)
