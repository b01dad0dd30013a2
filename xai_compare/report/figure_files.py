"""Figures to files: PNG for all, SVG for charts, and the bytes that the page embeds.

Drawing holds Python's lock, compressing does not: pictures are compressed in threads while the next is drawn.
"""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, features
from scipy.spatial import KDTree

from xai_compare.files import make_room, write_atomically
from xai_compare.report.style import DPI, FigureSpec, styled

_LEVELS = 127
_ROUNDED = np.round(np.round(np.arange(256) * _LEVELS / 255) * 255 / _LEVELS).astype(np.uint8)
_EXACT, _APART, _LOOKED_AT = 160, 2, 3000
_DRAWN = Figure()
_NEAR, _SHARE = 4, 0.05
"""A palette will do where at most this share of the pixels is farther than that from its own colour (of 255)."""


@dataclass(frozen=True)
class SavedFigure:
    """What the page needs of a figure once it is drawn.

    Attributes:
        spec: the figure's words; the figure itself is let go, for it holds much memory.
        inches: width and height.
        kind: media type of the embedded bytes.
        embedded: the bytes, once they are compressed.
    """

    spec: FigureSpec
    inches: tuple[float, float]
    kind: str
    embedded: Future[bytes]


class FigureWriter(AbstractContextManager["FigureWriter"]):
    """Draws figures into a folder, compressing them in threads; all is on disk when the block is left."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(2)
        self._writing: list[Future[None]] = []

    def __exit__(self, *error: object) -> None:
        self._threads.shutdown()
        for one in self._writing:
            one.result()

    def save(self, spec: FigureSpec) -> SavedFigure:
        """Draw a figure and write ``NAME.png``, and ``NAME.svg`` if it is a chart."""
        self._folder.mkdir(parents=True, exist_ok=True)
        stem = self._folder / spec.name
        for suffix in (".png", ".svg"):
            make_room(stem.with_name(spec.name + suffix))
        svg = stem.with_name(f"{spec.name}.svg")
        width, height = spec.figure.get_size_inches()
        with styled():
            pixels = _pixels(spec.figure)
            self._writing.append(self._threads.submit(_write_png, stem.with_name(f"{spec.name}.png"), pixels))
            embedded: Future[bytes]
            if spec.raster:
                # An earlier version wrote maps as SVG too; it would no longer agree with the PNG beside it.
                svg.unlink(missing_ok=True)
                kind = "image/webp" if features.check("webp") else "image/png"
                embedded = self._threads.submit(_webp if kind == "image/webp" else png, pixels)
            else:
                kind, embedded = "image/svg+xml", Future()
                embedded.set_result(_svg(spec.figure))
                write_atomically(svg, embedded.result())
        return SavedFigure(replace(spec, figure=_DRAWN), (float(width), float(height)), kind, embedded)


def png_of(figure: Figure) -> bytes:
    """Draw a figure as PNG."""
    with styled():
        return png(_pixels(figure))


def save_png(figure: Figure, path: Path) -> Path:
    """Draw a figure into a PNG file, the same bytes for the same figure."""
    with styled():
        _write_png(path, _pixels(figure))
    return path


def png(pixels: np.ndarray) -> bytes:
    """Compress uint8 ``(h, w, 3)`` as PNG at the figures' resolution.

    Maps and charts, which have few colours, get a palette of 256, in which at least 95 % of the pixels are within 4 of
    255 of their own colour (the others are edges of letters and of thin lines). More colours stay true, but for their
    last bit.
    """
    image = _paletted(pixels) or Image.fromarray(_ROUNDED[pixels])
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=3, dpi=(DPI, DPI))
    return buffer.getvalue()


def _pixels(figure: Figure) -> np.ndarray:
    canvas = figure.canvas
    if not isinstance(canvas, FigureCanvasAgg):
        canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.ascontiguousarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _paletted(pixels: np.ndarray) -> Image.Image | None:
    """The picture in 256 colours; None if that shows."""
    wide = pixels.astype(np.uint32)
    codes, colours = pd.factorize((wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]).ravel())
    counts = np.bincount(codes)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.uint8)
    palette = _palette(rgb, counts)
    distances, places = KDTree(palette.astype(float)).query(rgb.astype(float))
    if counts[distances > _NEAR].sum() > _SHARE * len(codes):
        return None
    image = Image.fromarray(places.astype(np.uint8)[codes].reshape(pixels.shape[:2]))
    image.putpalette(palette.tobytes())
    return image


def _palette(rgb: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Most colours by how frequent they are, exactly; the others by median cut of what is far from those."""
    often = rgb[np.argsort(-counts, kind="stable")[:_LOOKED_AT]].astype(float)
    chosen = np.full((_EXACT, 3), np.inf)
    filled = 0
    for colour in often:
        if np.abs(chosen - colour).max(axis=1).min() > _APART:
            chosen[filled] = colour
            filled += 1
            if filled == _EXACT:
                break
    exact = chosen[:filled].astype(np.uint8)
    far = KDTree(chosen[:filled]).query(rgb.astype(float))[0] > _NEAR
    if not far.any():
        return exact
    rest = Image.fromarray(np.repeat(rgb[far], counts[far], axis=0)[None])
    cut = rest.quantize(256 - filled, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).getpalette() or []
    return np.concatenate([exact, np.array(cut, np.uint8).reshape(-1, 3)[: 256 - filled]])


def _write_png(path: Path, pixels: np.ndarray) -> None:
    write_atomically(path, png(pixels))


def _webp(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=82, method=3)
    return buffer.getvalue()


def _svg(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
