"""Where standardized maps lie: chunks of one zarr array per source, each with a record of what went into it.

A chunk counts as done only once its record stands, and the record is written last; so a run that is killed at any
moment loses at most the chunks it was making, and nothing is ever counted twice.

Maps are stored as 16-bit fractions of each map's own range, half the space of float32 and better compressed; what is
lost is at most (greatest - least) / 131,068 of a map's pixel. A pixel that lies that near to a threshold may change
sides: an IoU then moves by a few 0.00001.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import zarr
from pydantic import BaseModel, ConfigDict
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from xai_compare.faces.size import SHAPE
from xai_compare.files import make_room, slug, write_atomically
from xai_compare.runs.store.arrays import save
from xai_compare.runs.store.checksums import fits, verify_checksum, with_checksum
from xai_compare.watches import check_place

CHUNK = 16
"""Maps per chunk."""
LEVELS = 65_534
"""A map's least value is stored as 1 and its greatest as 65,535; 0 stands for an undefined (NaN) pixel."""


GROUP = {"attributes": {}, "zarr_format": 3, "node_type": "group"}
"""How zarr describes a group without attributes."""


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


def pack(maps: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pack float maps ``(n, h, w)`` into uint16 fractions of their own range; also each map's least and greatest.

    A constant map is kept exactly; a pixel that is not finite becomes NaN.
    """
    maps = np.where(np.isfinite(maps), maps, np.nan).astype(np.float64)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # A map that is undefined throughout has no range.
        low = np.nan_to_num(np.nanmin(maps, (1, 2)))
        high = np.nan_to_num(np.nanmax(maps, (1, 2)))
    span = np.where(high > low, high - low, 1.0)[:, None, None]
    levels = np.rint((maps - low[:, None, None]) / span * LEVELS) + 1
    return np.nan_to_num(levels).astype(np.uint16), low, high


def unpack(levels: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """The float32 maps of `pack`."""
    low, high = (np.asarray(v, np.float64).reshape(-1, 1, 1) for v in (low, high))
    span = np.where(high > low, high - low, 1.0)
    maps = low + (levels.astype(np.float64) - 1) / LEVELS * span
    return np.where(levels == 0, np.nan, maps).astype(np.float32)


class ChunkRecord(BaseModel):
    """What is known of a chunk's maps, of each one and of all.

    Attributes:
        fingerprint: of all that they depend on.
        sha256: of their levels as stored.
        least, greatest: of each map.
        seconds, explain_seconds: that they took.
        columns: what tables know of each map.
    """

    model_config = ConfigDict(extra="allow", strict=True)

    fingerprint: str = ""
    sha256: str
    least: list[float]
    greatest: list[float]
    seconds: float = 0.0
    explain_seconds: float = 0.0
    columns: dict[str, list[Any]] = {}

    def lengths(self) -> set[int]:
        """For how many maps it has something, by whichever column; one number where it is whole."""
        return {len(self.least), len(self.greatest), *(len(values) for values in self.columns.values())}


class MapStore:
    """The standardized maps of one source, ``(item, 275, 224)``, in chunks of 16.

    Args:
        run: the run directory.
        source: whose maps they are.
        items: one mapping per map: what tables know of it (image, group, ...).
        removed: whether the maps were removed on purpose once the tables were made; the records stay.
        size: how many maps there are, if the items are not at hand.
    """

    def __init__(
        self,
        run: Path,
        source: Source,
        items: Sequence[Mapping[str, Any]],
        *,
        removed: bool = False,
        size: int | None = None,
    ) -> None:
        self.run, self.source, self.items, self.removed = run, source, list(items), removed
        self.size = len(self.items) if size is None else size
        self._zarr = run / "maps.zarr" / source.slug
        self._records = run / "chunks" / source.slug

    @property
    def chunks(self) -> list[slice]:
        """The items of each chunk."""
        return [slice(s, min(s + CHUNK, self.size)) for s in range(0, self.size, CHUNK)]

    def bare(self) -> MapStore:
        """The same store without its items: enough to write chunks, and quick to send to another process."""
        return MapStore(self.run, self.source, [], size=self.size)

    @property
    def most_bytes(self) -> int:
        """What the maps take on disk before compression."""
        return self.size * SHAPE[0] * SHAPE[1] * 2

    def prepare(self) -> None:
        """Make the array fit the items, keeping the chunks that are there; to be called before chunks are written."""
        if self.removed:
            return
        for folder in (self.run / "maps.zarr", self._zarr, self._zarr / "map", self._records.parent, self._records):
            make_room(folder, folder=True)
        # Chunks have checksums of their own, so they may stay however the description beside them was damaged.
        group = _described(self._zarr)
        if not isinstance(group, dict) or {**group, "attributes": {}} != GROUP:
            write_atomically(self._zarr / "zarr.json", json.dumps(GROUP))
        if _described(self._zarr / "map") != _description(self.size):
            write_atomically(self._zarr / "map" / "zarr.json", json.dumps(_description(self.size)))
        for path in (self._zarr / "map").glob("c/*"):
            if not path.name.isdigit() or int(path.name) >= len(self.chunks):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in self._records.glob("[0-9]*.json"):
            if int(path.name[:5]) >= len(self.chunks):
                make_room(path)
                path.unlink(missing_ok=True)

    def problem(self, index: int, fingerprint: str | None = None) -> str:
        """Why a chunk must be made (again); empty where it is whole and, if one is given, of this fingerprint."""
        record = self.record(index)
        if record is None:
            return "damaged record" if self._path(index).exists() else "not made yet"
        if fingerprint is not None and record.get("fingerprint") != fingerprint:
            return "made of other inputs"
        if self.removed:
            return ""
        try:
            levels = self._levels(index)
        except Exception as error:  # Whatever a decoder says of damaged bytes, the chunk is damaged.
            return f"unreadable maps ({type(error).__name__})"
        return "" if _checksum(levels) == record.get("sha256") else "maps do not match their checksum"

    def record(self, index: int) -> dict[str, Any] | None:
        """The record of a chunk; None where there is none, or it is damaged."""
        try:
            record = verify_checksum(self._path(index).read_bytes())
        except OSError:
            return None
        part = self.chunks[index]
        known = None if record is None else fits(record, ChunkRecord)
        return record if known is not None and known.lengths() == {part.stop - part.start} else None

    def write(self, index: int, maps: np.ndarray, facts: Mapping[str, Any]) -> None:
        """Write a chunk's maps to disk, then its record with their checksum."""
        levels, low, high = pack(maps)
        place = self._zarr / "map" / "c" / str(index) / "0" / "0"
        check_place(place, self.run)
        check_place(self._path(index), self.run)
        for folder in (place.parents[2], place.parents[1], place.parent):
            make_room(folder, folder=True)
        make_room(place)
        zarr.open_array(self._zarr / "map", mode="r+", zarr_format=3)[self.chunks[index]] = levels
        _sync(place)
        facts = {**facts, "sha256": _checksum(levels), "least": low.tolist(), "greatest": high.tolist()}
        write_atomically(self._path(index), with_checksum(facts))

    def forget(self, index: int) -> None:
        """Take a chunk for not made, before it is made again of other inputs."""
        make_room(self._path(index))
        self._path(index).unlink(missing_ok=True)

    def read(self, index: int) -> np.ndarray:
        """A chunk's maps, float32 ``(n, 275, 224)``; NaN where the chunk was not made."""
        record = self.record(index)
        part = self.chunks[index]
        if record is None:
            return np.full((part.stop - part.start, *SHAPE), np.nan, np.float32)
        return unpack(self._levels(index), np.array(record["least"]), np.array(record["greatest"]))

    def tables(self) -> Iterator[pd.DataFrame]:
        """What is known of the maps of each chunk that is made; the maps are not read."""
        for index in range(len(self.chunks)):
            record = self.record(index)
            if record is not None:
                yield self._table(index, record)

    def state(self) -> list[tuple[str, str]]:
        """Fingerprint and checksum of each chunk, empty where it is not made: what changes when the maps do."""
        records = [self.record(index) or {} for index in range(len(self.chunks))]
        return [(str(record.get("fingerprint", "")), str(record.get("sha256", ""))) for record in records]

    def stream(self) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
        """The chunks that are made, one after the other: what is known of the maps, and the maps."""
        for index in range(len(self.chunks)):
            record = self.record(index)
            if record is not None:
                yield self._table(index, record), self.read(index)

    def effort(self) -> dict[str, float]:
        """Maps made, and the seconds it took, in whatever processes and sessions; those of the explainer alone too."""
        records = [(part, self.record(index)) for index, part in enumerate(self.chunks)]
        made = [(part.stop - part.start, record) for part, record in records if record]
        seconds = {key: sum(float(r.get(key, 0)) for _, r in made) for key in ("seconds", "explain_seconds")}
        return {"maps": sum(size for size, _ in made), **{key: round(value, 3) for key, value in seconds.items()}}

    def finish(self, description: Mapping[str, Any]) -> None:
        """Label the array's items and say what they are, for whoever opens the store with xarray."""
        if self.removed:
            return
        records = [(index, self.record(index)) for index in range(len(self.chunks))]
        tables = [self._table(index, record or {}) for index, record in records]
        table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
        coordinates = {
            column: ("item", values.to_numpy(dtype=str) if values.dtype.kind in "OUST" else values.to_numpy())
            for column, values in table.items()
        }
        for path in self._zarr.iterdir():  # Labels of an earlier, longer or shorter, list of items.
            if path.name != "map":
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        write_atomically(self._zarr / "zarr.json", json.dumps(GROUP))
        import xarray as xr

        encoding = f"value = least + (level - 1) / {LEVELS} * (greatest - least); level 0 is undefined"
        save(xr.Dataset(coords=coordinates, attrs={**description, "encoding": encoding}), self._zarr, mode="a")

    def clear(self) -> None:
        """Forget all maps of the source."""
        for folder in (self._zarr, self._records):
            make_room(folder, folder=True)
            if folder.exists():
                shutil.rmtree(folder)

    def _table(self, index: int, record: Mapping[str, Any]) -> pd.DataFrame:
        table = pd.DataFrame(self.items[self.chunks[index]])
        size = len(table)
        for key, values in record.get("columns", {}).items():
            table[key] = values
        table["least"] = record.get("least", [np.nan] * size)
        table["greatest"] = record.get("greatest", [np.nan] * size)
        return table

    def _levels(self, index: int) -> np.ndarray:
        return np.asarray(zarr.open_array(self._zarr / "map", mode="r", zarr_format=3)[self.chunks[index]])

    def _path(self, index: int) -> Path:
        return self._records / f"{index:05d}.json"


def _description(size: int) -> dict[str, Any]:
    """How zarr describes an array of so many maps."""
    made = zarr.create_array(
        MemoryStore(),
        shape=(size, *SHAPE),
        chunks=(CHUNK, *SHAPE),
        dtype="uint16",
        fill_value=0,
        compressors=[ZstdCodec(level=0)],
        dimension_names=("item", "y", "x"),
        zarr_format=3,
    )
    return dict(json.loads(json.dumps(made.metadata.to_dict(), default=str)))


def _described(folder: Path) -> Any:
    """What the description of an array or group says; None where it cannot be read."""
    try:
        return json.loads((folder / "zarr.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _checksum(levels: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(levels).tobytes()).hexdigest()


def _sync(path: Path) -> None:
    """See that a file is on the disk; a chunk of undefined maps alone has none."""
    if path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())
