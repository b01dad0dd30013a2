"""The maps of an experiment: on its pictures, on the standard face, and what they tell of expressions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError

from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.faces import standardize
from xai_compare.human.clicks.discs import disc_maps
from xai_compare.human.experiment import Experiment
from xai_compare.human.kernels import select
from xai_compare.human.maps import HumanMap, human_maps
from xai_compare.human.settings import MapKeys
from xai_compare.validation import input_error


class MapSettings(MapKeys):
    """How points become maps; with ``sigma_px``, the Gaussians' width in pixels of the pictures, in place of degrees.

    >>> MapSettings(kernel="disc")
    Traceback (most recent call last):
    ...
    xai_compare.errors.InputError: discs have no radius; kernel: disc needs radius_px, in pixels of the pictures
    """

    sigma_px: float | None = Field(None, gt=0)

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise input_error(error, None, MapSettings, kind="setting", what="maps") from None

    def sigma(self, experiment: Experiment) -> float:
        """Standard deviation of the Gaussian in pixels.

        Raises:
            InputError: if it is in degrees, and the screen's geometry is not known.
        """
        return self.sigma_px or experiment.sigma(self.sigma_degrees)


def maps_of(experiment: Experiment, settings: MapSettings) -> Iterator[HumanMap]:
    """Yield the map of each picture.

    Raises:
        InputError: if the size of the pictures or the kernel's width is not known, or no point is left.
    """
    if not experiment.shapes:
        raise InputError("how large the pictures are is not known", hint="give the pictures, or their size")
    points = select(experiment.points, first=settings.first, between_ms=settings.between_ms)
    if settings.kernel == "disc":
        return disc_maps(points, experiment.shapes, float(settings.radius_px or 0), settings.only_correct)
    weights = next((name for name in ("dwell", "duration") if name in points), None)
    if settings.kernel == "dwell" and weights is None:
        raise InputError(f"{experiment.point_name} have no dwell or duration", hint="use kernel: gaussian")
    return human_maps(
        points,
        experiment.shapes,
        settings.sigma(experiment),
        weights=weights if settings.kernel == "dwell" else None,
        only_correct=settings.only_correct,
    )


def on_standard_face(values: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """A map on the standard face, float32 (275, 224) with sum 1, whatever the face's size in pixels.

    NaN everywhere if the map is NaN, or has nothing on the face.

    Args:
        values: float (h, w), the map of a picture.
        landmarks: float (68, 2) of the face in it.
    """
    warped = standardize(values, landmarks)
    total = float(warped.sum())
    return warped / total if np.isfinite(total) and total > 0 else np.full_like(warped, np.nan)


def mean_maps(maps: Mapping[str, np.ndarray], expressions: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The mean map of each expression and of ``all``; every picture weighs alike, those that are NaN are left out."""
    known = [image for image in maps if image in expressions and np.isfinite(maps[image]).all()]
    means = {
        name: np.mean([maps[image] for image in known if expressions[image] == name], axis=0)
        for name in ordered(expressions[image] for image in known)
    }
    return means | {"all": np.mean([maps[image] for image in known], axis=0)} if known else {}


@dataclass(frozen=True)
class MapClassification:
    """Whether expressions can be told apart by the maps of single pictures.

    Attributes:
        accuracy: share of pictures whose map is most like the mean map of the other pictures of its own expression.
        chance: mean of that share with the expressions permuted over pictures.
        p: share of permutations that do at least as well, with the observed one counted among them.
        n: number of pictures.
        table: the same counts by expression: true down, found across.
    """

    accuracy: float
    chance: float
    p: float
    n: int
    table: pd.DataFrame


def classify_by_mean_map(
    maps: Mapping[str, np.ndarray], expressions: Mapping[str, str], n_permutations: int = 999, seed: int = 0
) -> MapClassification:
    """Ask of each picture to which expression's mean map, itself left out, its map is most like (Pearson's r).

    Args:
        maps: of each picture, of one size, such as on the standard face.
        expressions: of each picture.
        n_permutations: of the expressions over the pictures.
        seed: of these.

    Raises:
        InputError: if there are not two expressions with two pictures each.
    """
    known = [image for image in maps if image in expressions and np.isfinite(maps[image]).all()]
    names = [name for name in ordered(expressions[i] for i in known) if sum(expressions[i] == name for i in known) > 1]
    known = [image for image in known if expressions[image] in names]
    if len(names) < 2:
        raise InputError("expressions are told apart where two of them have two pictures each")
    stack = np.stack([np.asarray(maps[image], float).ravel() for image in known])
    products = stack @ stack.T
    sums, size = stack.sum(1), stack.shape[1]
    labels = np.array([names.index(expressions[image]) for image in known])
    nearest = _nearest(products, sums, size, labels, len(names))
    rng = np.random.default_rng(seed)
    hits = [
        float((_nearest(products, sums, size, shuffled, len(names)) == shuffled).mean())
        for shuffled in (rng.permutation(labels) for _ in range(n_permutations))
    ]
    accuracy = float((nearest == labels).mean())
    p = (1 + sum(hit >= accuracy - 1e-12 for hit in hits)) / (1 + n_permutations)
    table = pd.crosstab(pd.Series(labels).map(names.__getitem__), pd.Series(nearest).map(names.__getitem__))
    table = table.reindex(index=names, columns=names, fill_value=0).rename_axis(index="expression", columns="found")
    return MapClassification(accuracy, float(np.mean(hits)), p, len(known), table)


def _nearest(products: np.ndarray, sums: np.ndarray, size: int, labels: np.ndarray, n: int) -> np.ndarray:
    """The group each map is most like: int (m,). Everything follows from the maps' inner products and sums."""
    member = (labels[:, None] == np.arange(n)).astype(float)
    count = member.sum(0) - member
    # Of each map with the sum of each group, and of that sum with itself; the map is then taken out of its own group.
    with_group = products @ member
    within = np.diag(member.T @ with_group) - member * (2 * with_group - np.diag(products)[:, None])
    along = (with_group - member * np.diag(products)[:, None]) / count
    total = (member.T @ sums - member * sums[:, None]) / count
    along = along - total * sums[:, None] / size
    own = within / count**2 - total**2 / size
    return np.argmax(along / np.sqrt(np.maximum(own, 1e-30)), axis=1)
