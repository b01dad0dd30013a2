"""Figures of gaze: how long, how far and where to; and each participant's scanpaths."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from xai_compare.report import style
from xai_compare.report.charts import draw_face, framed

_LONGEST_MS, _MOST_PANELS, _APART = 1000.0, 24, 0.055


def distributions(fixations: pd.DataFrame, saccades: pd.DataFrame, simulated: bool) -> Figure:
    """Durations of fixations, amplitudes and directions of saccades (Bruckert et al. 2023, Figure 2)."""
    figure = style.new_figure(9.6, 3.4)
    style.heading(
        figure,
        "Fixations and saccades",
        f"{len(fixations):,} fixations and {len(saccades):,} saccades of the trials that are kept",
        simulated,
    )
    bottom, height = 0.16, 0.54
    durations = fixations["duration"].to_numpy(float)
    _histogram(figure, (0.07, bottom, 0.185, height), durations, np.arange(0, _LONGEST_MS + 1, 40),
               "Fixation duration (ms)", f"mean {durations.mean():.0f} ms" if len(durations) else "none")  # fmt: skip
    if len(saccades):
        amplitude = saccades["amplitude"].to_numpy(float)
        most = max(2.0, float(np.quantile(amplitude, 0.99)))
        _histogram(figure, (0.325, bottom, 0.185, height), amplitude, np.linspace(0, most, 26),
                   "Saccade amplitude (degrees)", f"mean {amplitude.mean():.2f} degrees")  # fmt: skip
        _rose(figure, (0.565, 0.12, 0.165, 0.52), saccades["orientation"].to_numpy(float), "Saccade orientation",
              ("right", "up", "left", "down"))  # fmt: skip
        turning = saccades["turning_angle"].dropna().to_numpy(float)
        _rose(figure, (0.80, 0.12, 0.165, 0.52), turning, "Turning angle", ("on", "", "back", ""))
    return figure


def _histogram(
    figure: Figure,
    place: tuple[float, float, float, float],
    values: np.ndarray,
    edges: np.ndarray,
    label: str,
    note: str,
) -> None:
    axes = figure.add_axes(place)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    share = 100 * counts / max(len(values), 1)
    axes.bar(edges[:-1], share, np.diff(edges) * 0.92, align="edge", color=style.PALETTE[0], linewidth=0)
    if len(values):
        axes.axvline(values.mean(), color=style.PALETTE[1], linewidth=1)
    beyond = (values > edges[-1]).mean() if len(values) else 0
    axes.set_xlabel(label)
    axes.set_ylabel("% of all")
    axes.set_title(note + (f"; {beyond:.1%} longer" if beyond > 0.001 else ""), size=8, weight="normal")


def _rose(
    figure: Figure, place: tuple[float, float, float, float], degrees: np.ndarray, title: str, names: tuple[str, ...]
) -> None:
    axes = figure.add_axes(place, projection="polar")
    edges = np.radians(np.arange(-5, 356, 10))
    counts, _ = np.histogram((np.radians(degrees) + np.radians(5)) % (2 * np.pi) - np.radians(5), edges)
    share = 100 * counts / max(len(degrees), 1)
    axes.bar(edges[:-1] + np.radians(5), share, np.radians(9), color=style.PALETTE[0], linewidth=0)
    axes.set_xticks(np.radians([0, 90, 180, 270]), names, size=8)
    top = float(share.max()) if len(degrees) else 1.0
    axes.set_yticks([top / 2, top], [f"{top / 2:.1f} %", f"{top:.1f} %"], size=7, color=style.MUTED)
    axes.set_rlabel_position(45)  # type: ignore[attr-defined]
    axes.grid(color=style.RULE, linewidth=0.6)
    axes.spines["polar"].set_visible(False)
    axes.set_title(title, size=8, weight="normal", loc="center", pad=14)
    axes.tick_params(pad=0)


def scanpaths(
    participant: str,
    fixations: pd.DataFrame,
    shapes: dict[str, tuple[int, int]],
    landmarks: dict[str, np.ndarray],
    simulated: bool,
) -> Figure:
    """One participant's scanpaths over the landmarks of the faces, for checking by eye; no photograph is shown.

    Circles are fixations, as large as they are long, numbered in order; the first is orange.
    """
    own = fixations[fixations["participant"].astype(str) == participant]
    every = [str(image) for image in own["image"].astype(str).unique() if str(image) in shapes]
    images = every[:_MOST_PANELS]
    some = f"; the first {len(images)} of {len(every)} pictures" if len(images) < len(every) else ""
    columns = min(6, max(1, len(images)))
    lines = max(1, -(-len(images) // columns))
    figure = style.new_figure(max(1.75 * columns + 0.4, 4.6), 2.35 * lines + 1.0)
    style.heading(
        figure,
        f"Participant {style.plain(participant)}",
        f"Fixations in order, larger where longer{some}\nNumbers that would overlap are left out",
        simulated,
    )
    for at, image in enumerate(images):
        axes = figure.add_subplot(lines, columns, at + 1)
        _panel(axes, own[own["image"].astype(str) == image], shapes[image], landmarks.get(image))
        axes.set_title(style.plain(image, 24), size=7, weight="normal", color=style.MUTED)
    inches = figure.get_size_inches()[1]
    figure.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=1 - 1.0 / inches, wspace=0.06, hspace=0.16)
    return figure


def _panel(axes: Axes, own: pd.DataFrame, shape: tuple[int, int], landmarks: np.ndarray | None) -> None:
    if landmarks is not None:
        draw_face(axes, landmarks, color=style.FRAME, linewidth=0.9, zorder=1)
    x, y = own["x"].to_numpy(float), own["y"].to_numpy(float)
    axes.plot(x, y, color=style.PALETTE[0], linewidth=0.6, alpha=0.7, zorder=2)
    size = own["duration"].to_numpy(float) / 6 if "duration" in own else np.full(len(own), 40.0)
    colours = [style.PALETTE[1] if rank == 0 else style.PALETTE[0] for rank in range(len(own))]
    axes.scatter(x, y, s=size, c=colours, alpha=0.55, linewidth=0, zorder=3)
    numbered: list[tuple[float, float]] = []
    for rank, (a, b) in enumerate(zip(x, y, strict=True), start=1):
        if all(np.hypot(a - c, b - d) >= _APART * shape[0] for c, d in numbered):
            numbered.append((a, b))
            axes.text(a, b, str(rank), size=5.5, ha="center", va="center", zorder=4, clip_on=True)
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5), aspect="equal")
    framed(axes)
