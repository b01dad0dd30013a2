"""Explanations of single pictures: the picture, each explainer's map, and the map over the picture."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from xai_compare.comparison import to_8bit
from xai_compare.errors import InputError
from xai_compare.files import atomic
from xai_compare.report import style
from xai_compare.report.data import pretty
from xai_compare.report.figure_files import save_png
from xai_compare.report.image_grid import ImageGrid
from xai_compare.report.map_colours import is_signed, overlay


def save_explanations(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    stem: Path | str,
    *,
    title: str = "",
    answer: str = "",
    reasons: Mapping[str, str] | None = None,
) -> list[Path]:
    """Write one figure of a picture with the maps of several explainers, and each map and overlay by itself.

    Args:
        image: uint8 ``(h, w, 3)``.
        maps: explainer to real ``(h, w)``; a map that is not finite throughout stands for "no map".
        stem: path without suffix, such as ``out/face01``; its folder is made.
        title: what the picture is called.
        answer: what the network said, such as ``"happiness (0.93)"``.
        reasons: explainer to why it has no map.

    Returns:
        Paths written: ``STEM.png``, then for every explainer with a map, at the picture's size,
        ``STEM_EXPLAINER_map.png`` (grey: least, or 0 of a signed map, to greatest value as 0 to 255) and
        ``STEM_EXPLAINER_overlay.png``.

    Raises:
        InputError: if a map's size is not the picture's, or there is none.
    """
    if not maps:
        raise InputError("there is no map to show", hint="name an explainer")
    for name, values in maps.items():
        if values.shape != image.shape[:2]:
            raise InputError(f"the map of {name} is {values.shape}, the picture {image.shape[:2]}")
    stem = Path(stem)
    stem.parent.mkdir(parents=True, exist_ok=True)
    finite = {name: values for name, values in maps.items() if np.isfinite(values).all()}
    with style.styled():
        figure = _figure(image, maps, finite, title or stem.name, answer, reasons or {})
    written = [save_png(figure, stem.with_name(f"{stem.name}.png"))]
    for name, values in finite.items():
        for what, pixels in (("map", to_8bit(values)), ("overlay", overlay(image, values))):
            path = stem.with_name(f"{stem.name}_{style.slug(name)}_{what}.png")
            with atomic(path) as part:
                Image.fromarray(pixels).save(part)
            written.append(path)
    return written


def _figure(
    image: np.ndarray,
    maps: Mapping[str, np.ndarray],
    finite: Mapping[str, np.ndarray],
    title: str,
    answer: str,
    reasons: Mapping[str, str],
) -> style.Figure:
    height, width = image.shape[:2]
    said = f"The network's answer: {style.plain(answer, 50)}" if answer else "Maps at the picture's size"
    rows = [
        (
            textwrap.fill(style.plain(pretty(name), 52), 26),
            "" if name in finite else style.plain(reasons.get(name, ""), 34),
        )
        for name in maps
    ]
    kinds = {is_signed(values) for values in finite.values()} or {False}
    grid = ImageGrid(
        f"What mattered in {style.plain(title, 48)}",
        said,
        rows,
        ["Picture", "Map", "Map over picture"],
        aspect=min(max(height / width, 0.4), 2.5),
        foot=False,
        largest=2.0,
        keys=len(kinds),
    )
    grid.colour_bars(kinds)
    for row, name in enumerate(maps):
        grid.picture(row, 0, image)
        if name in finite:
            grid.map(row, 1, finite[name])
            grid.picture(row, 2, overlay(image, finite[name]))
        else:
            grid.empty(row, 1, "no map")
            grid.empty(row, 2, "no map")
    return grid.finish()
