"""From a run, or from ready-made heatmaps, to figures, tables and the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xai_compare.report.charts import dice_boxes, dice_figures, iou_figure, known_regions
from xai_compare.report.faithful import faithfulness_figures, faithfulness_lists, faithfulness_sentences
from xai_compare.report.maps import face_overlays, heatmap_grids
from xai_compare.report.material import Material, from_heatmaps, from_run
from xai_compare.report.page import Saved, asked_of, write_page
from xai_compare.report.people import human_pairs
from xai_compare.report.regions import threshold_pictures
from xai_compare.report.repeatable import repeatability_figure, repeatability_lists, repeatability_sentences
from xai_compare.report.style import Picture, save, slug, styled
from xai_compare.report.tables import Table, score_tables, write_table
from xai_compare.report.trees import dendrograms

if TYPE_CHECKING:
    from xai_compare.runs import Run

_FAMILIES = (
    heatmap_grids, face_overlays, threshold_pictures, iou_figure, dice_figures, dice_boxes, human_pairs, known_regions,
    faithfulness_figures, repeatability_figure, dendrograms,
)  # fmt: skip


def build(run: Run) -> Path:
    """Draw a run's figures, lay out its tables and write its report.

    Args:
        run: a finished run.

    Returns:
        The path of ``report.html``. Beside it ``figures/`` holds every figure as PNG and SVG, and ``tables/`` gains
        ``iou_table.csv`` and a ``dice_table_NAME.csv`` for each group of people. Figures of an earlier report are
        replaced; other files there stay.
    """
    material = from_run(run)
    saved = _draw(material, run.dir / "figures")
    return write_page(
        run.dir / "report.html",
        material,
        saved,
        _tables(material, run.dir / "tables"),
        kind="Report of a study",
        lists={"faithfulness": faithfulness_lists(material), "repeatable": repeatability_lists(material)},
        says={"faithfulness": faithfulness_sentences(material), "repeatable": repeatability_sentences(material)},
        asked=asked_of(run),
        skipped=run.skipped,
        provenance=run.provenance,
    )


def build_comparison(
    out_dir: Path | str,
    heatmaps: Mapping[tuple[str, str, str], np.ndarray],
    masks: Mapping[str, np.ndarray],
    scores: pd.DataFrame,
    merges: pd.DataFrame,
    title: str,
) -> Path:
    """Report on ready-made heatmaps: the figures that apply, and recomputed scores only.

    Args:
        out_dir: where ``figures/``, ``tables/`` and ``report.html`` go.
        heatmaps: (model, expression, fold) to real ``(h, w)``, all of one size, as
            `xai_compare.comparison.read_heatmaps` gives; means over folds are made where fold ``"all"`` is absent.
        masks: expression to bool ``(h, w)``; may be empty.
        scores, merges: tables of the columns of a run's.
        title: the page's title.

    Returns:
        The path of ``report.html``.
    """
    out_dir = Path(out_dir)
    out_dir.mkdir(parents=True, exist_ok=True)
    material = from_heatmaps(heatmaps, masks, scores, merges, title)
    saved = _draw(material, out_dir / "figures")
    notice = (
        "These heatmaps came ready-made: how they were computed, and from which images, is not known here. Every score "
        "on this page was recomputed from them."
    )
    return write_page(
        out_dir / "report.html", material, saved, _tables(material, out_dir / "tables"),
        kind="Comparison of ready-made heatmaps", notices=[notice],
    )  # fmt: skip


def _draw(material: Material, folder: Path) -> list[Saved]:
    folder.mkdir(parents=True, exist_ok=True)
    with styled():
        pictures: list[Picture] = [picture for family in _FAMILIES for picture in family(material)]
    return [Saved(picture, *save(picture.figure, folder / picture.name)) for picture in pictures]


def _tables(material: Material, folder: Path) -> dict[str, list[tuple[str, Table]]]:
    """Write the tables of the papers' layout and return those the page shows as text."""
    shown: dict[str, list[tuple[str, Table]]] = {}
    iou = score_tables(material, "iou", material.mask_name)
    if iou:
        write_table(iou, material, folder / "iou_table.csv")
        shown["iou"] = _captioned(iou, f"IoU with the {material.mask_title.lower().replace('ekman', 'Ekman')}s")
    for person in material.of("human"):
        dice = score_tables(material, "dice", person.name)
        if dice:
            name = person.short
            write_table(dice, material, folder / f"dice_table_{slug(name)}.csv")
            shown.setdefault("people", []).extend(_captioned(dice, f"Dice with {person.label}"))
    return shown


def _captioned(tables: Sequence[Table], caption: str) -> list[tuple[str, Table]]:
    return [(f"{caption}, {table.block.title}" if table.block.explainer else caption, table) for table in tables]
