"""A run with single pictures and people's points, for the page to explore."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
from report_fakes import NASTY, FakeRun, blob, make_run
from xarray import Dataset

from xai_compare.analysis.points import write_points
from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.runs.store import MapStore, Source

PEOPLE = 5
POINTS = 4


class Faces:
    """Grey faces, each on the standard face already."""

    def crop(self, image: str) -> Any:
        """A picture of 275 x 275 pixels with the standard face in it."""
        pixels = np.full((SHAPE[0], SHAPE[0], 3), 40 + 7 * (len(image) % 20), np.uint8)
        return SimpleNamespace(image=pixels, landmarks=CANONICAL[:68])


def explorable(folder: Path, pictures: int = 12, *, photographs: int = 2, models: int = 2) -> FakeRun:
    """A run of ``pictures`` pictures seen by networks through two explainers, and by simulated people.

    The last pictures are photographs. The name of the first is no friendly one. Every third answer is wrong.
    """
    names = [f"net{i}" for i in range(models - 1)] + ["<b>bold"]
    run = make_run(folder, names, ["cam", "lime"], ["clicks"], expressions=("anger", "fear", "happiness"))
    rng = np.random.default_rng(3)
    images = [NASTY, *(f"face{i:04d}.png" for i in range(1, pictures))]
    groups = ("anger", "fear", "happiness")
    kinds = [Source("model", model, explainer) for model in names for explainer in ("cam", "lime")]
    stores = []
    spots = [blob(rng) for _ in range(6)]
    for place, source in enumerate([*kinds, Source("human", "clicks", simulated=True)]):
        items = [
            {
                "image": image,
                "group": groups[i % 3],
                "label": groups[i % 3],
                "dataset": "" if i >= pictures - photographs else "simulated",
                **({"predicted": groups[(i + (i % 3 == 2)) % 3], "probability": 0.5} if source.kind == "model" else {}),
            }
            for i, image in enumerate(images)
        ]
        store = MapStore(folder, source, items)
        store.prepare()
        for index, part in enumerate(store.chunks):
            maps = np.stack([spots[i % 6] * (1 + i) - 0.2 * (place % 2) for i in range(part.start, part.stop)])
            store.write(index, maps, {"fingerprint": "f", "columns": {}})
        stores.append(store)
    write_points(stores[-1], points_of(images, rng))
    run.stores = tuple(stores)
    run.pictures = Faces()  # type: ignore[attr-defined]
    run.more["per_image"] = pd.DataFrame(
        [
            ("dice", store.source.label, "human/clicks", image, "anger", float(rng.uniform()), "")
            for store in stores[:-1]
            for image in images
        ],
        columns=["metric", "a", "b", "image", "expression", "value", "note"],
    )
    assert isinstance(run.heatmaps, Dataset)
    return run


def points_of(images: list[str], rng: np.random.Generator) -> pd.DataFrame:
    """`POINTS` points of each of `PEOPLE` people on each picture."""
    rows = [
        (f"person{p}", image, float(rng.uniform(0, 223)), float(rng.uniform(0, 274)), 1.0, 12.0)
        for p in range(PEOPLE)
        for image in images
        for _ in range(POINTS)
    ]
    return pd.DataFrame(rows, columns=["participant", "image", "x", "y", "weight", "sigma"])
