"""Are the maps of a run faithful to their networks? Asked on a sample of its pictures, beside a random map.

The maps are those of the run's store, brought back from the standard face to the network's input, so nothing is
explained twice; the random map makes the same journey. Pictures are judged in parts of a fixed composition, and each
part's answer is in the journal before the next one begins: a run that is killed loses one part at most, and one that
goes on gives the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from xai_compare import comparison, faces
from xai_compare.errors import InputError
from xai_compare.explainers import faithfulness as faithful
from xai_compare.explainers.methods.random import RandomMap
from xai_compare.expressions import ordered
from xai_compare.heatmaps import scale
from xai_compare.models import Model
from xai_compare.runs.journal import Journal, digest
from xai_compare.runs.returning import returned, ways_back
from xai_compare.runs.selection import shuffled
from xai_compare.runs.store import MapStore
from xai_compare.runs.work import Item, Worker
from xai_compare.study import Faithfulness, Study

FILE = "faithfulness.jsonl"
PART = 8
"""Pictures judged together."""
RESULTS = 1
"""Raised whenever a change of the code changes scores."""
CONTROL = "random map"


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
        """Its name in the journal."""
        who = self.store.source.slug if self.explainer is not None else f"{CONTROL}--{self.number}"
        return f"{who}:{self.part}"

    @property
    def images(self) -> list[str]:
        """The names of its pictures."""
        return [str(self.store.items[row]["image"]) for row in self.rows]

    @property
    def items(self) -> list[Item]:
        """Its pictures as the network was asked about them."""
        return [_item(self.store.items[row]) for row in self.rows]


def sample(items: Sequence[Mapping[str, Any]], count: int, seed: int) -> list[int]:
    """Places of at most ``count`` items, taken from their groups in turn, in an order that the seed decides.

    A larger sample begins with the smaller one.
    """
    order = {image: i for i, image in enumerate(shuffled([str(item["image"]) for item in items], seed))}
    groups: dict[str, list[int]] = {}
    for place in sorted(range(len(items)), key=lambda i: order[str(items[i]["image"])]):
        groups.setdefault(str(items[place]["group"]), []).append(place)
    turns = zip_longest(*(groups[name] for name in ordered(groups)))
    return [place for turn in turns for place in turn if place is not None][:count]


def units(study: Study, stores: Sequence[MapStore]) -> list[Unit]:
    """All that is to be judged, network by network and part by part, the random map first in each."""
    asked, found = study.faithfulness, []
    labels = [str(spec.label) for spec in study.explainers]
    for number, spec in enumerate(study.models if asked else []):
        trained = (spec.name, spec.fold or "")
        its = [s for s in stores if s.source.kind == "model" and (s.source.name, s.source.fold) == trained]
        mine = [store for store in its if store.items and store.source.explainer in labels]
        if mine and asked:
            rows = sample(mine[0].items, asked.images, study.seed)
            for part in range(0, len(rows), PART):
                some = tuple(rows[part : part + PART])
                found.append(Unit(number, None, part // PART, mine[0], some))
                found += [Unit(number, labels.index(s.source.explainer), part // PART, s, some) for s in mine]
    return found


@dataclass
class Judge:
    """Judges units and remembers what was found.

    Args:
        study: what is asked; its key ``faithfulness`` must be there.
        run: the run directory.
        stores: all that the run stored, the known regions among them.
    """

    study: Study
    run: Path
    stores: Sequence[MapStore]
    units: list[Unit] = field(init=False)
    _fingerprints: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.units = units(self.study, self.stores)
        self._journal = Journal(self.run / FILE)

    def record(self, unit: Unit) -> dict[str, Any] | None:
        """What was found for a unit; None if nothing was yet, or for other inputs."""
        return None if self.problem(unit) else self._journal.get(unit.key)

    def problem(self, unit: Unit) -> str:
        """Why a unit must be judged (again); empty where its record is whole and of these inputs."""
        record = self._journal.get(unit.key)
        if record is None:
            return "faithfulness not judged yet"
        facts = {key: value for key, value in record.items() if key not in ("key", "check")}
        if record.get("check") != digest(facts):
            return "damaged record of faithfulness"
        return "" if record.get("fingerprint") == self.fingerprint(unit) else "faithfulness of other inputs"

    def control(self, unit: Unit) -> Unit:
        """The unit of random maps of the same pictures."""
        where = (unit.number, unit.part)
        return next(one for one in self.units if one.explainer is None and (one.number, one.part) == where)

    def fingerprint(self, unit: Unit) -> str:
        """A hash of all that a unit's scores depend on; taken once, for the maps stand when they are judged."""
        if unit.key not in self._fingerprints:
            self._fingerprints[unit.key] = self._hashed(unit)
        return self._fingerprints[unit.key]

    def _hashed(self, unit: Unit) -> str:
        # Of the first explainer's maps only what they were made of matters to the random map.
        made = [_facts(unit.store, row)[: 1 if unit.explainer is None else None] for row in unit.rows]
        settings = self._asked.model_dump(mode="json", exclude={"images"})
        known, places = self._known, self._region_places
        regions = [_facts(known, places[image]) if known and image in places else None for image in unit.images]
        return digest([RESULTS, settings, self.study.seed, self.study.compare.scaling, unit.images, made, regions])

    def make(self, worker: Worker, todo: Sequence[Unit]) -> Iterator[tuple[Unit, str]]:
        """Judge units of one network, one after the other; yields each with why it failed (empty if it did not).

        Raises:
            InputError, OSError: what the user must mend.
        """
        scene: _Scene | None = None
        for unit in todo:
            if scene is None or scene.rows != unit.rows:
                scene = _Scene(worker, unit, self._asked, self.study.seed, None if scene is None else scene.empty)
            began, why = time.perf_counter(), ""
            try:
                facts = self._judged(scene, unit)
                facts |= {"fingerprint": self.fingerprint(unit), "seconds": time.perf_counter() - began}
                self._journal.add({unit.key: {**facts, "check": digest(facts)}})
            except (InputError, OSError):
                raise
            except Exception as error:  # One explainer that breaks must not end a study of days.
                why = f"faithfulness: {type(error).__name__}: {' '.join(str(error).split())[:300]}"
            yield unit, why

    def _judged(self, scene: _Scene, unit: Unit) -> dict[str, Any]:
        if unit.explainer is None:
            maps, raw = scene.random()
            low, high, reasons = raw.min((1, 2)), raw.max((1, 2)), [""] * len(raw)
        else:
            maps, low, high, reasons = _stored(unit)
        level = [bool(np.ptp(one) == 0) for one in maps]  # Order and sums of such a map are of no picture's making.
        maps = np.where(np.reshape(level, (-1, 1, 1)), np.float32(np.nan), maps)
        reasons = [why or "the map is constant" * flat for why, flat in zip(reasons, level, strict=True)]
        seen = returned(maps, scene.ways)
        curves = faithful.curves(scene.model, scene.pictures, seen, scene.targets, steps=self._asked.steps,
                                 fill=self._asked.fill)  # fmt: skip
        found = {
            "deletion": curves.deletion_area,
            "insertion": curves.insertion_area,
            "infidelity": faithful.unexplained(seen, scene.boxes, self._drops(scene, unit)),
            **self._known_scores(unit.images, scale(maps, low, high, self.study.compare.scaling)),
        }
        if self._asked.forgetting:
            # A map that never asks the network cannot change when the network forgets.
            found["forgetting"] = np.zeros(len(maps)) if unit.explainer is None else scene.forgetting(unit, maps)
        facts: dict[str, Any] = {
            "images": unit.images,
            "reasons": reasons,
            "scores": {name: values.tolist() for name, values in found.items()},
            "curves": {"deletion": curves.deletion.tolist(), "insertion": curves.insertion.tolist()},
        }
        return facts | ({"drops": self._drops(scene, unit).tolist()} if unit.explainer is None else {})

    def _drops(self, scene: _Scene, unit: Unit) -> np.ndarray:
        """What the rectangles take is the same for all maps of a picture: found with the random map's, kept there."""
        if scene.drops is None:
            record = None if unit.explainer is None else self.record(self.control(unit))
            scene.drops = scene.dropped() if record is None else np.array(record["drops"])
        return scene.drops

    def _known_scores(self, images: Sequence[str], maps: np.ndarray) -> dict[str, np.ndarray]:
        auc, energy = np.full((2, len(images)), np.nan)
        for i, (image, one) in enumerate(zip(images, maps, strict=True)):
            row = self._region_places.get(image)
            if row is not None and self._known is not None and np.isfinite(one).all():
                index, place = _place(self._known, row)
                region = self._known.read(index)[place] > 0.5
                if region.any():
                    auc[i], energy[i] = comparison.region_auc(one, region), comparison.region_energy(one, region)
        return {"known_auc": auc, "known_energy": energy} if self._known is not None else {}

    @property
    def _asked(self) -> Faithfulness:
        assert self.study.faithfulness is not None
        return self.study.faithfulness

    @cached_property
    def _known(self) -> MapStore | None:
        return next((store for store in self.stores if store.source.kind == "known"), None)

    @cached_property
    def _region_places(self) -> dict[str, int]:
        return {str(item["image"]): row for row, item in enumerate(self._known.items)} if self._known else {}


class _Scene:
    """Some pictures before one network, and what is common to all maps of them, each made when first needed."""

    def __init__(self, worker: Worker, unit: Unit, asked: Faithfulness, seed: int, empty: Model | None) -> None:
        self.worker, self.asked, self.seed, self.rows = worker, asked, seed, unit.rows
        self.model, self.items, self.number = worker.model(unit.number), unit.items, unit.number
        batch = worker.load(unit.number, self.items)
        self.pictures, self.landmarks = batch.pictures, batch.landmarks
        self.targets = [item.target for item in self.items]
        self.empty = empty
        self.drops: np.ndarray | None = None

    @cached_property
    def ways(self) -> np.ndarray:
        return ways_back(self.landmarks, self.model.input.size)

    @cached_property
    def boxes(self) -> np.ndarray:
        return faithful.rectangles(self.model.input.size, self.asked.rectangles, seed=self.seed)

    def dropped(self) -> np.ndarray:
        """What each rectangle takes from the explained output."""
        return faithful.drops(self.model, self.pictures, self.boxes, self.targets)

    def random(self) -> tuple[np.ndarray, np.ndarray]:
        """Random maps on the standard face, and as they were before."""
        raw = RandomMap(seed=self.seed)(self.model, self.pictures, self.targets)
        return faces.standardize(raw, self.landmarks), raw

    def forgetting(self, unit: Unit, maps: np.ndarray) -> np.ndarray:
        """1 less the rank correlation of maps with those of a network that forgot all it learned."""
        assert unit.explainer is not None
        if self.empty is None:
            self.empty = faithful.forgotten(self.model, self.seed)
        explainer = self.worker.explainers[unit.explainer]
        if explainer.refusal(self.empty) is not None:
            return np.full(len(maps), np.nan)
        after = explainer(self.empty, self.pictures, self.targets)
        return 1 - faithful.likeness(maps, faces.standardize(after, self.landmarks))


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


def _item(facts: Mapping[str, Any]) -> Item:
    text = str(facts["target"])
    first, pair, second = text.partition(" - ")
    return Item(str(facts["image"]), str(facts["group"]), (first, second) if pair else text, str(facts["label"]),
                str(facts["predicted"]), float(facts["probability"]))  # fmt: skip
