"""Areas of interest on a face: eyes, brows, nose, mouth, cheeks, forehead and the rest, from its 68 landmarks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask

from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.faces import CANONICAL

NAMES = (
    "left eye", "right eye", "left brow", "right brow", "nose", "mouth", "left cheek", "right cheek", "forehead",
    "rest",
)  # fmt: skip
"""The areas; left and right are those of the picture, as seen by who looks at it. A pixel lies in one of them."""

MARGIN = 0.1
"""How far eyes, brows, nose and mouth reach beyond their outline, in interocular distances (some 6 mm)."""

_BROW, _BRIDGE, _BASE, _WING, _HAIRLINE, _TEMPLE = 0.12, 0.08, 0.05, 1.3, 0.9, 0.45
"""What 68 landmarks do not tell: the height of a brow, half the width of the bridge of the nose, and how far its base
lies below the landmarks, in interocular distances; how much wider the nose is than its nostrils; how high the forehead
is, and how much lower at the temples, in distances from the brows to the base of the nose. Fitted to the hand outlines
of every other picture of the London set; `benchmarks/areas.py` measures the others."""


@dataclass(frozen=True)
class Areas:
    """Areas of one picture that do not overlap.

    Attributes:
        names: of the areas.
        labels: uint8 (h, w), which area each pixel lies in.
    """

    names: tuple[str, ...]
    labels: np.ndarray

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The area of each point: object (n,); ``off picture`` for those beside it."""
        height, width = self.labels.shape
        columns, rows = np.rint(np.asarray(x, float)), np.rint(np.asarray(y, float))
        inside = (columns >= 0) & (rows >= 0) & (columns < width) & (rows < height)
        names_at = np.full(len(columns), "off picture", object)
        at = self.labels[rows[inside].astype(int), columns[inside].astype(int)]
        names_at[inside] = np.array(self.names, object)[at]
        return names_at

    def mask(self, name: str) -> np.ndarray:
        """The pixels of an area: bool (h, w)."""
        return self.labels == self.names.index(name)

    def both_sides(self) -> Areas:
        """Both eyes as ``eyes``, both brows as ``brows`` and so on."""
        short = [_plural(name) for name in self.names]
        names = tuple(dict.fromkeys(short))
        return Areas(names, np.array([names.index(name) for name in short], np.uint8)[self.labels])


def _plural(name: str) -> str:
    return f"{name.split(' ')[1]}s" if name.startswith(("left ", "right ")) else name


def face_areas(landmarks: np.ndarray, shape: tuple[int, int], margin: float = MARGIN) -> Areas:
    """The areas of a face.

    Where outlines meet, the eyes come first, then mouth, nose and brows, then cheeks and forehead. What is left is
    ``rest``: chin, temples, hair and background.

    Args:
        landmarks: float (68, 2), x and y in pixels, in iBUG order.
        shape: height and width of the picture.
        margin: how far eyes, brows, nose and mouth reach beyond their outline, in interocular distances.

    Raises:
        InputError: if there are not 68 finite landmarks.
    """
    points = np.asarray(landmarks, float)
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise InputError(f"landmarks must be finite (68, 2), not {points.shape}")
    unit = interocular(points)
    labels = np.full(shape, NAMES.index("rest"), np.uint8)
    outlines = face_outlines(points)
    # From the last to the first in rank: later ones overwrite.
    for name in ("forehead", "left cheek", "right cheek"):
        labels[polygon2mask(shape, outlines[name][:, ::-1])] = NAMES.index(name)
    for name in ("left brow", "right brow", "nose", "mouth", "left eye", "right eye"):
        labels[_grown(polygon2mask(shape, outlines[name][:, ::-1]), margin * unit)] = NAMES.index(name)
    return Areas(NAMES, labels)


def interocular(landmarks: np.ndarray) -> float:
    """Distance between the centres of the eyes in pixels; each is the mean of an eye's six landmarks."""
    return float(np.linalg.norm(landmarks[36:42].mean(0) - landmarks[42:48].mean(0)))


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


def face_outlines(landmarks: np.ndarray) -> dict[str, np.ndarray]:
    """The outline of each area but ``rest`` as a polygon, float (k, 2), x and y in pixels, before any margin."""
    p = np.asarray(landmarks, float)
    across = p[42:48].mean(0) - p[36:42].mean(0)
    unit = float(np.linalg.norm(across)) or 1.0
    across = across / unit
    down = np.array([-across[1], across[0]])
    thick = _BROW * unit * down
    bridge, base = _BRIDGE * unit * across, _BASE * unit * down
    wing = p[33] + _WING * (p[[31, 35]] - p[33])
    height = float((p[33] - p[17:27].mean(0)) @ down)
    hairline = _TEMPLE * np.linspace(-1, 1, 10) ** 2 - _HAIRLINE
    top = p[17:27] + hairline[:, None] * height * down
    return {
        "left eye": p[36:42],
        "right eye": p[42:48],
        "left brow": np.concatenate([p[17:22], (p[17:22] + thick)[::-1]]),
        "right brow": np.concatenate([p[22:27], (p[22:27] + thick)[::-1]]),
        "nose": np.stack([p[27] - bridge, p[29] - bridge, wing[0] - 3 * base, wing[0] + base, *(p[32:35] + base),
                          wing[1] + base, wing[1] - 3 * base, p[29] + bridge, p[27] + bridge]),
        "mouth": p[48:60],
        "left cheek": np.concatenate([p[1:6], p[[48, 31, 39, 40, 41, 36]]]),
        "right cheek": np.concatenate([p[11:16][::-1], p[[54, 35, 42, 47, 46, 45]]]),
        "forehead": np.concatenate([p[17:27], top[::-1]]),
    }  # fmt: skip


def _grown(mask: np.ndarray, by: float) -> np.ndarray:
    if by <= 0 or not mask.any():
        return mask
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    pad = int(np.ceil(by)) + 1
    block = (
        slice(max(0, rows[0] - pad), rows[-1] + pad + 1),
        slice(max(0, columns[0] - pad), columns[-1] + pad + 1),
    )
    grown = mask.copy()
    grown[block] = distance_transform_edt(~mask[block]) <= by
    return grown


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
