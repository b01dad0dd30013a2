"""From samples to the tables of events, trial by trial: a recording may be larger than memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.human.gaze.events import LABELS, SACCADE_COLUMNS, Outcome, process
from xai_compare.human.gaze.trial import Trial, split_trials
from xai_compare.human.screen import Placement, Screen
from xai_compare.human.settings import Cross, GazeSettings
from xai_compare.human.units import ASSUMED, Units

FIXATION_COLUMNS = ("order", "x", "y", "onset", "duration", "samples", "on_picture")
_TRIAL_KEYS = ("participant", "image", "trial")


@dataclass
class Events:
    """Fixations, saccades and trials; their columns are described in `xai_compare.human.COLUMNS`."""

    fixations: pd.DataFrame
    saccades: pd.DataFrame
    trials: pd.DataFrame


@dataclass
class Collector:
    """Takes in outcomes and gives the tables."""

    fixations: list[dict[str, Any]] = field(default_factory=list)
    saccades: list[dict[str, Any]] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """Take in a trial's events."""
        keys = {name: outcome.row[name] for name in _TRIAL_KEYS}
        facts = {key: value for key, value in outcome.trial.facts.items() if key not in keys}
        if len(outcome.fixations["x"]) and outcome.row["kept"]:
            self.fixations.append(keys | outcome.fixations | facts)
            self.saccades.append(keys | outcome.saccades)
        self.rows.append(outcome.row)

    def events(self) -> Events:
        """The tables of all that was taken in."""
        return Events(
            _stacked(self.fixations, FIXATION_COLUMNS),
            _stacked(self.saccades, SACCADE_COLUMNS),
            pd.DataFrame(self.rows),
        )


def _stacked(parts: list[dict[str, Any]], columns: tuple[str, ...]) -> pd.DataFrame:
    """One table of all trials' events, what is the same for a trial repeated for each of its events."""
    if not parts:
        return pd.DataFrame(columns=[*_TRIAL_KEYS, *columns])
    counts = [len(part[columns[0]]) for part in parts]
    names = list(dict.fromkeys(name for part in parts for name in part))
    table = {
        name: np.concatenate([part[name] for part in parts])
        if name in columns
        else np.repeat(np.array([part.get(name) for part in parts], object), counts)
        for name in names
    }
    frame = pd.DataFrame(table).infer_objects()
    return frame.astype({"order": int} | ({"samples": int, "on_picture": bool} if "samples" in columns else {}))


def outcomes(
    tables: Iterable[pd.DataFrame],
    settings: GazeSettings | None = None,
    *,
    where: object = "samples",
    screen: Screen | None = None,
    placement: Placement | None = None,
    fills_screen: bool = False,
    count: Counter[str] | None = None,
    units: Units = ASSUMED,
) -> Iterator[Outcome]:
    """Yield what becomes of each trial, in the order of the recording; see `process` and `split_trials`."""
    settings = settings or GazeSettings()
    correction = _CrossCorrection(settings.cross)
    for trial in split_trials(
        tables, where, screen=screen, placement=placement, fills_screen=fills_screen, count=count, units=units
    ):
        offset, problem = correction(trial)
        if offset is None:
            continue
        outcome = process(trial, settings)
        outcome.row["offset_x"], outcome.row["offset_y"] = offset
        if problem and outcome.row["kept"]:
            outcome.row |= {"kept": False, "reason": problem}
        yield outcome


class _CrossCorrection:
    """Remembers how far the tracker was off at each participant's last fixation cross, and shifts what follows."""

    def __init__(self, cross: Cross | None) -> None:
        self._cross = cross
        self._offsets: dict[str, tuple[float, float, float]] = {}

    def __call__(self, trial: Trial) -> tuple[tuple[float, float] | None, str]:
        """The offset taken away (None of the cross itself), and why the trial cannot be used."""
        if self._cross is None:
            return (np.nan, np.nan), ""
        if trial.image == self._cross.image:
            self._offsets[trial.participant] = self._measured(trial, self._cross)
            return None, ""
        dx, dy, degrees = self._offsets.get(trial.participant, (np.nan, np.nan, np.nan))
        if not np.isfinite(dx):
            return (dx, dy), ""
        trial.x, trial.y = trial.x - dx, trial.y - dy
        limit = self._cross.worst_degrees
        return (dx, dy), f"the fixation cross was missed by more than {limit:g} degrees" if degrees > limit else ""

    @staticmethod
    def _measured(trial: Trial, cross: Cross) -> tuple[float, float, float]:
        if not np.isfinite(trial.x).any():
            return np.nan, np.nan, np.nan
        # The gaze comes to the cross first: what counts is where it rests in the second half.
        half = len(trial) // 2
        if not np.isfinite(trial.x[half:]).any():
            half = 0
        dx, dy = np.nanmedian(trial.x[half:]) - cross.x, np.nanmedian(trial.y[half:]) - cross.y
        across, down = trial.screen.degrees_per_pixel()
        return float(dx), float(dy), float(np.hypot(dx * across, dy * down))


def events(
    samples: pd.DataFrame | Iterable[pd.DataFrame],
    settings: GazeSettings | None = None,
    *,
    screen: Screen | None = None,
    placement: Placement | None = None,
    each: Callable[[Outcome], None] = lambda outcome: None,
    **changes: Any,
) -> Events:
    """Find the fixations and saccades in samples.

    Args:
        samples: as from `xai_compare.human.read_gaze`, or several such tables one after another.
        settings: how; those of Bruckert et al. 2023 by default.
        screen, placement: what the samples do not tell of the screen and of where the picture lay.
        each: told of each trial's outcome.
        changes: single settings, such as ``detector="idt"``, see `GazeSettings`.

    Returns:
        Fixations, saccades and trials; trials that were removed are among the last, with the reason.

    Raises:
        InputError: as `process` and `split_trials`, or if there is no sample.
    """
    settings = replace(settings or GazeSettings(), **changes)
    tables = [samples] if isinstance(samples, pd.DataFrame) else samples
    collector = Collector()
    for outcome in outcomes(tables, settings, screen=screen, placement=placement):
        each(outcome)
        collector.add(outcome)
    if not collector.rows:
        raise InputError("no sample of gaze", hint="give samples as from read_gaze")
    return collector.events()


def fixations(samples: pd.DataFrame | Iterable[pd.DataFrame], **settings: Any) -> pd.DataFrame:
    """Find the fixations in samples: the first table of `events`, whose ``attrs`` tell of ``trials``.

    Raises:
        InputError: as `events`.

    >>> import numpy as np, pandas as pd
    >>> from xai_compare.human import Screen
    >>> time = np.arange(0, 600, 4.0)
    >>> samples = pd.DataFrame({"participant": "ann", "image": "a.jpg", "time": time,
    ...                         "x": np.where(time < 300, 80.0, 180.0), "y": 110.0})
    >>> found = fixations(samples, screen=Screen(pixels_per_degree=30.0))
    >>> print(found[["order", "x", "y", "onset", "duration"]].to_string(index=False))
     order     x     y  onset  duration
         1  80.0 110.0    0.0     292.0
         2 180.0 110.0  308.0     292.0
    """
    events_found = events(samples, **settings)
    events_found.fixations.attrs["trials"] = events_found.trials
    return events_found.fixations


def samples_of(outcome: Outcome) -> pd.DataFrame:
    """The samples of a trial as a table, with what each was found to be, as `samples.parquet` holds them."""
    trial, n = outcome.trial, len(outcome.trial)
    table: dict[str, Any] = {
        "participant": pd.Categorical([trial.participant]).repeat(n),
        "image": pd.Categorical([trial.image]).repeat(n),
        "trial": np.full(n, trial.number, np.int32),
        "time": trial.time - trial.time[0],
        "x": trial.x.astype(np.float32),
        "y": trial.y.astype(np.float32),
        "pupil": trial.pupil.astype(np.float32),
        "label": pd.Categorical.from_codes(outcome.labels.astype(np.int64), pd.Index(LABELS)),
        "on_picture": trial.on_picture(),
    }
    if trial.event is not None:
        table["event"] = pd.Categorical(trial.event)
    return pd.DataFrame(table)


def table_of(trial: Trial) -> pd.DataFrame:
    """The samples of a trial as a table that `split_trials` would read again, before any cleaning."""
    number = np.full(len(trial), trial.number, np.int32)
    table: dict[str, Any] = {"participant": trial.participant, "image": trial.image, "trial": number}
    table |= {name: getattr(trial, name) for name in ("time", "x", "y", "pupil")} | {"on_picture": trial.on_picture()}
    if trial.placement is not None:
        table |= asdict(trial.placement)
    if trial.event is not None:
        table["event"] = trial.event
    if trial.screen.distance_cm is not None:
        table["distance"] = trial.screen.distance_cm
    frame = pd.DataFrame(table | trial.facts)
    frame.attrs["screen"] = asdict(trial.screen)
    return frame
