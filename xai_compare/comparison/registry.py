"""What is known about each metric, so that a study can ask for it and tables and figures label themselves.

A metric is a pure function of arrays under a decorator that names it, in a file of `xai_compare.comparison.metrics` or
in another package (entry-point group ``xai_compare.metrics``). What it needs decides what it is applied to, see
`xai_compare.comparison.dispatch`. Where a metric has no answer its value is NaN, never a silent 0; `Metric.undefined`
says when that happens and `reason` puts it beside a value.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from xai_compare.registry import Registry

Need = Literal["map", "maps", "mask", "region", "points", "nonfixations", "baseline"]
Direction = Literal["higher", "lower"]
Cut = Literal["", "otsu", "level"]
F = TypeVar("F", bound=Callable[..., Any])
FEW = 20
"""Images below which an interval holds the truth less often than it says, see ``benchmarks/coverage.py``."""
FEW_CUT = 100
"""The same for maps that are cut at a share of their own range, and for differences of the scores of cut maps."""


@dataclass(frozen=True)
class Metric:
    """One metric and what a table or figure must say about it.

    Attributes:
        name: the word used in the column ``metric`` of a table of scores.
        title: what a figure's axis says.
        range: least and greatest value it can take.
        direction: whether ``"higher"`` or ``"lower"`` values mean better agreement.
        needs: what its arguments are, in order. The first is a source's ``"map"``, or its ``"mask"`` (the map cut by
            Otsu's threshold). The second is another source's ``"map"``, the ``"mask"`` of the expression, the
            ``"region"`` known to differ in one picture (then the metric is taken picture by picture), or people's
            ``"points"``. Two times ``"maps"``: both sources' maps of single images. After points may come
            ``"nonfixations"`` (points on other pictures) and a ``"baseline"`` map.
        source: the paper and equation, or the benchmark, that defines it.
        undefined: when its value is NaN.
        function: the function itself, batched over the leading axes of its maps.
        symmetric: of two maps, whether their order is of no account; then each pair is compared once.
        chance: the value that guessing gets; NaN where that is not known; ``"area"`` where it is the share of the
            face that the region covers.
        bootstrap: whether it is fast enough to be taken on every resample; without, its scores have no interval.
        cut: how maps become masks before they are compared: ``"otsu"``, at a ``"level"`` of their own range, or not.
    """

    name: str
    title: str
    range: tuple[float, float]
    direction: Direction
    needs: tuple[Need, ...]
    source: str
    undefined: str
    function: Callable[..., Any]
    symmetric: bool = True
    chance: float | Literal["area"] = math.nan
    bootstrap: bool = True
    cut: Cut = ""

    @property
    def shift(self) -> float:
        """How often the shift of its replicates counts in an interval: twice where maps are cut, else once.

        A resample's mean map is twice as noisy as the sample's. The score of a cut map saturates: the second dose of
        noise moves it less than the first did, so that its shift understates the sample's own bias.
        """
        return 2.0 if self.cut else 1.0

    def few(self, difference: bool = False) -> int:
        """Images below which its intervals are measured to hold the truth in fewer than 90 % of cases."""
        return FEW_CUT if self.cut == "level" or (difference and self.cut) else FEW


def _problem(thing: Any) -> str:
    """Why what a plug-in offers is no metric."""
    return "" if isinstance(thing, Metric) else "is not a metric: decorate a function with @register(...)"


METRICS: Registry[Metric] = Registry(
    "metric", "xai_compare.metrics", ("xai_compare.comparison.metrics.*",), check=_problem
)
"""Every metric by name."""


def register(
    name: str,
    *,
    title: str = "",
    needs: tuple[Need, ...] = ("map", "map"),
    source: str = "",
    undefined: str = "it is undefined here",
    range: tuple[float, float] = (0.0, 1.0),
    direction: Direction = "higher",
    symmetric: bool = True,
    chance: float | Literal["area"] = math.nan,
    bootstrap: bool = True,
    cut: Cut = "",
) -> Callable[[F], F]:
    """Register the decorated function as the metric ``name``; the function itself is left as it is.

    Keywords as the attributes of `Metric`; a metric of masks is one of maps that are cut by Otsu's threshold.

    Raises:
        ValueError: if the name is taken, or nothing fits the needs (see `Metric`).

    >>> @register("mean_difference", direction="lower")
    ... def mean_difference(a, b):
    ...     return (a - b).mean((-2, -1))
    >>> METRICS.get("mean_difference").title
    'mean_difference'
    >>> METRICS.remove("mean_difference")
    """
    firsts, seconds, thirds = ("map", "mask"), ("map", "mask", "region", "points"), ("nonfixations", "baseline")
    fits = len(needs) > 1 and needs[0] in firsts and needs[1] in seconds and all(need in thirds for need in needs[2:])
    fits = fits or needs == ("maps", "maps")
    if not fits or (needs[2:] and needs[1] != "points"):
        raise ValueError(f"the metric {name!r} cannot need {needs}")

    def decorate(function: F) -> F:
        facts = (needs, source, undefined, function, symmetric, chance, bootstrap)
        METRICS.register(
            name, Metric(name, title or name, range, direction, *facts, "otsu" if needs[0] == "mask" else cut)
        )
        return function

    return decorate


def reason(name: str, value: float) -> str:
    """Return why ``value`` of the metric ``name`` is NaN, or ``''`` where it is a number.

    >>> reason("iou", 0.5), reason("iou", float("nan"))
    ('', 'both masks are empty')

    Raises:
        InputError: if there is no such metric.
    """
    undefined = METRICS.get(name).undefined
    return undefined if math.isnan(value) else ""
