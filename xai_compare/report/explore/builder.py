"""From a run, or from ready-made heatmaps, to ``explore.html``."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xai_compare.report.data import ReportData, from_heatmaps, from_run
from xai_compare.report.explore.bundle import as_json, write
from xai_compare.report.explore.payload import payload
from xai_compare.report.explore.people import people
from xai_compare.report.explore.pictures import Pictures, gather, image_scores, webp
from xai_compare.report.explore.sprites import Sprites
from xai_compare.runs.directory import rewriting

if TYPE_CHECKING:
    from xai_compare.runs import Run

NAME = "explore.html"
MOST_BYTES = 25_000_000
FEWEST_FACES = 20
"""Pictures that a mean face must be of, where photographs are not shown."""
_SPARE = 200_000
"""For script, style and the rows of single maps."""


def build(run: Run, path: Path | None = None, *, with_pictures: bool = False, most_bytes: int = MOST_BYTES) -> Path:
    """Write a run's page to explore.

    Args:
        run: a finished run.
        path: the file to write, by default ``explore.html`` in the run's directory.
        with_pictures: whether photographs are put into the page; rendered faces always are, and photographs also
            where the study says ``show_pictures``.
        most_bytes: what the file may take; of single maps a sample is shown where all would take more.

    Returns:
        The path of the page.
    """
    data = from_run(run)
    room = most_bytes
    # How well maps compress is known once they are compressed: where too many were taken, fewer are.
    while True:
        with closing(Sprites()) as sprites:
            page = payload(data, sprites) | {"people": people(run, data), "kind": "run"}
            page["meanFace"] = _mean_face(run, data, with_pictures)
            left = room - _size(page, sprites) - _SPARE
            pictures = gather(run, sprites, max(left, 0), with_pictures=with_pictures)
            scores = image_scores([data.table("per_image"), data.table("known_images")], pictures)
            page["pictures"] = _packed(pictures, scores)
            size = _size(page, sprites) + _SPARE
            if pictures.total and not (pictures.images or pictures.note):
                page["pictures"]["note"] = (
                    f"No maps of single pictures: without them this file takes {size / 1e6:.1f} MB, and it is to stay "
                    f"below {most_bytes / 1e6:.1f} MB."
                )
            if size <= most_bytes or not pictures.images:
                place = path or run.dir / NAME
                with rewriting(run.dir, "explore"):
                    return _write(place, page, sprites, "report.html" if place.parent == run.dir else "")
        room -= size - most_bytes + _SPARE


def build_heatmaps(
    path: Path,
    heatmaps: Mapping[tuple[str, str, str], np.ndarray],
    masks: Mapping[str, np.ndarray],
    scores: pd.DataFrame,
    title: str,
    *,
    report: str = "",
) -> Path:
    """Write a page to explore ready-made heatmaps.

    Args:
        path: the file to write.
        heatmaps: (model, expression, fold) to real ``(h, w)``, all of one size.
        masks: expression to bool ``(h, w)``; may be empty.
        scores: what was computed of them, in the columns of a run's scores.
        title: the page's title.
        report: address of a report on them, if there is one.
    """
    data = from_heatmaps(heatmaps, masks, scores, pd.DataFrame(), title)
    with closing(Sprites()) as sprites:
        page = payload(data, sprites) | {"people": [], "kind": "heatmaps", "pictures": _packed(Pictures(), [])}
        page["meanFace"] = ""
        return _write(path, page, sprites, report)


def _mean_face(run: Run, data: ReportData, with_pictures: bool) -> str:
    """The mean face, unless it is of so few photographs that it is one itself, more or less."""
    face = data.aligned_mean_face
    items = {str(item["image"]): item for store in run.stores for item in store.items}
    photographs = [item for item in items.values() if item.get("dataset") != "simulated"]
    hidden = photographs and len(items) < FEWEST_FACES and not (run.study.show_pictures or with_pictures)
    return "" if face is None or hidden else webp(face)


def _packed(pictures: Pictures, scores: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "columns": pictures.columns,
        "images": pictures.images,
        "faces": pictures.faces,
        "total": pictures.total,
        "imagesTotal": pictures.images_total,
        "undefined": pictures.undefined,
        "note": pictures.note,
        "scores": scores,
    }


def _size(page: Mapping[str, Any], sprites: Sprites) -> int:
    return len(as_json(page).encode()) + sum(len(content) for _, _, content in sprites.sheets())


def _write(path: Path, page: Mapping[str, Any], sprites: Sprites, link: str) -> Path:
    fallback = "This page shows maps and tables with the help of scripts, which do not run here."
    sheets = sprites.sheets()
    known = {"tiles": [tile.packed() for tile in sprites.tiles], "sheets": [[w, h] for w, h, _ in sheets]}
    return write(path, {**page, **known, "report": link}, sheets, fallback, link)
