"""Random maps that look like a given one: the same values, nearly the same spectrum, in other places.

Smooth maps agree by chance far more often than their pixels are many, so a score means something only beside that of
maps as smooth. Randomizing the phases of a map's Fourier transform keeps its spatial autocorrelation and nothing of
where it points (Theiler et al. 1992, *Physica D* 58; the aim is that of Burt et al. 2020, *NeuroImage* 220). The map is
first continued by its mirror image, so that a surrogate need not join its left border to its right.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import fft

from xai_compare.comparison.arrays import Floats, as_maps

SURROGATES = 499
"""How many are drawn: the least p is 1 / 500."""
_SIDE = 56
"""Pixels to which the shorter side is reduced."""


@dataclass(frozen=True)
class Grid:
    """A coarser grid of pixels, each the mean of a block, on which surrogates are made.

    Attributes:
        shape: height and width of the maps.
        factor: pixels along the side of a block; blocks at the right and lower border are smaller.
    """

    shape: tuple[int, int]
    factor: int

    @classmethod
    def of(cls, shape: tuple[int, int]) -> Grid:
        """The grid for maps of a shape: 4 pixels a block on the standard face."""
        return cls(shape, max(min(shape) // _SIDE, 1))

    @property
    def coarse(self) -> tuple[int, int]:
        """Height and width of the grid."""
        return -(-self.shape[0] // self.factor), -(-self.shape[1] // self.factor)

    def reduce(self, maps: npt.ArrayLike) -> Floats:
        """Return the means over blocks, float64 (..., *coarse), of maps or masks (..., h, w)."""
        sums = np.asarray(maps, dtype=np.float64)
        for axis in (-2, -1):
            starts = np.arange(0, self.shape[axis], self.factor)
            sums = np.add.reduceat(sums, starts, axis=axis)
            sizes = np.diff([*starts, self.shape[axis]])
            sums = sums / (sizes[:, None] if axis == -2 else sizes)
        return sums

    def points(self, points: Floats) -> Floats:
        """Bring points (n, 2), x and y in pixels, onto the grid."""
        return np.floor((np.floor(points + 0.5)) / self.factor)


class Surrogates:
    """Draws surrogates of maps of one shape, the same random phases for every map.

    Args:
        shape: height and width of the maps.
        n: how many for each map.
        seed: of the phases.

    >>> made = Surrogates((6, 4), n=3)(np.arange(24.0).reshape(6, 4))
    >>> made.shape, sorted(made[0].ravel().tolist()) == list(range(24))
    ((3, 6, 4), True)
    """

    def __init__(self, shape: tuple[int, int], n: int = SURROGATES, seed: int = 0) -> None:
        self.shape, self.n = shape, n
        # Phases of real noise have the symmetry that the transform of a real map needs.
        noise = np.random.default_rng([seed, 20]).standard_normal((n, 2 * shape[0], 2 * shape[1]), dtype=np.float32)
        spectrum = fft.rfft2(noise)
        self._phases = spectrum / np.maximum(np.abs(spectrum), np.float32(1e-20))
        rows = 2 * shape[0]
        turns = np.outer(np.arange(shape[0]), np.arange(rows)) / rows
        self._back = (np.exp(2j * np.pi * turns) / rows).astype(np.complex64)

    def __call__(self, one: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return float32 (n, h, w): each holds the very values of ``one`` (h, w), which must be finite."""
        array = as_maps(one).astype(np.float32)
        wide = np.concatenate([array, array[:, ::-1]], 1)
        whole = np.concatenate([wide, wide[::-1]])
        amplitudes = np.abs(fft.rfft2(whole - whole.mean()))
        height, width = self.shape
        # Back from the spectrum for the rows that are kept only, which takes half the time of the whole transform.
        kept = np.matmul(self._back, self._phases * amplitudes)
        fields = fft.irfft(kept, n=whole.shape[1])[..., :width].reshape(self.n, -1)
        values, made = np.sort(array.ravel()), np.empty((self.n, height * width), np.float32)
        for row, order in zip(made, np.argsort(fields, axis=1), strict=True):
            row[order] = values
        return made.reshape(self.n, height, width)
