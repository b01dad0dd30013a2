"""People's clicks and fixations on the standard face, kept in the run directory for the metrics that need points."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.faces import SHAPE, to_standard
from xai_compare.images import Crop
from xai_compare.runs.store import MapStore

COLUMNS = ("participant", "image", "x", "y", "weight")
FOLDER = "points"


def on_face(points: pd.DataFrame, crop: Crop, weights: str | None) -> pd.DataFrame:
    """Bring the points on one picture onto the standard face; those that miss it are left out.

    Args:
        points: participant, image, x, y in pixels of the picture, and the column that weighs them, if any.
        crop: how the picture's face was cut.
        weights: name of that column.

    Returns:
        `COLUMNS`; x and y in pixels of the standard face.
    """
    places = to_standard(crop.points(points[["x", "y"]].to_numpy(np.float64)), crop.landmarks, crop.image.shape[:2])
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
        }
    )
    return table.iloc[np.flatnonzero(inside)].reset_index(drop=True)


def points_are(store: MapStore, fingerprint: str) -> bool:
    """Whether the source's points lie in the run directory and are of this fingerprint."""
    try:
        return bool(pd.read_parquet(_path(store)).attrs.get("fingerprint") == fingerprint)
    except (OSError, ValueError):  # Not there, or damaged: pyarrow's errors are ValueErrors.
        return False


def write_points(store: MapStore, points: pd.DataFrame, fingerprint: str) -> None:
    """Keep a source's points on the standard face."""
    path = _path(store)
    path.parent.mkdir(parents=True, exist_ok=True)
    points.attrs = {"fingerprint": fingerprint}
    part = path.with_suffix(".part")
    points.to_parquet(part, index=False)
    part.replace(path)


def read_points(store: MapStore) -> pd.DataFrame:
    """A source's points on the standard face: participant, image, x, y (pixels), weight.

    Raises:
        InputError: if they are not there, or damaged.
    """
    try:
        return pd.read_parquet(_path(store))
    except (OSError, ValueError):
        what = "people's points on the standard face are missing or damaged"
        raise InputError(what, where=_path(store), mend="run the study again; maps that are there are kept") from None


def _path(store: MapStore) -> Path:
    return store.run / FOLDER / f"{store.source.slug}.parquet"
