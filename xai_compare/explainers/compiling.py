"""Compiled copies of networks, made when so many forward passes have been run that it repays."""

from __future__ import annotations

import copy
import logging
import shutil
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

log = logging.getLogger(__name__)

Compile = Literal["auto", "never", "always"]

PATIENCE = 30.0
"""Seconds of plain passes of one network after which ``auto`` compiles: about what compiling costs, so that at worst
twice the least possible time is spent, whatever is still to come."""
TOLERANCE = 1e-4

Run = Callable[[torch.Tensor], torch.Tensor]


@dataclass
class _Ledger:
    stamp: object
    spent: float = 0.0
    shape: tuple[int, ...] | None = None
    run: Run | None = None
    tried: bool = False


_LEDGERS: weakref.WeakKeyDictionary[nn.Module, _Ledger] = weakref.WeakKeyDictionary()


def compiled(module: nn.Module, batch: torch.Tensor, how: Compile) -> Run | None:
    """A compiled copy of the network for batches of this shape, if there is one or its time has come."""
    ledger = _ledger(module)
    if how == "never":
        return None
    if not ledger.tried and (how == "always" or ledger.spent > PATIENCE):
        ledger.tried = True
        ledger.run = _made(module, batch)
        ledger.shape = tuple(batch.shape)
    return ledger.run if ledger.shape == tuple(batch.shape) else None


def spend(module: nn.Module, seconds: float) -> None:
    """Note the time of a plain pass."""
    _ledger(module).spent += seconds


def _ledger(module: nn.Module) -> _Ledger:
    tensors = [*module.parameters(), *module.buffers()]
    stamp = tuple((t.data_ptr(), t._version) for t in tensors)
    ledger = _LEDGERS.get(module)
    if ledger is None or ledger.stamp != stamp:
        ledger = _LEDGERS[module] = _Ledger(stamp)
    return ledger


def _made(module: nn.Module, batch: torch.Tensor) -> Run | None:
    """A frozen, compiled copy, if a compiler is there, its outputs are the network's, and it is faster."""
    if batch.device.type == "cpu" and not any(shutil.which(name) for name in ("g++", "clang++", "cl")):
        return None
    try:
        frozen = copy.deepcopy(module).requires_grad_(False)
        run: Run = torch.compile(frozen, dynamic=False, options={"freezing": True})
        with torch.no_grad():
            start = time.perf_counter()
            told, found = module(batch), run(batch)
            took = time.perf_counter() - start
            near = torch.allclose(told, found, rtol=TOLERANCE, atol=TOLERANCE * float(told.abs().max()))
            slow, fast = _seconds(module, batch), _seconds(run, batch)
    except Exception as error:
        # Compilers fail in many ways, and the plain network gives the same answer.
        log.info("not compiled (%s)", (str(error).splitlines() or [type(error).__name__])[0])
        return None
    log.info(
        "compiled in %.0f s: a batch takes %.3f s instead of %.3f s%s", took, fast, slow, "" if near else ", unlike"
    )
    return run if near and fast < slow else None


def _seconds(run: Callable[[torch.Tensor], torch.Tensor], batch: torch.Tensor) -> float:
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        run(batch).sum().item()
        best = min(best, time.perf_counter() - start)
    return best
