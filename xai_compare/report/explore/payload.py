"""What the page is made of, as data: sources and their mean maps, masks, places of the face, tables."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from matplotlib import colormaps

from xai_compare import ekman
from xai_compare.faces import CANONICAL, SHAPE, face_prior
from xai_compare.human.areas import face_areas
from xai_compare.report import style
from xai_compare.report.data import ALL, ReportData
from xai_compare.report.explore.sprites import Sprites
from xai_compare.report.explore.tables import tables
from xai_compare.report.image_grid import FACE_LINES
from xai_compare.version import VERSION

MAP = tuple[str, str]


def payload(data: ReportData, sprites: Sprites) -> dict[str, Any]:
    """All but single pictures and people's points.

    Args:
        data: of a run, or of ready-made heatmaps.
        sprites: gains the maps.
    """
    shape = data.shape
    expressions = list(data.expressions)
    expressions += [ALL] if ALL not in expressions and any(name == ALL for _, name in data.maps) else []
    return {
        "version": VERSION,
        "title": data.title,
        "shape": shape,
        "diceLevel": data.dice_level,
        "expressions": expressions,
        "sources": [
            {
                "name": source.name,
                "label": source.label,
                "kind": source.kind,
                "network": source.network,
                "explainer": source.explainer_label,
                "simulated": source.simulated,
                "control": source.control,
            }
            for source in data.sources
        ],
        "maps": _mean_maps(data, expressions, sprites),
        "nulls": _nulls(data, sprites),
        "masks": {
            "name": data.mask_name,
            "title": data.mask_title,
            "tiles": _tiles({name: mask for name, mask in data.masks.items() if mask.shape == shape}, sprites),
        },
        "face": _face(shape, sprites),
        "colours": _colours(),
        "tables": tables(data.table, {"scores": data.scores}),
    }


def _tiles(maps: dict[Any, np.ndarray], sprites: Sprites) -> dict[Any, int]:
    return dict(zip(maps, sprites.add(list(maps.values())), strict=True))


def _mean_maps(data: ReportData, expressions: list[str], sprites: Sprites) -> list[dict[str, Any]]:
    """A sheet for each source, so that a page draws its first rows before it has unpacked the last."""
    found = []
    for source in data.sources:
        there = [name for name in expressions if (source.name, name) in data.maps]
        numbers = sprites.add([data.maps[source.name, name] for name in there])
        for name, tile in zip(there, numbers, strict=True):
            count = data.counts.get((source.name, name))
            found.append({"source": source.name, "expression": name, "tile": tile, "n": count})
    return found


def _nulls(data: ReportData, sprites: Sprites) -> dict[str, Any]:
    """Maps that do not know the expression, as the table of nulls has them: their scores are the floors."""
    models = {source.name for source in data.networks}
    wide = {key: one.astype(np.float64) for key, one in data.maps.items()}
    known = {key: one for key, one in wide.items() if key[0] in models}
    whole = [one for (_, expression), one in known.items() if expression == ALL] or list(known.values())
    single = {"prior": face_prior(data.shape)}
    if len(known) > 1:
        single["mean_map"] = np.mean(whole, axis=0)
    others: dict[MAP, np.ndarray] = {}
    for name, expression in wide:
        rest = [one for (a, e), one in wide.items() if a == name and e not in (expression, ALL)]
        if rest and expression != ALL:
            others[name, expression] = np.mean(rest, axis=0)
    tiles = _tiles(others, sprites)
    return {
        **_tiles(single, sprites),
        "other_map": [
            {"source": name, "expression": expression, "tile": tile} for (name, expression), tile in tiles.items()
        ],
    }


def _face(shape: tuple[int, int], sprites: Sprites) -> dict[str, Any] | None:
    """Parts of the standard face and regions of action units; None for maps that are not on that face."""
    if tuple(shape) != SHAPE:
        return None
    areas = face_areas(CANONICAL[:68], SHAPE)
    tiles = sprites.add([ekman.region(number) for number in ekman.ACTION_UNITS])
    return {
        "parts": {"names": list(areas.names), "tile": sprites.add_labels(areas.labels.astype(np.uint8))},
        "units": [
            {"number": number, "name": unit.name, "tile": tile}
            for (number, unit), tile in zip(ekman.ACTION_UNITS.items(), tiles, strict=True)
        ],
        "lines": [[[round(float(x), 1), round(float(y), 1)] for x, y in CANONICAL[part]] for part in FACE_LINES],
    }


def _colours() -> dict[str, str]:
    """Ramps of 256 colours, RGB in base64; ``heat`` and ``diverging`` are the report's."""
    ramps = {
        "heat": style.HEAT,
        "viridis": colormaps["viridis"],
        "grey": colormaps["Greys"],
        "diverging": style.DIVERGING,
    }
    return {
        name: base64.b64encode((ramp(np.arange(256))[:, :3] * 255).round().astype(np.uint8).tobytes()).decode("ascii")
        for name, ramp in ramps.items()
    }
