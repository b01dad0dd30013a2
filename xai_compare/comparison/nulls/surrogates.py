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
_TOGETHER = 8
"""Surrogates made at a time: their spectra stay in the processor's cache."""
_BITS = 12
"""Of a word that may hold a place, so that 20 are left for the rank."""


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
        phases = spectrum / np.maximum(np.abs(spectrum), np.float32(1e-20))
        self._down, self._across = _Half(shape[0]), _Half(shape[1])
        # A mirrored map's amplitudes are the same for a frequency and its negative, so both phases are joined once.
        own = np.arange(shape[0] + 1)
        positive = phases[:, own] * self._down.turn[:, None]
        negative = phases[:, -own] / self._down.turn[:, None]
        negative[:, [0, -1]] = 0
        folded = np.stack([positive + negative, 1j * (positive - negative)]) * self._across.turn
        # (even and odd, frequencies down, maps, real and imaginary, frequencies across)
        joined = np.stack([folded.real, folded.imag], -1).transpose(0, 2, 1, 4, 3)
        self._phases = np.ascontiguousarray(joined, np.float32)

    def __call__(self, one: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Return float32 (n, h, w): each holds the very values of ``one`` (h, w), which must be finite."""
        array = as_maps(one).astype(np.float32)
        wide = np.concatenate([array, array[:, ::-1]], 1)
        whole = np.concatenate([wide, wide[::-1]])
        amplitudes = np.abs(fft.rfft2(whole - whole.mean()))[: self.shape[0] + 1]
        # A field with random phases has the map's spectrum but Gaussian values. Its pixels get the map's own values by
        # rank, so that whatever depends on values alone (Otsu's threshold, the level of Dice) is as in the map.
        values, made = np.sort(array.ravel()), np.empty((self.n, array.size), np.float32)
        for first in range(0, self.n, _TOGETHER):
            part = slice(first, first + _TOGETHER)
            for row, order in zip(made[part], _orders(self._fields(amplitudes, part)), strict=True):
                row[order] = values
        return made.reshape(self.n, *self.shape)

    def _fields(self, amplitudes: npt.NDArray[np.float32], part: slice) -> npt.NDArray[np.float32]:
        """Some fields (k, h * w) of these amplitudes (h + 1, w + 1): the inverse transform's upper left quarter.

        Only that quarter is kept, and around its own middle it is a sum of an even and an odd part, each half as large.
        """
        scaled = self._phases[:, :, part] * amplitudes[:, None, None]
        count, height, width = scaled.shape[2], *self.shape
        even, odd = (side @ each.reshape(len(each), -1) for side, each in zip(self._down.sides, scaled, strict=True))
        rows = _unfolded(even, odd, height).reshape(height * count, 2, -1)
        even, odd = rows[:, 0] @ self._across.doubled[0].T, rows[:, 1] @ self._across.doubled[1].T
        fields = _unfolded(even.T, -odd.T, width).reshape(width, height, count)
        return np.ascontiguousarray(fields.transpose(2, 1, 0)).reshape(count, -1)


class _Half:
    """Cosines and sines of the frequencies 0..size of a mirrored axis, at the pixels from the middle of it on."""

    def __init__(self, size: int) -> None:
        middle, own = (size - 1) / 2, np.arange(size + 1)
        angles = np.pi / size * np.outer(np.arange(size // 2, size) - middle, own)
        self.sides = np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)
        twice = np.where((own == 0) | (own == size), 1, 2).astype(np.float32)
        self.doubled = tuple(side * twice for side in self.sides)
        self.turn = np.exp(1j * np.pi / size * middle * own).astype(np.complex64)


def _unfolded(even: npt.NDArray[np.float32], odd: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Join the even and odd parts (half, k), given from the middle on, to all of an axis (size, k)."""
    whole = np.empty((size, even.shape[1]), np.float32)
    np.add(even, odd, out=whole[size // 2 :])
    np.subtract(even, odd, out=whole[(size - 1) // 2 :: -1])
    return whole


def _orders(fields: npt.NDArray[np.float32]) -> npt.NDArray[np.integer]:
    """Places of the values of each row, the least first; values closer than a millionth of the range may be swapped.

    Rank and place share a word where they fit into it: sorting words takes a quarter of the time of argsort.
    """
    bits = max(int(fields.shape[1] - 1).bit_length(), 1)
    if bits > _BITS:
        return np.argsort(fields, axis=1)
    low, high = fields.min(1, keepdims=True), fields.max(1, keepdims=True)
    levels = np.float32(2 ** min(32 - bits, 23) - 1)  # Below 2 ** 24 float32 holds whole numbers exactly.
    ranks = ((fields - low) * (levels / np.maximum(high - low, np.float32(1e-30)))).astype(np.uint32)
    words = (ranks << np.uint32(bits)) | np.arange(fields.shape[1], dtype=np.uint32)
    words.sort(axis=1)
    return words & np.uint32(2**bits - 1)
