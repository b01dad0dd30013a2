"""Many forward passes of one network: what the perturbation explainers share."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import nn

from xai_compare.explainers.compiling import Compile, Kept, compiled, operations, repays
from xai_compare.explainers.probing import Quantity, convert
from xai_compare.models import Model
from xai_compare.models.folding import folded

log = logging.getLogger(__name__)

Precision = Literal["auto", "fp32", "bf16"]

LARGE = 1e7
"""Operations a picture from which ``auto`` thinks of bfloat16; smaller networks gain nothing."""
TRIAL = 8
ROUGH = 0.1
"""Largest rounding error of bfloat16, as a fraction of the outputs' spread over perturbed pictures, that ``auto``
accepts: it adds a hundredth to the variance from which explanations are estimated."""


class Forward:
    """A network's outputs for any number of prepared pictures, in batches of one shape.

    The network runs as a copy with folded batch norms, channels last (`xai_compare.models.folding`), perhaps compiled
    (`compiling`). The last batch of many pictures is padded, so that nothing depends on how many there are. The
    network's own weights stay as they are. A batch that does not fit in the device's memory is halved, for good.

    Args:
        model: the network.
        quantity: what is wanted of it.
        batch_size: pictures in a pass.
        precision: ``bf16`` runs the network in bfloat16, outputs are float32; ``auto`` does where the device
            computes in it, the network is large, and the first pictures show that its rounding hardly matters.
        compile: whether full batches run through a compiled copy; ``auto`` when it repays.
    """

    def __init__(
        self, model: Model, quantity: Quantity, batch_size: int, precision: Precision = "fp32",
        compile: Compile = "never",
    ) -> None:  # fmt: skip
        self.model, self.quantity, self.batch_size, self.precision = model, quantity, batch_size, precision
        self.compile: Compile = compile
        self._network = folded(model)
        self._copied = self._network is not model.module
        if not self._copied or (precision == "auto" and not bf16_thinkable(model, LARGE)):
            self.precision, self.compile = "fp32", "never"

    def masked(
        self, picture: torch.Tensor, black: torch.Tensor, switches: torch.Tensor, index: torch.Tensor
    ) -> torch.Tensor:
        """Outputs ``(n, classes)`` of a picture ``(c, h, w)`` whose superpixels are black where switched off.

        Args:
            picture, black: prepared, ``(c, h, w)``.
            switches: bool ``(n, segments)``.
            index: superpixel of each pixel, ``(h, w)``.
        """
        channels_last = [part.permute(1, 2, 0).contiguous() for part in (picture, black)]
        return self._all(
            _Masked, switches, (*channels_last, index.flatten().repeat_interleave(len(picture))), pad=False
        )

    def made(self, make: Callable[[torch.Tensor], torch.Tensor], recipes: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, classes)`` of the pictures that ``make`` makes of ``recipes`` ``(n, ...)``, batch by batch.

        Memory does not grow with n but for the outputs.
        """
        return self._all(_Plain, recipes, (), make)

    def _all(
        self, kind: type[_Program], recipes: torch.Tensor, shared: Sequence[torch.Tensor],
        make: Callable[[torch.Tensor], torch.Tensor] = lambda some: some, pad: bool = True,
    ) -> torch.Tensor:  # fmt: skip
        if self.precision == "auto":
            self.precision = self._tried(kind, recipes[:TRIAL], shared, make)
        parts, start = [], 0
        while start < len(recipes):
            some = recipes[start : start + self.batch_size]
            short = self.batch_size - len(some) if pad and start else 0
            full = torch.cat([some, some[-1:].expand(short, *some.shape[1:])]) if short else some
            try:
                fast = self._compiles() and len(full) == self.batch_size
                parts.append(self._outputs(kind, (make(full), *shared), self.precision, fast)[: len(some)])
            except torch.OutOfMemoryError:
                if self.batch_size == 1:
                    raise
                self.batch_size = (self.batch_size + 1) // 2
                log.info("out of memory: %s goes on with batches of %d", self.model.name, self.batch_size)
                continue
            start += len(some)
        return torch.cat(parts)

    def _outputs(
        self, kind: type[_Program], arguments: tuple[torch.Tensor, ...], precision: Precision, fast: bool = False
    ) -> torch.Tensor:
        # A network that could not be copied runs as it is, and nothing is left on it.
        program = _program(kind, self._network, precision) if self._copied else kind(self._network)
        if precision == "bf16":
            arguments = tuple(a.bfloat16() if a.is_floating_point() else a for a in arguments)
        arguments = program.laid_out(arguments)
        with torch.no_grad():
            run = compiled(program, arguments) if fast else program
            return convert(self.model, run(*arguments).float(), self.quantity)

    def _tried(
        self, kind: type[_Program], recipes: torch.Tensor, shared: Sequence[torch.Tensor],
        make: Callable[[torch.Tensor], torch.Tensor],
    ) -> Precision:  # fmt: skip
        """``bf16`` if its outputs for a few pictures are near enough those of ``fp32``."""
        arguments = (make(recipes), *shared)
        exact = self._outputs(kind, arguments, "fp32")
        rough = self._outputs(kind, arguments, "bf16")
        error, spread = (rough - exact).square().mean().sqrt(), exact.var(0).mean().sqrt()
        log.debug("%s: bfloat16 errs by %.4f of the outputs' spread", self.model.name, float(error / spread))
        return "bf16" if bool(torch.isfinite(error)) and error <= ROUGH * spread else "fp32"

    def _compiles(self) -> bool:
        if self.compile == "auto":
            return repays(operations(self._network, _shape(self.model)))
        return self.compile == "always"


def bf16_thinkable(model: Model, large: float) -> bool:
    """Whether bfloat16 may repay: the device computes in it, and a picture takes ``large`` operations or more."""
    network = folded(model)
    if network is model.module or not computes_bf16(model.device):
        return False
    return operations(network, _shape(model)) >= large


def in_precision(model: Model, precision: Precision) -> Callable[[torch.Tensor], torch.Tensor]:
    """The folded network as a function of prepared pictures, differentiable; ``bf16`` inside if asked and possible."""
    network = folded(model)
    if precision != "bf16" or network is model.module:
        return network
    program = _program(_Plain, network, "bf16")
    return lambda batch: program(batch.bfloat16()).float()


def _shape(model: Model) -> tuple[int, ...]:
    return (1 if model.input.channels == "grey" else 3, *model.input.size)


def computes_bf16(device: torch.device) -> bool:
    """Whether the device multiplies in bfloat16, faster than in float32."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    # Torch's own questions; without the instructions bfloat16 is emulated, and slow.
    asked = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return device.type == "cpu" and any(getattr(torch.cpu, name, bool)() for name in asked)


class _Program(nn.Module):
    """A network and how its input is made: one thing that can be compiled."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def laid_out(self, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        """Arguments as they should lie in memory."""
        return arguments


class _Plain(_Program):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.network(batch)

    def laid_out(self, arguments: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return (arguments[0].contiguous(memory_format=torch.channels_last),)


class _Masked(_Program):
    """Switches ``(n, segments)``, picture and black ``(h, w, c)``, superpixel of each of their values ``(h w c,)``."""

    def forward(
        self, switches: torch.Tensor, picture: torch.Tensor, black: torch.Tensor, index: torch.Tensor
    ) -> torch.Tensor:
        # Value by value, not pixel by pixel: loops over three channels are slow.
        on = switches.gather(1, index.expand(len(switches), -1))
        pictures = torch.where(on, picture.flatten(), black.flatten()).reshape(len(switches), *picture.shape)
        return self.network(pictures.permute(0, 3, 1, 2))


def _program(kind: type[_Program], network: nn.Module, precision: Precision) -> _Program:
    """The program of that kind around a network, or around its copy in bfloat16; made once, and kept by the network."""
    held = network.__dict__.setdefault("_programs", Kept())
    if (kind, precision) not in held:
        held[kind, precision] = kind(network if precision == "fp32" else copy.deepcopy(network).bfloat16()).eval()
    program: _Program = held[kind, precision]
    return program
