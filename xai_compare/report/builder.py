"""From a run, or from ready-made heatmaps, to figures, tables and the page."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xai_compare.files import make_room, write_csv
from xai_compare.registry import Registry
from xai_compare.report.data import from_heatmaps, from_run
from xai_compare.report.figure_files import FigureWriter
from xai_compare.report.page import report_context, write_page
from xai_compare.report.section import SECTIONS, BaseSection, D, RenderedSection, render_sections
from xai_compare.report.study_summary import single_person_notices, study_summary
from xai_compare.runs.directory import rewriting

if TYPE_CHECKING:
    from xai_compare.runs import Run


def build(run: Run, *, explore: bool | None = None) -> Path:
    """Draw a run's figures, lay out its tables and write its report.

    Args:
        run: a finished run.
        explore: whether a page to explore will stand beside the report, which then links to it; by default whether one
            does.

    Returns:
        The path of ``report.html``. Beside it ``figures/`` holds every figure as PNG and the charts as SVG too, and
        ``tables/`` gains the tables of the sections, such as ``iou_table.csv`` and a ``dice_table_NAME.csv`` for each
        group of people. Figures of an earlier report are replaced; other files there stay.
    """
    with rewriting(run.dir, "report"):
        beside = (run.dir / "explore.html").is_file() if explore is None else explore
        return _build(run, beside)


def _build(run: Run, explore: bool) -> Path:
    data, left_out = from_run(run), list[str]()
    sections = build_sections(data, run.dir, left_out)
    context = report_context(
        data,
        sections,
        kind="Report of a study",
        study=study_summary(run),
        skipped=run.skipped,
        provenance=run.provenance,
        notices=[*_code_that_ran(run.provenance), *single_person_notices(run)],
        left_out=left_out,
        explore=explore,
    )
    return write_page(run.dir / "report.html", "report.html", sections, **context)


def _code_that_ran(provenance: Mapping[str, Any]) -> list[str]:
    """A sentence for each network that came from code beside the study, which the numbers rest on."""
    lines = []
    for name, code in (provenance.get("code_that_ran") or {}).items():
        what = f"{code['file']} (SHA-256 {code['sha256'][:12]}…)" if "file" in code else code.get("entry_point", "")
        lines.append(f"The network {name} was built by the user's own code, {what}. The results depend on that code.")
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

    def read(name: str) -> pd.DataFrame:
        path = out_dir / "tables" / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    data, left_out = from_heatmaps(heatmaps, masks, scores, merges, title, read), list[str]()
    sections = build_sections(data, out_dir, left_out)
    notice = (
        "These heatmaps were ready-made: how they were computed, and from which images, is not known here. All scores "
        "on this page were recomputed from them."
    )
    context = report_context(
        data, sections, kind="Comparison of ready-made heatmaps", notices=[notice], left_out=left_out
    )
    return write_page(out_dir / "report.html", "report.html", sections, **context)


def build_sections(
    data: D,
    folder: Path,
    left_out: list[str],
    registry: Registry[type[BaseSection[D]]] = SECTIONS,  # type: ignore[assignment]
    announce: Callable[[str], None] = lambda title: None,
) -> list[RenderedSection]:
    """Render the sections of a page, writing their figures to ``figures/`` and their tables to ``tables/``.

    Args:
        data, left_out, registry, announce: as `render_sections` takes them.
        folder: that of the page.
    """
    built = []
    for name in ("figures", "tables"):
        make_room(folder / name, folder=True)
        (folder / name).mkdir(parents=True, exist_ok=True)
    with _frozen(), FigureWriter(folder / "figures") as writer:
        for section in render_sections(data, left_out, registry, announce):
            for name, table in section.csv_tables.items():
                # Rows are numbered or named; only names are worth a column.
                index = not pd.api.types.is_integer_dtype(table.index)
                write_csv(data.mark(table), folder / "tables" / f"{name}.csv", index=index, lineterminator="\n")
            # Drawn and let go section by section: the figures of a large study do not fit into memory together.
            built.append(replace(section, figures=(), saved=[writer.save(figure) for figure in section.figures]))
    return built


@contextmanager
def _frozen() -> Iterator[None]:
    """Keep the garbage collector, which drawing wakes all the time, from what exists already (torch, for one)."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
