"""An experiment as a whole: from its raw files to cleaned tables, maps, agreement and areas of interest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.clicks import answers, tracks
from xai_compare.human.formats import FORMATS, Yields
from xai_compare.human.gaze.events import Outcome
from xai_compare.human.gaze.recording import Collector, outcomes
from xai_compare.human.image_matching import match_images
from xai_compare.human.placing import of_one_size, placed, shown_sizes
from xai_compare.human.readers import (
    Paths,
    files_of,
    find,
    read_clicks,
    read_fixations,
    read_points,
    recognise,
    recordings,
    refuse_same_names,
    stream_gaze,
)
from xai_compare.human.screen import Placement, Screen
from xai_compare.human.settings import GazeSettings
from xai_compare.human.units import ASSUMED, Extent, Units

_ALWAYS_CLEANED = ("samples", "tracks")
_TRIAL_KEYS = ["participant", "image", "trial"]


@dataclass(frozen=True)
class Reading:
    """How the files of an experiment are read.

    Attributes:
        format: a name of `xai_compare.human.FORMATS`, or ``auto``.
        screen: what the files do not tell of the screen.
        placement: where on the screen the picture lay, if they do not tell; ``"screen"`` if it filled it.
        gaze: how samples become fixations.
        fewest_points: shorter tracks of a mouse are removed.
        beyond_sd: participants whose share of right answers lies so many SD below the mean are removed.
        simulated: whether the data are simulated.
        units: what the files count in, where that is not pixels and ms.
        clean: whether trials, points and people that cannot be used are left out; samples always are cleaned.
    """

    format: str = "auto"
    screen: Screen = field(default_factory=Screen)
    placement: Placement | Literal["screen"] | None = None
    gaze: GazeSettings = field(default_factory=GazeSettings)
    fewest_points: int = tracks.FEWEST_POINTS
    beyond_sd: float = 3.0
    simulated: bool = False
    units: Units = ASSUMED
    clean: bool = True


@dataclass
class Experiment:
    """What an experiment gave, cleaned; the columns are described in `xai_compare.human.COLUMNS`.

    Attributes:
        yields: what its files hold: samples, fixations, clicks or tracks.
        files: name of each file, what it was taken for, and why.
        points: fixations, clicks, or the points of a mouse, of the trials that are kept.
        saccades: of gaze.
        trials: all trials, with those that were removed and why.
        screen: as far as it is known.
        shapes: height and width of each picture, in the pixels that points are given in.
        simulated: whether the data are simulated.
        scale: pixels of the picture per pixel of the screen, where pictures were shown larger or smaller; NaN where
            places are fractions of the picture, for which nobody knows how large it was shown.
        units: what the files were said to count in.
        cleaned: whether what cannot be used was left out.
        unmatched: names of pictures that people saw and that are not among those given, and why.
    """

    yields: Yields
    files: pd.DataFrame
    points: pd.DataFrame
    saccades: pd.DataFrame
    trials: pd.DataFrame
    screen: Screen
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    simulated: bool = False
    scale: float = 1.0
    units: Units = ASSUMED
    cleaned: bool = True
    unmatched: dict[str, str] = field(default_factory=dict)

    @property
    def kept(self) -> pd.DataFrame:
        """The trials that are kept."""
        return self.trials[self.trials["kept"]]

    @property
    def point_name(self) -> str:
        """What a point is called."""
        return {"samples": "fixations", "fixations": "fixations", "clicks": "clicks", "tracks": "points"}[self.yields]

    def sigma(self, degrees: float = 1.0) -> float:
        """So many degrees of visual angle in pixels of the pictures: the mean of those across and down.

        Raises:
            InputError: if the screen's geometry is not known.
        """
        if not np.isfinite(self.scale):
            what = "places are fractions of the picture, and how large it was shown is not known"
            raise InputError(what, hint="give placement and the screen's resolution, or a width in pixels")
        return self.scale * degrees * self.screen.pixels_in_degree()


def read_experiment(
    sources: Paths, reading: Reading | None = None, each: Callable[[Outcome], None] = lambda outcome: None
) -> Experiment:
    """Read and clean the files of an experiment.

    Args:
        sources: a file, a pattern, or several of them; all of one kind.
        reading: how.
        each: told of each trial of gaze as it is done, such as to write its samples.

    Raises:
        InputError: if a file cannot be read, files of different kinds are mixed, or nothing is left.
    """
    reading = reading or Reading()
    files = files_of(sources)
    formats = [_format_of(file, reading.format) for file in files]
    kinds = {FORMATS.get(name).yields for name, _ in formats}
    if len(kinds) > 1:
        raise InputError(f"the files hold {' and '.join(sorted(kinds))}", hint="give files of one kind at a time")
    kind = kinds.pop()
    table = pd.DataFrame({"file": [str(file) for file in files], "format": [name for name, _ in formats],
                          "because": [why for _, why in formats]})  # fmt: skip
    read = {"samples": _gaze, "fixations": _fixations, "clicks": _clicks, "tracks": _clicks}[kind]
    return replace(
        read(kind, table, reading, each),
        simulated=reading.simulated,
        units=reading.units,
        cleaned=reading.clean or kind in _ALWAYS_CLEANED,
    )


def _format_of(file: Any, format: str) -> tuple[str, str]:
    if format != "auto":
        find(format, "samples", "fixations", "clicks", "tracks")
        return format, "it was said to be"
    recognised, why = recognise(file)
    return recognised.name, why


def _gaze(kind: Yields, files: pd.DataFrame, reading: Reading, each: Callable[[Outcome], None]) -> Experiment:
    collector, count, screens = Collector(), Counter[str](), []
    placement = reading.placement if isinstance(reading.placement, Placement) else None
    paths = [Path(file) for file in files["file"]]
    formats = dict(zip(paths, files["format"], strict=True))
    refuse_same_names(paths, formats.values())
    for recording in recordings(paths):
        for outcome in outcomes(
            stream_gaze(recording, formats[recording[0]]),
            reading.gaze,
            where=recording[0],
            screen=reading.screen,
            placement=placement,
            fills_screen=reading.placement == "screen",
            count=count,
            units=reading.units,
        ):
            each(outcome)
            collector.add(outcome)
            screens.append(outcome.trial.screen)
    if not collector.rows:
        raise InputError("no sample is of a picture", where=files["file"].iloc[0])
    events = collector.events()
    shapes = shown_sizes(events.trials)
    # People sit at different distances: the experiment's is their median.
    distances = [screen.distance_cm for screen in screens if screen.distance_cm]
    screen = replace(screens[-1], distance_cm=float(np.median(distances)) if distances else None)
    trials = answers.exclude(events.trials, reading.beyond_sd, least_share=0.0)
    fixations, saccades = (of_one_size(table, trials, shapes) for table in (events.fixations, events.saccades))
    return Experiment(kind, files, _of_kept(fixations, trials), _of_kept(saccades, trials), trials, screen, shapes)


def _fixations(kind: Yields, files: pd.DataFrame, reading: Reading, each: Callable[[Outcome], None]) -> Experiment:
    read = [read_fixations(file, format) for file, format in zip(files["file"], files["format"], strict=True)]
    files = files.assign(dropped=[frame.attrs["dropped"] for frame in read])
    points, shapes, scale = placed(read, files["file"], reading.screen, reading.placement, reading.units)
    if not reading.clean:
        return Experiment(kind, files, points, pd.DataFrame(), _bare(points), reading.screen, shapes, scale=scale)
    points["trial"] = points.get("trial", 1)
    short = points["duration"] < reading.gaze.min_fixation_ms
    trials = answers.trial_table(points).rename(columns={"clicks": "fixations"})
    removed = points[short].groupby(_TRIAL_KEYS).size().rename("too_short").reset_index()
    trials = trials.merge(removed, on=_TRIAL_KEYS, how="left").fillna({"too_short": 0})
    trials = answers.exclude(trials, reading.beyond_sd, least_share=0.0)
    kept = _of_kept(points[~short], trials)
    return Experiment(kind, files, kept, pd.DataFrame(), trials, reading.screen, shapes, scale=scale)


def _clicks(kind: Yields, files: pd.DataFrame, reading: Reading, each: Callable[[Outcome], None]) -> Experiment:
    cleaned = reading.clean or kind == "tracks"
    reader = read_points if cleaned else read_clicks
    read = [reader(file, format) for file, format in zip(files["file"], files["format"], strict=True)]
    points, shapes, scale = placed(read, files["file"], reading.screen, reading.placement, reading.units)
    if not cleaned:
        return Experiment(kind, files, points, pd.DataFrame(), _bare(points), reading.screen, shapes, scale=scale)
    points["trial"] = points.get("trial", 1)
    trials = answers.trial_table(points)
    with_place = points[points[["x", "y"]].notna().all(axis=1)].reset_index(drop=True)
    if kind == "tracks":
        with_place = tracks.kinematics(with_place)
        trials = tracks.usable_tracks(with_place, trials, reading.fewest_points)
    else:
        none = trials["clicks"] == 0
        trials["reason"] = np.where(none, "no click", trials["reason"])
        trials["kept"] &= ~none
    # Blocks are told only where answers are: a file of clicks may leave pictures out on purpose.
    trials = answers.exclude(trials, reading.beyond_sd, least_share=0.9 if "response" in trials else 0.0)
    kept = _of_kept(with_place, trials)
    return Experiment(kind, files, kept, pd.DataFrame(), trials, reading.screen, shapes, scale=scale)


def _bare(points: pd.DataFrame) -> pd.DataFrame:
    """The trials of points that are taken as they are."""
    return points[["participant", "image"]].drop_duplicates().assign(trial=1, kept=True, reason="")


def _of_kept(points: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    if not len(points):
        return points
    kept = pd.MultiIndex.from_frame(trials.loc[trials["kept"], _TRIAL_KEYS].astype(str))
    return points[pd.MultiIndex.from_frame(points[_TRIAL_KEYS].astype(str)).isin(kept)].reset_index(drop=True)


def refuse_percent(experiment: Experiment, shapes: Mapping[str, tuple[int, int]]) -> None:
    """Refuse points that all lie in a corner of pictures that are much larger.

    Raises:
        InputError: naming the likely unit.
    """
    if not experiment.shapes and shapes and len(experiment.points):
        x, y = (experiment.points[name].to_numpy(float) for name in ("x", "y"))
        smallest = min(min(shape) for shape in shapes.values())
        Extent().add(x, y).refuse_others(experiment.units, experiment.files["file"].iloc[0], smallest)


def in_image_pixels(experiment: Experiment, shapes: Mapping[str, tuple[int, int]]) -> Experiment:
    """The experiment with its points in pixels of the pictures themselves, named as these are.

    Pictures that were shown larger or smaller than they are have their points scaled; where it is not known how large
    they were shown, points are taken as pixels of the picture.

    Args:
        experiment: as read.
        shapes: height and width of each picture in pixels.

    Raises:
        InputError: if none of the pictures that people saw is among these.
    """
    refuse_percent(experiment, shapes)
    names = experiment.trials["image"].astype(str).unique()
    image_of, reasons = match_images(names, shapes)
    if not image_of:
        raise InputError(
            f"none of the pictures that people saw is among those given ({', '.join(sorted(reasons)[:3])})",
            hint=f"the pictures are {', '.join(sorted(shapes)[:3])}" if shapes else "no picture is given",
        )

    def moved(table: pd.DataFrame, columns: Sequence[tuple[str, int]]) -> pd.DataFrame:
        if not len(table):
            return table
        matched = table["image"].astype(str).isin(image_of)
        out, names = table[matched].copy(), table.loc[matched, "image"].astype(str)
        for column, axis in columns:
            if not experiment.cleaned and not experiment.shapes:
                break
            scales = {name: _scale(experiment.shapes.get(name), shapes[image_of[name]], axis) for name in image_of}
            # Pixel centres lie at integers, so a picture begins at -0.5: that edge is what stays where it is.
            out[column] = (out[column] + 0.5) * names.map(scales).to_numpy(float) - 0.5
        return out.assign(image=names.map(image_of)).reset_index(drop=True)

    known = [name for name in image_of if name in experiment.shapes]
    scales = [_scale(experiment.shapes[name], shapes[image_of[name]], axis) for name in known for axis in (0, 1)]
    return replace(
        experiment,
        points=moved(experiment.points, [("x", 1), ("y", 0)]),
        saccades=moved(experiment.saccades, [("from_x", 1), ("to_x", 1), ("from_y", 0), ("to_y", 0)]),
        trials=moved(experiment.trials, []),
        shapes={image: shapes[image] for image in image_of.values()},
        scale=experiment.scale * float(np.mean(scales)) if scales else experiment.scale,
        unmatched=reasons,
    )


def _scale(shown: tuple[int, int] | None, own: tuple[int, int], axis: int) -> float:
    return own[axis] / shown[axis] if shown else 1.0


def removals(experiment: Experiment) -> pd.DataFrame:
    """Everything that was removed or set apart, by reason: ``participant, image, what, reason, count``."""
    trials = experiment.trials
    rows = [trials.loc[~trials["kept"], ["participant", "image", "reason"]].assign(what="trial", count=1)]
    dropped = [item for counts in experiment.files.get("dropped", ()) for item in counts.items()]
    rows += [pd.DataFrame([{"participant": "", "image": "", "what": "row of a file", "reason": reason, "count": count}])
             for reason, count in dropped if count]  # fmt: skip
    rows += [pd.DataFrame([{"participant": "", "image": image, "what": "picture", "reason": why, "count": 1}])
             for image, why in experiment.unmatched.items()]  # fmt: skip
    parts = (("coded", "sample", "coded as lost"),
             ("too_short", "fixation", "too short"), ("blinks", "run of samples", "blink"),
             ("losses", "run of samples", "eye not found"), ("missing", "sample", "left out by the clock"))  # fmt: skip
    for column, what, reason in parts:
        if column in trials:
            hit = trials[trials[column] > 0]
            rows.append(hit[["participant", "image"]].assign(what=what, reason=reason, count=hit[column].astype(int)))
    if "on_picture" in experiment.points:
        off = experiment.points[~experiment.points["on_picture"].astype(bool)]
        beside = off.groupby(["participant", "image"], observed=True).size().rename("count").reset_index()
        rows.append(
            beside.assign(what=experiment.point_name.removesuffix("s"), reason="off the picture (kept, flagged)")
        )
    table = pd.concat(rows, ignore_index=True)
    return table[["participant", "image", "what", "reason", "count"]]
