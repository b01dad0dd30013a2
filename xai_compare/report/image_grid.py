"""A grid of small pictures in rows and columns, all pasted into one canvas (a hundred axes would take seconds)."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.report import style
from xai_compare.report.map_colours import heat_of_levels, is_signed, levels_of, overlay_of_levels

_HEAD, _KEY, _COLUMN, _FOOT, _GAP, _MARGIN = 0.62, 0.42, 0.24, 0.19, 0.07, 0.12
RELEVANCE = "relevance, each map from its own least to its greatest value"
"""What `ImageGrid.colour_bars` says of maps that are stretched."""
SIGNED = "signed, each map around 0: red counts for the class, blue against it"
_BAR, _NEXT, _KEY_WIDTH = 1.7, 0.36, 6.6
_LINE, _LETTER = 0.145, 0.068
_WIDEST, _HIGHEST = 10.0, 10.2
_GREY = np.array([244, 80], np.uint8)
_FEATURES = (range(17), range(17, 22), range(22, 27), range(27, 31), range(31, 36))
_CLOSED = (range(36, 42), range(42, 48), range(48, 60))
FACE_LINES = [np.array(part) for part in _FEATURES] + [np.array([*part, part[0]]) for part in _CLOSED]
"""Landmarks of jaw, brows, nose, eyes and mouth, each in the order in which a line joins them."""


class _Ground(Artist):
    """Pixels of the whole figure, drawn as they are: matplotlib would resample them, which takes far longer.

    Args:
        pixels: uint8 ``(h, w, 4)``, the size of the figure.
    """

    def __init__(self, pixels: np.ndarray) -> None:
        super().__init__()
        self._pixels = pixels
        self.set_zorder(-1)

    def draw(self, renderer: Any) -> None:
        """Draw with any renderer, upright."""
        graphics = renderer.new_gc()
        renderer.draw_image(graphics, 0, 0, self._pixels[::-1])
        graphics.restore()


def _fitting(rows: int, aspect: float, foot: bool) -> float:
    """The width of a picture, in inches, with which so many rows stay on a page; 1 (0.4 in print) to 2.2."""
    least = 0.4 if style.printing() else 1.0
    return min(max((_HIGHEST / rows - _GAP - (_FOOT if foot else 0)) / aspect, least), 2.2)


def _side(labels: Sequence[tuple[str, str]]) -> float:
    """Room in inches left of the pictures for labels of rows."""
    longest = max(
        [1.1 * len(line) for first, _ in labels for line in first.split("\n")]
        + [0.9 * len(line) for _, second in labels for line in second.split("\n")]
    )
    return _MARGIN + min(max(0.075 * longest + 0.15, 0.9), 2.3)


def _turns(rows: list[tuple[str, str]], columns: Sequence[str], wide: float) -> bool:
    """Whether pictures grow larger when rows are drawn as columns."""
    turned = (wide - _side([(name, "") for name in columns])) / len(rows)
    return turned > (wide - _side(rows)) / len(columns)


def _wrapped(head: tuple[str, str], letters: int) -> tuple[list[str], list[str]]:
    """The lines of a column's heading and of its muted second part, none longer than the column is wide."""
    first, second = (textwrap.wrap(text.replace("\n", " "), max(letters, 8)) for text in head)
    return first, second


class ImageGrid:
    """Rows x columns of equally large pictures, with headings, labels, a line of text under each, and a key.

    Args:
        title, subtitle: what the grid shows.
        rows: label and second, muted label of each row.
        columns: heading of each column.
        aspect: height over width of a picture.
        foot: whether there is a line of text under the pictures.
        simulated: whether some rows show simulated data.
        notes: lines of text below the last row of each column.
        largest: greatest width of a picture, in inches; by default the grid fills its width, as long as it is not
            higher than a page.
        keys: lines of the key: two where signed and unsigned maps stand side by side.
        turned: whether rows are drawn as columns and columns as rows; places keep their names.
    """

    def __init__(
        self,
        title: str,
        subtitle: str,
        rows: Sequence[tuple[str, str]],
        columns: Sequence[str],
        *,
        aspect: float,
        foot: bool = True,
        simulated: bool = False,
        notes: int = 0,
        largest: float | None = None,
        keys: int = 1,
        turned: bool = False,
    ) -> None:
        wide = style.fitted(_WIDEST)
        if style.narrow():
            turned = _turns(list(rows), columns, wide)
        self._turned, self._dpi = turned, style.ground_dpi()
        heads, sides = [(name, "") for name in columns], list(rows)
        if turned:
            heads, sides = sides, heads
        self._left = _side(sides)
        largest = largest or _fitting(len(sides), aspect, foot)
        cell = min(largest, (wide - self._left - _MARGIN) / len(heads) - _GAP)
        # Whole pixels, so that a pasted picture and its frame coincide.
        self._width = round(cell * self._dpi) / self._dpi
        self._height = round(self._width * aspect * self._dpi) / self._dpi
        self._step = self._height + _GAP + (_FOOT if foot else 0)
        wrapped = [_wrapped(head, int(self._width / _LETTER)) for head in heads]
        lines: float = max(len(first) + len(second) for first, second in wrapped)
        letters = max(len(word) for head in heads for text in head for word in text.split() or [""])
        self._upright = style.printing() and _LETTER * letters > self._width + 0.5 * _GAP
        if self._upright:
            wrapped = [(["\n".join(filter(None, head))], []) for head in heads]
            lines = 0.083 * max(len(part) for head in heads for part in head) / _LINE + 1
        # A key for print takes as many lines as there is room for.
        key = _KEY + _NEXT * (keys - 1 if not style.narrow() else 2 * keys - 1)
        head = _COLUMN + _LINE * (lines - 1)
        self._top = _HEAD + (0.16 if simulated else 0) + key + head
        width = max(self._left + len(heads) * (self._width + _GAP) + _MARGIN, self._left + _KEY_WIDTH, 7.4)
        width = style.fitted(width)
        self._wide = width
        self._key_left = _MARGIN if style.narrow() else self._left
        self._bottom = self._top + len(sides) * self._step
        height = self._bottom + 0.16 * notes + _MARGIN
        self.figure: Figure = style.new_figure(round(width, 2), round(height, 2))
        self._axes = style.inch_axes(self.figure)
        size = self.figure.get_size_inches() * self._dpi
        self._canvas = np.full((round(size[1]), round(size[0]), 4), 255, np.uint8)
        self._lines: list[np.ndarray] = []
        self._below: tuple[np.ndarray, np.ndarray] | None = None
        self._frames: list[np.ndarray] = []
        self._key = self._top - head - key + 0.06
        style.heading(self.figure, title, subtitle, simulated)
        for across, (above, below) in enumerate(wrapped):
            self._heading(across, above, below)
        for down, (text, second) in enumerate(sides):
            self._label(down, text, second)

    def picture(self, row: int, column: int, rgb: np.ndarray, foot: str = "", *, bold: bool = False) -> None:
        """Paste a uint8 ``(h, w, 3)`` picture."""
        self._paste(row, column, self._resized(rgb))
        self._foot(row, column, foot, bold)

    def map(self, row: int, column: int, values: np.ndarray, foot: str = "") -> None:
        """Paste a map ``(h, w)`` in the colours of relevance, see `xai_compare.report.map_colours.levels_of`."""
        # Resized before it is coloured, a grid of maps has few colours and is stored in little space.
        signed = is_signed(values)
        self._paste(row, column, heat_of_levels(self._resized(levels_of(values, signed)), signed))
        self._foot(row, column, foot, False)

    def over(self, row: int, column: int, picture: np.ndarray, values: np.ndarray, foot: str = "") -> None:
        """Paste a map ``(h, w)`` laid over a picture, uint8 ``(h, w, 3)``, as `overlay` does."""
        if self._below is None or self._below[0] is not picture:
            self._below = picture, self._resized(picture)
        signed = is_signed(values)
        levels = self._resized(levels_of(values, signed))
        self._paste(row, column, overlay_of_levels(self._below[1], levels, signed=signed))
        self._foot(row, column, foot, False)

    def mask(self, row: int, column: int, mask: np.ndarray, foot: str = "") -> None:
        """Paste a mask, bool ``(h, w)``, in grey."""
        self._paste(row, column, np.repeat(self._resized(_GREY[mask.astype(int)])[..., None], 3, axis=2))
        self._foot(row, column, foot, False)

    def _resized(self, pixels: np.ndarray) -> np.ndarray:
        size = round(self._width * self._dpi), round(self._height * self._dpi)
        return np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize(size, Image.Resampling.LANCZOS))

    def _paste(self, row: int, column: int, rgb: np.ndarray) -> None:
        x, y = self._corner(row, column)
        left, top = round(x * self._dpi), round(y * self._dpi)
        self._canvas[top : top + rgb.shape[0], left : left + rgb.shape[1], :3] = rgb
        right, bottom = x + self._width, y + self._height
        self._frames.append(np.array([(x, y), (right, y), (right, bottom), (x, bottom), (x, y)]))

    def empty(self, row: int, column: int, text: str = "no image") -> None:
        """Hatch a place that has no picture and say why."""
        x, y = self._corner(row, column)
        text = "–" if style.printing() and _LETTER * len(text) > self._width else text
        self._axes.add_patch(
            Rectangle((x, y), self._width, self._height, fc=style.GROUND, ec="#b9c0ca", hatch="////", lw=0, zorder=2)
        )
        self._axes.text(
            x + self._width / 2,
            y + self._height / 2,
            text,
            ha="center",
            va="center",
            size=8,
            color=style.MUTED,
            bbox={"fc": "white", "ec": "none", "pad": 2},
            zorder=3,
        )

    def note(self, column: int, text: str) -> None:
        """Write lines below the last row."""
        x = self._corner(0, column)[0] + self._width / 2
        self._axes.text(x, self._bottom, text, ha="center", va="top", size=8, linespacing=1.4)

    def outline(self, row: int, column: int, shape: tuple[int, ...] = SHAPE) -> None:
        """Draw the canonical face's features thinly over a picture on it, so that one sees where its mouth is.

        A picture of another ``shape`` is not on the canonical face and gets no outline.
        """
        if tuple(shape) != SHAPE:
            return
        x, y = self._corner(row, column)
        scale = np.array([self._width / SHAPE[1], self._height / SHAPE[0]])
        self._lines += [(CANONICAL[part] + 0.5) * scale + (x, y) for part in FACE_LINES]

    def colour_bars(self, kinds: Collection[bool], label: str = RELEVANCE) -> None:
        """Explain the colours, once for all rows: of unsigned maps, of signed ones, or of both.

        Args:
            kinds: whether the maps of the grid are signed.
            label: of the bar for unsigned maps.
        """
        y = self._key
        for signed in sorted(set(kinds)):
            ends = ("against", "0", "for") if signed else ("least", "", "most")
            self._bar(y, signed, ends, SIGNED if signed else label)
            y += _NEXT

    def _bar(self, y: float, signed: bool, ends: tuple[str, str, str], label: str) -> None:
        left, top, right, bottom = (
            round(inches * self._dpi) for inches in (self._key_left, y, self._key_left + _BAR, y + 0.13)
        )
        ramp = np.linspace(0, 255, right - left).round().astype(np.uint8)
        self._canvas[top:bottom, left:right, :3] = heat_of_levels(ramp, signed)
        self._axes.add_patch(Rectangle((self._key_left, y), _BAR, 0.13, fc="none", ec=style.FRAME, lw=0.5, zorder=3))
        for share, text, align in zip((0, 0.5, 1), ends, ("left", "center", "right"), strict=True):
            x = self._key_left + share * _BAR
            self._axes.text(x, y + 0.16, text, size=7.5, color=style.MUTED, ha=align, va="top")
        beside = self._key_left + _BAR + 0.14
        label = textwrap.fill(label, max(int((self._wide - beside) / _LETTER), 12)) if style.printing() else label
        self._axes.text(beside, y + 0.065, label, size=8.5, va="center", linespacing=1.0)

    def legend(self, entries: Sequence[tuple[str, str]]) -> None:
        """Explain flat colours: (colour, text) of each."""
        x, y = self._key_left, self._key
        for colour, text in entries:
            room = 0.29 + 0.073 * len(text)
            if style.printing() and x > self._key_left and x + room > self._wide:
                x, y = self._key_left, y + 0.2
            self._axes.add_patch(Rectangle((x, y), 0.22, 0.13, fc=colour, ec=style.MUTED, lw=0.4, zorder=3))
            self._axes.text(x + 0.29, y + 0.065, text, size=8.5, va="center")
            x += room + 0.28

    def finish(self) -> Figure:
        """Paint what was pasted and return the figure."""
        width, height = self.figure.get_size_inches()
        if style.printing():
            extent = (0.0, float(width), float(height), 0.0)
            self._axes.imshow(self._canvas, extent=extent, zorder=-1, interpolation="none", aspect="auto")
        else:
            self.figure.add_artist(_Ground(self._canvas))
        self._axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
        if self._frames:
            self._axes.add_collection(LineCollection(self._frames, colors=style.FRAME, linewidths=0.5, zorder=2))
        if self._lines:
            # Dark lines with a faint light seam, to be seen on the lightest and on the darkest map.
            for colour, width, alpha in (("white", 1.3, 0.3), ("#20252c", 0.45, 0.5)):
                self._axes.add_collection(LineCollection(self._lines, colors=colour, linewidths=width, alpha=alpha))
        return self.figure

    def _corner(self, row: int, column: int) -> tuple[float, float]:
        down, across = (column, row) if self._turned else (row, column)
        return self._left + across * (self._width + _GAP), self._top + down * self._step

    def _heading(self, across: int, first: list[str], second: list[str]) -> None:
        middle = self._left + across * (self._width + _GAP) + self._width / 2
        y = self._top - 0.07
        if self._upright:
            second = []
        for i, line in enumerate([*reversed(second), *reversed(first)]):
            strong = i >= len(second)
            colour = style.INK if strong else (style.SIMULATED if "simulated" in " ".join(second) else style.MUTED)
            text: dict[str, Any] = {
                "weight": "bold" if strong else "normal",
                "size": 9 if strong else 8,
                "color": colour,
            }
            rotation = 90 if self._upright else 0
            self._axes.text(middle, y - _LINE * i, line, ha="center", va="bottom", rotation=rotation, **text)

    def _foot(self, row: int, column: int, text: str, bold: bool) -> None:
        x, y = self._corner(row, column)
        if style.printing() and _LETTER * len(text) > self._width + _GAP:
            text = text.removeprefix("n = ")
        self._axes.text(
            x + self._width / 2,
            y + self._height + 0.03,
            text,
            size=7.5,
            ha="center",
            va="top",
            color=style.INK if bold else style.MUTED,
            weight="bold" if bold else "normal",
        )

    def _label(self, down: int, text: str, second: str) -> None:
        middle = self._top + down * self._step + self._height / 2
        self._axes.text(
            _MARGIN,
            middle - (0.02 if second else 0),
            text,
            va="bottom" if second else "center",
            weight="bold",
            size=8.5,
        )
        colour = style.SIMULATED if "simulated" in second else style.MUTED
        self._axes.text(_MARGIN, middle + 0.03, second, va="top", size=8, color=colour, linespacing=1.4)
