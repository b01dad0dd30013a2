"""Draw ``docs/overview.png`` from a run of the bundled default: ``python docs/make_overview.py RUN_DIR``.

Only simulated faces are shown: the face of each column is the mean of the expression's rendered faces on the standard
face, without the photograph that the default study also holds.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from xai_compare import Run, ekman, faces
from xai_compare.expressions import BASIC
from xai_compare.images import read_image
from xai_compare.report import overlay

ROWS = {
    "compact/lime": "network “compact”\nthrough LIME",
    "residual/grad_cam": "network “residual”\nthrough Grad-CAM",
    "human/clicks": "people's clicks\n(simulated)",
}
"""Sources shown, and what the picture calls them."""


def mean_faces(inputs: Path) -> dict[str, np.ndarray]:
    """The mean of the rendered faces of each expression, uint8 ``(275, 224, 3)``, from their exact landmarks."""
    labels = pd.read_csv(inputs / "labels.csv")
    points = {
        name: part[["x", "y"]].to_numpy() for name, part in pd.read_csv(inputs / "landmarks.csv").groupby("image")
    }
    means = {}
    for expression in BASIC:
        names = labels[(labels["expression"] == expression) & (labels["dataset"] == "simulated")]["image"]
        drawn = [faces.standardize(read_image(inputs / name)[None], points[name][None])[0] for name in names]
        means[expression] = np.mean(drawn, axis=0).round().astype(np.uint8)
    return means


def draw(run: Run) -> Figure:
    """One column per expression; rows: the face, each source of `ROWS`, and the Ekman mask."""
    means = mean_faces(run.dir / "inputs")
    titles = [
        "simulated faces, mean of\neach expression on\nthe standard face",
        *ROWS.values(),
        "Ekman mask\n(where anatomy says)",
    ]
    figure = Figure(figsize=(9.6, 8.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(titles), len(means))
    for column, (expression, face) in enumerate(means.items()):
        at = {"fold": "all", "expression": expression}
        maps = [run.heatmaps.heatmap.sel(source=source, **at).to_numpy() for source in ROWS]
        mask = ekman.mask(expression).astype(float)
        pictures = [face, *(overlay(face, one) for one in [*maps, mask])]
        for axis, picture in zip(axes[:, column], pictures, strict=True):
            axis.imshow(picture)
            axis.set_xticks([])
            axis.set_yticks([])
            axis.spines[:].set_visible(False)
        axes[0, column].set_title(expression, fontsize=11, fontweight="bold")
    for axis, title in zip(axes[:, 0], titles, strict=True):
        axis.set_ylabel(title, rotation=0, ha="right", va="center", fontsize=9.5, labelpad=8)
    figure.supxlabel(
        "Bundled default study of xai-compare. Faces and clicks are simulated.", fontsize=9, color="#5d6878"
    )
    return figure


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(str(__doc__).splitlines()[0])
    target = Path(__file__).with_name("overview.png")
    drawn = io.BytesIO()
    draw(Run.open(sys.argv[1])).savefig(drawn, format="png")
    # 256 colours are enough for it, and a third of the bytes.
    Image.open(drawn).convert("RGB").quantize(256).save(target, optimize=True)
