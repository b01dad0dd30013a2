"""The maps of one group (one expression and fold), and the cores that work on them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Ints


@dataclass(frozen=True)
class Pool:
    """The maps of one group, each held once, however many sources it belongs to.

    Attributes:
        maps: (rows, h, w) float32 or float64, NumPy or a memory map.
        rows: by source, the places (m,) of its maps.
        images: by source, the names of the images of its m maps.
    """

    maps: npt.NDArray[Any]
    rows: Mapping[str, Ints]
    images: Mapping[str, Sequence[str]]

    @classmethod
    def of(cls, sources: Mapping[str, Any], images: Mapping[str, Sequence[str]]) -> Pool:
        """Pool sources that share no map: name to maps (m, h, w), anything that NumPy can read."""
        stacks = {name: np.asarray(maps[:]) for name, maps in sources.items()}
        wide = any(stack.dtype.itemsize > 4 for stack in stacks.values())
        ends = np.cumsum([0, *(len(stack) for stack in stacks.values())])
        rows = {name: np.arange(*ends[i : i + 2]) for i, name in enumerate(stacks)}
        return cls(np.concatenate(list(stacks.values())).astype(np.float64 if wide else np.float32), rows, images)

    def of_source(self, name: str) -> npt.NDArray[Any]:
        """The maps of a source as rows (m, h * w); no copy where they lie together."""
        rows, flat = self.rows[name], self.maps.reshape(len(self.maps), -1)
        if len(rows) and (np.diff(rows) == 1).all():
            return np.asarray(flat[rows[0] : rows[-1] + 1])
        return np.asarray(flat[rows])


def threads() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
