"""People's own maps on the standard face, picture by picture: what their mean is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from xai_compare.analysis.points import read_points
from xai_compare.comparison.dispatch import ALL
from xai_compare.comparison.nulls.surrogates import Grid
from xai_compare.comparison.observers import (
    Observers,
)
from xai_compare.faces import SHAPE
from xai_compare.human.maps import gaussians
from xai_compare.runs.store import MapStore

GRID = Grid.of(SHAPE)
"""People's maps are drawn on blocks of 4 x 4 pixels of the standard face, a tenth of a usual sigma."""


@dataclass(frozen=True)
class ObserverMaps:
    """A group of people before the pictures of a run.

    Attributes:
        label: of the source.
        points: on the standard face, see `xai_compare.analysis.points.COLUMNS`.
        groups: the expression of each image.
    """

    label: str
    points: pd.DataFrame
    groups: Mapping[str, str]

    @classmethod
    def of(cls, store: MapStore) -> ObserverMaps:
        """Read a source's points."""
        groups = {str(item["image"]): str(item["group"]) for item in store.items}
        return cls(store.source.label, read_points(store), groups)

    @cached_property
    def _rows(self) -> dict[str, pd.DataFrame]:
        return {str(image): rows for image, rows in self.points.groupby("image", sort=False)}

    @property
    def images(self) -> list[str]:
        """The images that somebody attended to."""
        return list(self._rows)

    def maps(self, image: str) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Names of the people before an image, their maps (people, h, w) that sum to 1, and whose each point is."""
        rows = self._rows[image]
        people, names = pd.factorize(rows["participant"])
        maps = np.zeros((len(names), *GRID.coarse))
        places = (rows[["x", "y"]].to_numpy(np.float64) - (GRID.factor - 1) / 2) / GRID.factor
        sigma = float(rows["sigma"].iloc[0]) / GRID.factor
        columns = gaussians(places[:, 0], GRID.coarse[1], sigma)
        lines = gaussians(places[:, 1], GRID.coarse[0], sigma) * rows["weight"].to_numpy(np.float64)[:, None]
        for person in range(len(names)):
            of_person = people == person
            maps[person] = lines[of_person].T @ columns[of_person]
        sums = maps.sum((1, 2), keepdims=True)
        return [str(name) for name in names], np.divide(maps, sums, out=maps, where=sums > 0), people

    def observers(self) -> Iterator[tuple[str, Observers]]:
        """The people before each image, with their points and mean map on all other images."""
        means = {image: self.maps(image)[1].mean(0) for image in self.images}
        total = np.sum(list(means.values()), axis=0)
        every = GRID.points(self.points[["x", "y"]].to_numpy(np.float64))
        of_image = self.points["image"].astype(str).to_numpy()
        for image in self.images:
            _, maps, whose = self.maps(image)
            rest = (total - means[image]) / (len(means) - 1) if len(means) > 1 else np.ones(GRID.coarse)
            here = of_image == image
            yield image, Observers(maps, every[here], whose, every[~here], rest)

    def of_people(self) -> dict[str, np.ndarray]:
        """By expression (and ``"all"``), each person's mean map over its images, (people, h, w)."""
        sums: dict[str, dict[str, list[np.ndarray]]] = {}
        for image in self.images:
            names, maps, _ = self.maps(image)
            for name, one in zip(names, maps, strict=True):
                for group in (self.groups.get(image, ""), ALL):
                    there = sums.setdefault(group, {}).setdefault(name, [np.zeros(GRID.coarse), np.zeros(1)])
                    there[0] += one
                    there[1] += 1
        return {
            group: np.stack([total / count for total, count in people.values()])
            for group, people in sums.items()
            if group
        }
