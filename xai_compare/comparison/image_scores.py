"""Scores taken picture by picture: how well each map finds the region that is known to differ in its own picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from xai_compare.comparison.arrays import ratio
from xai_compare.comparison.dispatch import ALL
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.resampling.interval import LEAST, LEVEL, interval
from xai_compare.comparison.resampling.resamples import bins_of, resample_counts
from xai_compare.comparison.score_frame import as_frame, floor_of

OF_PICTURES = "mean of the images' scores"


class ImageScore(NamedTuple):
    """The score of one map of one picture; ``area`` is the share of the face that the picture's region covers."""

    image: str
    expression: str
    value: float
    area: float


@dataclass
class ImageScores:
    """Scores of single pictures, gathered as maps stream by, and their table.

    >>> found = ImageScores()
    >>> for fold in (0.4, 0.8):
    ...     found.add("known_auc", "net/cam", ImageScore("a.png", "fear", fold, 0.2))
    >>> found.table("known/region")[["expression", "value", "n", "floor"]].values.tolist()
    [['fear', 0.6000000000000001, 1, 0.5], ['all', 0.6000000000000001, 1, 0.5]]
    """

    found: dict[tuple[str, str], list[ImageScore]] = field(default_factory=dict)

    def add(self, metric: str, a: str, picture: ImageScore) -> None:
        """Note the score of one map of the source ``a``."""
        self.found.setdefault((metric, a), []).append(picture)

    def table(self, b: str, replicates: int = 0, seed: int = 0, level: float = LEVEL) -> pd.DataFrame:
        """Return the means over pictures, a row for each metric, source and expression, and for all expressions.

        The trainings of a network are not independent looks at a picture: a picture's scores are averaged first, then
        pictures. Intervals draw pictures, as those of mean maps do. The floor is the chance level of the very pictures
        that the row is the mean of.

        Args:
            b: what the regions are called in the table.
            replicates: 0 gives no intervals.
            seed: of the draws.
            level: of the intervals.
        """
        rows = []
        for (name, a), pictures in self.found.items():
            metric = METRICS.get(name)
            for expression in [*dict.fromkeys(one.expression for one in pictures if one.expression), ALL]:
                mine = [one for one in pictures if expression in (one.expression, ALL)]
                rows.append((name, a, b, expression, ALL, *_row(metric, mine, replicates, seed, level)))
        return as_frame(rows)

    def images(self, b: str) -> pd.DataFrame:
        """Return the score of every picture, the mean over trainings: metric, a, b, image, expression, value."""
        rows = []
        for (name, a), pictures in self.found.items():
            of_image = {one.image: one.expression for one in pictures}
            values = _by_image({(i, one.image): one.value for i, one in enumerate(pictures)})
            rows += [(name, a, b, image, of_image[image], value) for image, value in values.items()]
        return pd.DataFrame(rows, columns=["metric", "a", "b", "image", "expression", "value"])


def _row(
    metric: Metric, pictures: Sequence[ImageScore], replicates: int, seed: int, level: float
) -> tuple[object, ...]:
    """Return value, n, ci_low, ci_high, note, floor and floor_kind."""
    known = [one for one in pictures if math.isfinite(one.value)]
    values = _by_image({(i, one.image): one.value for i, one in enumerate(known)})
    areas = _by_image({(i, one.image): one.area for i, one in enumerate(known or pictures)})
    note = OF_PICTURES
    missing = len({one.image for one in pictures}) - len(values)
    if missing:
        note += f"; undefined in {missing} images: {metric.undefined}"
    numbers = np.array(list(values.values()))
    value = float(numbers.mean()) if numbers.size else math.nan
    low = high = math.nan
    if replicates and numbers.size >= LEAST:
        names, sums, sizes = bins_of(list(values), numbers)
        counts = resample_counts(names, replicates, seed)
        means = ratio(counts @ sums, counts @ sizes)
        ends = interval(value, means, level, len(values), bounds=metric.range)
        low, high = ends.low, ends.high
    floor = floor_of(metric, float(np.mean(list(areas.values()))) if areas else math.nan)
    return value, len(values), low, high, note, *floor


def _by_image(values: Mapping[tuple[int, str], float]) -> dict[str, float]:
    """Return each image's mean."""
    groups: dict[str, list[float]] = {}
    for (_, image), value in values.items():
        groups.setdefault(image, []).append(value)
    return {image: float(np.mean(numbers)) for image, numbers in groups.items()}
