"""One person looking at one picture: the samples of a trial, cut out of whatever a reader yields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xai_compare.errors import InputError, nearest
from xai_compare.human.screen import Placement, Screen
from xai_compare.human.units import ASSUMED, Extent, Units, coded_as_lost, in_ms, to_screen

_NUMBERS = ("time", "x", "y", "pupil", "distance")
_PLACE = ("left", "top", "width", "height")
_PLACES = (("x", "y"), ("fraction_x", "fraction_y"), ("screen_x", "screen_y"))
_KEYS = ("participant", "image", "trial")
_NO_FACTS = {
    *_NUMBERS, *_PLACE, *_KEYS, "screen_x", "screen_y", "fraction_x", "fraction_y", "event", "on_picture", "label",
}  # fmt: skip


@dataclass
class Trial:
    """The samples of one person looking at one picture, once.

    Attributes:
        participant, image: names.
        number: which trial of this participant it is, from 1, in the order of the file.
        time: float64 (n,), ms by the tracker's clock.
        x, y: float64 (n,), pixels of the picture as it was shown; NaN where the eye was not found.
        pupil: float64 (n,), in the unit of the file; NaN where it is not known.
        event: what the exporter calls each sample, such as ``fixation``: object (n,), or None.
        placement: where the picture lay on the screen, if that is known.
        screen: as far as the file tells.
        facts: further columns that are the same for the whole trial, such as ``label``.
        coded: how many samples the file codes as lost, such as by 0, 0.
    """

    participant: str
    image: str
    number: int
    time: np.ndarray
    x: np.ndarray
    y: np.ndarray
    pupil: np.ndarray
    event: np.ndarray | None = None
    placement: Placement | None = None
    screen: Screen = field(default_factory=Screen)
    facts: dict[str, Any] = field(default_factory=dict)
    coded: int = 0

    def __len__(self) -> int:
        return len(self.time)

    def on_picture(self) -> np.ndarray:
        """Whether each sample lies on the picture, or was found at all where the picture's place is not known."""
        return self.placement.holds(self.x, self.y) if self.placement else np.isfinite(self.x)


def in_degrees(screen: Screen, placement: Placement | None, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Pixels of a picture as shown in degrees of visual angle, float64 (n, 2); see `Screen.degrees`.

    Where the picture's place on the screen is not known, pixels are divided by those that a degree has at the middle of
    the screen.
    """
    if placement is None:
        return np.column_stack([x, y]) * screen.degrees_per_pixel()
    return screen.degrees(np.asarray(x) + placement.left, np.asarray(y) + placement.top)


def split_trials(
    tables: Iterable[pd.DataFrame],
    where: object,
    *,
    screen: Screen | None = None,
    placement: Placement | None = None,
    fills_screen: bool = False,
    count: Counter[str] | None = None,
    units: Units = ASSUMED,
) -> Iterator[Trial]:
    """Yield the trials of a recording, one at a time, wherever the reader cut its tables.

    A trial is a run of rows of one participant, image and (where there is such a column) trial.

    Args:
        tables: as `xai_compare.human.schema.SAMPLE_COLUMNS` describes.
        where: what messages call the recording.
        screen: what the file does not tell of the screen.
        placement: where the picture lay, if the file does not tell.
        fills_screen: whether the picture filled the screen, if the file does not tell.
        count: trials of each participant in the files before this one; goes on counting.
        units: what the file counts in, if not in pixels and ms.

    Raises:
        InputError: if places or times look like another unit, a column is absent, the place of the picture is not known
            or changes within a trial, or rows of several people alternate.
    """
    count = Counter() if count is None else count
    made = short = 0
    extent = Extent()
    for rows in _runs(tables, where):
        participant = str(rows["participant"].iloc[0])
        count[participant] += 1
        made, short = made + 1, short + (len(rows) < 3)
        if short > 50 and short > made / 2:
            raise InputError(
                "rows of several people or pictures alternate", where=where, hint="sort by participant, then by time"
            )
        yield _trial(rows, count[participant], where, screen, placement, fills_screen, units, extent)
    extent.refuse_others(units, where)


def _runs(tables: Iterable[pd.DataFrame], where: object) -> Iterator[pd.DataFrame]:
    """The rows of each trial. A table's last run waits for the next table, which may go on with the same trial."""
    waiting: list[pd.DataFrame] = []
    for table in tables:
        if not len(table):
            continue
        for name in ("participant", "image", "time"):
            if name not in table:
                raise InputError(f"no column {name!r}", where=where, hint=nearest(name, map(str, table.columns)))
        edges = np.flatnonzero(_changes(table)) + 1
        parts = [table.iloc[a:b] for a, b in zip([0, *edges], [*edges, len(table)], strict=True)]
        if waiting and _last_key(waiting[-1]) != _last_key(parts[0]):
            yield _joined(waiting)
            waiting = []
        for part in parts[:-1]:
            yield _joined([*waiting, part])
            waiting = []
        waiting.append(parts[-1])
    if waiting:
        yield _joined(waiting)


def _changes(table: pd.DataFrame) -> np.ndarray:
    """Where a row belongs to another trial than the one before it: bool (n - 1,)."""
    changed = np.zeros(len(table) - 1, bool)
    for name in _KEYS:
        if name in table:
            codes = table[name].astype("category").cat.codes.to_numpy()
            changed |= codes[1:] != codes[:-1]
    return changed


def _last_key(rows: pd.DataFrame) -> tuple[str, ...]:
    return tuple(str(rows[name].iloc[-1]) for name in _KEYS if name in rows)


def _joined(parts: list[pd.DataFrame]) -> pd.DataFrame:
    if len(parts) == 1:
        return parts[0]
    # Each block has categories of its own, which pandas would not put below one another.
    plain = [
        part.astype(dict.fromkeys(part.select_dtypes("category"), object)).set_axis(part.columns, axis=1)
        for part in parts
    ]
    joined = pd.concat(plain, ignore_index=True)
    joined.attrs = parts[-1].attrs
    return joined


def _trial(
    rows: pd.DataFrame,
    number: int,
    where: object,
    screen: Screen | None,
    placement: Placement | None,
    fills_screen: bool,
    units: Units,
    extent: Extent,
) -> Trial:
    first = rows.iloc[0]
    name = f"{first['participant']}, {first['image']}"
    values = {key: rows[key].to_numpy(float) for key in _NUMBERS if key in rows}
    own = Screen.of(rows.attrs.get("screen"))
    if "distance" in values and np.isfinite(values["distance"]).any():
        own = Screen(own.resolution, own.size_cm, float(np.nanmedian(values["distance"])))
    screen = (screen or Screen()).completed(own)
    placement = _place(rows, name, where) or placement
    if placement is None and fills_screen:
        placement = Placement(0, 0, *_resolution(screen, where))
    pupil = values.get("pupil", np.full(len(rows), np.nan))
    x, y, coded = _on_picture(rows, screen, placement, where, pupil, units, extent)
    lost = ~(np.isfinite(x) & np.isfinite(y))
    return Trial(
        participant=str(first["participant"]),
        image=str(first["image"]),
        number=number,
        time=in_ms(values["time"], units, where),
        x=np.where(lost, np.nan, x),
        y=np.where(lost, np.nan, y),
        pupil=pupil,
        event=rows["event"].to_numpy(object) if "event" in rows else None,
        placement=placement,
        screen=screen,
        facts={name: first[name] for name in map(str, rows.columns) if name not in _NO_FACTS},
        coded=coded,
    )


def _on_picture(
    rows: pd.DataFrame,
    screen: Screen,
    placement: Placement | None,
    where: object,
    pupil: np.ndarray,
    units: Units,
    extent: Extent,
) -> tuple[np.ndarray, np.ndarray, int]:
    """Pixels of the picture as shown, NaN where the file codes the eye as lost, and how many samples it codes so."""
    names = next((pair for pair in _PLACES if set(pair) <= set(rows)), None)
    if names is None:
        raise InputError("no column 'x' and 'y'", where=where, hint=nearest("x", map(str, rows.columns)))
    x, y = (rows[name].to_numpy(float) for name in names)
    coded = coded_as_lost(x, y, pupil)
    if coded.any():
        x, y = np.where(coded, np.nan, x), np.where(coded, np.nan, y)
    converted = units.place not in (None, "pixels") and names[0] != "fraction_x"
    if names[0] == "fraction_x":
        width, height = _resolution(screen, where)
        x, y = x * width - 0.5, y * height - 0.5
    else:
        extent.add(x, y)
        if names[0] == "x" and not converted:
            return x, y, int(coded.sum())
    if placement is None:
        raise InputError(
            "where on the screen the picture lay is not known",
            where=where,
            hint="give placement: [left, top, width, height], or placement: screen if it filled the screen",
        )
    if converted and units.place:
        x, y = to_screen(x, y, units.place, screen, where)
    return *placement.to_picture(x, y), int(coded.sum())


def _resolution(screen: Screen, where: object) -> tuple[int, int]:
    if screen.resolution is None:
        raise InputError("the screen's resolution is not known", where=where, hint="give screen: {resolution: [w, h]}")
    return screen.resolution


def _place(rows: pd.DataFrame, name: str, where: object) -> Placement | None:
    if not set(_PLACE) <= set(rows):
        return None
    places = rows[list(_PLACE)].to_numpy(float)
    places = places[np.isfinite(places).all(1)]
    if not len(places):
        return None
    if (places != places[0]).any():
        what = f"{name}: the picture lies at {places[0].tolist()} and at {places[-1].tolist()}"
        raise InputError(what, where=where, hint="name the pictures in a column, if there are two")
    return Placement(*places[0])
