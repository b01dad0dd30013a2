"""Areas of interest on a face: eyes, brows, nose, mouth, cheeks, forehead and the rest, from its 68 landmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.faces import CANONICAL
from xai_compare.faces.areas import MARGIN as MARGIN
from xai_compare.faces.areas import NAMES as NAMES
from xai_compare.faces.areas import Areas as Areas
from xai_compare.faces.areas import face_areas as face_areas
from xai_compare.faces.areas import face_outlines as face_outlines
from xai_compare.faces.areas import interocular as interocular


def landmarks_from_centres(left_eye: np.ndarray, right_eye: np.ndarray, mouth: np.ndarray) -> np.ndarray:
    """The 68 landmarks of the standard face, moved so that eyes and mouth lie where they are said to: float (68, 2).

    For pictures that are not at hand, if their faces are aligned. The shape between these points is the standard one.

    Args:
        left_eye, right_eye, mouth: x and y of their centres in pixels; left is left in the picture.

    Raises:
        InputError: if the three points lie on a line.
    """
    own = np.stack([CANONICAL[36:42].mean(0), CANONICAL[42:48].mean(0), CANONICAL[48:60].mean(0)])
    there = np.array([left_eye, right_eye, mouth], float)
    if abs(np.linalg.det(np.column_stack([there, np.ones(3)]))) < 1:
        raise InputError(f"eyes and mouth at {there.tolist()} lie on a line", hint="give left eye, right eye, mouth")
    matrix = np.linalg.solve(np.column_stack([own, np.ones(3)]), there)
    return np.column_stack([CANONICAL[:68], np.ones(68)]) @ matrix


def from_masks(masks: Mapping[str, np.ndarray], rest: str = "rest") -> Areas:
    """Areas from any set of masks: where two overlap, the first counts; what none covers is ``rest``.

    Args:
        masks: bool (h, w) by name.
        rest: what to call the remainder.

    Raises:
        InputError: if there is no mask, or they differ in size.
    """
    shapes = {np.shape(mask) for mask in masks.values()}
    if len(shapes) != 1:
        raise InputError(f"masks of {len(shapes)} sizes", hint="give masks of one size")
    names = (*masks, rest)
    labels = np.full(shapes.pop(), len(names) - 1, np.uint8)
    for at, mask in reversed(list(enumerate(masks.values()))):
        labels[np.asarray(mask, bool)] = at
    return Areas(names, labels)


def point_shares(
    points: pd.DataFrame,
    areas: Mapping[str, Areas],
    expressions: Mapping[str, str],
    *,
    weights: str | None = None,
    source: str = "people",
    measure: str = "fixations",
) -> pd.DataFrame:
    """Return the share of points (or of their time) that falls into each area, by expression and over all.

    Args:
        points: fixations or clicks: image, x, y; those beside the picture do not count.
        areas: the areas of each picture.
        expressions: the expression of each picture.
        weights: the column to add up instead of counting, such as ``duration``.
        source, measure: what the columns of those names hold.

    Returns:
        ``expression, area, source, measure, share, n, size``, see `xai_compare.human.schema.COLUMNS`. The shares of an
        expression sum to 1; NaN where nothing falls on its pictures.
    """
    parts = []
    for image, own in points.groupby("image", sort=False, observed=True):
        if image in areas and image in expressions:
            where = areas[str(image)].at(own["x"].to_numpy(), own["y"].to_numpy())
            weight = own[weights].to_numpy(float) if weights else np.ones(len(own))
            parts.append(pd.DataFrame({"expression": expressions[str(image)], "area": where, "weight": weight}))
    hits = pd.concat(parts) if parts else pd.DataFrame({"expression": [], "area": [], "weight": []})
    hits = hits[hits["area"] != "off picture"]
    rows = []
    for expression, images in _by_expression(areas, expressions).items():
        own = hits if expression == "all" else hits[hits["expression"] == expression]
        sums, total = own.groupby("area")["weight"].sum(), own["weight"].sum()
        for name in areas[images[0]].names:
            share = float(sums.get(name, 0.0) / total) if total > 0 else np.nan
            rows.append(_row(expression, name, source, measure, share, len(own), images, areas))
    return pd.DataFrame(rows)


def map_shares(
    maps: Mapping[str, np.ndarray],
    areas: Mapping[str, Areas] | Areas,
    expressions: Mapping[str, str],
    *,
    source: str = "people",
    measure: str = "map",
) -> pd.DataFrame:
    """Return the share of the maps' mass that lies in each area, by expression and over all.

    Each map weighs alike. Of signed maps the positive part counts: what speaks for the expression.

    Args:
        maps: float (h, w) by picture, of people or of a network.
        areas: the areas of each picture, or those of the standard face for maps on it.
        expressions: the expression of each picture.
        source, measure: what the columns of those names hold.

    Returns:
        As `point_shares`; maps that are NaN or without a positive value do not count.
    """
    own = dict.fromkeys(maps, areas) if isinstance(areas, Areas) else areas
    known = {image: expressions[image] for image in maps if image in expressions and image in own}
    shares = {image: _mass(maps[image], own[image]) for image in known}
    rows = []
    for expression, images in _by_expression({image: own[image] for image in known}, known).items():
        stack = np.stack([shares[image] for image in images])
        stack = stack[np.isfinite(stack).all(1)]
        for at, name in enumerate(own[images[0]].names):
            share = float(stack[:, at].mean()) if len(stack) else np.nan
            rows.append(_row(expression, name, source, measure, share, len(stack), images, own))
    return pd.DataFrame(rows)


def transitions(points: pd.DataFrame, areas: Mapping[str, Areas]) -> pd.DataFrame:
    """Return how often gaze goes from one area to another: shares, each row summing to 1, areas down and across.

    Counted are two fixations that follow each other in a trial and both lie on the picture. A row is NaN where no
    fixation is followed by another.

    Args:
        points: fixations in order: participant, image, perhaps trial and order, x, y.
        areas: the areas of each picture.
    """
    names = list(dict.fromkeys(name for own in areas.values() for name in own.names))
    keys = [key for key in ("participant", "image", "trial") if key in points]
    ranked = points.sort_values([*keys, "order"], kind="stable") if "order" in points else points
    counted = np.zeros((len(names), len(names)))
    trial = ranked.groupby(keys, sort=False, observed=True).ngroup().to_numpy()
    rank = ranked["order"].to_numpy(float) if "order" in ranked else np.arange(len(ranked), dtype=float)
    for image, rows in ranked.groupby("image", sort=False, observed=True).indices.items():
        if str(image) not in areas:
            continue
        own = ranked.iloc[rows]
        where = pd.Index(names).get_indexer(pd.Index(areas[str(image)].at(own["x"].to_numpy(), own["y"].to_numpy())))
        same = (np.diff(trial[rows]) == 0) & (np.diff(rank[rows]) == 1)
        both = same & (where[1:] >= 0) & (where[:-1] >= 0)
        np.add.at(counted, (where[:-1][both], where[1:][both]), 1)
    counts = pd.DataFrame(counted, index=pd.Index(names, name="from"), columns=pd.Index(names, name="to"))
    total = counts.sum(axis=1)
    return counts.div(total.where(total > 0), axis=0)


def _mass(values: np.ndarray, areas: Areas) -> np.ndarray:
    if values.shape != areas.labels.shape:
        raise InputError(f"a map of {values.shape} pixels with areas of {areas.labels.shape}")
    positive = np.where(values > 0, values, 0.0).astype(float)
    total = positive.sum() if np.isfinite(values).all() else np.nan
    sums = np.bincount(areas.labels.ravel(), positive.ravel(), minlength=len(areas.names))
    return sums / total if total > 0 else np.full(len(areas.names), np.nan)


def _by_expression(images: Iterable[str], expressions: Mapping[str, str]) -> dict[str, list[str]]:
    known = [image for image in images if image in expressions]
    by = {name: [i for i in known if expressions[i] == name] for name in ordered(expressions[i] for i in known)}
    return by | {"all": known} if known else {}


def _row(
    expression: str, area: str, source: str, measure: str, share: float, n: int, images: list[str],
    areas: Mapping[str, Areas],
) -> dict[str, object]:  # fmt: skip
    size = float(np.mean([areas[image].mask(area).mean() for image in images]))
    return {"expression": expression, "area": area, "source": source, "measure": measure, "share": share, "n": n,
            "size": size}  # fmt: skip
