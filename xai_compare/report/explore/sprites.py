"""Maps as 8-bit levels, many to a PNG, with what is needed to get their values back."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from xai_compare.comparison import otsu, to_8bit


@dataclass(frozen=True)
class Tile:
    """A map's place among the sprites.

    Attributes:
        sheet, place: which sheet, and which of the maps that lie under one another on it.
        least, greatest: of the map. A level from 0 to 255 stands for a value between them; of a map with negative
            values for one from 0 to ``greatest``, and in the next place for one from 0 down to ``least``.
        otsu: the level above which Otsu's method takes a pixel; None where it cannot separate.
    """

    sheet: int
    place: int
    least: float
    greatest: float
    otsu: int | None = None

    def packed(self) -> list[float | int | None]:
        """The tile as the page reads it."""
        return [self.sheet, self.place, self.least, self.greatest, self.otsu]


@dataclass
class Sprites:
    """Sheets of tiles; compressing goes on in threads while others are prepared.

    Attributes:
        tiles: of all maps, in the order in which they were added.
    """

    tiles: list[Tile] = field(default_factory=list)
    _sheets: list[tuple[int, int, Future[bytes]]] = field(default_factory=list)
    _threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(2))

    def add(self, maps: Sequence[np.ndarray]) -> list[int]:
        """Put maps, real or bool ``(h, w)`` of one size and finite, on a sheet of their own.

        Returns:
            The number of each one's tile.
        """
        if not maps:
            return []
        stack, first = np.stack(maps), len(self.tiles)
        levels, planes = to_8bit(stack), list[np.ndarray]()
        for one, level, cut in zip(stack, levels, _cuts(stack, levels), strict=True):
            least, greatest = float(one.min()), float(one.max())
            self.tiles.append(Tile(len(self._sheets), len(planes), least, greatest, cut))
            planes.append(level)
            if least < 0:
                planes.append(np.rint(np.maximum(-one.astype(np.float64), 0) / -least * 255).astype(np.uint8))
        self._keep(np.concatenate(planes), planes[0].shape[0])
        return list(range(first, len(self.tiles)))

    def add_labels(self, labels: np.ndarray) -> int:
        """Put whole numbers, uint8 ``(h, w)``, on a sheet as they are."""
        self.tiles.append(Tile(len(self._sheets), 0, 0.0, 255.0))
        self._keep(labels, labels.shape[0])
        return len(self.tiles) - 1

    def _keep(self, pixels: np.ndarray, height: int) -> None:
        self._sheets.append((pixels.shape[1], height, self._threads.submit(_png, pixels)))

    def sheets(self) -> list[tuple[int, int, str]]:
        """Width and height of a tile, and the sheet as PNG in base64."""
        return [(w, h, base64.b64encode(future.result()).decode("ascii")) for w, h, future in self._sheets]

    def close(self) -> None:
        """Let the threads go."""
        self._threads.shutdown()


def _cuts(maps: np.ndarray, levels: np.ndarray) -> list[int | None]:
    """Otsu's thresholds as levels of `to_8bit`; those of 8-bit maps are found before the maps are stretched."""
    if maps.dtype != np.uint8:
        return [None if np.isnan(cut) else int(cut) for cut in otsu(levels)]
    cuts = zip(maps, levels, otsu(maps), strict=True)
    return [None if np.isnan(cut) else int(level[one <= cut].max()) for one, level, cut in cuts]


def _png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()
