"""The means of maps at every level of the paper (Gaya-Morey et al. 2024, Eq. 2), and the mean face."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from xai_compare.analysis.inputs.stored_maps import ALL, scaling_of, together
from xai_compare.expressions import ordered
from xai_compare.faces.size import SHAPE
from xai_compare.files import digest, make_room
from xai_compare.heatmaps import GroupMeans, scale
from xai_compare.registry import STAGES
from xai_compare.runs.face_cache import FaceCache
from xai_compare.runs.stage import FileStage
from xai_compare.runs.store import MapStore, Source, load, save

RESULTS = 4
"""Raised whenever a change of the code changes heatmaps."""
FACES_IN_MEAN = 250
"""The mean face, which only stands behind maps, is that of at most so many pictures, evenly spread over all."""


@STAGES.register("heatmaps")
class Heatmaps(FileStage):
    """Averages the maps of every source."""

    name: ClassVar[str] = "heatmaps"
    needs: ClassVar[tuple[str, ...]] = ("people", "regions", "explain", "maps")
    always: ClassVar[bool] = True
    uses_maps: ClassVar[bool] = True

    def fingerprint(self) -> str:
        """Of the stored maps and how they are scaled."""
        stores = [(store.source.slug, store.source.simulated, store.items, store.state()) for store in self.job.stores]
        return digest([RESULTS, self.job.study.compare.scaling, stores])

    def files(self) -> Sequence[str]:
        """The array of heatmaps."""
        return ["heatmaps.zarr"]

    def steps(self) -> int:
        """One for each source."""
        return len(self.job.stores)

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the heatmaps."""
        stores = self.job.stores
        if not any(fingerprint for store in stores for fingerprint, _ in store.state()):
            self.job.nothing()
        used = list(dict.fromkeys(str(item["image"]) for store in stores for item in store.items))
        face = mean_face(self.job.pictures, used)
        write_heatmaps(self.job.directory / "heatmaps.zarr", stores, self.job.study.compare.scaling, face, advance)

    def load(self) -> xr.Dataset:
        """The heatmaps, lazily."""
        return load(self.job.directory / "heatmaps.zarr")


@dataclass
class Row:
    """One source of the heatmaps: a network's trainings together, people, regions, or all networks."""

    label: str
    kind: str
    model: str
    explainer: str
    simulated: bool
    means: GroupMeans


def scaled(store: MapStore, scaling: str) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    """Stream a source's maps as they are averaged."""
    for table, maps in store.stream():
        yield table, scale(maps, table["low"].to_numpy(), table["high"].to_numpy(), scaling_of(store, scaling))


def rows(stores: Sequence[MapStore], scaling: str) -> Iterator[Row]:
    """Average source by source; after the networks of an explainer, all of them together, if there are several."""
    for explainer in dict.fromkeys(store.source.explainer for store in stores):
        group = [store for store in stores if store.source.explainer == explainer]
        overall = GroupMeans(SHAPE)
        labels = list(dict.fromkeys(store.source.label for store in group))
        for label in labels:
            trainings = [store for store in group if store.source.label == label]
            row = _row(label, trainings, scaling)
            yield row
            overall.pool(row.means, {key: key for key in row.means.groups() if _fold(key) == ALL})
        if explainer and len(labels) > 1:
            simulated = any(store.source.simulated for store in group)
            yield Row(f"all models/{explainer}", "model", "all models", explainer, simulated, overall)


def _row(label: str, trainings: Iterable[MapStore], scaling: str) -> Row:
    means = GroupMeans(SHAPE)
    source = Source("", "")
    for store in trainings:
        source = store.source
        for table, maps in scaled(store, scaling):
            groups = table["group"].to_list()
            folds = [ALL] + ([source.fold] if source.fold else [])
            for fold in folds:
                means.add([(fold, name) for name in groups if name], maps[[bool(name) for name in groups]])
                means.add([(fold, ALL)] * len(maps), maps)
    return Row(label, source.kind, source.name, source.explainer, source.simulated, means)


def _fold(key: Any) -> str:
    return str(key[0])


def write_heatmaps(
    path: Path, stores: Sequence[MapStore], scaling: str, face: np.ndarray, advance: Callable[[int], None]
) -> xr.Dataset:
    """Write ``heatmaps.zarr``: ``heatmap (source, fold, expression, y, x)``, ``count``, ``mean_face``."""
    folds = [ALL, *sorted({store.source.fold for store in stores} - {""})]
    groups = {str(item["group"]) for store in stores for item in store.items} - {""}
    expressions = [*ordered(groups), ALL]
    labels = list(together(stores))
    make_room(path, folder=True)
    root = zarr.open_group(path, mode="w", zarr_format=3)
    array = root.create_array(
        "heatmap",
        shape=(len(labels), len(folds), len(expressions), *SHAPE),
        chunks=(1, 1, len(expressions), *SHAPE),
        dtype="float32",
        fill_value=np.nan,
        dimension_names=("source", "fold", "expression", "y", "x"),
    )
    counts = np.zeros((len(labels), len(folds), len(expressions)), np.int64)
    facts: list[Row] = []
    for s, row in enumerate(rows(stores, scaling)):
        for f, fold in enumerate(folds):
            counts[s, f] = [row.means.count((fold, name)) for name in expressions]
            if counts[s, f].any():
                array[s, f] = np.stack([row.means.mean((fold, name)) for name in expressions])
        facts.append(Row(row.label, row.kind, row.model, row.explainer, row.simulated, GroupMeans(SHAPE)))
        advance(1)
    coordinates = {name: ("source", [getattr(r, name) for r in facts]) for name in ("kind", "model", "explainer")}
    labelled = xr.Dataset(
        {"count": (("source", "fold", "expression"), counts), "mean_face": (("y", "x", "rgb"), face)},
        coords={
            "source": [row.label for row in facts],
            "fold": folds,
            "expression": expressions,
            **coordinates,
            "simulated": ("source", [row.simulated for row in facts]),
        },
        attrs={"scaling": scaling, "canonical_face": "275 x 224 pixels, 89 points"},
    )
    save(labelled, path, mode="a")
    return load(path)


def mean_face(pictures: FaceCache, images: Sequence[str]) -> np.ndarray:
    """The mean of the standardized faces (of at most 250, evenly spread), uint8 ``(275, 224, 3)``."""
    from xai_compare.faces import standardize  # It brings torch along, and a study asks for stages of this room.

    usable = [image for image in images if pictures.sha256(image) and not pictures.reason(image)]
    places = np.unique(np.linspace(0, len(usable) - 1, min(len(usable), FACES_IN_MEAN)).round().astype(int))
    total = np.zeros((*SHAPE, 3))
    for place in places:
        crop = pictures.crop(usable[place])
        total += standardize(crop.image[None], crop.landmarks[None])[0]
    return (total / max(len(places), 1)).round().astype(np.uint8)
