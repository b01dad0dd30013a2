"""Names written beside the curves they belong to, where there is room, each tied to its curve by a thin line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

_ACROSS, _DOWN, _ANCHORS, _NEAR = 24, 24, 32, 8
_APART = 0.12
"""Curves this far from one another, as a share of the panel's height, are told apart at a glance."""


@dataclass(frozen=True)
class _Box:
    """Where a text would stand, in shares of the panel."""

    left: float
    right: float
    low: float
    high: float

    def meets(self, other: _Box) -> bool:
        return self.left < other.right and other.left < self.right and self.low < other.high and other.low < self.high

    def nearest(self, x: float, y: float) -> tuple[float, float]:
        """The point of its border that a line from elsewhere comes to."""
        return float(np.clip(x, self.left, self.right)), float(np.clip(y, self.low, self.high))


def label_curves(
    axes: Axes, x: np.ndarray, curves: Mapping[str, np.ndarray], texts: Mapping[str, str], hues: Mapping[str, str],
    size: float = 8.0,
) -> None:  # fmt: skip
    """Write each curve's text in its colour, away from all curves and other texts, and tie it to its curve.

    A text is tied where its curve is far from the others. Texts find their places one after the other; a text for
    which there is no free place stands where it hurts least.

    Args:
        axes: with its limits and its place in the figure set; texts are measured in them.
        x: ``(n,)``, increasing.
        curves: name to ``(n,)``.
        texts, hues: name to the text and its colour.
        size: of the texts, in points.
    """
    points = 72 / axes.figure.dpi
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    across = (x - left) / (right - left)
    lines = {name: (values - bottom) / (top - bottom) for name, values in curves.items()}
    tall = 1.4 * size / (axes.bbox.height * points)
    taken: list[_Box] = []
    ties: list[np.ndarray] = []
    for name in curves:
        wide = 0.64 * size * len(texts[name]) / (axes.bbox.width * points)
        box, tie = _best(across, lines, name, (wide, tall), taken, ties)
        taken.append(box)
        ties.append(tie)
        u, v = left + tie[[0, -1], 0] * (right - left), bottom + tie[[0, -1], 1] * (top - bottom)
        axes.plot(u, v, color=hues[name], lw=0.8, zorder=4)
        axes.plot(u[:1], v[:1], color=hues[name], marker="o", ms=3.2, mec="white", mew=0.5, zorder=5)
        centre = (box.left + box.right) / 2, (box.low + box.high) / 2
        axes.text(left + centre[0] * (right - left), bottom + centre[1] * (top - bottom), texts[name],
                  color=hues[name], size=size, weight="bold", va="center", ha="center", zorder=6,
                  path_effects=[withStroke(linewidth=2.2, foreground="white")])  # fmt: skip


def _best(
    x: np.ndarray, lines: Mapping[str, np.ndarray], name: str, extent: tuple[float, float], taken: Sequence[_Box],
    ties: Sequence[np.ndarray],
) -> tuple[_Box, np.ndarray]:  # fmt: skip
    """The place of one text and the line ``(20, 2)`` from its curve to it."""
    others = [values for other, values in lines.items() if other != name]
    boxes = list(_places(*extent))
    crowds = [_crowd(box, x, lines.values(), taken, ties) for box in boxes]
    free = [i for i, crowd in enumerate(crowds) if crowd == min(crowds)]
    found = []
    for u in map(float, np.linspace(0.03, 0.97, _ANCHORS)):
        v = float(np.interp(u, x, lines[name]))
        apart = min((abs(v - float(np.interp(u, x, values))) for values in others), default=1.0)
        near = sorted(free, key=lambda i, u=u, v=v: (_length((u, v), boxes[i]), i))[:_NEAR]  # type: ignore[misc]
        for i in near:
            tie = np.linspace((u, v), boxes[i].nearest(u, v), 20)
            crossed = sum(_crossings(tie, x, values) for values in others)
            through = sum(bool(_inside(tie, other).any()) for other in taken)
            cost = 4 * _length((u, v), boxes[i]) + crossed + 6 * through + max(_APART - apart, 0) / _APART
            found.append((cost, i, u, boxes[i], tie))
    _, _, _, box, tie = min(found, key=lambda one: one[:3])
    return box, tie


def _length(point: tuple[float, float], box: _Box) -> float:
    """How far a box is from a point."""
    u, v = box.nearest(*point)
    return float(np.hypot(u - point[0], v - point[1]))


def _places(wide: float, tall: float) -> Iterator[_Box]:
    for low in np.linspace(0.01, 0.99 - tall, _DOWN):
        for left in np.linspace(0.01, max(0.99 - wide, 0.01), _ACROSS):
            yield _Box(float(left), float(left + wide), float(low), float(low + tall))


def _crowd(
    box: _Box, x: np.ndarray, lines: Iterable[np.ndarray], taken: Sequence[_Box], ties: Sequence[np.ndarray]
) -> float:
    """How much of a place is in use already."""
    grid = np.linspace(box.left, box.right, 24)
    rows = [np.interp(grid, x, values) for values in lines]
    hit = sum(float(np.mean((row > box.low) & (row < box.high))) for row in rows)
    return hit + sum(box.meets(other) for other in taken) + 0.5 * sum(bool(_inside(tie, box).any()) for tie in ties)


def _inside(tie: np.ndarray, box: _Box) -> np.ndarray:
    return (tie[:, 0] > box.left) & (tie[:, 0] < box.right) & (tie[:, 1] > box.low) & (tie[:, 1] < box.high)


def _crossings(tie: np.ndarray, x: np.ndarray, values: np.ndarray) -> int:
    above = np.sign(tie[1:, 1] - np.interp(tie[1:, 0], x, values))
    return int((above[1:] != above[:-1]).sum())
