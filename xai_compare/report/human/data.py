"""What the sections of the human page draw on: an experiment, what is made of it, and where it is written."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xai_compare.errors import InputError
from xai_compare.human import split_half
from xai_compare.human.data_quality import QualityNote, assess_quality
from xai_compare.human.experiment import Experiment, Reading
from xai_compare.human.experiment_maps import MapSettings, maps_of, on_standard_face
from xai_compare.human.maps import HumanMap
from xai_compare.human.point_tables import expression_of
from xai_compare.report.data import PageData
from xai_compare.report.style import FigureSpec

UNNAMED = "unnamed"
_SPLITS = 20


@dataclass(frozen=True)
class HumanOptions:
    """What is made of an experiment.

    Attributes:
        reading: how its files are read.
        maps: how points become maps.
        shapes: height and width of each picture, where pictures are at hand.
        landmarks: float (68, 2) of the face in each picture.
        files: the picture files, by the same names.
        expressions: of each picture, whatever its folder and suffix.
        size: height and width of all pictures, where neither they nor the files tell.
        face: x and y of left eye, right eye and mouth on every picture, where faces are aligned and not at hand.
        fit_kernel: fit the kernel's width too.
        scanpaths: compare scanpaths by MultiMatch.
        title: of the page.
        seed: of every draw.
    """

    reading: Reading = field(default_factory=Reading)
    maps: MapSettings = field(default_factory=MapSettings)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    landmarks: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    face: Sequence[float] | None = None
    fit_kernel: bool = True
    scanpaths: bool = False
    title: str = "Human data"
    seed: int = 0


@dataclass
class HumanData(PageData):
    """An experiment, what is made of it, and where it is written."""

    skips_impossible: ClassVar[bool] = True
    experiment: Experiment
    options: HumanOptions
    out: Path

    @cached_property
    def maps(self) -> tuple[list[HumanMap], list[str]]:
        """The map of each picture, and what was remarked upon while they were made."""
        with warnings.catch_warnings(record=True) as raised:
            warnings.simplefilter("always")
            made = list(maps_of(self.experiment, self.options.maps))
        return made, [f"{warning.message}." for warning in raised]

    @cached_property
    def standard(self) -> dict[str, np.ndarray]:
        """The maps of pictures whose landmarks are known, on the standard face."""
        landmarks = self.options.landmarks
        return {
            each.image: on_standard_face(each.map, landmarks[each.image])
            for each in self.maps[0]
            if each.image in landmarks and not each.reason
        }

    @cached_property
    def _label_of(self) -> dict[str, str]:
        own, trials = dict(self.options.expressions), self.experiment.trials
        if "label" in trials:
            labels = trials.dropna(subset=["label"]).groupby("image", observed=True)["label"].first()
            for image, label in labels.items():
                own.setdefault(str(image), expression_of(label))
        return own

    def expressions(self, images: Iterable[str], unknown: str = UNNAMED) -> dict[str, str]:
        """The expression of each of these pictures: as given, or the label in the data."""
        return {image: self._label_of.get(image, unknown) for image in images}

    @cached_property
    def few_points(self) -> pd.DataFrame:
        """At most 60 points of a trial, evenly: the path of a mouse has hundreds, which say the same."""
        points, keys = self.experiment.points, ["participant", "image", "trial"]
        rank = points.groupby(keys, observed=True).cumcount()
        size = points.groupby(keys, observed=True)["x"].transform("size")
        kept = points[rank % np.maximum(1, -(-size // 60)) == 0]
        kept.attrs = points.attrs
        return kept

    @property
    def sigma(self) -> float:
        """The kernel's standard deviation in pixels."""
        return self.options.maps.sigma(self.experiment)

    @cached_property
    def reliability(self) -> tuple[pd.DataFrame | None, str]:
        """How well halves of the people agree, if maps can be made, and why it could not be computed."""
        experiment = self.experiment
        if not experiment.shapes or experiment.points["participant"].nunique() < 2:
            return None, ""
        try:
            table = split_half(self.few_points, experiment.shapes, self.sigma, n_splits=_SPLITS, seed=self.options.seed)
        except InputError as error:
            return None, f"Agreement between people could not be computed: {error}."
        return table, ""

    @cached_property
    def statements(self) -> list[QualityNote]:
        """What speaks for and against using the data."""
        return assess_quality(self.experiment, self.reliability[0])

    def mark(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table, which says so in a column where the data are simulated."""
        return table.assign(simulated=True) if self.experiment.simulated else table

    def figure(self, name: str, title: str, what: str, figure: Figure, alt: str = "") -> FigureSpec:
        """A figure of the page, kept as PNG; ``alt`` tells its main numbers to those who cannot see it."""
        return FigureSpec(name, title, what, "", figure, raster=True, simulated=self.experiment.simulated, alt=alt)
