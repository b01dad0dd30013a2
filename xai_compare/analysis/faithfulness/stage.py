"""Are the maps of a run faithful to their networks? That is tested on a sample of its pictures, beside a random map.

The maps are those that the run stored. The random map makes the same journey from the picture to the standard face
and back. Pictures are judged in parts of a fixed composition: a run that is killed loses one part at most, and one that
goes on gives the same bits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field

from xai_compare.analysis.predict.selection import shuffled
from xai_compare.expressions import ordered
from xai_compare.files import digest
from xai_compare.registry import STAGES
from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.store import MapStore
from xai_compare.validation import Strict

if TYPE_CHECKING:
    import pandas as pd

    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.worker import Worker

PART = 8
"""Pictures judged together."""
RESULTS = 5
"""Raised whenever a change of the code changes scores."""
CONTROL = "random map"


class FaithfulnessOptions(Strict):
    """Whether the maps are faithful to the network, asked on a sample of the explained pictures."""

    RENAMED: ClassVar[Mapping[str, str]] = {"forgetting": "parameter_randomization"}

    images: int = Field(20, ge=1, description="pictures per network and training, taken from all expressions in turn")
    steps: int = Field(32, ge=2, le=1024, description="steps of the deletion and insertion curves")
    fill: Literal["black", "blur"] = Field("black", description="what stands where the picture is deleted")
    rectangles: int = Field(96, ge=2, le=10_000, description="random rectangles for infidelity")
    parameter_randomization: bool = Field(
        True, description="whether the sample is explained again with shuffled weights; the costly part"
    )
    retest: int = Field(
        10,
        ge=0,
        description="of these pictures, how many are explained once more with another seed: how much maps change by "
        "chance, the null of `parameter_randomization`",
    )
    controls: bool = Field(
        True,
        description="whether the edges of the picture, the face prior and the map of another picture are judged too",
    )


@dataclass(frozen=True)
class Unit:
    """Some pictures of one network, to be judged by the maps of one explainer or by random ones.

    Attributes:
        number: the network's in the study.
        explainer: the explainer's number in the study; None for the random map.
        part: which part of the sample.
        store: where the maps lie; of the random map, where those of the network's first explainer do.
        rows: the pictures, as places in the store's items.
    """

    number: int
    explainer: int | None
    part: int
    store: MapStore
    rows: tuple[int, ...]

    @property
    def key(self) -> str:
        """Its name among the records."""
        who = self.store.source.slug if self.explainer is not None else f"{CONTROL}--{self.number}"
        return f"{who}:{self.part}"

    @property
    def images(self) -> tuple[str, ...]:
        """The names of its pictures."""
        return tuple(str(self.store.items[row]["image"]) for row in self.rows)


@dataclass(frozen=True)
class Work:
    """A unit with all that judging it takes, free of stores.

    Attributes:
        number, explainer: as in `Unit`.
        options: what the study says.
        seed, scaling: the study's.
        targets: what is explained in each picture.
        maps: float32 ``(n, 275, 224)`` with least and greatest values before the warp, and why one is undefined; none
            of the random map.
        drops: what hidden rectangles take; None where they are yet to be found.
        regions: for each picture the region known to differ, bool ``(275, 224)``, or None; empty if no picture has one.
        retest: how many of the pictures, from the first, are explained once more.
    """

    number: int
    explainer: int | None
    options: FaithfulnessOptions
    seed: int
    scaling: str
    targets: tuple[Any, ...]
    maps: tuple[np.ndarray, np.ndarray, np.ndarray, list[str]] | None
    drops: np.ndarray | None
    regions: tuple[np.ndarray | None, ...]
    retest: int = 0


def sample(items: Sequence[Mapping[str, Any]], count: int, seed: int) -> list[int]:
    """Places of at most ``count`` items, taken from their groups in turn, in an order that the seed decides.

    A larger sample begins with the smaller one, so that a study that asks for more keeps what was judged.

    >>> faces = [{"image": f"{group}{i}", "group": group} for group in ("anger", "fear") for i in range(3)]
    >>> chosen = sample(faces, 4, seed=0)
    >>> [faces[place]["group"] for place in chosen], chosen[:2] == sample(faces, 2, seed=0)
    (['anger', 'fear', 'anger', 'fear'], True)
    """
    order = {image: i for i, image in enumerate(shuffled([str(item["image"]) for item in items], seed))}
    groups: dict[str, list[int]] = {}
    for place in sorted(range(len(items)), key=lambda i: order[str(items[i]["image"])]):
        groups.setdefault(str(items[place]["group"]), []).append(place)
    turns = zip_longest(*(groups[name] for name in ordered(groups)))
    return [place for turn in turns for place in turn if place is not None][:count]


@STAGES.register("faithfulness")
class Faithfulness(Stage):
    """Judges maps by the networks themselves."""

    name: ClassVar[str] = "faithfulness"
    title: ClassVar[str] = "faithfulness"
    needs: ClassVar[tuple[str, ...]] = ("explain", "regions")
    Options: ClassVar[type[BaseModel] | None] = FaithfulnessOptions

    def tasks(self) -> list[Task]:
        """The random maps of every part first: what hidden rectangles take is found with them."""
        units = sorted(self.units, key=lambda unit: unit.explainer is not None)
        return [
            Task(one.key, self._fingerprint(one), one, len(one.rows), self._label(one.number), one.images)
            for one in units
        ]

    def run(self) -> None:
        """Judge the random maps, then the explainers'."""
        tasks = self.tasks()
        controls = [task for task in tasks if task.data.explainer is None]
        self.run_tasks([controls, [task for task in tasks if task.data.explainer is not None]])

    def fill(self, task: Task) -> Task:
        """Read the maps from the store."""
        unit, study = task.data, self.job.study
        drops = None
        if unit.explainer is not None:
            control = self.outcome(self._control(unit))
            drops = None if control is None else np.array(control["drops"])
        known = self._known
        work = Work(
            unit.number,
            unit.explainer,
            self.options,
            study.seed,
            study.compare.scaling,
            tuple(_target(unit.store.items[row]) for row in unit.rows),
            None if unit.explainer is None else _stored(unit),
            drops,
            tuple(self._region(image) for image in unit.images) if known else (),
            self._retested(unit),
        )
        return replace(task, data=work)

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Judge some maps."""
        from xai_compare.analysis.faithfulness.scoring import score

        return score(worker, task)

    def tables(self) -> dict[str, pd.DataFrame]:
        """``faithfulness``, ``faithfulness_controls`` and ``faithfulness_curves``."""
        from xai_compare.analysis.faithfulness.tables import faithfulness_tables

        return faithfulness_tables(self)

    def account(self) -> dict[str, Any]:
        """The pictures of each network's sample, and the seconds that each source took."""
        pictures: dict[str, list[str]] = {}
        seconds: dict[str, float] = {}
        for unit in self.units:
            label = self.job.study.models[unit.number].label
            if unit.explainer is None:
                pictures.setdefault(label, []).extend(unit.images)
            who = "random map" if unit.explainer is None else self.job.study.explainers[unit.explainer].label
            record = self.records.get(unit.key) or {}
            name = f"{label}/{who}"
            seconds[name] = round(seconds.get(name, 0.0) + float(record.get("seconds", 0)), 3)
        return {"pictures": pictures, "seconds": seconds}

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Two curves a map and a control, the rectangles once a picture, and explaining anew."""
        asked, lines = costs.study.stage_options("faithfulness"), []
        for one in costs.networks:
            judged = [explainer for explainer in one.explainers if not explainer.refusal]
            if judged:
                pictures = min(asked.images, one.pictures)
                maps = 2 * len(judged) + 3 if asked.controls else len(judged) + 1
                passes = pictures * (2 * asked.steps * maps + asked.rectangles + 1)
                forwards, took = passes, passes * one.forward
                for explainer in judged if asked.parameter_randomization else []:
                    times = pictures + min(asked.retest, pictures) * explainer.seeded
                    forwards, took = forwards + times * explainer.passes, took + times * explainer.seconds
                lines.append(costs.line(one, "faithfulness", pictures, forwards, took))
        return lines

    @cached_property
    def units(self) -> list[Unit]:
        """All that is to be judged, network by network and part by part, the random map first in each."""
        study, result = self.job.study, []
        labels = [str(spec.label) for spec in study.explainers]
        for number, spec in enumerate(study.models):
            trained = (spec.name, spec.fold or "")
            its = [s for s in self.job.stores if s.source.kind == "model" and (s.source.name, s.source.fold) == trained]
            explained = [store for store in its if store.items and store.source.explainer in labels]
            rows = sample(explained[0].items, self.options.images, study.seed) if explained else []
            for part in range(0, len(rows), PART):
                some = tuple(rows[part : part + PART])
                result.append(Unit(number, None, part // PART, explained[0], some))
                result += [Unit(number, labels.index(s.source.explainer), part // PART, s, some) for s in explained]
        return result

    def judged(self, unit: Unit) -> dict[str, Any] | None:
        """What was found for a unit; None if it could not be judged."""
        result: dict[str, Any] | None = self.outcome(Task(unit.key, self._fingerprint(unit)))
        return result

    def control(self, unit: Unit) -> Unit:
        """The unit of random maps of the same pictures."""
        where = (unit.number, unit.part)
        return next(one for one in self.units if one.explainer is None and (one.number, one.part) == where)

    def _control(self, unit: Unit) -> Task:
        control = self.control(unit)
        return Task(control.key, self._fingerprint(control))

    def _label(self, number: int) -> str:
        return f"{self.job.study.models[number].label}: faithfulness"

    def _fingerprint(self, unit: Unit) -> str:
        """A hash of all that a unit's scores depend on; taken once, for the maps are there when they are judged."""
        if unit.key not in self._fingerprints:
            # Of the first explainer's maps only what they were made of matters to the random map.
            made = [_facts(unit.store, row)[: 1 if unit.explainer is None else None] for row in unit.rows]
            settings = self.options.model_dump(mode="json", exclude={"images", "retest"})
            regions = [self._region_facts(image) for image in unit.images]
            study = self.job.study
            retested = (
                self._retested(unit) if unit.explainer is not None and self.options.parameter_randomization else 0
            )
            inputs = [RESULTS, settings, retested, study.seed, study.compare.scaling, unit.images, made, regions]
            self._fingerprints[unit.key] = digest(inputs)
        return self._fingerprints[unit.key]

    @cached_property
    def _fingerprints(self) -> dict[str, str]:
        return {}

    @cached_property
    def _known(self) -> MapStore | None:
        return next((store for store in self.job.stores if store.source.kind == "known"), None)

    @cached_property
    def _region_places(self) -> dict[str, int]:
        return {str(item["image"]): row for row, item in enumerate(self._known.items)} if self._known else {}

    def _retested(self, unit: Unit) -> int:
        """How many pictures of a part are explained once more."""
        return min(max(self.options.retest - unit.part * PART, 0), len(unit.rows))

    def _region_facts(self, image: str) -> tuple[str, str, int] | None:
        row = self._region_places.get(image)
        return None if row is None or self._known is None else _facts(self._known, row)

    def _region(self, image: str) -> np.ndarray | None:
        row = self._region_places.get(image)
        if row is None or self._known is None:
            return None
        index, place = _place(self._known, row)
        return np.asarray(self._known.read(index)[place] > 0.5)


def _stored(unit: Unit) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """A unit's maps, their least and greatest values before the warp, and why one is undefined."""
    maps: list[np.ndarray] = []
    facts: list[tuple[float, float, str]] = []
    for row in unit.rows:
        index, place = _place(unit.store, row)
        record = unit.store.record(index)
        maps.append(unit.store.read(index)[place])
        if record is None:
            facts.append((np.nan, np.nan, "its map could not be made"))
        else:
            columns = record["columns"]
            facts.append((columns["low"][place], columns["high"][place], columns["reason"][place]))
    low, high, reasons = zip(*facts, strict=True)
    return np.stack(maps), np.array(low), np.array(high), list(reasons)


def _place(store: MapStore, row: int) -> tuple[int, int]:
    """The chunk of an item, and its place there."""
    return divmod(row, store.chunks[0].stop)


def _facts(store: MapStore, row: int) -> tuple[str, str, int]:
    """What a map was made of, the checksum of its chunk, and its place there."""
    index, place = _place(store, row)
    record = store.record(index) or {}
    return str(record.get("fingerprint", "")), str(record.get("sha256", "")), place


def _target(item: Mapping[str, Any]) -> Any:
    target, against = str(item["target"]), str(item["against"])
    return (target, against) if against else target
