"""LIME's error against the number of forward passes, for the package's way and three others, and a figure of it.

For each picture the network's outputs under many masks are computed once; every method then sees some of them. Errors
are root mean squares over superpixels, as a fraction of the spread of the reference's weights, the reference's own
sampling variance taken off. Printed with them: how often the nominal 90 % interval covers the reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from common import arguments, faces, network

from xai_compare import explainers
from xai_compare.explainers.mask_designs import code_masks, random_masks
from xai_compare.explainers.methods.lime import LIME
from xai_compare.explainers.quadrature import Limit
from xai_compare.explainers.superpixels import superpixels
from xai_compare.explainers.surrogate import Fit, fit, nearness

PASSES = (150, 200, 300, 400, 600, 800, 1000)
WIDTH = 0.25
METHODS = {
    "independent masks, regression (lime package)": ("random", False),
    "linear code, regression": ("code", False),
    "independent masks, quadrature": ("random", True),
    "linear code, quadrature (default)": ("code", True),
}
COLOURS = ("#000000", "#E69F00", "#56B4E9", "#D55E00")


@dataclass(frozen=True)
class Seen:
    """A picture's superpixels, the explained class, the reference, and outputs under masks of each design and seed."""

    labels: np.ndarray
    target: int
    truth: Fit
    draws: dict[str, list[tuple[np.ndarray, np.ndarray]]]


def looked(name: str, data: Path, n: int, reference: int, seeds: int) -> Iterator[Seen]:
    """Every picture's outputs, float32."""
    model = network(name, data)
    lime = explainers.create("lime", precision="fp32")
    assert isinstance(lime, LIME)
    images = faces(data, n, model.input.size)
    for image, target in zip(images, model.predict(images).argmax(1), strict=True):
        labels = superpixels(image, 30, 20.0)
        picture, segments = model.prepare(image[None])[0], int(labels.max()) + 1
        masks = random_masks(segments, reference, 10**6)
        values = lime.probabilities(model, picture, labels, masks)
        draws: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        for design, draw in (("random", random_masks), ("code", code_masks)):
            several = [draw(segments, PASSES[-1], seed) for seed in range(seeds)]
            draws[design] = [(m, lime.probabilities(model, picture, labels, m)) for m in several]
        yield Seen(labels, int(target), fit(masks, values[:, target], nearness(masks, WIDTH), 1.0), draws)


def errors(name: str, seen: list[Seen]) -> pd.DataFrame:
    """One row for each picture, method and number of passes: mean squared error, its spread, coverage."""
    lime = explainers.create("lime")
    assert isinstance(lime, LIME)
    rows = []
    for picture, one in enumerate(seen):
        limit = Limit(len(one.truth.coefficients), WIDTH)
        for method, (design, quadrature) in METHODS.items():
            for masks, values in one.draws[design]:
                for n in PASSES:
                    z, v = masks[:n], values[:n]
                    if quadrature:
                        found = lime._weights_of(z, v[:, one.target], v, one.labels, limit)
                    else:
                        found = fit(z, v[:, one.target], nearness(z, WIDTH), 1.0)  # type: ignore[assignment]
                    off = found.coefficients - one.truth.coefficients
                    inside = np.abs(off) <= 1.645 * np.hypot(found.errors, one.truth.errors)
                    square = np.mean(off**2 - one.truth.errors**2) / one.truth.coefficients.var()
                    rows.append((name, picture, method, n, square, inside.mean()))
    return pd.DataFrame(rows, columns=["network", "picture", "method", "passes", "square", "covered"])


def figure(table: pd.DataFrame, path: Path) -> None:
    """Error against passes, one panel for each network."""
    names = list(table.network.unique())
    fig, axes = plt.subplots(1, len(names), figsize=(5.6 * len(names), 4.2), squeeze=False, layout="constrained")
    for ax, name in zip(axes[0], names, strict=True):
        for (method, _), colour in zip(METHODS.items(), COLOURS, strict=True):
            mine = table[(table.network == name) & (table.method == method)]
            curve = np.sqrt(mine.groupby(["picture", "passes"]).square.mean().clip(lower=1e-9)).groupby("passes").mean()
            ax.plot(curve.index, curve, "o-", color=colour, label=method, ms=4)
            if method == next(iter(METHODS)):
                ax.axhline(curve[1000], color="#888888", lw=0.8, ls=":")
        ax.set(
            xscale="log",
            yscale="log",
            title=name,
            xlabel="forward passes per picture",
            ylabel="error of superpixel weights / their spread",
        )
        ax.set_xticks(PASSES, [str(n) for n in PASSES])
        ax.set_xticks([], minor=True)
        ticks = [t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0) if ax.get_ylim()[0] <= t <= ax.get_ylim()[1]]
        ax.set_yticks(ticks, [f"{t:g}" for t in ticks])
        ax.set_yticks([], minor=True)
    axes[0, -1].legend(frameon=False, fontsize=8)
    fig.savefig(path, dpi=150)


def main() -> None:
    """Print the table and draw the figure."""
    args = arguments(__doc__ or "", reference=40000, seeds=3, out="lime_error.png")
    tables = []
    for name in args.networks:
        seen = list(looked(name, args.data, args.pictures, args.reference, args.seeds))
        tables.append(errors(name, seen))
        mean = tables[-1].groupby(["method", "passes"])[["square", "covered"]].mean()
        print(f"{name}: {len(seen)} pictures, {args.seeds} seeds, reference of {args.reference} masks")
        for method in METHODS:
            print(f"  {method}")
            for n in PASSES:
                square, covered = mean.loc[(method, n)]
                print(f"    {n:5d} passes: error {np.sqrt(max(square, 0)):.3f}, covered {covered:.1%}", flush=True)
    figure(pd.concat(tables), Path(args.out))


if __name__ == "__main__":
    with torch.no_grad():
        main()
