"""People's own maps on the standard face, picture by picture: what their mean is made of."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from xai_compare.analysis.intervals import StoredMaps
from xai_compare.analysis.points import read_points
from xai_compare.comparison.dispatch import ALL, Options
from xai_compare.comparison.nulls.surrogates import Grid
from xai_compare.comparison.observers import (
    CEILING,
    ELSEWHERE,
    IMAGE_METRICS,
    LEFT_OUT,
    PER_IMAGE_COLUMNS,
    PRIOR,
    Observers,
    ceilings,
    image_scores,
    left_out_scores,
    reliability,
    upper_ceiling,
)
from xai_compare.faces import SHAPE
from xai_compare.faces.prior import face_prior
from xai_compare.human.maps import gaussians
from xai_compare.runs.store import MapStore

GRID = Grid.of(SHAPE)
"""People's maps are drawn on blocks of 4 x 4 pixels of the standard face, a tenth of a usual sigma."""


@dataclass(frozen=True)
class Attention:
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
    def of(cls, store: MapStore) -> Attention:
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
            mine = people == person
            maps[person] = lines[mine].T @ columns[mine]
        sums = maps.sum((1, 2), keepdims=True)
        return [str(name) for name in names], np.divide(maps, sums, out=maps, where=sums > 0), people

    def crowds(self) -> Iterator[tuple[str, Observers]]:
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


def with_ceilings(scores: pd.DataFrame, stores: Sequence[MapStore], options: Options, seed: int) -> pd.DataFrame:
    """Fill ``ceiling_low`` and ``ceiling_high`` of the scores of mean maps against people."""
    table = scores.copy()
    people_too = {store.source.label for store in stores if store.source.kind == "human"}
    for store in stores:
        if store.source.kind != "human":
            continue
        maps = Attention.of(store).of_people()
        for metric in ("pearson", "uncentred", "dice"):
            for expression, people in maps.items():
                low, high = ceilings(metric, people, options, seed)
                mine = (table["metric"] == metric) & (table["fold"] == ALL) & (table["expression"] == expression)
                # Of two groups of people the second is the one that the first is to predict.
                first = (table["a"] == store.source.label) & ~table["b"].isin(people_too)
                mine &= first | (table["b"] == store.source.label)
                table.loc[mine, ["ceiling_low", "ceiling_high"]] = low, high
    return table


def per_image(maps: StoredMaps, stores: Sequence[MapStore], options: Options) -> pd.DataFrame:
    """Every network, explainer and group of people against every group of people, picture by picture.

    Returns:
        A frame of `PER_IMAGE_COLUMNS`. Of each group ``b`` there is a row for one person left out, for the face prior
        and for the people's mean map of all other pictures, and of Pearson's r one for the upper ceiling;
        ``reliability`` is that of the mean map, negative ones included.
    """
    rows: list[tuple[object, ...]] = []
    prior = GRID.reduce(face_prior())
    for store in stores:
        if store.source.kind != "human":
            continue
        people = Attention.of(store)
        crowds = dict(people.crowds())
        b = store.source.label
        for image, crowd in crowds.items():
            expression = people.groups.get(image, "")
            one_more = f"{b}: {LEFT_OUT}"
            found = left_out_scores(crowd, options)
            rows += [(s.metric, one_more, b, image, expression, s.value, s.note) for s in found]
            for name, knows_nothing in ((PRIOR, prior), (f"{b}: {ELSEWHERE}", crowd.baseline)):
                found = image_scores(knows_nothing, crowd, None, None, options)
                rows += [(s.metric, name, b, image, expression, s.value, s.note) for s in found]
            rows.append(("reliability", b, b, image, expression, reliability(crowd.maps), f"{len(crowd.maps)} people"))
            upper = upper_ceiling(crowd.maps)
            rows.append(("pearson", CEILING, b, image, expression, upper.value, upper.note))
        for slug, other in maps.stores.items():
            if other.source.kind == "known" or other.source.label == b:
                continue
            seen = set()
            for one, heatmap in maps.stream(slug):
                seen.add(one.image)
                if one.image in crowds:
                    found = image_scores(GRID.reduce(heatmap), crowds[one.image], None, None, options)
                    rows += [(s.metric, other.source.label, b, one.image, one.group, s.value, s.note) for s in found]
            # Networks explain whichever images they are asked about; people who missed one are told of.
            missed = [image for image in crowds if image not in seen and other.source.kind == "human"]
            why = f"{other.source.label} has no map of it"
            for image in missed:
                expression = people.groups.get(image, "")
                rows += [(metric, other.source.label, b, image, expression, np.nan, why) for metric in IMAGE_METRICS]
    return pd.DataFrame(rows, columns=list(PER_IMAGE_COLUMNS))
