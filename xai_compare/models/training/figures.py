"""Figures of a training: curves, confusions, calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from xai_compare.files import atomic
from xai_compare.models.training.evaluation import BINS


def curves(histories: Mapping[str, Sequence[Mapping[str, float]]], path: Path) -> Path:
    """Loss and training accuracy by epoch, a line for each training."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    for axes, key, title in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), ("Loss", "Accuracy on training pictures"), strict=True
    ):
        for name, history in histories.items():
            axes.plot([row["epoch"] for row in history], [row[key] for row in history], label=name, linewidth=1.2)
        axes.set(xlabel="epoch", title=title)
        if len(histories) <= 8:
            axes.legend(frameon=False, fontsize=7)
    return _saved(figure, path)


def confusions(matrices: Mapping[str, np.ndarray], classes: Sequence[str], path: Path) -> Path:
    """Confusion matrices side by side; rows are labels, colours by the square root as in Park & Wallraven (2022)."""
    n = len(matrices)
    figure = Figure(figsize=(0.55 * len(classes) * n + 1.2 * n, 0.5 * len(classes) + 1.6), layout="constrained")
    for axes, (name, matrix) in zip(np.atleast_1d(figure.subplots(1, n)), matrices.items(), strict=True):
        axes.imshow(np.sqrt(np.nan_to_num(matrix)), cmap=mpl.colormaps["Blues"], vmin=0, vmax=1)
        for (row, column), value in np.ndenumerate(matrix):
            text = "–" if np.isnan(value) else f"{value:.2f}"
            axes.text(
                column, row, text, ha="center", va="center", fontsize=7, color="white" if value > 0.4 else "black"
            )
        axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right", fontsize=7)
        axes.set_yticks(range(len(classes)), classes, fontsize=7)
        axes.set_xlabel("answered", fontsize=8)
        axes.set_ylabel("label", fontsize=8)
        axes.set_title(name, fontsize=9)
    return _saved(figure, path)


def reliability(labels: np.ndarray, probabilities: np.ndarray, path: Path) -> Path:
    """Accuracy against confidence, in equal bins of confidence; the diagonal is perfect calibration."""
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.clip((confidence * BINS).astype(int), 0, BINS - 1)
    figure = Figure(figsize=(3.6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    filled = [b for b in range(BINS) if (bins == b).any()]
    size = [4 + 60 * float((bins == b).mean()) for b in filled]
    axes.scatter([confidence[bins == b].mean() for b in filled], [right[bins == b].mean() for b in filled], s=size)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", title="Calibration, unseen pictures")
    return _saved(figure, path)


def _saved(figure: Any, path: Path) -> Path:
    with atomic(path) as part:
        figure.savefig(part, dpi=150, metadata={"Software": None})
    return path
