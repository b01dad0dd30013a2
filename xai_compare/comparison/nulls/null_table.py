"""What a score is worth: the same score for maps that do not know the answer.

For each score of a source's mean map of an expression against a reference (the mask of the expression, another
source's map, people's points) stand here the scores of

- ``whole``: the whole face (a mask of every pixel, a uniform map);
- ``prior``: a map of where faces are, whatever they express;
- ``mean_map``: the mean of all networks' maps of all expressions;
- ``other``: the source's map against the references of the other expressions, and over all expressions every way of
  giving each a wrong one (derangements; the test is that of ``permuted``): is it this expression, or just faces?
- ``other_map``: the mean of the source's maps of the other expressions, against this one's reference;
- ``surrogate``: random maps of the same values and the same spatial autocorrelation, see `surrogates`;
- ``permuted``: over all expressions, the references permuted over them, the right order among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from threadpoolctl import threadpool_limits

from xai_compare.comparison.arrays import Floats, Ints
from xai_compare.comparison.dispatch import ALL, Comparison, Options, References, chosen, comparisons, fast_path
from xai_compare.comparison.nulls.surrogates import SURROGATES, Grid, Surrogates
from xai_compare.comparison.pairwise import Maps, Reference, cross, share_at_least
from xai_compare.comparison.registry import Metric
from xai_compare.comparison.resampling.pool import threads
from xai_compare.expressions import ordered

ALL_MODELS = "all models"
MOST_ORDERS = 7
"""Expressions up to which every order of them is gone through; beyond, `ORDERS` are drawn."""
ORDERS = 4999
_FEW = 3


class Null(NamedTuple):
    """A row of the table of nulls; ``p`` is the share of the null that is at least as good as the score."""

    metric: str
    a: str
    b: str
    expression: str
    null: str
    mean: float
    q95: float
    p: float
    n: int
    note: str = ""


NULL_COLUMNS = Null._fields


@dataclass(frozen=True)
class NullModels:
    """What maps that ignore the expression are made of.

    Attributes:
        prior: (h, w) where faces are.
        models: sources that the mean over networks, ``"all models"``, is taken of.
        n: surrogates of each map; 0 gives none.
        seed: of surrogates and drawn orders.
    """

    prior: npt.NDArray[Any] | None = None
    models: Sequence[str] = ()
    n: int = SURROGATES
    seed: int = 0


def null_table(
    maps: Mapping[Any, npt.NDArray[Any]],
    metrics: Sequence[str],
    references: References,
    options: Options | None = None,
    null_models: NullModels | None = None,
) -> pd.DataFrame:
    """Take the scores of maps that do not know the answer, for every score of a mean map (fold ``"all"``).

    Args:
        maps: (a, expression, fold) to (h, w), all of one size; other folds than ``"all"`` are passed over.
        metrics: names; those of a picture's known region give no rows here.
        references: masks, points, baselines.
        options: keyword arguments by metric.
        null_models: what maps that ignore the expression are made of.

    Returns:
        A frame of `NULL_COLUMNS`. Rows of expression ``"all"`` with the nulls ``other`` and ``permuted`` are about
        the mean over expressions of the scores; with any other null they are about the map of all pictures.

    Raises:
        InputError: if a metric is unknown.
    """
    models, options = null_models or NullModels(), options or {}
    kept = {(key[0], key[1]): np.asarray(one) for key, one in maps.items() if key[2] == ALL}
    kept = {key: one for key, one in kept.items() if np.isfinite(one).all()}
    if not kept:
        return pd.DataFrame(columns=list(NULL_COLUMNS))
    wanted = [metric for metric in chosen(metrics) if metric.needs[1] not in ("region", "maps")]
    height, width = next(iter(kept.values())).shape
    grid = Grid.of((height, width))
    nulls = _Nulls(list(_groups(kept, models, options, grid)), references, options, (height, width), grid)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        tasks: list[Callable[[], Iterator[Null]]] = [partial(nulls.of_group, group, wanted) for group in nulls.groups]
        if models.n:
            surrogates = Surrogates(grid.coarse, models.n, models.seed)
            tasks += [
                partial(nulls.of_surrogates, group, place, wanted, surrogates)
                for group in nulls.groups
                for place in range(len(group.names))
            ]
        tasks += [partial(nulls.of_orders, metric, models) for metric in wanted]
        rows = [row for some in workers.map(lambda task: list(task()), tasks) for row in some]
    return in_order(pd.DataFrame(rows, columns=list(NULL_COLUMNS)), metrics)


def in_order(nulls: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Sort by metric, expression and null, the rest as they came."""
    names = ["whole", "prior", "mean_map", "other", "other_map", "surrogate", "permuted"]
    ranks = [
        nulls["metric"].map({name: i for i, name in enumerate(metrics)}),
        nulls["expression"].map({name: i for i, name in enumerate(ordered(nulls["expression"]))}),
        nulls["null"].map({name: i for i, name in enumerate(names)}),
    ]
    order = np.lexsort([np.asarray(rank, float) for rank in reversed(ranks)])
    return nulls.iloc[order].reset_index(drop=True)


@dataclass
class _Group:
    """One expression: its sources and their maps, and maps that ignore it, by the name of their null."""

    expression: str
    names: list[str]
    maps: Maps
    single: dict[str, Maps]
    others: Maps
    grid: Grid

    @cached_property
    def coarse(self) -> Maps:
        """Its maps on the coarser grid."""
        return Maps(self.grid.reduce(self.maps.maps), self.maps.options)


def _groups(
    maps: Mapping[tuple[str, str], npt.NDArray[Any]], models: NullModels, options: Options, grid: Grid
) -> Iterator[_Group]:
    wide = {key: one.astype(np.float64) for key, one in maps.items()}
    # People and masks are what maps are compared with, so their own maps are no part of the mean.
    known = {key: one for key, one in wide.items() if key[0] in models.models}
    whole = [one for (_, expression), one in known.items() if expression == ALL] or list(known.values())
    mean = np.mean(whole, axis=0) if len(known) > 1 else None
    named = {"prior": models.prior, "mean_map": mean}
    single = {name: Maps(np.asarray(one)[None], options) for name, one in named.items() if one is not None}
    blank = np.full(grid.shape, np.nan)
    for expression in ordered(expression for _, expression in maps):
        names = [a for a, e in maps if e == expression]
        others: list[npt.NDArray[Any]] = []
        for a in names:
            rest = [one for (b, e), one in wide.items() if b == a and e not in (expression, ALL)]
            others.append(np.mean(rest, axis=0) if rest and expression != ALL else blank)
        stack = np.stack([maps[a, expression] for a in names])
        yield _Group(expression, names, Maps(stack, options), single, Maps(np.stack(others), options), grid)


@dataclass
class _Nulls:
    """Scores of the maps that ignore the expression."""

    groups: Sequence[_Group]
    references: References
    options: Options
    shape: tuple[int, int]
    grid: Grid
    masks: dict[tuple[Any, ...], Maps] = field(default_factory=dict)

    def of_group(self, group: _Group, metrics: Sequence[Metric]) -> Iterator[Null]:
        """The nulls of one map each."""
        for metric in metrics:
            scores = self.scores(metric, group)
            against, places = self.against(metric, group, scores)
            if not places:
                continue
            nulls = {"whole": self._whole(metric), **group.single}
            values = {name: cross(metric, maps, against, self.options)[0] for name, maps in nulls.items()}
            others = cross(metric, group.others, against, self.options)
            for one in scores:
                column = places[one.b]
                of_one = {name: row[column] for name, row in values.items()}
                of_one["other_map"] = others[group.names.index(one.a), column]
                for name, value in of_one.items():
                    if math.isfinite(value):
                        yield Null(metric.name, one.a, one.b, group.expression, name, float(value), np.nan, np.nan, 1)

    def of_surrogates(
        self, group: _Group, place: int, metrics: Sequence[Metric], surrogates: Surrogates
    ) -> Iterator[Null]:
        """The null of random maps, for one source's map of an expression."""
        own, name = group.maps.maps[place], group.names[place]
        if not np.ptp(own) > 0:
            return
        made = None
        for metric in metrics:
            scores = [one for one in self.scores(metric, group) if one.a == name]
            if not scores or not (metric.bootstrap or metric.needs[1] != "points"):
                continue
            if made is None:
                coarse = self.grid.reduce(own).astype(np.float32)
                stack = np.concatenate([coarse[None], surrogates(coarse)])
                made = Maps(stack, self.options, Maps(own[None], self.options))
            against, places = self.against(metric, group, scores, self.grid)
            values = cross(metric, made, against, self.options)[:, [places[one.b] for one in scores]]
            higher = metric.direction == "higher"
            # The score itself is taken on the same grid, so that p compares like with like.
            ps = share_at_least(values[1:], values[0], higher).tolist()
            for one, mean, tail, count, p in zip(scores, *_summaries(values[1:], higher), ps, strict=True):
                if count:
                    yield Null(metric.name, name, one.b, group.expression, "surrogate", mean, tail, p, count)

    def of_orders(self, metric: Metric, models: NullModels) -> Iterator[Null]:
        """Rows ``other`` of each expression, and ``other`` and ``permuted`` over all of them."""
        higher, squares = metric.direction == "higher", self._squares(metric)
        for (a, b), (names, square) in squares.items():
            for i, expression in enumerate(names):
                rest = np.delete(square[i], i)
                rest = rest[np.isfinite(rest)]
                if rest.size and math.isfinite(square[i, i]):
                    p = float(share_at_least(rest, square[i, i], higher))
                    tail = _tail(rest, higher)
                    yield Null(metric.name, a, b, expression, "other", float(rest.mean()), tail, p, rest.size)
            yield from _over_all(metric, a, b, names, square, models.seed)
        for b in dict.fromkeys(b for _, b in squares):
            networks = [one for (a, other), one in squares.items() if other == b and a in models.models]
            whole = [one for one in networks if one[0] == networks[0][0] and np.isfinite(one[1]).all()]
            if len(whole) > 1:
                some = f"{len(whole)} of {len(networks)} networks have every score"
                note = "" if len(whole) == len(networks) else some
                mean = np.mean([square for _, square in whole], axis=0)
                yield from _over_all(metric, ALL_MODELS, b, whole[0][0], mean, models.seed, note)

    def scores(self, metric: Metric, group: _Group) -> list[Comparison]:
        """The scores of a group."""
        return list(comparisons(metric, group.names, group.expression, self.references, self.shape))

    def against(
        self, metric: Metric, group: _Group, scores: Sequence[Comparison], grid: Grid | None = None
    ) -> tuple[Sequence[Reference] | Maps, dict[str, int]]:
        """The references of some scores (on a coarser grid, if one is given), and the place of each by its name."""
        if scores and scores[0].pair:
            return group.maps if grid is None else group.coarse, {name: i for i, name in enumerate(group.names)}
        by_name = {one.b: one.others for one in scores}
        places = {name: i for i, name in enumerate(by_name)}
        references = [one if grid is None else self._coarse(metric, one, grid) for one in by_name.values()]
        if not (scores and fast_path(metric)):
            return references, places
        # The metrics of masks share their references, and so what is worked out of them.
        ready = Maps(np.stack([np.asarray(one[0]) for one in references]), self.options)
        return self.masks.setdefault((group.expression, grid is None, *by_name), ready), places

    def _whole(self, metric: Metric) -> Maps:
        every = np.ones((1, *self.shape), bool)
        return Maps(every if fast_path(metric) and metric.cut else every.astype(np.float64))

    def _coarse(self, metric: Metric, reference: Reference, grid: Grid) -> Reference:
        if fast_path(metric):
            return tuple(grid.reduce(one) for one in reference)  # Of masks, the share of each block that is inside.
        coarse: list[npt.NDArray[Any]] = []
        for kind, one in zip(metric.needs[1:], reference, strict=True):
            if kind in ("points", "nonfixations"):
                coarse.append(grid.points(one))
            else:  # A mask stays a mask: a block is in it if most of it is.
                coarse.append(grid.reduce(one) >= 0.5 if kind == "mask" else grid.reduce(one))
        return tuple(coarse)

    def _squares(self, metric: Metric) -> dict[tuple[str, str], tuple[list[str], Floats]]:
        """By source and reference, scores of its map of each expression (rows) with each one's reference."""
        groups = [group for group in self.groups if group.expression != ALL]
        names: dict[tuple[str, str], list[str]] = {}
        against = {}
        for group in groups:
            scores = self.scores(metric, group)
            against[group.expression] = self.against(metric, group, scores)
            for one in scores:
                names.setdefault((one.a, one.b), []).append(group.expression)
        cells: dict[tuple[str, str, str, str], float] = {}
        for group in groups:
            for other, (references, places) in against.items():
                if places:
                    table = cross(metric, group.maps, references, self.options)
                    for i, a in enumerate(group.names):
                        cells.update({(a, b, group.expression, other): table[i, j] for b, j in places.items()})
        return {
            pair: (some, np.array([[cells.get((*pair, e, o), np.nan) for o in some] for e in some]))
            for pair, some in names.items()
            if len(some) > 1
        }


def _over_all(
    metric: Metric, a: str, b: str, names: list[str], square: Floats, seed: int, note: str = ""
) -> Iterator[Null]:
    """The nulls of the mean over expressions, from every order of the references."""
    whole = np.asarray(np.isfinite(square).all(0) & np.isfinite(square).all(1))
    if whole.sum() < _FEW:
        why = f"{int(whole.sum())} expressions have every score: too few to permute"
        yield Null(metric.name, a, b, ALL, "permuted", np.nan, np.nan, np.nan, 0, why)
        return
    if not whole.all():
        gone = ", ".join(name for name, there in zip(names, whole, strict=True) if not there)
        note = "; ".join(part for part in (note, f"without {gone}") if part)
    square, higher = square[whole][:, whole], metric.direction == "higher"
    orders = _orders(len(square), seed)
    means = square[np.arange(len(square)), orders].mean(1)
    wrong = (orders != np.arange(len(square))).all(1)
    # The right order is one of all, and stands first; it must equal itself whatever rounding does.
    value, slack = np.asarray(means[0]), 1e-9
    as_good = means >= value - slack if higher else means <= value + slack
    # Wrong orders are no fair sample of what the right one might have been: of 1,000 null studies a tenth have a
    # share of them below 0.05. So the test is that of all orders, the right one among them.
    for null, some, p in (("other", means[wrong], math.nan), ("permuted", means, float(as_good.mean()))):
        yield Null(metric.name, a, b, ALL, null, float(some.mean()), _tail(some, higher), p, len(some), note)


def _summaries(null: Floats, higher: bool) -> tuple[list[float], list[float], list[int]]:
    """Mean, tail and number of the values (n, m) that are finite, column by column."""
    known = np.isfinite(null)
    if known.all():  # The usual case, in one go.
        tails = np.quantile(null, 0.95 if higher else 0.05, axis=0)
        return null.mean(0).tolist(), tails.tolist(), known.sum(0).tolist()
    columns = [column[there] for column, there in zip(null.T, known.T, strict=True)]
    means = [float(one.mean()) if one.size else math.nan for one in columns]
    return means, [_tail(one, higher) if one.size else math.nan for one in columns], [one.size for one in columns]


def _tail(null: Floats, higher: bool) -> float:
    return float(np.quantile(null, 0.95 if higher else 0.05))


def _orders(count: int, seed: int) -> Ints:
    """Orders of ``count`` things (n, count), the right one first: all, or `ORDERS` drawn beside it."""
    if count <= MOST_ORDERS:
        return np.array(list(permutations(range(count))), np.int64)
    rng = np.random.default_rng([seed, 21])
    drawn = rng.permuted(np.tile(np.arange(count), (ORDERS, 1)), axis=1)
    return np.vstack([np.arange(count), drawn])
