"""What clicks uncovered: discs, in the order of the clicks (Park & Wallraven 2022, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.ndimage import uniform_filter

from xai_compare.errors import InputError
from xai_compare.human.maps import HumanMap, usable_points

FIRST, LAST = np.array([1.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0])
"""Colours of the first and the last click, red and yellow."""


def disc(x: float, y: float, shape: tuple[int, int], radius: float) -> tuple[slice, slice, np.ndarray]:
    """The pixels whose centres lie within ``radius`` of a point: a block of rows and columns, and which of them."""
    height, width = shape
    top, left = max(0, int(np.ceil(y - radius))), max(0, int(np.ceil(x - radius)))
    bottom, right = min(height, int(y + radius) + 1), min(width, int(x + radius) + 1)
    rows, columns = np.arange(top, max(top, bottom)), np.arange(left, max(left, right))
    within = (rows[:, None] - y) ** 2 + (columns[None] - x) ** 2 <= radius**2
    return slice(top, top + len(rows)), slice(left, left + len(columns)), within


def uncovered(x: np.ndarray, y: np.ndarray, shape: tuple[int, int], radius: float) -> np.ndarray:
    """Return what discs around points uncover: bool (h, w).

    Args:
        x, y: (n,) pixels of the picture.
        shape: height and width of the picture.
        radius: of the discs, in pixels of the picture.

    Raises:
        InputError: if the radius is not positive.
    """
    _check(radius)
    seen = np.zeros(shape, bool)
    for column, row in zip(np.asarray(x, float), np.asarray(y, float), strict=True):
        rows, columns, within = disc(column, row, shape, radius)
        seen[rows, columns] |= within
    return seen


def disc_maps(
    frame: pd.DataFrame, images: Mapping[str, tuple[int, int]], radius: float, only_correct: bool = False
) -> Iterator[HumanMap]:
    """Yield per picture the share of people who uncovered each pixel, scaled to sum 1, in the order of ``images``.

    Args:
        frame: clicks, as from `read_clicks`.
        images: each picture's (height, width) in pixels.
        radius: of the discs, in pixels of the picture.
        only_correct: keep the trials that were answered correctly.

    Raises:
        InputError: as `xai_compare.human.human_maps`.
    """
    points = usable_points(frame, images, radius, [], only_correct)
    groups = dict(iter(points.groupby("image", sort=False)))
    for image, shape in images.items():
        own = groups.get(image)
        if own is None:
            yield HumanMap.of_nobody(image, shape)
            continue
        people = list(own.groupby("participant", sort=False, observed=True))
        total = np.zeros(shape)
        for _, clicks in people:
            total += uncovered(clicks["x"].to_numpy(), clicks["y"].to_numpy(), shape, radius)
        yield HumanMap(image, (total / total.sum()).astype(np.float32), len(people), len(own), "", {})


def order_map(clicks: pd.DataFrame, shape: tuple[int, int], radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the order in which people uncovered a picture: float32 (h, w, 3) colours and (h, w) shares of people.

    Each person's discs are painted in the order of their clicks, from red (the first) over orange to yellow (the last),
    later over earlier. A pixel's colour is the mean over those who uncovered it.

    Args:
        clicks: the clicks on one picture: participant, x, y, in order.
        shape: height and width of the picture.
        radius: of the discs, in pixels of the picture.
    """
    _check(radius)
    colours, count = np.zeros((*shape, 3)), np.zeros(shape)
    people = list(clicks.groupby("participant", sort=False, observed=True))
    for _, own in people:
        ordered = own.sort_values("order") if "order" in own else own
        painted, seen = np.zeros((*shape, 3)), np.zeros(shape, bool)
        for rank, (x, y) in enumerate(zip(ordered["x"], ordered["y"], strict=True)):
            rows, columns, within = disc(x, y, shape, radius)
            share = rank / (len(ordered) - 1) if len(ordered) > 1 else 0.0
            painted[rows, columns][within] = FIRST + share * (LAST - FIRST)
            seen[rows, columns] |= within
        colours += painted
        count += seen
    mean = np.divide(colours, count[..., None], out=np.zeros_like(colours), where=count[..., None] > 0)
    return mean.astype(np.float32), (count / max(len(people), 1)).astype(np.float32)


def revealed(image: np.ndarray, x: np.ndarray, y: np.ndarray, radius: float, blur: int = 70) -> np.ndarray:
    """Return the picture as somebody saw it after these clicks: uint8 (h, w, 3), grey and blurred but in the discs.

    Args:
        image: uint8 (h, w, 3).
        x, y: (n,) pixels of the picture.
        radius: of the discs, in pixels of the picture.
        blur: side of the box over which the rest is averaged, in pixels.
    """
    grey = image.mean(2)
    blurred = np.repeat(uniform_filter(grey, blur, mode="reflect")[..., None], 3, axis=2)
    seen = uncovered(x, y, image.shape[:2], radius)
    return np.where(seen[..., None], image, np.round(blurred)).astype(np.uint8)


def _check(radius: float) -> None:
    if not (np.isfinite(radius) and radius > 0):
        raise InputError(f"a disc with a radius of {radius} px", hint="give the radius in pixels of the picture")
