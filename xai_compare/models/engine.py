"""The engine of a network: what runs it many times, and remembers what was learnt of it on the way."""

from __future__ import annotations

import copy
import logging
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from xai_compare.models.folding import fold, module_stamp

if TYPE_CHECKING:
    from xai_compare.models.model import Model

log = logging.getLogger(__name__)

Precision = Literal["auto", "fp32", "bf16"]
ResolvedPrecision = Literal["fp32", "bf16"]

BATCH = 32
"""Pictures in one forward pass, unless the model says otherwise."""

T = TypeVar("T")


def unchanged(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures as they are."""
    return pictures


class Engine:
    """Runs one network many times: a folded copy, channels last, in the precision asked, batch by batch.

    Every model has one (`Model.engine`). The network itself stays as it is. What the engine makes of it or learns of
    it is kept in one place (`cached`) until a weight, a buffer or a hook of the network changes. Nothing here is
    chosen by measuring time, so equal networks run in the same way each time.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._cache: dict[object, tuple[object, Any]] = {}
        self.on_images: Callable[[int], None] | None = None
        """Called with the number of pictures after each batch of many, for whoever shows progress."""

    def count_images(self, count: int) -> None:
        """Report that the network has seen so many pictures more."""
        if self.on_images is not None:
            self.on_images(count)

    def cached(self, key: object, make: Callable[[], T]) -> T:
        """What ``make`` gives, made once for each ``key``, and again when the network has changed."""
        model = self._model
        # A user may write into a weight or hang a hook on the network between two calls: without the stamp, a folded
        # copy would go on answering for the network as it was.
        stamp = (model.module, module_stamp(model.module), model.input, model.output, model.activations)
        entry = self._cache.get(key)
        if entry is None or entry[0] != stamp:
            entry = self._cache[key] = (stamp, make())
        value: T = entry[1]
        return value

    @property
    def network(self) -> nn.Module:
        """The folded copy (see `xai_compare.models.folding`), or the network itself if it cannot be copied."""
        copied = self.cached("folded", lambda: fold(self._model))
        return self._model.module if copied is None else copied

    @property
    def has_copy(self) -> bool:
        """Whether there is a copy. A network without one runs in float32 only."""
        return self.network is not self._model.module

    def forward(self, precision: ResolvedPrecision = "fp32") -> Callable[[torch.Tensor], torch.Tensor]:
        """The network as a function of prepared pictures, differentiable; outputs are float32."""
        if precision == "fp32" or not self.has_copy:
            return self.network
        rough = self.cached("bf16", lambda: copy.deepcopy(self.network).bfloat16())
        return lambda batch: rough(batch.bfloat16()).float()

    def outputs(
        self,
        recipes: torch.Tensor,
        make: Callable[[torch.Tensor], torch.Tensor] = unchanged,
        precision: ResolvedPrecision = "fp32",
    ) -> torch.Tensor:
        """The network's own outputs, float32 ``(n, classes)``, without gradients.

        Args:
            recipes: ``(n, ...)``, from which pictures are made batch by batch, so that memory does not grow with n
                but for the outputs.
            make: prepared pictures ``(k, c, h, w)`` of ``k`` recipes.
            precision: ``bf16`` runs a copy in bfloat16.
        """
        run = self.forward(precision)

        def batch_outputs(part: slice) -> torch.Tensor:
            with torch.no_grad():
                out = run(make(recipes[part]).contiguous(memory_format=torch.channels_last))
                self.count_images(part.stop - part.start)
                return self._model.checked(out.float() if isinstance(out, torch.Tensor) else out)

        return torch.cat(self.batches(len(recipes), batch_outputs))

    def batches(self, n: int, run: Callable[[slice], T], size: Callable[[], int] | None = None) -> list[T]:
        """What ``run`` gives for one part of 0..n after another.

        A part that does not fit in the device's memory is tried again after the model's batch size was halved, which
        it stays.

        Args:
            n: how many there are.
            run: given a slice.
            size: how many make a part; by default the model's batch size.
        """
        parts: list[T] = []
        start = 0
        while start < n:
            step = max(1, size() if size else self._model.batch_size)
            try:
                parts.append(run(slice(start, min(start + step, n))))
            except torch.OutOfMemoryError:
                if self._model.batch_size <= 1:
                    raise
                self._model.batch_size = (self._model.batch_size + 1) // 2
                log.info("out of memory: %s goes on with batches of %d", self._model.name, self._model.batch_size)
                continue
            start += step
        return parts

    def resolve_precision(self, precision: Precision, large: float) -> ResolvedPrecision:
        """``auto`` is bfloat16 where the device computes in it and a picture takes ``large`` operations or more.

        The answer depends on the network and the kind of machine only. A network that cannot be copied runs in
        float32.
        """
        if not self.has_copy:
            return "fp32"
        if precision == "auto":
            return "bf16" if computes_bf16(self._model.device) and self.operations() >= large else "fp32"
        return precision

    def operations(self) -> float:
        """Floating-point operations of one forward pass of one picture, counted once."""
        return self.cached("operations", self._count_operations)

    def _count_operations(self) -> float:
        # Taken before, for making the copy runs the network too.
        network = self.network
        picture = torch.zeros(1, self._model.input.depth, *self._model.input.size, device=self._model.device)
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(picture)
        return float(counter.get_total_flops())


def computes_bf16(device: torch.device) -> bool:
    """Whether the device multiplies in bfloat16, faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Torch's own questions; without the instructions bfloat16 is emulated, and slow.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    # oneDNN may have been told to do without instructions that the processor has; torch does not ask it.
    most = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "ALL")).upper()
    allowed = most in ("ALL", "DEFAULT") or any(word in most for word in ("BF16", "FP16", "AMX", "AVX10"))
    return device.type == "cpu" and allowed and any(getattr(torch.cpu, name, bool)() for name in asked)
