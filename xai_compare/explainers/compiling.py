"""Compiled copies of networks, made when the forward passes to come repay it."""

from __future__ import annotations

import logging
import shutil
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from xai_compare.models.folding import disturbed, nearly

log = logging.getLogger(__name__)

Compile = Literal["auto", "never", "always"]
Run = Callable[..., torch.Tensor]

WORTH = 5e13
"""Operations still to come from which ``auto`` compiles: on two cores some minutes, of which compiling saves a sixth
and costs a quarter of a minute. A count and no stopwatch, so that the same study takes the same way each time."""

_EXPECTED: ContextVar[int] = ContextVar("expected", default=0)
_OPERATIONS: weakref.WeakKeyDictionary[nn.Module, dict[tuple[int, ...], float]] = weakref.WeakKeyDictionary()


class Kept(dict[object, Any]):
    """What is made of a network once and kept on it; copies of the network begin without."""

    def __deepcopy__(self, memo: object) -> Kept:
        return Kept()


@contextmanager
def expecting(forwards: int) -> Iterator[None]:
    """Say how many forward passes are to come, for ``auto``; what is said further out counts."""
    token = _EXPECTED.set(_EXPECTED.get() or forwards)
    try:
        yield
    finally:
        _EXPECTED.reset(token)


def operations(network: nn.Module, shape: tuple[int, ...]) -> float:
    """Floating-point operations of one forward pass of a picture ``(c, h, w)``, counted once."""
    counts = _OPERATIONS.setdefault(network, {})
    if shape not in counts:
        first = next(network.parameters(), torch.zeros(()))
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, *shape, device=first.device, dtype=first.dtype))
        counts[shape] = float(counter.get_total_flops())
    return counts[shape]


def repays(each: float) -> bool:
    """Whether the passes expected (see `expecting`) come to ``WORTH`` operations, at so many ``each``."""
    return _EXPECTED.get() * each >= WORTH


def compiled(program: nn.Module, arguments: tuple[torch.Tensor, ...]) -> Run:
    """A frozen compiled copy of ``program`` for arguments of these shapes, made once.

    It is used if its outputs are the program's and it is faster; the log says how much.
    """
    key = tuple((tuple(a.shape), a.dtype, a.device) for a in arguments)
    runs = program.__dict__.setdefault("_runs", Kept())
    if key not in runs:
        runs[key] = _made(program, arguments)
    made: Run | None = runs[key]
    return program if made is None else made


def _made(program: nn.Module, arguments: tuple[torch.Tensor, ...]) -> Run | None:
    device = arguments[0].device
    if device.type == "cpu" and not any(shutil.which(name) for name in ("g++", "clang++", "cl")):
        log.info("not compiled: there is no C++ compiler")
        return None
    try:
        run: Run = torch.compile(program, dynamic=False, options={"freezing": True})
        with torch.no_grad():
            start = time.perf_counter()
            found = run(*arguments)
            took = time.perf_counter() - start
            shaken = program(*(disturbed(a) if a.is_floating_point() else a for a in arguments))
            near = nearly(program(*arguments).float(), found.float(), shaken.float())
            slow, fast = _seconds(program, arguments), _seconds(run, arguments)
    except Exception as error:
        # Compilers fail in many ways, and the plain network gives the same answer.
        log.info("not compiled (%s)", (str(error).splitlines() or [type(error).__name__])[0])
        return None
    log.info("compiled in %.0f s: a batch takes %.3f s instead of %.3f s%s", took, fast, slow,
             "" if near else ", but its outputs differ")  # fmt: skip
    return run if near and fast < slow else None


def _seconds(run: Run, arguments: tuple[torch.Tensor, ...]) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        run(*arguments).sum().item()
        best = min(best, time.perf_counter() - start)
    return best
