"""People as sources: their maps are cut and warped as the pictures are."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from xai_compare.analysis.inputs.drawn_maps import Drawn, file_hash, standardized, whole_fingerprint
from xai_compare.analysis.predict.selection import labelled_facts
from xai_compare.errors import InputError, nearest
from xai_compare.human.units import Units
from xai_compare.registry import STAGES
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.stage import Task
from xai_compare.runs.store import Source
from xai_compare.study import HumanSpec

if TYPE_CHECKING:
    from xai_compare.human import Experiment
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker


@dataclass(frozen=True)
class ObserverGroup:
    """A human source: who clicked or looked where.

    Attributes:
        spec: as the study says.
        points: participant, image, x, y, ...
        images: those of the study's images that they saw.
        sigma: standard deviation of the Gaussian, in pixels of the pictures.
        experiment: what was read, cleaned if the points were not taken as they are.
        unmatched: names under which they saw pictures that are not among the study's, and why.
    """

    spec: HumanSpec
    points: pd.DataFrame
    images: list[str]
    sigma: float
    experiment: Experiment
    unmatched: dict[str, str] = field(default_factory=dict)

    def account(self) -> dict[str, Any]:
        """What the provenance says of it: points read, points dropped by reason, columns renamed, sigma in pixels."""
        attrs = self.points.attrs
        counts = {key: attrs.get(key, {}) for key in ("points", "dropped", "renamed")}
        persons = int(self.points["participant"].nunique()) if "participant" in self.points else 0
        left_out = {"pictures_unmatched": self.unmatched, "people_excluded": self.excluded()}
        return {**counts, "images": len(self.images), "sigma_px": self.sigma, "participants": persons, **left_out}

    def excluded(self) -> dict[str, str]:
        """The people of whom no trial is left, and why."""
        trials = self.experiment.trials
        left_out = trials[~trials["participant"].isin(trials.loc[trials["kept"], "participant"])]
        return {str(name): str(own.iloc[0]) for name, own in left_out.groupby("participant", observed=True)["reason"]}

    def left_out(self) -> list[str]:
        """What was left out by name, a sentence each, for the terminal."""
        from xai_compare.human.image_matching import unmatched_line

        people = self.excluded()
        named = "; ".join(f"{name} ({why})" for name, why in people.items())
        lines = [unmatched_line(self.unmatched)] if self.unmatched else []
        return lines + ([f"{len(people)} people are left out: {named}"] if people else [])

    def removed(self) -> pd.DataFrame:
        """Everything that was left out, as `xai_compare.human.experiment.removals` tells it."""
        from xai_compare.human.experiment import removals

        return removals(replace(self.experiment, unmatched=self.unmatched))


@dataclass(frozen=True)
class Attended:
    """Where people attended in the pictures of a chunk.

    Attributes:
        points: their points on these pictures.
        shapes: height and width of each picture, in the order of the chunk.
        sigma: of the Gaussian, in pixels.
        weights: the column that weighs a point.
        radius: of the discs that clicks uncovered, in pixels, instead of Gaussians.
    """

    points: pd.DataFrame
    shapes: dict[str, tuple[int, int]]
    sigma: float
    weights: str | None
    radius: float | None = None

    def maps(self) -> list[Drawn]:
        """The map of each picture, and who it is the mean of."""
        from xai_compare import human

        if self.points.empty:
            nobody = {"participants": 0, "points": 0, "reason": "nobody attended to it"}
            return [(np.full(shape, np.nan, np.float32), nobody) for shape in self.shapes.values()]
        if self.radius is None:
            made = human.human_maps(self.points, self.shapes, self.sigma, weights=self.weights)
        else:
            made = human.disc_maps(self.points, self.shapes, self.radius)
        return [
            (one.map, {"participants": one.n_participants, "points": one.n_points, "reason": one.reason})
            for one in made
        ]


def read(spec: HumanSpec, images: Sequence[str]) -> ObserverGroup:
    """Read a human source and match it with the study's images.

    Clicks and fixations are taken as they are, unless ``exclude`` is asked for; samples of gaze and the paths of a
    mouse are cleaned as `xai-compare human` does.

    Raises:
        InputError: if the files are unreadable, the format is unknown, or no point lies on an image of the study.
    """
    from xai_compare import human

    where = f"human source {spec.name!r}"
    _, name = _kind(spec, where)
    experiment = human.read_experiment(spec.file, _reading(spec, name))
    points, known = experiment.points, spec.pixels_per_degree
    if experiment.cleaned:
        points.attrs.update(files=list(experiment.files["file"]), points=len(points), dropped=_dropped(experiment))
        sigma = spec.sigma_degrees * known if known else experiment.sigma(spec.sigma_degrees)
    else:
        sigma = spec.sigma_degrees * pixels_per_degree(spec)
    if not len(points):
        raise InputError("no trial is left", where=where, hint="`xai-compare human` tells why trials are removed")
    image_of, unmatched = human.match_images(experiment.trials["image"].astype(str).unique(), images)
    if not set(points["image"].astype(str)) & set(image_of):
        first = ", ".join(str(name) for name in points["image"].unique()[:3])
        raise InputError(f"none of its images is in the manifest (it has {first} ...)", where=where)
    seen = {image_of[name] for name in points["image"].astype(str).unique() if name in image_of}
    return ObserverGroup(spec, points, [image for image in images if image in seen], sigma, experiment, unmatched)


def _kind(spec: HumanSpec, where: str) -> tuple[str, str]:
    """What the files hold, and the format, recognised by the first file where it is to be."""
    from xai_compare import human
    from xai_compare.human.readers import files_of

    if spec.format == "auto":
        found, _ = human.recognise(files_of(spec.file)[0])
        return found.yields, found.name
    if spec.format not in human.FORMATS:
        raise InputError(
            f"unknown format {spec.format!r}", where=where, hint=nearest(spec.format, human.FORMATS.names())
        )
    return human.FORMATS.get(spec.format).yields, spec.format


def _reading(spec: HumanSpec, name: str) -> Any:
    from xai_compare import human

    geometry = vars(spec.screen) if spec.screen else {}
    place = spec.placement if spec.placement in (None, "screen") else human.Placement(*spec.placement)
    screen = human.Screen(**geometry, pixels_per_degree=spec.pixels_per_degree)
    units = Units(spec.units, spec.clock)
    return human.Reading(name, screen, place, spec.gaze, simulated=spec.simulated, units=units, clean=spec.exclude)


def _dropped(experiment: Any) -> dict[str, int]:
    from xai_compare.human.experiment import removals

    table = removals(experiment)
    return {str(reason): int(count) for reason, count in table.groupby("reason")["count"].sum().items()}


def pixels_per_degree(spec: HumanSpec) -> float:
    """Pixels per degree of visual angle, given or computed from the screen.

    Raises:
        InputError: if the study gives neither.
    """
    from xai_compare import human

    if spec.pixels_per_degree is not None:
        return spec.pixels_per_degree
    screen = spec.screen
    if screen and screen.size_cm and screen.distance_cm and screen.resolution:
        return human.pixels_per_degree(screen.size_cm, screen.distance_cm, screen.resolution)
    raise InputError(
        "how many pixels a degree of visual angle has is not known",
        where=f"human source {spec.name!r}",
        hint="give pixels_per_degree, or screen: {size_cm, distance_cm, resolution}",
    )


@STAGES.register("people")
class People(MapStage):
    """Makes the maps of where people clicked or looked."""

    name: ClassVar[str] = "people"
    title: ClassVar[str] = "people"
    needs: ClassVar[tuple[str, ...]] = ("predict",)
    always: ClassVar[bool] = True

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._group_of: dict[str, tuple[ObserverGroup, list[str]]] = {}
        self._points: dict[str, pd.DataFrame] = {}
        self.groups = [read(spec, list(job.pictures.rows.index)) for spec in job.study.human]

    def plan(self) -> None:
        """Plan a source for each group of people."""
        for group in self.groups:
            for line in group.left_out():
                self.job.say(f"human/{group.spec.name}: {line}")
            self.job.pictures.find(group.images)
            images = [image for image in group.images if not self.job.pictures.reason(image)]
            group = self._as_pictures(group, images)
            inputs = [group.spec.model_dump(mode="json"), *(file_hash(file) for file in self._files(group))]
            source = Source("human", group.spec.name, simulated=group.spec.simulated)
            items = labelled_facts(self.job.study, self.job.pictures.rows, images)
            whole = whole_fingerprint(self.job.pictures, inputs, items)
            self.plan_source(source, items, lambda part, whole=whole: whole)  # type: ignore[misc]
            self._group_of[source.label] = (group, images)

    def fill(self, task: Task) -> Task:
        """Send along the points on the pictures of the chunk."""
        group, points = self.points(task.label)
        shapes = {image: self.job.pictures.shape(image) for image in task.images}
        radius = group.spec.radius_px if group.spec.kernel == "disc" else None
        attended = Attended(points[points["image"].isin(task.images)], shapes, group.sigma, _weights(group), radius)
        return replace(task, data=replace(task.data, data=attended))

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """The maps of a chunk's pictures, on the standard face."""
        return standardized(worker, task, task.data.data.maps())

    def tables(self) -> dict[str, pd.DataFrame]:
        """What speaks for and against the data that were cleaned, and what was removed of them."""
        from xai_compare.human.data_quality import assess_quality, overall_quality

        quality, removed = [], []
        for group, _ in self._group_of.values():
            if group.experiment.cleaned or group.unmatched:
                removed.append(group.removed().assign(source=group.spec.name, simulated=group.spec.simulated))
            if not group.experiment.cleaned:
                continue
            statements = assess_quality(group.experiment)
            for one in [overall_quality(statements), *statements]:
                quality.append((group.spec.name, one.level, one.line, group.spec.simulated))
        table = pd.DataFrame(quality, columns=["source", "level", "line", "simulated"])
        return ({"human_data": table} if quality else {}) | (
            {"human_removed": pd.concat(removed, ignore_index=True)} if removed else {}
        )

    def account(self) -> dict[str, Any]:
        """What was read of each group of people, and what was dropped."""
        return {group.spec.name: group.account() for group in self.groups}

    def inputs(self) -> list[str]:
        """The files read."""
        return [file for group in self.groups for file in self._files(group)]

    def points(self, label: str) -> tuple[ObserverGroup, pd.DataFrame]:
        """A group of people, and their points on the pictures."""
        group, images = self._group_of[label]
        if label not in self._points:
            self._points[label] = self._chosen(group, images)
        return group, self._points[label]

    def _chosen(self, group: ObserverGroup, images: Sequence[str]) -> pd.DataFrame:
        """The points on the pictures; what is left out is told."""
        from xai_compare.human.kernels import select
        from xai_compare.human.maps import usable_points

        weights, spec = _weights(group), group.spec
        kept = select(group.points, first=spec.first, between_ms=spec.between_ms)
        shapes = {image: self.job.pictures.shape(image) for image in images}
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            points = usable_points(kept, shapes, group.sigma, [weights] if weights else [], spec.only_correct)
        for warning in caught:
            if str(warning.message) not in group.left_out():
                self.job.say(f"human/{spec.name}: {warning.message}")
        return points

    def _as_pictures(self, group: ObserverGroup, images: Sequence[str]) -> ObserverGroup:
        """Points in pixels of the pictures themselves, where these were shown larger or smaller."""
        from xai_compare.human.experiment import in_image_pixels, refuse_percent

        shapes = {image: self.job.pictures.shape(image) for image in images}
        refuse_percent(group.experiment, shapes)
        if not images or not (group.experiment.cleaned or group.experiment.shapes):
            return group
        moved = in_image_pixels(group.experiment, shapes)
        moved.points.attrs = group.points.attrs
        if group.spec.pixels_per_degree:
            sigma = group.sigma
        elif moved.cleaned or not np.isfinite(moved.scale):
            sigma = moved.sigma(group.spec.sigma_degrees)
        else:
            sigma = group.sigma * moved.scale
        return replace(group, points=moved.points, sigma=sigma, experiment=moved)

    @staticmethod
    def _files(group: ObserverGroup) -> list[str]:
        return list(group.points.attrs.get("files", []))


def _weights(group: ObserverGroup) -> str | None:
    """The column that weighs a point."""
    if group.spec.kernel != "dwell":
        return group.spec.weights
    found = next((name for name in ("dwell", "duration") if name in group.points), None)
    if found is None:
        where = f"human source {group.spec.name!r}"
        raise InputError("its points have no dwell or duration", where=where, hint="use kernel: gaussian")
    return found
