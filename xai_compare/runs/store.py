"""Where standardized maps lie: chunks of one zarr array per source, each with a record of what went into it.

A chunk counts as done only once its record stands, and the record is written last; so a run that is killed at any
moment loses at most the chunk it was making, and nothing is ever counted twice.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
import zarr

from xai_compare.faces import SHAPE
from xai_compare.runs.journal import slug, write_atomically

CHUNK = 16
"""Maps per chunk."""


@dataclass(frozen=True)
class Source:
    """Something that attends: a network seen through an explainer, people, or the known regions.

    Attributes:
        kind: ``"model"``, ``"human"`` or ``"known"``.
        name: the network's, the people's, or ``"region"``.
        explainer: the explainer's label; ``""`` for people and regions.
        fold: which training of the network; ``""`` where there is one only.
        simulated: whether its data are simulated.
    """

    kind: str
    name: str
    explainer: str = ""
    fold: str = ""
    simulated: bool = False

    @property
    def label(self) -> str:
        """What tables and figures call it, folds together."""
        return f"{self.name}/{self.explainer}" if self.kind == "model" else f"{self.kind}/{self.name}"

    @property
    def slug(self) -> str:
        """Its folder's name in the store."""
        return slug(*(part for part in (self.kind, self.name, self.explainer, self.fold) if part))


class MapStore:
    """The standardized maps of one source, float32 ``(item, 275, 224)``, in chunks of 16.

    Args:
        run: the run directory.
        source: whose maps they are.
        items: one mapping per map: what tables know of it (image, group, ...).
    """

    def __init__(self, run: Path, source: Source, items: Sequence[Mapping[str, Any]]) -> None:
        self.source, self.items = source, list(items)
        self._zarr = run / "maps.zarr" / source.slug
        self._records = run / "chunks" / source.slug

    @property
    def chunks(self) -> list[slice]:
        """The items of each chunk."""
        return [slice(s, min(s + CHUNK, len(self.items))) for s in range(0, len(self.items), CHUNK)]

    def done(self, index: int, fingerprint: str) -> bool:
        """Whether the chunk was made of just these inputs."""
        record = self.record(index)
        return record is not None and record.get("fingerprint") == fingerprint

    def record(self, index: int) -> dict[str, Any] | None:
        """The record of a chunk; None where there is none, or it is torn."""
        try:
            return dict(json.loads((self._records / f"{index:05d}.json").read_text("utf-8")))
        except (OSError, ValueError):
            return None

    def write(self, index: int, maps: np.ndarray, facts: Mapping[str, Any]) -> None:
        """Write a chunk's maps, then its record with their checksum."""
        maps = np.ascontiguousarray(maps, np.float32)
        self._array()[self.chunks[index]] = maps
        facts = {**facts, "sha256": hashlib.sha256(maps.tobytes()).hexdigest()}
        write_atomically(self._records / f"{index:05d}.json", json.dumps(facts, ensure_ascii=False))

    def read(self, index: int) -> np.ndarray:
        """A chunk's maps, float32 ``(n, 275, 224)``."""
        return np.asarray(self._array()[self.chunks[index]])

    def stream(self) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """The chunks, one after the other: what is known of the maps, and the maps."""
        for index, part in enumerate(self.chunks):
            record = self.record(index) or {}
            table = pd.DataFrame(self.items[part])
            for key, values in record.get("columns", {}).items():
                table[key] = values
            yield table, self.read(index)

    def finish(self, description: Mapping[str, Any]) -> None:
        """Label the array's items and say what they are, for whoever opens the store with xarray."""
        table = pd.concat([table for table, _ in self.stream()], ignore_index=True) if self.items else pd.DataFrame()
        coordinates = {
            column: ("item", values.to_numpy(dtype=str) if values.dtype.kind in "OUST" else values.to_numpy())
            for column, values in table.items()
        }
        self._array()
        save(xr.Dataset(coords=coordinates, attrs=dict(description)), self._zarr, mode="a")

    def _array(self) -> Any:
        group = zarr.open_group(self._zarr, mode="a")
        shape = (len(self.items), *SHAPE)
        if "map" in group and group["map"].shape != shape:
            self.clear()
            group = zarr.open_group(self._zarr, mode="a")
        if "map" not in group:
            group.create_array(
                "map",
                shape=shape,
                chunks=(CHUNK, *SHAPE),
                dtype="float32",
                fill_value=np.nan,
                dimension_names=("item", "y", "x"),
            )
        return group["map"]

    def clear(self) -> None:
        """Forget all maps of the source."""
        for folder in (self._zarr, self._records):
            if folder.exists():
                shutil.rmtree(folder)


def save(dataset: xr.Dataset, path: Path, mode: str = "w") -> None:
    """Save a dataset as zarr; the format's warning about strings, which all readers share, is not the user's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        warnings.filterwarnings("ignore", message=".*Consolidated metadata.*")
        dataset.to_zarr(path, mode=mode, consolidated=False)  # type: ignore[call-overload]


def load(path: Path) -> xr.Dataset:
    """Open a zarr dataset lazily."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        return xr.open_zarr(path, consolidated=False)
