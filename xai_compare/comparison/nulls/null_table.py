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
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
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

NULL_COLUMNS = ("metric", "a", "b", "expression", "null", "mean", "q95", "p", "n", "note")
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


@dataclass(frozen=True)
class NullModels:
    """Maps that know nothing of an expression.

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


@dataclass
class _Group:
    """One expression: its sources, their maps, and maps that know nothing, all of one size."""

    expression: str
    names: list[str]
    maps: npt.NDArray[Any]
    single: dict[str, npt.NDArray[Any] | None]
    others: npt.NDArray[Any]
    ready: Maps
    small: Maps | None = None

    def coarse(self, grid: Grid, options: Options) -> Maps:
        """Its maps on a coarser grid."""
        if self.small is None:
            self.small = Maps(grid.reduce(self.maps), options)
        return self.small


def null_table(
    maps: Mapping[Any, npt.NDArray[Any]],
    metrics: Sequence[str],
    references: References,
    options: Options | None = None,
    ignorant: NullModels | None = None,
) -> pd.DataFrame:
    """Take the scores of maps that do not know the answer, for every score of a mean map (fold ``"all"``).

    Args:
        maps: (a, expression, fold) to (h, w), all of one size; other folds than ``"all"`` are passed over.
        metrics: names; those of a picture's known region give no rows here.
        references: masks, points, baselines.
        options: keyword arguments by metric.
        ignorant: what knows nothing.

    Returns:
        A frame of `NULL_COLUMNS`. Rows of expression ``"all"`` with the nulls ``other`` and ``permuted`` are about
        the mean over expressions of the scores; with any other null they are about the map of all pictures.

    Raises:
        InputError: if a metric is unknown.
    """
    asked = ignorant or NullModels()
    kept = {(key[0], key[1]): np.asarray(one) for key, one in maps.items() if key[2] == ALL}
    kept = {key: one for key, one in kept.items() if np.isfinite(one).all()}
    if not kept:
        return pd.DataFrame(columns=list(NULL_COLUMNS))
    groups = list(_groups(kept, asked, options or {}))
    wanted = [metric for metric in chosen(metrics) if metric.needs[1] not in ("region", "maps")]
    shape = groups[0].maps.shape[1:]
    tables = _Tables(groups, references, options or {}, (int(shape[0]), int(shape[1])))
    grid = Grid.of(tables.shape)
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(threads()) as workers:
        drawn = Surrogates(grid.coarse, asked.n, asked.seed) if asked.n else None
        rows = [row for some in workers.map(lambda one: list(tables.of_group(one, wanted)), groups) for row in some]
        if drawn is not None:
            todo = [(group, place) for group in groups for place in range(len(group.names))]
            made = workers.map(lambda one: list(tables.of_surrogates(one[0], one[1], wanted, drawn, grid)), todo)
            rows += [row for some in made for row in some]
        for some in workers.map(lambda one: list(_Orders(tables, one, asked).rows()), wanted):
            rows += some
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


def _groups(maps: Mapping[tuple[str, str], npt.NDArray[Any]], asked: NullModels, options: Options) -> Iterator[_Group]:
    wide = {key: one.astype(np.float64) for key, one in maps.items()}
    # People and masks are what maps are compared with, so their own maps are no part of it.
    known = {key: one for key, one in wide.items() if key[0] in asked.models}
    whole = [one for (_, expression), one in known.items() if expression == ALL] or list(known.values())
    mean = np.mean(whole, axis=0) if len(known) > 1 else None
    blank = np.full(next(iter(wide.values())).shape, np.nan)
    for expression in ordered(expression for _, expression in maps):
        names = [a for a, e in maps if e == expression]
        others: list[npt.NDArray[Any]] = []
        for a in names:
            theirs = [one for (b, e), one in wide.items() if b == a and e not in (expression, ALL)]
            others.append(np.mean(theirs, axis=0) if theirs and expression != ALL else blank)
        single = {"prior": asked.prior, "mean_map": mean}
        mine = np.stack([maps[a, expression] for a in names])
        yield _Group(expression, names, mine, single, np.stack(others), Maps(mine, options))


@dataclass
class _Tables:
    """Scores of the maps that know nothing, group by group."""

    groups: Sequence[_Group]
    references: References
    options: Options
    shape: tuple[int, int]
    masks: dict[tuple[Any, ...], Maps] = field(default_factory=dict)

    def of_group(self, group: _Group, metrics: Sequence[Metric]) -> Iterator[Null]:
        """The nulls of one map each."""
        ready = {
            name: Maps(np.asarray(one)[None], self.options) for name, one in group.single.items() if one is not None
        }
        others = Maps(group.others, self.options)
        for metric in metrics:
            found = self.asked(metric, group)
            against, places = self.against(metric, group, found)
            if not places:
                continue
            whole = self._whole(metric, against)
            singles = {name: cross(metric, one, against, self.options)[0] for name, one in ready.items()}
            theirs = cross(metric, others, against, self.options)
            for one in found:
                column, row = places[one.b], group.names.index(one.a)
                values = {"whole": whole[column], **{name: of[column] for name, of in singles.items()}}
                values["other_map"] = theirs[row, column]
                for name, value in values.items():
                    if math.isfinite(value):
                        yield Null(metric.name, one.a, one.b, group.expression, name, float(value), np.nan, np.nan, 1)

    def of_surrogates(
        self, group: _Group, place: int, metrics: Sequence[Metric], drawn: Surrogates, grid: Grid
    ) -> Iterator[Null]:
        """The null of random maps, for one source's map of an expression."""
        mine, name = group.maps[place], group.names[place]
        if not np.ptp(mine) > 0:
            return
        made = None
        for metric in metrics:
            found = [one for one in self.asked(metric, group) if one.a == name]
            if not found or not (metric.bootstrap or metric.needs[1] != "points"):
                continue
            if made is None:
                own_map = grid.reduce(mine).astype(np.float32)
                made = Maps(
                    np.concatenate([own_map[None], drawn(own_map)]), self.options, Maps(mine[None], self.options)
                )
            coarse, places = self.against(metric, group, found, grid)
            columns = [places[one.b] for one in found]
            values = cross(metric, made, coarse, self.options)[:, columns]
            higher = metric.direction == "higher"
            # The score itself is taken on the same grid, so that p compares like with like.
            p = share_at_least(values[1:], values[0], higher)
            for one, mean, tail, size, its in zip(found, *_told(values[1:], higher), p.tolist(), strict=True):
                if size:
                    yield Null(metric.name, name, one.b, group.expression, "surrogate", mean, tail, its, size)

    def asked(self, metric: Metric, group: _Group) -> list[Comparison]:
        """The scores of a group."""
        return list(comparisons(metric, group.names, group.expression, self.references, self.shape))

    def against(
        self, metric: Metric, group: _Group, found: Sequence[Comparison], grid: Grid | None = None
    ) -> tuple[Sequence[Reference] | Maps, dict[str, int]]:
        """The references of some scores (on a coarser grid, if one is given), and the place of each by its name."""
        if found and found[0].pair:
            ready = group.ready if grid is None else group.coarse(grid, self.options)
            return ready, {name: i for i, name in enumerate(group.names)}
        by_name = {one.b: one.others for one in found}
        places = {name: i for i, name in enumerate(by_name)}
        coarse = [one if grid is None else self._coarse(metric, one, grid) for one in by_name.values()]
        if not (found and fast_path(metric)):
            return coarse, places
        # The metrics of masks share their references, and so what is worked out of them.
        ready = Maps(np.stack([np.asarray(one[0]) for one in coarse]), self.options)
        return self.masks.setdefault((group.expression, grid is None, *by_name), ready), places

    def _whole(self, metric: Metric, against: Sequence[Reference] | Maps) -> Floats:
        every = np.ones((1, *self.shape), bool)
        marks = fast_path(metric) and metric.cut
        return cross(metric, Maps(every if marks else every.astype(np.float64)), against, self.options)[0]

    def _coarse(self, metric: Metric, reference: Reference, grid: Grid) -> Reference:
        if fast_path(metric):
            return tuple(grid.reduce(one) for one in reference)  # Of masks, the share of each block that is inside.
        return tuple(
            grid.points(one) if kind in ("points", "nonfixations") else _like(kind, grid.reduce(one))
            for kind, one in zip(metric.needs[1:], reference, strict=True)
        )


def _like(kind: str, reduced: Floats) -> npt.NDArray[Any]:
    """A mask stays a mask: a block is in it if most of it is."""
    return reduced >= 0.5 if kind == "mask" else reduced


def _told(null: Floats, higher: bool) -> tuple[list[float], list[float], list[int]]:
    """Mean, tail and number of the draws (n, m) that are finite, column by column."""
    known = np.isfinite(null)
    if known.all():  # The usual case, in one go.
        tails = np.quantile(null, 0.95 if higher else 0.05, axis=0)
        return null.mean(0).tolist(), tails.tolist(), known.sum(0).tolist()
    found = [column[its] for column, its in zip(null.T, known.T, strict=True)]
    means = [float(one.mean()) if one.size else math.nan for one in found]
    return means, [_tail(one, higher) if one.size else math.nan for one in found], [one.size for one in found]


def _tail(null: Floats, higher: bool) -> float:
    return float(np.quantile(null, 0.95 if higher else 0.05))


class _Orders:
    """A source's maps against the references of all expressions, and in every order of these."""

    def __init__(self, tables: _Tables, metric: Metric, asked: NullModels) -> None:
        self.tables, self.metric, self.asked = tables, metric, asked
        self.higher = metric.direction == "higher"
        self.groups = [group for group in tables.groups if group.expression != ALL]

    def rows(self) -> Iterator[Null]:
        """Rows ``other`` of each expression, and ``other`` and ``permuted`` over all of them."""
        squares = self._squares()
        for (a, b), (names, square) in squares.items():
            for i, expression in enumerate(names):
                rest = np.delete(square[i], i)
                rest = rest[np.isfinite(rest)]
                if rest.size and math.isfinite(square[i, i]):
                    p = float(share_at_least(rest, square[i, i], self.higher))
                    tail = _tail(rest, self.higher)
                    yield Null(self.metric.name, a, b, expression, "other", float(rest.mean()), tail, p, rest.size)
            yield from self._over_all(a, b, names, square)
        for b in dict.fromkeys(b for _, b in squares):
            mine = [one for (a, other), one in squares.items() if other == b and a in self.asked.models]
            shared = [one for one in mine if one[0] == mine[0][0] and np.isfinite(one[1]).all()]
            if len(shared) > 1:
                note = "" if len(shared) == len(mine) else f"{len(shared)} of {len(mine)} networks have every score"
                mean = np.mean([square for _, square in shared], axis=0)
                yield from self._over_all(ALL_MODELS, b, shared[0][0], mean, note)

    def _over_all(self, a: str, b: str, names: list[str], square: Floats, note: str = "") -> Iterator[Null]:
        whole = np.asarray(np.isfinite(square).all(0) & np.isfinite(square).all(1))
        if whole.sum() < _FEW:
            why = f"{int(whole.sum())} expressions have every score: too few to permute"
            yield Null(self.metric.name, a, b, ALL, "permuted", np.nan, np.nan, np.nan, 0, why)
            return
        if not whole.all():
            gone = ", ".join(name for name, there in zip(names, whole, strict=True) if not there)
            note = "; ".join(part for part in (note, f"without {gone}") if part)
        square = square[whole][:, whole]
        orders = _orders(len(square), self.asked.seed)
        means = square[np.arange(len(square)), orders].mean(1)
        wrong = (orders != np.arange(len(square))).all(1)
        value = np.asarray(means[0])
        # The right order is one of all, and stands first.
        slack = 1e-9
        as_good = means >= value - slack if self.higher else means <= value + slack
        # Wrong orders are no fair sample of what the right one might have been: of 1,000 null studies a tenth have a
        # share of them below 0.05. So the test is that of all orders, the right one among them.
        for null, some, p in (("other", means[wrong], math.nan), ("permuted", means, float(as_good.mean()))):
            mean, tail = float(some.mean()), _tail(some, self.higher)
            yield Null(self.metric.name, a, b, ALL, null, mean, tail, p, len(some), note)

    def _squares(self) -> dict[tuple[str, str], tuple[list[str], Floats]]:
        """By source and reference, scores of its map of each expression (rows) with each one's reference."""
        names: dict[tuple[str, str], list[str]] = {}
        found: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
        against = {}
        for group in self.groups:
            asked = self.tables.asked(self.metric, group)
            against[group.expression] = self.tables.against(self.metric, group, asked)
        for group in self.groups:
            for one in self.tables.asked(self.metric, group):
                names.setdefault((one.a, one.b), []).append(group.expression)
        for group in self.groups:
            for other in self.groups:
                references, places = against[other.expression]
                if not places:
                    continue
                scores = cross(self.metric, group.ready, references, self.tables.options)
                for i, a in enumerate(group.names):
                    for b, j in places.items():
                        if (a, b) in names:
                            found.setdefault((a, b), {})[group.expression, other.expression] = scores[i, j]
        return {
            pair: (some, np.array([[found[pair].get((e, o), np.nan) for o in some] for e in some]))
            for pair, some in names.items()
            if len(some) > 1
        }


def _orders(count: int, seed: int) -> Ints:
    """Orders of ``count`` things (n, count), the right one first: all, or `ORDERS` drawn beside it."""
    if count <= MOST_ORDERS:
        return np.array(list(permutations(range(count))), np.int64)
    rng = np.random.default_rng([seed, 21])
    drawn = rng.permuted(np.tile(np.arange(count), (ORDERS, 1)), axis=1)
    return np.vstack([np.arange(count), drawn])
