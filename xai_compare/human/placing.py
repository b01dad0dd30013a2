"""Clicks and fixations in pixels of the pictures as they were shown, whatever their file counts in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.readers import joined_frames, totals
from xai_compare.human.screen import Placement, Screen
from xai_compare.human.units import MS, Extent, Units, coded_as_lost, durations_in_ms, to_screen

Shapes = dict[str, tuple[int, int]]


def placed(
    frames: Sequence[pd.DataFrame],
    files: Iterable[object],
    screen: Screen,
    placement: Placement | Literal["screen"] | None,
    units: Units,
) -> tuple[pd.DataFrame, Shapes, float]:
    """The points of all files as shown, the height and width at which each picture was shown, and the scale.

    Where a file tells the size of its pictures, x and y are of the picture; otherwise, with a placement, of the screen.
    Times come out in ms. Without sizes or a placement no size is told: points then are in pixels of the pictures.

    Args:
        frames: as from `read_clicks`, `read_fixations` or `read_points`, one for each file.
        files: their names, for messages.
        screen, placement, units: as of `xai_compare.human.experiment.Reading`.

    Raises:
        InputError: if places or durations look like another unit than was said, or what converts them is not known.
    """
    attrs = _attrs(frames)
    lost, kept = 0, []
    for frame, where in zip(frames, files, strict=True):
        x, y = (frame[name].to_numpy(float) for name in ("x", "y"))
        if "duration" in frame:
            coded = coded_as_lost(x, y)
            lost += int(coded.sum())
            frame = frame[~coded].reset_index(drop=True) if coded.any() else frame
            frame["duration"] = durations_in_ms(frame["duration"].to_numpy(float), units, where)
            x, y = x[~coded], y[~coded]
        Extent().add(x, y).refuse_others(units, where)
        kept.append(frame)
    points = joined_frames(kept)
    if lost:
        attrs["dropped"]["coded as lost"] = lost
    for name in ("time", "rt") if units.clock else ():
        if name in points:
            points[name] = points[name] * MS[units.clock or "ms"]
    points, shapes, scale = _as_shown(points, screen, placement, units, next(iter(files), ""))
    points.attrs = attrs
    return points, shapes, scale


def _attrs(frames: Sequence[pd.DataFrame]) -> dict[Any, Any]:
    """What was read and dropped, of all files together."""
    parts = [frame.attrs for frame in frames]
    return {
        "files": [file for part in parts for file in part["files"]],
        "renamed": {given: name for part in parts for given, name in part.get("renamed", {}).items()},
        "points": sum(part.get("points", 0) for part in parts),
        "dropped": totals(part.get("dropped", {}) for part in parts),
    }


def _as_shown(
    points: pd.DataFrame,
    screen: Screen,
    placement: Placement | Literal["screen"] | None,
    units: Units,
    where: object,
) -> tuple[pd.DataFrame, Shapes, float]:
    images = points["image"].astype(str).unique()
    if {"width", "height"} <= set(points) and points[["width", "height"]].notna().all(axis=1).any():
        shapes = shown_sizes(points)
        return of_one_size(points, points, shapes), shapes, 1.0
    unit = units.place or "pixels"
    x, y = (points[name].to_numpy(float) for name in ("x", "y"))
    if placement is not None:
        if placement == "screen":
            if screen.resolution is None:
                what = "the screen's resolution is not known, which placement: screen needs"
                raise InputError(what, where=where, hint="give screen: {resolution: [w, h]}")
            placement = Placement(0.0, 0.0, *screen.resolution)
        x, y = placement.to_picture(*to_screen(x, y, unit, screen, where))
        return points.assign(x=x, y=y), dict.fromkeys(images, (round(placement.height), round(placement.width))), 1.0
    if unit == "pixels":
        return points, {}, 1.0
    if unit not in ("fraction", "percent"):
        what = f"where on the screen the picture lay is not known, which units: {unit} needs"
        raise InputError(what, where=where, hint="give placement: [left, top, width, height]")
    # A fraction is a pixel of a picture of one by one pixels: from there it is scaled as any other size is.
    side = 1 if unit == "fraction" else 100
    return points.assign(x=x - 0.5, y=y - 0.5), dict.fromkeys(images, (side, side)), np.nan


def shown_sizes(table: pd.DataFrame) -> Shapes:
    """The height and width at which each picture was shown, the largest of all people's."""
    sizes = table.dropna(subset=["width", "height"]).groupby("image")[["height", "width"]].max()
    return {str(image): (round(h), round(w)) for image, (h, w) in zip(sizes.index, sizes.to_numpy(), strict=True)}


def of_one_size(points: pd.DataFrame, sizes: pd.DataFrame, shapes: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
    """Points on pictures that some people saw larger than others, all in pixels of the size in ``shapes``.

    Args:
        points: with ``image, x, y`` or, of saccades, ``from_x`` and so on.
        sizes: the same table, or trials, with the ``width`` and ``height`` at which the picture was shown.
        shapes: height and width of each picture.
    """
    keys = ["participant", "image", "trial"]
    images = sizes["image"].astype(str)
    scales = {}
    for axis, name, at in (("x", "width", 1), ("y", "height", 0)):
        whole = images.map({image: float(shape[at]) for image, shape in shapes.items()})
        scales[axis] = (whole / sizes[name].astype(float).round()).fillna(1.0)
    if not len(points) or all((scale == 1).all() for scale in scales.values()):
        return points
    moved = points.copy()
    for axis, scale in scales.items():
        if sizes is not points:
            of_trial = pd.Series(scale.to_numpy(), pd.MultiIndex.from_frame(sizes[keys].astype(str)))
            scale = of_trial.reindex(pd.MultiIndex.from_frame(points[keys].astype(str)))
        for column in (axis, f"from_{axis}", f"to_{axis}"):
            if column in moved:
                moved[column] = (moved[column] + 0.5) * scale.to_numpy() - 0.5
    return moved
