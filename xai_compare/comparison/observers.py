"""Scores of single pictures against the people who attended to them, with the people's own ceiling.

A map of a picture is compared with the mean of people's maps and with their points; a person left out, with the mean
and the points of the others. Two numbers bound what a map can reach. *Lower:* what one more person reaches (the mean
over left-out people). *Upper:* what the mean map of very many such people would reach against these people's; for
a correlation that is the square root of the mean map's reliability (Spearman 1910; Nili et al. 2014 bound single
people's maps instead, which are noisier than their mean).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, flat, ratio
from xai_compare.comparison.dispatch import Options
from xai_compare.comparison.registry import METRICS, reason

IMAGE_METRICS = (
    "pearson",
    "spearman",
    "dice",
    "similarity",
    "kl_divergence",
    "nss",
    "auc_judd",
    "auc_borji",
    "auc_shuffled",
    "information_gain",
)
PER_IMAGE_COLUMNS = ("metric", "a", "b", "image", "expression", "value", "note")
LEFT_OUT = "one person left out"
CEILING = "ceiling"
PRIOR, ELSEWHERE = "face prior", "other pictures"
"""Two maps that ignore the picture: a Gaussian where faces are, and the people's mean map of all other pictures."""
_SPLITS = 20
_DRAWS = 200


@dataclass(frozen=True)
class Observers:
    """People before one picture.

    Attributes:
        maps: (people, h, w), each person's map, not negative.
        points: (n, 2) x, y of all, in pixels of the maps.
        whose: (n,) the place of each point's person among ``maps``.
        nonfixations: (m, 2) the same people's points on other pictures.
        baseline: (h, w) what information gain is measured above.
    """

    maps: npt.NDArray[Any]
    points: Floats
    whose: npt.NDArray[np.int64]
    nonfixations: Floats
    baseline: npt.NDArray[Any]


class Score(NamedTuple):
    """A value, and why it is NaN."""

    metric: str
    value: float
    note: str = ""


def image_scores(
    attention: npt.NDArray[Any],
    observers: Observers,
    mean: npt.NDArray[Any] | None = None,
    points: Floats | None = None,
    options: Options | None = None,
) -> list[Score]:
    """Compare a map (h, w) of a picture with the people before it, by every one of `IMAGE_METRICS`.

    Args:
        attention: the map.
        observers: the people.
        mean, points: if only some of them count, their mean map and points.
        options: keyword arguments by metric.
    """
    mean = observers.maps.mean(0) if mean is None else mean
    looked_at = observers.points if points is None else points
    given = {"map": mean, "points": looked_at, "nonfixations": observers.nonfixations, "baseline": observers.baseline}
    scores = []
    for name in IMAGE_METRICS:
        metric = METRICS.get(name)
        keywords = {"splits": _SPLITS} if name == "auc_borji" else dict((options or {}).get(name, {}))
        value = float(metric.function(attention, *(given[need] for need in metric.needs[1:]), **keywords))
        scores.append(Score(name, value, reason(name, value)))
    return scores


def left_out_scores(observers: Observers, options: Options | None = None) -> list[Score]:
    """The mean over people of each one's map against the others' mean map and points: one more person's score."""
    people = len(observers.maps)
    if people < 2:
        return [Score(name, math.nan, "fewer than two people attended to it") for name in IMAGE_METRICS]
    total = observers.maps.sum(0)
    each = []
    for i, attention in enumerate(observers.maps):
        points = observers.points[observers.whose != i]
        each.append(image_scores(attention, observers, (total - attention) / (people - 1), points, options))
    rows = []
    for scores in zip(*each, strict=True):
        values = np.array([score.value for score in scores])
        known = values[~np.isnan(values)]
        note = "" if known.size == values.size else f"undefined for {values.size - known.size} of {people} people"
        rows.append(Score(scores[0].metric, float(known.mean()) if known.size else math.nan, note))
    return rows


def reliability(maps: npt.NDArray[Any], centred: bool = True) -> float:
    """Reliability of the mean of people's maps (people, h, w): the share of its variance that is not chance.

    The mean product of *different* people's maps estimates the variance of the map that very many people have, without
    bias; it is divided by the variance of the mean map at hand. It may be negative, where people do not agree at all.
    NaN with fewer than two people, or a mean without variance.
    """
    rows = flat(np.asarray(maps))
    if centred:
        rows = rows - rows.mean(-1, keepdims=True)
    people = len(rows)
    if people < 2:
        return math.nan
    total = float((rows.sum(0) ** 2).sum())
    single = float((rows**2).sum())
    return float(ratio((total - single) / (people * (people - 1)), total / people**2))


def upper_ceiling(maps: npt.NDArray[Any], centred: bool = True) -> Score:
    """The correlation that the mean map of very many people would have with that of these: its root reliability."""
    value = reliability(maps, centred)
    if math.isnan(value):
        return Score("pearson", math.nan, "fewer than two people attended to it, or the mean map is constant")
    if value <= 0:
        return Score("pearson", math.nan, f"people do not agree: the reliability is {value:.3f}")
    return Score("pearson", min(math.sqrt(value), 1.0))


def ceilings(metric: str, maps: npt.NDArray[Any], options: Options | None = None, seed: int = 0) -> tuple[float, float]:
    """Lower and upper ceiling of a score of mean maps, from people's mean maps (people, h, w).

    For correlations the upper one is the square root of the reliability. For others, the mean map of people drawn with
    replacement stands for that of other people (the bootstrap's principle): its score with the mean map at hand.

    Returns:
        Both NaN with fewer than three people.
    """
    people = len(maps)
    if people < 3:
        return math.nan, math.nan
    known, keywords = METRICS.get(metric), dict((options or {}).get(metric, {}))
    total = maps.sum(0)
    others = (total - maps) / (people - 1)
    low = float(np.nanmean(known.function(maps, others, **keywords)))
    if metric in ("pearson", "uncentred", "noise_corrected"):
        high = upper_ceiling(maps, metric != "uncentred").value
    else:
        drawn = np.random.default_rng(seed).multinomial(people, np.full(people, 1 / people), size=_DRAWS)
        means = np.tensordot(drawn / people, maps, 1)
        high = float(np.nanmean(known.function(means, np.broadcast_to(total / people, means.shape), **keywords)))
    return low, high
