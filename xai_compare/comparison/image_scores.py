"""Scores taken picture by picture: how well each map finds the region that is known to differ in its own picture."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import ratio
from xai_compare.comparison.dispatch import ALL
from xai_compare.comparison.nulls.null_table import NULL_COLUMNS
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

    >>> scores = ImageScores()
    >>> for fold in (0.4, 0.8):
    ...     scores.add("known_auc", "net/cam", ImageScore("a.png", "fear", fold, 0.2))
    >>> scores.table("known/region")[["expression", "value", "n", "floor"]].values.tolist()
    [['fear', 0.6000000000000001, 1, 0.5], ['all', 0.6000000000000001, 1, 0.5]]
    """

    scores: dict[tuple[str, str], list[ImageScore]] = field(default_factory=dict)

    def add(self, metric: str, a: str, picture: ImageScore) -> None:
        """Note the score of one map of the source ``a``."""
        self.scores.setdefault((metric, a), []).append(picture)

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
        for (name, a), pictures in self.scores.items():
            metric = METRICS.get(name)
            for expression in [*dict.fromkeys(one.expression for one in pictures if one.expression), ALL]:
                part = [one for one in pictures if expression in (one.expression, ALL)]
                rows.append((name, a, b, expression, ALL, *_row(metric, part, replicates, seed, level)))
        return as_frame(rows)

    def images(self, b: str) -> pd.DataFrame:
        """Return the score of every picture, the mean over trainings: metric, a, b, image, expression, value."""
        rows = []
        for (name, a), pictures in self.scores.items():
            of_image = {one.image: one.expression for one in pictures}
            values = _by_image((one.image, one.value) for one in pictures)
            rows += [(name, a, b, image, of_image[image], value) for image, value in values.items()]
        return pd.DataFrame(rows, columns=["metric", "a", "b", "image", "expression", "value"])


def image_nulls(
    scores: ImageScores, b: str, guesses: Mapping[tuple[str, str, str], Mapping[str, float]]
) -> pd.DataFrame:
    """Set scores taken picture by picture beside those of maps that do not know the picture.

    Args:
        scores: of single pictures.
        b: what the regions are called in the table.
        guesses: by metric, source (``""``: whoever) and null, the score of each image.

    Returns:
        A frame of `NULL_COLUMNS`, over images. ``p``, of ``prior`` alone, is that of a one-sided paired t test: do the
        source's maps find the regions better than a map of where faces are? It is NaN below three images.
    """
    rows = []
    for (metric, a), pictures in scores.scores.items():
        higher = METRICS.get(metric).direction == "higher"
        for null in dict.fromkeys(key[2] for key in guesses):
            guess = guesses.get((metric, a, null), guesses.get((metric, "", null), {}))
            for expression in [*dict.fromkeys(one.expression for one in pictures if one.expression), ALL]:
                values = _by_image((one.image, one.value) for one in pictures if expression in (one.expression, ALL))
                pairs = np.array([(value, guess.get(image, np.nan)) for image, value in values.items()], float)
                pairs = pairs.reshape(-1, 2)[np.isfinite(pairs).all(1)] if len(pairs) else np.empty((0, 2))
                if not len(pairs):
                    continue
                p, note = (np.nan, "") if null != "prior" else _paired(pairs, higher)
                rows.append((metric, a, b, expression, null, pairs[:, 1].mean(), np.nan, p, len(pairs), note))
    return pd.DataFrame(rows, columns=list(NULL_COLUMNS))


def _paired(pairs: npt.NDArray[Any], higher: bool) -> tuple[float, str]:
    """Return a one-sided p, and why there is none."""
    if len(pairs) < LEAST:
        return float("nan"), f"{len(pairs)} images are too few for a test"
    differences = pairs[:, 0] - pairs[:, 1]
    if not np.ptp(differences) > 0:
        return float("nan"), "every image gives the same difference"
    p = stats.ttest_1samp(differences, 0, alternative="greater" if higher else "less").pvalue
    return float(p), ""


def _row(
    metric: Metric, pictures: Sequence[ImageScore], replicates: int, seed: int, level: float
) -> tuple[object, ...]:
    """Return value, n, ci_low, ci_high, note, floor and floor_kind."""
    known = [one for one in pictures if math.isfinite(one.value)]
    values = _by_image((one.image, one.value) for one in known)
    areas = _by_image((one.image, one.area) for one in known or pictures)
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


def _by_image(values: Iterable[tuple[str, float]]) -> dict[str, float]:
    """Return each image's mean."""
    groups: dict[str, list[float]] = {}
    for image, value in values:
        groups.setdefault(image, []).append(value)
    return {image: float(np.mean(numbers)) for image, numbers in groups.items()}
