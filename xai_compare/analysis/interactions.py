"""What each network uses of the face's parts, what it uses together, and where people look: the same parts everywhere.

The game is the explained class's probability, its players are the parts of the face, and all their sets are shown, so
that values and interactions are exact for each picture. Parts are the same players in every face: their values average
over pictures without a warp.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from xai_compare.analysis.faithfulness.stage import sample
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.predict import Predict
from xai_compare.analysis.predict.selection import Item
from xai_compare.comparison.resampling.interval import LEAST, LEVEL
from xai_compare.explainers.fillings import Filling
from xai_compare.expressions import ordered
from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.faces.areas import PARTS, face_parts
from xai_compare.files import digest
from xai_compare.registry import STAGES
from xai_compare.runs.stage import Stage, Task
from xai_compare.validation import Strict

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.worker import Worker

PART = 8
"""Pictures of a task."""
RESULTS = 1
"""Raised whenever a change of the code changes the tables."""
VALUES = (
    "source",
    "kind",
    "expression",
    "part",
    "value",
    "value_low",
    "value_high",
    "share",
    "share_low",
    "share_high",
    "size",
    "n",
)
PAIRS = ("source", "expression", "a", "b", "index", "value", "ci_low", "ci_high", "n")
INDICES = {"interactions": "SII", "faithful_interactions": "FSII"}
_Pictures = dict[str, tuple[str, dict[str, Any]]]


class InteractionsOptions(Strict):
    """What each network uses of the parts of the face, and which parts it uses together; `true` takes the defaults."""

    images: int = Field(60, ge=1, description="pictures per network and training, taken from all expressions in turn")
    filling: Filling = Field("black", description="what is seen where a part is hidden")


class Shown(NamedTuple):
    """Pictures of one network, and how their parts are hidden."""

    model: int
    items: tuple[Item, ...]
    filling: Filling


@STAGES.register("interactions")
class Interactions(Stage):
    """Writes the tables ``part_values`` and ``part_interactions``."""

    name: ClassVar[str] = "interactions"
    title: ClassVar[str] = "parts of the face"
    needs: ClassVar[tuple[str, ...]] = ("predict", "people")
    Options: ClassVar[type[BaseModel] | None] = InteractionsOptions

    def tasks(self) -> list[Task]:
        """Some pictures of one network each."""
        study, made = self.job.study, []
        for number, items in self.job.get(Predict).items.items():
            rows = sample([asdict(item) for item in items], self.options.images, study.seed)
            for start in range(0, len(rows), PART):
                some = tuple(items[row] for row in rows[start : start + PART])
                spec, images = study.images, tuple(item.image for item in some)
                inputs = [(asdict(item), self.job.pictures.sha256(item.image)) for item in some]
                settings = [RESULTS, self.options.filling, study.seed, spec.margin, spec.predictor]
                mark = digest([*settings, self.job.worker.identity(number), inputs])
                label, shown = f"{study.models[number].label}: parts", Shown(number, some, self.options.filling)
                made.append(Task(f"{number}:{start // PART}", mark, shown, len(some), label, images, alone=True))
        return made

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Values and interactions of the parts of some pictures."""
        from xai_compare.explainers import create

        shown: Shown = task.data
        pictures, landmarks = worker.inputs(shown.model, task.images)
        options: dict[str, Any] = {"players": "parts", "filling": shown.filling, "interactions": True}
        explainer = create("shapley", **options, seed=worker.study.seed)
        model, targets = worker.model(shown.model), [item.target for item in shown.items]
        with worker.counting(model, task.key, task.size, task.size * explainer.forwards(model)):
            found = explainer.explain(model, pictures, targets, landmarks)
        cells = found.extras["segments"].reshape(len(pictures), -1)
        size = [(np.bincount(one, minlength=len(PARTS)) / len(one)).tolist() for one in cells]
        lists = {name: [one.tolist() for one in found.extras[name]] for name in ("values", *INDICES)}
        return {"reasons": found.reasons, "size": size, **lists}

    def tables(self) -> dict[str, pd.DataFrame]:
        """``part_values``, a row for each part of each source, and ``part_interactions``, one for each pair."""
        values, pairs = [], []
        for source, pictures in self._networks().items():
            values += value_rows(source, "model", pictures)
            pairs += pair_rows(source, pictures)
        for source, pictures in self._people().items():
            values += value_rows(source, "human", pictures)
        return {
            "part_values": pd.DataFrame(values, columns=list(VALUES)),
            "part_interactions": pd.DataFrame(pairs, columns=list(PAIRS)),
        }

    def account(self) -> dict[str, Any]:
        """The pictures left out, and why."""
        left: dict[str, dict[str, str]] = {}
        for task, outcome in self._outcomes():
            reasons = zip(task.images, outcome["reasons"], strict=True)
            left[task.label] = left.get(task.label, {}) | {image: why for image, why in reasons if why}
        return {"left_out": left}

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """All sets of parts of each picture."""
        asked, passes = costs.study.stage_options("interactions"), 2 ** len(PARTS)
        counts = [(one, min(asked.images, one.pictures)) for one in costs.networks]
        return [costs.line(one, "parts", n, n * passes, n * passes * one.forward) for one, n in counts]

    def _outcomes(self) -> Iterator[tuple[Task, Any]]:
        return ((task, outcome) for task in self.tasks() if (outcome := self.outcome(task)))

    def _networks(self) -> dict[str, _Pictures]:
        """By network and training, each picture's expression and numbers."""
        found: dict[str, _Pictures] = {}
        for task, outcome in self._outcomes():
            own = found.setdefault(str(self.job.study.models[task.data.model].label), {})
            for k, item in enumerate(task.data.items):
                if not outcome["reasons"][k]:
                    names = ("size", "values", *INDICES)
                    own[item.image] = item.group, {name: np.array(outcome[name][k]) for name in names}
        return found

    def _people(self) -> dict[str, _Pictures]:
        """By human source, the share of each picture's map on each part of the standard face."""
        stores = [store for store in self.job.stores if store.source.kind == "human"]
        cells = face_parts(CANONICAL[:68], SHAPE).labels.ravel()
        size = np.bincount(cells, minlength=len(PARTS)) / len(cells)
        maps, found = StoredMaps(stores, "none"), {}
        for store in stores:
            own: _Pictures = {}
            for entry, one in maps.stream(store.source.slug):
                mass = np.bincount(cells, np.maximum(one, 0).ravel(), minlength=len(PARTS))
                own[entry.image] = entry.group, {"size": size, "share": mass / mass.sum()}
            found[store.source.label] = own
        return found


def value_rows(source: str, kind: str, pictures: _Pictures) -> list[tuple[Any, ...]]:
    """Rows of `VALUES`: means over pictures with 95 % intervals (Student's t), by expression and over all.

    Args:
        source, kind: whose they are.
        pictures: by name the expression, and ``size`` (parts' shares of the picture) with ``values`` of a network, of
            which the positive part makes the shares, or the ``share`` itself of people.
    """
    shares = {image: numbers.get("share", _share(numbers.get("values"))) for image, (_, numbers) in pictures.items()}
    rows = []
    for expression, images in _by_expression(pictures).items():
        size = np.mean([pictures[image][1]["size"] for image in images], 0)
        nothing = np.full((len(images), len(PARTS)), np.nan)
        values = nothing if kind == "human" else np.array([pictures[image][1]["values"] for image in images])
        mean, share = _means(values), _means(np.array([shares[image] for image in images]))
        for k, part in enumerate(PARTS):
            rows.append((source, kind, expression, part, *mean[:, k], *share[:, k], size[k], len(images)))
    return rows


def pair_rows(source: str, pictures: _Pictures) -> list[tuple[Any, ...]]:
    """Rows of `PAIRS`: the mean interaction of each pair of parts over pictures, with a 95 % interval."""
    rows = []
    for expression, images in _by_expression(pictures).items():
        for name, index in INDICES.items():
            mean = _means(np.array([pictures[image][1][name] for image in images]))
            for a, b in combinations(range(len(PARTS)), 2):
                rows.append((source, expression, PARTS[a], PARTS[b], index, *mean[:, a, b], len(images)))
    return rows


def _share(values: np.ndarray | None) -> np.ndarray:
    """Each part's share of what speaks for the class; NaN where nothing does."""
    positive = np.maximum(np.full(len(PARTS), np.nan) if values is None else values, 0)
    return positive / positive.sum() if positive.sum() > 0 else np.full(len(PARTS), np.nan)


def _means(numbers: np.ndarray) -> np.ndarray:
    """Mean over pictures (the first axis) and the ends of its interval, ``(3, ...)``; NaN pictures do not count."""
    from scipy import stats

    known = np.isfinite(numbers)
    n = known.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, numbers, 0).sum(0) / n
        spread = np.sqrt((np.where(known, numbers - mean, 0) ** 2).sum(0) / (n - 1))
        reach = stats.t.ppf((1 + LEVEL) / 2, n - 1) * spread / np.sqrt(n)
    reach = np.where(n >= LEAST, reach, np.nan)
    return np.array([mean, mean - reach, mean + reach])


def _by_expression(pictures: Mapping[str, tuple[str, Any]]) -> dict[str, Sequence[str]]:
    groups = ordered({group for group, _ in pictures.values() if group})
    by: dict[str, Sequence[str]] = {g: [image for image, (own, _) in pictures.items() if own == g] for g in groups}
    return by | ({"all": list(pictures)} if pictures else {})
