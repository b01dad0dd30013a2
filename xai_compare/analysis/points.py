"""People's clicks and fixations on the standard face, for the metrics that need points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

from xai_compare.analysis.people import People
from xai_compare.errors import InputError
from xai_compare.faces import CANONICAL, SHAPE, to_standard
from xai_compare.files import atomic, digest, make_room
from xai_compare.images import Frame
from xai_compare.registry import STAGES
from xai_compare.runs.stage import FileStage
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

COLUMNS = ("participant", "image", "x", "y", "weight", "sigma")
FOLDER = "points"
RESULTS = 2
"""Raised whenever a change of the code changes points."""


@STAGES.register("points")
class Points(FileStage):
    """Brings people's points onto the standard face: a table for each group of people."""

    name: ClassVar[str] = "points"
    title: ClassVar[str] = "points on the standard face"
    needs: ClassVar[tuple[str, ...]] = ("people",)

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether the study has people."""
        return bool(study.human)

    def fingerprint(self) -> str:
        """Of what people's maps depend on."""
        return digest([RESULTS, [(store.source.slug, self.job.expected[store.source.slug]) for store in self._stores]])

    def files(self) -> Sequence[str]:
        """A table for each group of people."""
        return [points_file(store) for store in self._stores]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        for store in self._stores:
            group, points = self.job.get(People).points(store.source.label)
            parts = [
                on_face(rows, self.job.pictures.frame(str(image)), group.spec.weights, group.sigma)
                for image, rows in points.groupby("image", sort=False)
            ]
            table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
            write_points(store, table)

    @property
    def _stores(self) -> list[MapStore]:
        return [store for store in self.job.stores if store.source.kind == "human"]


def on_face(points: pd.DataFrame, frame: Frame, weights: str | None, sigma: float) -> pd.DataFrame:
    """Bring the points on one picture onto the standard face; those that miss it are left out.

    Args:
        points: participant, image, x, y in pixels of the picture, and the column that weighs them, if any.
        frame: how the picture's face is cut.
        weights: name of that column.
        sigma: standard deviation of people's Gaussians, in pixels of the picture.

    Returns:
        `COLUMNS`; x, y and sigma in pixels of the standard face. Of a picture all points have one sigma, by the
        face's size there and here: the warp itself stretches a little differently from place to place.
    """
    cut = frame.points(points[["x", "y"]].to_numpy(np.float64))
    places = to_standard(cut, frame.landmarks, (frame.side, frame.side))
    height, width = SHAPE
    inside = (np.floor(places + 0.5) >= 0).all(1) & (np.floor(places + 0.5) < (width, height)).all(1)
    weighed = points[weights].to_numpy(np.float64) if weights else np.ones(len(points))
    table = pd.DataFrame(
        {
            "participant": points["participant"].astype(str).to_numpy(),
            "image": points["image"].astype(str).to_numpy(),
            "x": places[:, 0],
            "y": places[:, 1],
            "weight": weighed,
            "sigma": sigma * _enlargement(frame),
        }
    )
    return table[np.asarray(inside)].reset_index(drop=True)


def _enlargement(frame: Frame) -> float:
    """Pixels of the standard face for one of the picture."""
    here = CANONICAL[:68] - CANONICAL[:68].mean(0)
    there = frame.landmarks - frame.landmarks.mean(0)
    of_cut = float(np.sqrt(abs(np.linalg.det(frame.matrix[:, :2]))))
    return of_cut * float(np.sqrt((here**2).sum() / (there**2).sum()))


def write_points(store: MapStore, points: pd.DataFrame) -> None:
    """Keep a source's points on the standard face."""
    path = store.run / points_file(store)
    make_room(path.parent, folder=True)
    with atomic(path) as part:
        points.to_parquet(part, index=False)


def read_points(store: MapStore) -> pd.DataFrame:
    """A source's points on the standard face: participant, image, x, y (pixels), weight, sigma.

    Raises:
        InputError: if they are not there, or damaged.
    """
    try:
        return pd.read_parquet(store.run / points_file(store))
    except (OSError, ValueError):
        what = "people's points on the standard face are missing or damaged"
        raise InputError(
            what, where=store.run / points_file(store), hint="run the study again; maps that are there are kept"
        ) from None


def points_file(store: MapStore) -> str:
    """Where a source's points lie, below the run directory."""
    return f"{FOLDER}/{store.source.slug}.parquet"
