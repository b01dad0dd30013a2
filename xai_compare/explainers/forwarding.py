"""Many forward passes of one network: what the perturbation explainers share."""

from __future__ import annotations

import contextlib
import logging
import time
import weakref
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from xai_compare.explainers.compiling import Compile, compiled, spend
from xai_compare.explainers.probing import Quantity, convert
from xai_compare.models import Model

log = logging.getLogger(__name__)

Precision = Literal["fp32", "bf16"]

_LAYOUTS: weakref.WeakKeyDictionary[nn.Module, dict[tuple[int, ...], torch.memory_format]] = weakref.WeakKeyDictionary()


class Forward:
    """A network's outputs for any number of prepared pictures, in batches of one shape.

    The last batch is padded, so that nothing depends on how many pictures there are. Pictures lie in memory with the
    channels first or last, whichever a measurement on the first batch found faster; the network's own weights stay
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
        batch = batch.contiguous(memory_format=self._layout(batch))
        with torch.no_grad(), self._cast(batch.device.type):
            out = convert(self.model, self.model.module(batch).float(), self.quantity)
        if self.compile != "never":
            _wait(batch)
            spend(self.model.module, time.perf_counter() - start)
        return out

    def _cast(self, device: str) -> contextlib.AbstractContextManager[object]:
        return torch.autocast(device, torch.bfloat16) if self.precision == "bf16" else contextlib.nullcontext()

    def _layout(self, batch: torch.Tensor) -> torch.memory_format:
        """The faster memory layout for batches of this shape, measured once for each network."""
        known = _LAYOUTS.setdefault(self.model.module, {})
        shape = tuple(batch.shape[1:])
        if shape not in known:
            if len(batch) < 8:
                return torch.contiguous_format
            known[shape] = min((torch.contiguous_format, torch.channels_last), key=lambda f: self._seconds(batch, f))
            log.debug("%s runs faster with %s", self.model.name, known[shape])
        return known[shape]

    def _seconds(self, batch: torch.Tensor, layout: torch.memory_format) -> float:
        best = float("inf")
        laid = batch[:16].contiguous(memory_format=layout)
        with torch.no_grad(), self._cast(batch.device.type):
            for _ in range(3):
                _wait(batch)
                start = time.perf_counter()
                self.model.module(laid)
                _wait(batch)
                best = min(best, time.perf_counter() - start)
        return best


def _wait(batch: torch.Tensor) -> None:
    if batch.device.type == "cuda":
        torch.cuda.synchronize(batch.device)
