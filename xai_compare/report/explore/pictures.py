"""Single maps and the faces under them: as many as fit, the same pictures of every source."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from PIL import Image

from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.report.examples import standard
from xai_compare.report.explore.sprites import Sprites
from xai_compare.report.explore.tables import shortened

if TYPE_CHECKING:
    from xai_compare.runs import Run
    from xai_compare.runs.store import MapStore

STEP = 2
"""Of single maps every second pixel travels, across and down."""
PER_MAP, PER_FACE = 7_000, 4_000
"""About what a map and a face take in the file, in bytes; how many really fit is measured."""


@dataclass
class Pictures:
    """What the page gets of single pictures.

    Attributes:
        columns: a row for each map: source, fold, image, group, label, predicted, probability, tile.
        images: names of the pictures, in the order of ``faces``.
        faces: WebP in base64, or ``""`` where none may be shown.
        total: maps that the run has.
        images_total: pictures that have maps.
        undefined: maps left out because they are not finite.
        note: why there are none.
    """

    columns: dict[str, list[Any]] = field(default_factory=dict)
    images: list[str] = field(default_factory=list)
    faces: list[str] = field(default_factory=list)
    total: int = 0
    images_total: int = 0
    undefined: int = 0
    note: str = ""


def gather(run: Run, sprites: Sprites, room: int, *, with_pictures: bool = False) -> Pictures:
    """Put single maps among the sprites.

    Args:
        run: a finished run.
        sprites: gains the maps.
        room: bytes that are left in the file.
        with_pictures: whether photographs are shown; rendered faces always are.
    """
    stores = [store for store in run.stores if store.items]
    items = [item for store in stores for item in store.items]
    names = list(dict.fromkeys(str(item["image"]) for item in items))
    result = Pictures(total=len(items), images_total=len(names))
    if any(store.removed for store in stores):
        result.note = "The maps of single pictures were removed when the run was done (--keep heatmaps)."
        return result
    chosen = _sample(items, names, room)
    result.images = [name for name in names if name in chosen]
    show = run.study.show_pictures or with_pictures
    faces = {str(item["image"]) for item in items if show or item.get("dataset") == "simulated"}
    result.faces = [_face(run, name) if name in faces else "" for name in result.images]
    places = {name: place for place, name in enumerate(result.images)}
    rows: list[dict[str, Any]] = []
    for store in stores:
        for part, maps in _maps(store, chosen):
            finite = [place for place, one in enumerate(maps) if np.isfinite(one).all()]
            result.undefined += len(maps) - len(finite)
            tiles = sprites.add([np.ascontiguousarray(maps[place][::STEP, ::STEP]) for place in finite])
            for place, tile in zip(finite, tiles, strict=True):
                item = part[place]
                rows.append(
                    {
                        "source": store.source.label,
                        "fold": store.source.fold,
                        "image": places[str(item["image"])],
                        **{key: str(item.get(key) or "") for key in ("group", "label", "predicted", "against")},
                        "probability": _number(item.get("probability")),
                        "tile": tile,
                    }
                )
    result.columns = {key: [row[key] for row in rows] for key in (rows[0] if rows else ())}
    return result


def _number(value: Any) -> float | None:
    return None if value is None else shortened(float(value), 4)


def _sample(items: Sequence[Mapping[str, Any]], names: Sequence[str], room: int) -> set[str]:
    """The pictures whose maps fit, as many of each expression as of any other, in the run's own random order."""
    each = PER_MAP * len(items) / max(len(names), 1) + PER_FACE
    number = int(room / each)
    if number >= len(names):
        return set(names)
    groups: dict[str, list[str]] = {}
    for item in items:
        group = groups.setdefault(str(item.get("group") or item.get("label") or ""), [])
        if item["image"] not in group:
            group.append(str(item["image"]))
    longest = max(map(len, groups.values()))
    turns = [groups[name][turn] for turn in range(longest) for name in ordered(groups) if turn < len(groups[name])]
    return set(list(dict.fromkeys(turns))[:number])


def _maps(store: MapStore, chosen: set[str]) -> Iterator[tuple[list[Mapping[str, Any]], list[np.ndarray]]]:
    """The chosen maps of a source, chunk by chunk, with what is known of them."""
    for index, part in enumerate(store.chunks):
        items = store.items[part]
        places = [place for place, item in enumerate(items) if str(item["image"]) in chosen]
        if places and store.record(index) is not None:
            maps = store.read(index)
            yield [items[place] for place in places], [maps[place] for place in places]


def _face(run: Run, name: str) -> str:
    """A picture on the standard face, every second pixel, as WebP in base64; ``""`` where it cannot be read."""
    try:
        crop = run.pictures.crop(name)
    except (InputError, OSError):
        return ""
    return webp(standard(crop.image, crop.landmarks, STEP))


def webp(pixels: np.ndarray) -> str:
    """A picture, uint8 ``(h, w, 3)``, as WebP in base64."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=80, method=2)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def image_scores(tables: Sequence[pd.DataFrame], pictures: Pictures) -> list[dict[str, Any]]:
    """Scores of single pictures, by metric and what it compares with, a value for each map (None where there is none).

    Args:
        tables: with the columns metric, a, b, image and value.
        pictures: whose rows are scored. Trainings of a network share its scores.
    """
    table = pd.concat([one for one in tables if len(one)]) if any(len(one) for one in tables) else pd.DataFrame()
    if table.empty or not pictures.columns:
        return []
    table = table[table["a"].isin(set(pictures.columns["source"]))]
    keys = [
        (source, pictures.images[image])
        for source, image in zip(pictures.columns["source"], pictures.columns["image"], strict=True)
    ]
    found = []
    for (metric, b), rows in table.groupby(["metric", "b"], sort=False):
        values = dict(zip(zip(rows["a"], rows["image"], strict=True), rows["value"], strict=True))
        column = [shortened(float(values[key]), 5) if key in values else None for key in keys]
        if any(value is not None for value in column):
            found.append({"metric": str(metric), "b": str(b), "values": column})
    return found
