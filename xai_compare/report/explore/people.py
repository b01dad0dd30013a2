"""People's points on the standard face, in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.report.data import ReportData

if TYPE_CHECKING:
    from xai_compare.runs import Run

MOST_POINTS = 60_000


def people(run: Run, data: ReportData) -> list[dict[str, Any]]:
    """The points of each group of people, participant and picture as numbers; a group without points says why."""
    from xai_compare.analysis.points import read_points

    found = []
    for store in run.stores:
        if store.source.kind != "human":
            continue
        source = data.by_name.get(store.source.label)
        group: dict[str, Any] = {"source": store.source.label, "simulated": bool(source and source.simulated)}
        try:
            found.append(group | _packed(read_points(store)))
        except InputError as error:
            found.append(group | {"note": f"Points are not shown: {error.what}."})
    return found


def _packed(points: pd.DataFrame) -> dict[str, Any]:
    total = len(points)
    names = list(dict.fromkeys(points["image"]))
    kept = points
    if total > MOST_POINTS:
        counts = points.groupby("image", sort=False).size().cumsum()
        names = list(counts.index[counts <= MOST_POINTS]) or names[:1]
        kept = points[points["image"].isin(names)].head(MOST_POINTS)
    participants, persons = pd.factorize(kept["participant"])
    images, pictures = pd.factorize(kept["image"])
    packed = {
        "participants": [str(one) for one in persons],
        "images": [str(one) for one in pictures],
        "participant": participants.tolist(),
        "image": images.tolist(),
        "x": _rounded(kept["x"], 1),
        "y": _rounded(kept["y"], 1),
        "weight": _rounded(kept["weight"], 3),
        "sigma": _rounded(kept.groupby(images)["sigma"].first(), 2),
        "of": total,
    }
    times = next((name for name in ("time", "onset", "start") if name in kept), None)
    return packed | ({"time": _rounded(kept[times], 0)} if times else {})


def _rounded(values: Sequence[float] | pd.Series, digits: int) -> list[float | None]:
    numbers = np.asarray(values, float)
    return [round(float(one), digits) if np.isfinite(one) else None for one in numbers]
