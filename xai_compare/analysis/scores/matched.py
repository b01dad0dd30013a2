"""Networks against people on the very same pictures.

A network's mean map of an expression is of the pictures grouped under it (by its own answers, say), people's of those
that they saw. Where the two are not the same pictures, a difference of the maps may be one of the pictures. So each
network is compared with people once more on the pictures that both have, grouped as the network has them, and these
scores take the place of the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from xai_compare.analysis.inputs.observer_maps import ObserverMaps
from xai_compare.analysis.inputs.stored_maps import ALL, Entry, StoredMaps
from xai_compare.comparison import MapKey
from xai_compare.faces import SHAPE
from xai_compare.heatmaps import GroupMeans
from xai_compare.runs.store import MapStore

Pairs = frozenset[tuple[str, str]]
"""Pictures, each with the expression that it is grouped under."""


class Matched(NamedTuple):
    """Networks and people on the pictures that both have.

    Attributes:
        maps: of the networks and of the people, of these pictures alone.
        networks: their labels; all have the same pictures, in the same groups.
        people: the group of people.
        groups: expressions (``"all"`` among them) to how many pictures the networks, the people and both have, where
            these are not the same pictures.
    """

    maps: StoredMaps
    networks: tuple[str, ...]
    people: str
    groups: Mapping[str, tuple[int, int, int]]

    @property
    def replaced(self) -> list[str]:
        """The expressions whose scores take the place of those of different pictures."""
        return [name for name, (*_, both) in self.groups.items() if both]

    def means(self) -> tuple[dict[MapKey, np.ndarray], dict[MapKey, int]]:
        """The mean maps and the number of their pictures; networks before people, as in the scores."""
        maps, counts = {}, {}
        stores = self.maps.stores
        for label in (*self.networks, self.people):
            means = GroupMeans(SHAPE)
            for slug in (slug for slug, store in stores.items() if store.source.label == label):
                for entry, one in self.maps.stream(slug):
                    means.add([entry.group, ALL], np.stack([one, one]))
            for group in means.groups():
                maps[MapKey(label, str(group), ALL)] = means.mean(group)
                counts[MapKey(label, str(group), ALL)] = means.count(group)
        return maps, counts

    def rows(self, table: pd.DataFrame) -> pd.Series:
        """Which rows of a table of scores or nulls are of these networks with these people."""
        first = table["a"].isin(self.networks) & (table["b"] == self.people)
        return first | table["b"].isin(self.networks) & (table["a"] == self.people)

    def note(self, expression: str) -> str:
        """What is to be said of a score of this expression."""
        networks, people, both = self.groups[expression]
        if not both:
            return f"; of different pictures: {networks} and {people}, none of which both have"
        return f"; on the {both} pictures that both have (of {networks} and {people})"

    def observers(self) -> ObserverMaps:
        """These people before these pictures."""
        store = next(one for one in self.maps.stores.values() if one.source.label == self.people)
        groups = {entry.image: entry.group for entry in self.maps.entries[store.source.slug]}
        every = ObserverMaps.of(store)
        return ObserverMaps(every.label, every.points[every.points["image"].astype(str).isin(groups)], groups)


def matched(stored: StoredMaps) -> list[Matched]:
    """The networks and people whose mean maps are of different pictures, on those that both have."""
    by_label: dict[str, list[MapStore]] = {}
    for store in stored.stores.values():
        by_label.setdefault(store.source.label, []).append(store)
    made = []
    for people in (store for store in stored.stores.values() if store.source.kind == "human"):
        seen = _pairs(stored, [people])
        alike: dict[Pairs, list[str]] = {}
        for label, stores in by_label.items():
            if stores[0].source.kind == "model":
                alike.setdefault(_pairs(stored, stores), []).append(label)
        for of_networks, labels in alike.items():
            if of_networks and seen and (one := _matched(stored, people, seen, labels, of_networks)).groups:
                made.append(one)
    return made


def _pairs(stored: StoredMaps, stores: Iterable[MapStore]) -> Pairs:
    return frozenset((entry.image, entry.group) for store in stores for entry in stored.entries[store.source.slug])


def _matched(stored: StoredMaps, people: MapStore, seen: Pairs, labels: Sequence[str], ours: Pairs) -> Matched:
    images = {image for image, _ in seen}
    both = frozenset(pair for pair in ours if pair[0] in images)
    groups = {}
    for name in [*dict.fromkeys(group for _, group in sorted(ours | seen)), ALL]:
        sides = [_of(pairs, name) for pairs in (ours, seen, both)]
        if sides[0] != sides[1] and sides[0] and sides[1]:
            groups[name] = (len(sides[0]), len(sides[1]), len(sides[2]))
    slugs = [slug for slug, store in stored.stores.items() if store.source.label in labels]
    entries = {slug: [entry for entry in stored.entries[slug] if entry.image in images] for slug in slugs}
    grouped: dict[str, list[str]] = {}
    for image, group in sorted(both):
        grouped.setdefault(image, []).append(group)
    entries[people.source.slug] = [
        Entry(entry.chunk, entry.row, entry.image, group)
        for entry in stored.entries[people.source.slug]
        for group in grouped.get(entry.image, [])
    ]
    return Matched(stored.only(entries), tuple(labels), people.source.label, groups)


def _of(pairs: Pairs, expression: str) -> set[str]:
    return {image for image, group in pairs if expression in (ALL, group)}


def in_both(table: pd.DataFrame, again: pd.DataFrame) -> pd.Series:
    """Which rows of a table of scores or nulls stand in another one too."""
    keys = _keys(table)
    there = pd.MultiIndex.from_frame(table[keys]).isin(pd.MultiIndex.from_frame(again[keys]))
    return pd.Series(there, index=table.index)


def replaced(table: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
    """A table of scores or nulls with the values of another one, where that has the row."""
    keys, result = _keys(table), table.copy()
    rows = result.index[in_both(table, again)]
    new = again.set_index(keys).loc[pd.MultiIndex.from_frame(table.loc[rows, keys])]
    for column in [name for name in table if name not in keys]:
        result.loc[rows, column] = new[column].to_numpy()
    return result


def _keys(table: pd.DataFrame) -> list[str]:
    return [name for name in ("metric", "a", "b", "expression", "fold", "null") if name in table]
