"""A finished (or unfinished) run, opened again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xai_compare.errors import InputError
from xai_compare.faces import SHAPE
from xai_compare.registry import VIEWS
from xai_compare.runs.store import LEVELS, RERUN_HINT, Done, Plan, load
from xai_compare.study import Study

if TYPE_CHECKING:
    import xarray as xr

    from xai_compare.runs.face_cache import FaceCache
    from xai_compare.runs.store import MapStore


@dataclass
class Run:
    """A run directory, read with labels.

    Attributes:
        dir: the directory.
    """

    dir: Path

    @classmethod
    def open(cls, directory: str | Path) -> Run:
        """Open a run directory.

        Raises:
            InputError: if it is not one.
        """
        directory = Path(directory)
        if not (directory / "study.yaml").is_file():
            raise InputError("no run is here (study.yaml is missing)", where=directory, hint="name a run directory")
        return cls(directory)

    @cached_property
    def study(self) -> Study:
        """The resolved study."""
        return Study.load(self.dir / "study.yaml")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Versions, seed, hashes, time per stage, skipped images."""
        return dict(json.loads(self._whole("provenance.json").read_text("utf-8")))

    @cached_property
    def heatmaps(self) -> xr.Dataset:
        """``heatmap (source, fold, expression, y, x)`` float32, ``count``, ``mean_face (y, x, rgb)`` uint8; lazy."""
        return load(self._whole("heatmaps.zarr"), {"y": SHAPE[0], "x": SHAPE[1]})

    @cached_property
    def maps(self) -> xr.Dataset:
        """Every standardized map: ``map (item, y, x)`` float32, raw values; coordinates say whose it is; lazy."""
        import xarray as xr

        root = self._finished("maps.zarr")
        parts = []
        for store in sorted(self.stores, key=lambda store: store.source.slug):
            sizes = {"item": store.size, "y": SHAPE[0], "x": SHAPE[1]}
            parts.append(_decoded(load(root / store.source.slug, sizes)))
        shared = set.intersection(*(set(part.coords) for part in parts)) if parts else set()
        parts = [part.drop_vars([name for name in part.coords if name not in shared]) for part in parts]
        return xr.concat(parts, dim="item") if parts else xr.Dataset()

    @property
    def stores(self) -> list[MapStore]:
        """Where the maps of each source lie; a store's maps may have been removed on purpose."""
        return Plan.demand(self.dir).stores(self.dir)

    @cached_property
    def pictures(self) -> FaceCache:
        """The study's pictures, and what the run knows of their faces.

        Raises:
            InputError: if the study's manifest or folder is no longer there.
        """
        from xai_compare.runs.face_cache import FaceCache, read_pictures

        return FaceCache(self.study.images, read_pictures(self.study), self.dir / "faces.jsonl")

    @cached_property
    def scores(self) -> pd.DataFrame:
        """metric, a, b, expression, fold, value, n, ci_low, ci_high, note, floor, floor_kind."""
        return self._table("scores")

    @cached_property
    def merges(self) -> pd.DataFrame:
        """expression, form, step, height, members."""
        return self._table("merges")

    @cached_property
    def predictions(self) -> pd.DataFrame:
        """model, image, label, predicted, probability, selected."""
        return self._table("predictions")

    @cached_property
    def images(self) -> pd.DataFrame:
        """Every picture looked at: image, expression, subject, dataset, ..., faces, note, sha256, reason."""
        return self._table("images")

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """image, reason."""
        return self._table("skipped")

    @cached_property
    def maps_table(self) -> pd.DataFrame:
        """What is known of every map, see ``tables/maps.csv``."""
        return self._table("maps")

    @property
    def faithfulness(self) -> pd.DataFrame:
        """model, explainer, score, n, mean, control_mean, difference, ci_low, ci_high, better, note.

        Empty if the study does not ask for it.
        """
        return self.table("faithfulness")

    @property
    def faithfulness_curves(self) -> pd.DataFrame:
        """model, explainer, curve, share, mean, random_mean, n; empty if the study does not ask for it."""
        return self.table("faithfulness_curves")

    def table(self, name: str) -> pd.DataFrame:
        """Any table of the run, whichever stage wrote it; empty, without columns, if there is none of that name.

        Raises:
            InputError: if the run wrote it, and it is gone or damaged.
        """
        file = f"tables/{name}.parquet"
        there = (self.dir / file).exists() or self._done.wrote(file)
        return self._table(name) if there else pd.DataFrame()

    @property
    def simulated(self) -> set[str]:
        """The sources whose data are simulated."""
        marks = self.heatmaps["simulated"].to_numpy()
        return {str(name) for name, mark in zip(self.heatmaps.source.values, marks, strict=True) if mark}

    @property
    def plot(self) -> Any:
        """Its figures, as in the report: ``run.plot.heatmaps()`` returns a list of matplotlib figures."""
        return VIEWS.get("plot")(self)

    def explore(self, *, with_pictures: bool = False) -> Path:
        """Write ``explore.html`` into the run's directory, a page to play with, and return its path.

        Args:
            with_pictures: whether photographs are put into it; rendered faces always are.
        """
        return Path(VIEWS.get("explore")(self, with_pictures=with_pictures))

    def figures(self) -> list[str]:
        """The names of its figures, in the order of the report."""
        return list(VIEWS.get("figures")(self))

    def figure(
        self,
        name: str,
        *,
        sources: Sequence[str] = (),
        expressions: Sequence[str] = (),
        width_mm: float = 180,
        style: str | Path | None = None,
    ) -> Any:
        """One figure at its printed size, as a matplotlib figure, in letters of 7 points or more.

        Args:
            name: one of `figures`.
            sources: which to show, together: names as in the tables (``"compact/lime"``), patterns (``"*/lime"``),
                networks or explainers; none for all.
            expressions: which to show; none for all.
            width_mm: printed width, 60 to 400 mm; a column has 85, two have 180.
            style: a matplotlib style, or a ``.mplstyle`` file, laid over the house's.

        Raises:
            InputError: for a name, source or expression that is not there, naming the nearest.
        """
        return VIEWS.get("figure")(self, name, sources=sources, expressions=expressions, width_mm=width_mm, style=style)

    def _repr_html_(self) -> str:
        return str(VIEWS.get("html")(self))

    def _finished(self, name: str) -> Path:
        path = self.dir / name
        if not path.exists():
            raise InputError(f"the run is not finished ({name} is missing)", where=self.dir, hint="xai-compare run it")
        return path

    def _whole(self, name: str) -> Path:
        """A file of the run, which must be as the run left it."""
        path = self._finished(name)
        problem = self._done.problem(self.dir, name)
        if problem:
            raise InputError(problem, where=path, hint=RERUN_HINT)
        return path

    @property
    def _done(self) -> Done:
        return Done.demand(self.dir)

    def _table(self, name: str) -> pd.DataFrame:
        return pd.read_parquet(self._whole(f"tables/{name}.parquet"))


def _decoded(part: xr.Dataset) -> xr.Dataset:
    """A source's maps in their own units, and coordinates that say whose they are."""
    facts = {name: str(part.attrs.get(name, "")) for name in ("source", "kind", "model", "explainer", "fold")}
    part = part.assign_coords({name: ("item", [value] * part.sizes["item"]) for name, value in facts.items()})
    least, greatest = part["least"].load(), part["greatest"].load()
    span = (greatest - least).where(greatest > least, 1.0)
    maps = (least + (part["map"].astype("float64") - 1) / LEVELS * span).where(part["map"] > 0)
    return part.assign(map=maps.transpose("item", "y", "x").astype("float32")).drop_attrs()
