"""What is known about each metric, so that tables and figures label themselves.

A metric is a pure function of arrays under a decorator that names it. Where a metric has no answer its value
is NaN, never a silent 0; `Metric.undefined` says when that happens and `reason` puts it beside a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from xai_compare.errors import InputError, nearest

Need = Literal["map", "mask", "points"]
Direction = Literal["higher", "lower"]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Metric:
    """One metric and what a table or figure must say about it.

    Attributes:
        name: the word used in the column ``metric`` of a table of scores.
        title: what a figure's axis says.
        range: least and greatest value it can take.
        direction: whether ``"higher"`` or ``"lower"`` values mean better agreement.
        needs: what its arguments are, in order: ``"map"``, ``"mask"`` or ``"points"``.
        source: the paper and equation, or the benchmark, that defines it.
        undefined: when its value is NaN.
        function: the function itself.
    """

    name: str
    title: str
    range: tuple[float, float]
    direction: Direction
    needs: tuple[Need, ...]
    source: str
    undefined: str
    function: Callable[..., Any]


METRICS: dict[str, Metric] = {}
"""Every metric by name, in the order in which they were defined."""


def metric(
    name: str,
    *,
    title: str,
    needs: tuple[Need, ...],
    source: str,
    undefined: str,
    range: tuple[float, float] = (0.0, 1.0),
    direction: Direction = "higher",
) -> Callable[[F], F]:
    """Register the decorated function as the metric ``name``; the function itself is left as it is."""

    def register(function: F) -> F:
        if name in METRICS:
            raise ValueError(f"the metric {name!r} is defined twice")
        METRICS[name] = Metric(name, title, range, direction, needs, source, undefined, function)
        return function

    return register


def get(name: str) -> Metric:
    """Return the metric called ``name``.

    Raises:
        InputError: if there is none.
    """
    if name not in METRICS:
        raise InputError(f"unknown metric {name!r}", mend=nearest(name, METRICS))
    return METRICS[name]


def reason(name: str, value: float) -> str:
    """Return why ``value`` of the metric ``name`` is NaN, or ``''`` where it is a number.

    >>> reason("iou", 0.5), reason("iou", float("nan"))
    ('', 'both masks are empty')
    """
    undefined = get(name).undefined
    return undefined if math.isnan(value) else ""
