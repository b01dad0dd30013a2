"""Names written beside the curves they belong to, where there is room, each tied to its curve by a thin line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patheffects import withStroke

_ACROSS, _DOWN, _ANCHORS, _NEAR = 24, 24, 32, 8
_APART = 0.12
"""Curves this far from one another, as a share of the panel's height, are told apart at a glance."""


def label_curves(
    axes: Axes,
    x: np.ndarray,
    curves: Mapping[str, np.ndarray],
    texts: Mapping[str, str],
    hues: Mapping[str, str],
    size: float = 8.0,
) -> None:
    """Write each curve's text in its colour, away from all curves and other texts, and tie it to its curve.

    A text is tied where its curve is far from the others. Texts find their places one after the other; a text for
    which there is no free place stands where it hurts least. (General placement of labels, such as adjustText's, knows
    points but no curves and would also choose no place to tie a text to.)

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
    taken: list[np.ndarray] = []
    ties: list[np.ndarray] = []
    scale, origin = np.array([right - left, top - bottom]), np.array([left, bottom])
    for name in curves:
        wide = 0.64 * size * len(texts[name]) / (axes.bbox.width * points)
        box, tie = _best(across, lines, name, _places(wide, tall), taken, ties)
        taken.append(box)
        ties.append(tie)
        line = origin + tie[[0, -1]] * scale
        axes.plot(line[:, 0], line[:, 1], color=hues[name], lw=0.8, zorder=4)
        axes.plot(line[:1, 0], line[:1, 1], color=hues[name], marker="o", ms=3.2, mec="white", mew=0.5, zorder=5)
        centre = origin + (box[:2] + box[2:]) / 2 * scale
        axes.text(
            float(centre[0]),
            float(centre[1]),
            texts[name],
            color=hues[name],
            size=size,
            weight="bold",
            va="center",
            ha="center",
            zorder=6,
            path_effects=[withStroke(linewidth=2.2, foreground="white")],
        )


def _places(wide: float, tall: float) -> np.ndarray:
    """Boxes where a text might stand, in shares of the panel: left, low, right, high, float ``(n, 4)``."""
    low, left = np.meshgrid(
        np.linspace(0.01, 0.99 - tall, _DOWN), np.linspace(0.01, max(0.99 - wide, 0.01), _ACROSS), indexing="ij"
    )
    return np.stack([left, low, left + wide, low + tall], axis=-1).reshape(-1, 4)


def _best(
    x: np.ndarray,
    lines: Mapping[str, np.ndarray],
    name: str,
    boxes: np.ndarray,
    taken: Sequence[np.ndarray],
    ties: Sequence[np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """The box ``(4,)`` of one text and the line ``(20, 2)`` from its curve to it."""
    others = [values for other, values in lines.items() if other != name]
    crowds = _crowds(boxes, x, list(lines.values()), taken, ties)
    free = boxes[crowds == crowds.min()]
    anchors = np.linspace(0.03, 0.97, _ANCHORS)
    anchors = np.stack([anchors, np.interp(anchors, x, lines[name])], axis=1)
    # The point of each free box that is nearest to each anchor: (anchors, boxes, 2).
    ends = np.clip(anchors[:, None], free[:, :2], free[:, 2:])
    lengths = np.hypot(*np.moveaxis(ends - anchors[:, None], -1, 0))
    near = np.argsort(lengths, axis=1, kind="stable")[:, :_NEAR]
    ends, lengths = (np.take_along_axis(a, i, 1) for a, i in ((ends, near[..., None]), (lengths, near)))
    drawn = anchors[:, None, None] + np.linspace(0, 1, 20)[:, None] * (ends - anchors[:, None])[:, :, None]
    crossed = sum((_crossings(drawn, x, values) for values in others), np.zeros(near.shape))
    through = sum((_inside(drawn, box).any(axis=-1) for box in taken), np.zeros(near.shape))
    gaps = [np.abs(anchors[:, 1] - np.interp(anchors[:, 0], x, values)) for values in others]
    apart = np.min(gaps, axis=0) if gaps else np.ones(_ANCHORS)
    crowded = np.maximum(_APART - apart, 0)[:, None] / _APART
    cost = 4 * lengths + crossed + 6 * through + crowded
    anchor, place = np.unravel_index(int(cost.argmin()), cost.shape)
    return free[near[anchor, place]], drawn[anchor, place]


def _crowds(
    boxes: np.ndarray,
    x: np.ndarray,
    lines: Sequence[np.ndarray],
    taken: Sequence[np.ndarray],
    ties: Sequence[np.ndarray],
) -> np.ndarray:
    """How much of each box is in use already, ``(n,)``."""
    grid = np.linspace(boxes[:, 0], boxes[:, 2], 24, axis=1)
    crowds = np.zeros(len(boxes))
    for values in lines:
        row = np.interp(grid, x, values)
        # Pieces of the curve, not points of it: a steep one may pass between two points.
        low, high = np.minimum(row[:, 1:], row[:, :-1]), np.maximum(row[:, 1:], row[:, :-1])
        crowds += ((high > boxes[:, 1:2]) & (low < boxes[:, 3:])).mean(axis=1)
    for other in taken:
        crowds += ((boxes[:, :2] < other[2:]) & (other[:2] < boxes[:, 2:])).all(axis=1)
    for tie in ties:
        crowds += 0.5 * _inside(tie, boxes[:, None]).any(axis=1)
    return crowds


def _inside(points: np.ndarray, box: np.ndarray) -> Any:
    """Which of the points ``(..., 2)`` lie in a box ``(..., 4)``."""
    return ((points > box[..., :2]) & (points < box[..., 2:])).all(axis=-1)


def _crossings(ties: np.ndarray, x: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How often each tie ``(..., points, 2)`` crosses a curve."""
    above = np.sign(ties[..., 1:, 1] - np.interp(ties[..., 1:, 0], x, values))
    return (above[..., 1:] != above[..., :-1]).sum(axis=-1)
