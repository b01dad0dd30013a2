"""What each metric is applied to: worked out from what it needs and from what is there.

A source is whatever has maps. Two maps make a pair of sources (each pair once where the metric is symmetric, else in
both orders); a map and a mask, a source and the mask of the expression; a map and points, a source and the people who
left the points (but not these people's own map). Metrics of a picture's known region are taken picture by picture, see
`xai_compare.comparison.image_scores`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, permutations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, as_masks
from xai_compare.comparison.registry import METRICS, Metric
from xai_compare.comparison.thresholds import otsu_masks
from xai_compare.errors import InputError

ALL = "all"
"""The expression of every map, and the fold of the mean over folds."""

MASK_METRICS = ("iou", "precision", "recall", "f1")
PAIR_METRICS = ("dice", "pearson", "uncentred")
DEFAULT_METRICS = (*MASK_METRICS, *PAIR_METRICS)

Options = Mapping[str, Mapping[str, Any]]
"""Keyword arguments by metric, such as ``{"dice": {"threshold": 50}}``."""


def fast_path(metric: Metric) -> str:
    """By which faster way a metric can be taken on many maps: ``"overlap"``, or its own name; ``""`` if there is none.

    A metric of another package has none, and neither has one that only bears the name of one of these.
    """
    if metric.name not in DEFAULT_METRICS or METRICS.get(metric.name) is not metric:
        return ""
    return "overlap" if metric.name in MASK_METRICS else metric.name


@dataclass(frozen=True)
class References:
    """What maps are compared with, besides one another.

    Attributes:
        masks: boolean (h, w) by expression.
        masks_name: what tables call the masks.
        points: (n, 2) x, y on the maps, by source and expression; the expression ``"all"`` is not needed.
        baselines: (h, w) by source of points, for metrics that ask for one; uniform where there is none.
    """

    masks: Mapping[str, npt.NDArray[np.bool_]] = field(default_factory=dict)
    masks_name: str = "ekman"
    points: Mapping[str, Mapping[str, Floats]] = field(default_factory=dict)
    baselines: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)

    def points_on(self, source: str, expression: str) -> Floats:
        """The source's points on pictures of the expression (``"all"``: on any), (n, 2)."""
        return self._joined(source, [e for e in self.points[source] if expression in (e, ALL)])

    def points_elsewhere(self, source: str, expression: str) -> Floats:
        """The same people's points on pictures of the other expressions, (n, 2): the default non-fixations."""
        return self._joined(source, [e for e in self.points[source] if expression not in (e, ALL)])

    def _joined(self, source: str, expressions: Sequence[str]) -> Floats:
        return np.concatenate([np.empty((0, 2)), *(self.points[source][e] for e in expressions if e != ALL)])


class Comparison(NamedTuple):
    """One score to be taken: ``metric`` of the map of ``a`` and, if it is a ``pair``, of ``b``, and ``others``."""

    metric: Metric
    a: str
    b: str
    pair: bool = False
    others: tuple[npt.NDArray[Any], ...] = ()


def chosen(names: Sequence[str]) -> list[Metric]:
    """Return the metrics by name.

    Raises:
        InputError: if one is unknown.
    """
    return [METRICS.get(name) for name in names]


def comparisons(
    metric: Metric, sources: Sequence[str], expression: str, references: References, shape: tuple[int, int]
) -> Iterator[Comparison]:
    """Yield what the metric is applied to among the mean maps of one group (one expression and fold).

    Args:
        metric: any; one that needs a region yields nothing.
        sources: names of the sources that have a map of the group; ``a`` comes before ``b`` as they do here.
        expression: of the group.
        references: what else there is.
        shape: height and width of the maps, for a uniform baseline.
    """
    kind = metric.needs[1]
    if kind == "map":
        for a, b in (combinations if metric.symmetric else permutations)(sources, 2):
            yield Comparison(metric, a, b, pair=True)
    elif kind == "mask" and expression in references.masks:
        mask = as_masks(references.masks[expression])
        for a in sources:
            yield Comparison(metric, a, references.masks_name, others=(mask,))
    elif kind == "points":
        for people in references.points:
            others = tuple(_of_people(need, people, expression, references, shape) for need in metric.needs[1:])
            for a in sources:
                if a != people:
                    yield Comparison(metric, a, people, others=others)


def evaluate(
    comparison: Comparison, a: npt.NDArray[Any], b: npt.NDArray[Any] | None = None, options: Options | None = None
) -> Floats:
    """Take a score on maps (..., h, w), batched over the leading axes; NaN where a map has no mask that is needed.

    Raises:
        InputError: if the metric does not return a number for each map.
    """
    metric = comparison.metric
    cut = metric.needs[0] == "mask"
    first = otsu_masks(a) if cut else a
    arguments = (first, b) if comparison.pair else (first, *comparison.others)
    values = np.asarray(metric.function(*arguments, **(options or {}).get(metric.name, {})), dtype=np.float64)
    if values.shape != a.shape[:-2]:
        what = f"the metric {metric.name!r} gave {values.shape} values for maps {a.shape}"
        raise InputError(what, hint="return one number for each map (..., h, w)")
    # A map with a threshold has pixels above it, so only one without has an empty mask.
    return np.where(first.any((-2, -1)), values, np.nan) if cut else values


def _of_people(
    need: str, people: str, expression: str, references: References, shape: tuple[int, int]
) -> npt.NDArray[Any]:
    if need == "points":
        return references.points_on(people, expression)
    if need == "nonfixations":
        return references.points_elsewhere(people, expression)
    return np.asarray(references.baselines.get(people, np.ones(shape)))
