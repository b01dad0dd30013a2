"""Orders and seeds that depend on the epoch alone, so that a training that is resumed repeats an epoch exactly."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Sampler


class EpochSampler(Sampler[tuple[int, int]]):
    """Pairs of the epoch and an index, in an order drawn from the seed and the epoch alone.

    A generator that went on from epoch to epoch would draw another order after a resume. Each of several processes
    takes its share.

    Args:
        count: how many items there are.
        seed: one number or several.
        batch: items in a step, where no last batch may be a single item (batch norms need two).

    >>> sampler = EpochSampler(4, 0)
    >>> list(sampler) == list(sampler)
    True
    >>> sampler.set_epoch(1)
    >>> [epoch for epoch, _ in sampler]
    [1, 1, 1, 1]
    """

    def __init__(self, count: int, *seed: int, batch: int | None = None) -> None:
        self._count, self._seed, self._batch, self.epoch = count, seed, batch, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Lightning before each epoch, also after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(range(0, self._whole(), _world()[1]))

    def __iter__(self) -> Iterator[tuple[int, int]]:
        order = np.random.default_rng([*self._seed, self.epoch]).permutation(self._count)
        rank, world = _world()
        order = np.resize(order, self._whole())
        return iter([(self.epoch, int(k)) for k in order[rank::world]])

    def _whole(self) -> int:
        """So many that each process gets the same number, and the last batch is not a single item."""
        world = _world()[1]
        count = -(-self._count // world) * world
        return count + world if self._batch and count // world % self._batch == 1 and count > 1 else count


def _world() -> tuple[int, int]:
    """This process's number and how many there are."""
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def derive_seed(*parts: int) -> int:
    """A seed of 63 bits from numbers."""
    low, high = np.random.SeedSequence([abs(part) for part in parts]).generate_state(2, np.uint32)
    return (int(high) << 31) ^ int(low)
