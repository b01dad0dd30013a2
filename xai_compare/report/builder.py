"""From a run, or from ready-made heatmaps, to figures, tables and the page."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xai_compare.report.data import ReportData, from_heatmaps, from_run
from xai_compare.report.figure_files import FigureWriter
from xai_compare.report.page import Shown, write_page
from xai_compare.report.section import render_sections
from xai_compare.report.study_summary import single_person_notices, study_summary
from xai_compare.runs.store import make_room

if TYPE_CHECKING:
    from xai_compare.runs import Run


def build(run: Run) -> Path:
    """Draw a run's figures, lay out its tables and write its report.

    Args:
        run: a finished run.

    Returns:
        The path of ``report.html``. Beside it ``figures/`` holds every figure as PNG and the charts as SVG too, and
        ``tables/`` gains the tables of the sections, such as ``iou_table.csv`` and a ``dice_table_NAME.csv`` for each
        group of people. Figures of an earlier report are replaced; other files there stay.
    """
    return _report(
        run.dir,
        from_run(run),
        kind="Report of a study",
        asked=study_summary(run),
        skipped=run.skipped,
        provenance=run.provenance,
        notices=[*_code_that_ran(run.provenance), *single_person_notices(run)],
    )


def _code_that_ran(provenance: Mapping[str, Any]) -> list[str]:
    """A sentence for each network that came from code beside the study, which the numbers rest on."""
    lines = []
    for name, code in (provenance.get("code_that_ran") or {}).items():
        what = f"{code['file']} (SHA-256 {code['sha256'][:12]}…)" if "file" in code else code.get("entry_point", "")
        lines.append(f"Code of the user's own made the network {name}: {what}. This page rests on that code too.")
    return lines


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

    def read(name: str) -> pd.DataFrame:
        path = out_dir / "tables" / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    data = from_heatmaps(heatmaps, masks, scores, merges, title, read)
    notice = (
        "These heatmaps came ready-made: how they were computed, and from which images, is not known here. Every score "
        "on this page was recomputed from them."
    )
    return _report(out_dir, data, kind="Comparison of ready-made heatmaps", notices=[notice])


def _report(folder: Path, data: ReportData, **page: Any) -> Path:
    """Draw, lay out and write what every section has to show of the data."""
    left_out: list[str] = []
    shown = []
    for name in ("figures", "tables"):
        make_room(folder / name, folder=True)
    make_room(folder / "report.html")
    with _frozen(), FigureWriter(folder / "figures") as saver:
        for part in render_sections(data, left_out):
            # Drawn and let go section by section: the figures of a large study do not fit into memory together.
            shown.append(Shown(replace(part, figures=()), [saver.save(picture) for picture in part.figures]))
            for name, table in part.csv_tables.items():
                (folder / "tables").mkdir(parents=True, exist_ok=True)
                make_room(folder / "tables" / f"{name}.csv")
                table.to_csv(folder / "tables" / f"{name}.csv", index=False, lineterminator="\n")
    return write_page(folder / "report.html", data, shown, left_out=left_out, **page)


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep the garbage collector, which drawing wakes all the time, from what exists already (torch, for one)."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
