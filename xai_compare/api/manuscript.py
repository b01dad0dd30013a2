"""What a manuscript takes from a run or from a comparison of ready-made heatmaps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xai_compare.api.comparing import on_standard_face
from xai_compare.api.exploring import facts_of
from xai_compare.errors import InputError
from xai_compare.runs import Run

if TYPE_CHECKING:
    from xai_compare.report import ReportData

_PAGE_MM = 247
"""An A4 page without margins of 25 mm."""


def write_figures(
    source: Run | str | Path,
    out: str | Path,
    *,
    names: Sequence[str] = (),
    formats: Sequence[str] = ("pdf",),
    sources: Sequence[str] = (),
    expressions: Sequence[str] = (),
    width_mm: float = 180,
    style: str | Path | None = None,
) -> tuple[list[Path], list[str]]:
    """Write the figures of a report by themselves, each with its caption as ``NAME.txt``.

    Args:
        source: a run or its directory, or what ``xai-compare compare`` wrote.
        out: folder; files of the same names are replaced, others stay.
        names: figures, or sections of the report; all by default.
        formats: of ``"pdf"``, ``"svg"`` and ``"png"``.
        sources, expressions, width_mm, style: as `Run.figure` takes them.

    Returns:
        The figures' files, and a line for each figure that is higher than a page.

    Raises:
        InputError: for a run that is not finished, or a name, source, expression, format or style that is not there.
    """
    from xai_compare.report.manuscript import figures

    for kind in formats:
        if kind not in figures.FORMATS:
            raise InputError(f"no format {kind!r}", where="format", hint=f"choose {', '.join(figures.FORMATS)}")
    data, intervals = figures.chosen(open_data(source), sources, expressions), interval_words(source)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InputError("is a file", where=folder, hint="name a folder with --out")
    folder.mkdir(parents=True, exist_ok=True)
    made, high = [], []
    drawn = figures.draw(data, names, width_mm=width_mm, style=style, intervals=intervals, expressions=expressions)
    for printed in drawn:
        made += figures.write(printed, folder, formats, width_mm, style)
        height = 25.4 * float(printed.figure.get_size_inches()[1])
        if height > _PAGE_MM:
            high.append(
                f"{printed.name} is {height:.0f} mm high, more than a page: show fewer --sources or --expressions"
            )
    return made, high


def open_data(source: Run | str | Path) -> ReportData:
    """The data of a run or of a comparison of ready-made heatmaps, as the report has them.

    Raises:
        InputError: if it is neither, or the heatmaps of a comparison are no longer where they were.
    """
    from xai_compare import comparison as cmp
    from xai_compare import ekman
    from xai_compare.report.data import from_heatmaps, from_run

    if isinstance(source, Run):
        return from_run(source)
    folder = Path(source)
    if (folder / "study.yaml").is_file() or not (folder / "tables").is_dir():
        return from_run(Run.open(folder))
    facts = facts_of(folder)
    maps: Any = cmp.read_heatmaps(facts["heatmaps"], facts["pattern"])
    maps = dict(cmp.with_mean_maps(on_standard_face(maps, facts["landmarks"]) if facts["landmarks"] else maps))
    masks = ekman.masks() if facts["masks"] == "ekman" else ekman.read_masks(facts["masks"])
    title = f"Heatmaps of {Path(facts['heatmaps']).name}"
    read = _reader(folder)
    return from_heatmaps(maps, masks, read("scores"), read("merges"), title, read)


def _reader(folder: Path) -> Callable[[str], Any]:
    """What reads a table of a comparison by name."""

    def read(name: str) -> Any:
        import pandas as pd

        path = folder / "tables" / f"{name}.parquet"
        return pd.read_parquet(path) if path.is_file() else pd.DataFrame()

    return read


def interval_words(source: Run | str | Path) -> str:
    """What the intervals of a run are, in a sentence for a caption; ``""`` if it has none."""
    if not isinstance(source, Run):
        if not (Path(source) / "study.yaml").is_file():
            return ""
        source = Run.open(source)
    number = source.study.compare.bootstrap
    if not number:
        return ""
    return (
        f"Intervals are 95 % confidence intervals of the score of the population's mean maps, from {number:,} "
        "bootstrap samples of the pictures; with fewer than 50 pictures they may be too narrow."
    )


def write_methods(source: Run | str | Path, out: str | Path | None = None) -> tuple[str, list[Path]]:
    """Write the paragraphs for the methods and the results section of a run, each number with its table and row.

    Args:
        source: a run or its directory, or what ``xai-compare compare`` wrote.
        out: a ``.md`` or ``.tex`` file, or a folder for ``methods.md``, ``methods.tex`` and ``references.bib``; none to
            write nothing. Beside a ``.tex`` file its ``.bib`` is written.

    Returns:
        The text as Markdown, and the files.

    Raises:
        InputError: for a run without scores, or an ``out`` of another kind.
    """
    from xai_compare.files import write_atomically
    from xai_compare.report.manuscript import text

    data, facts, where = open_data(source), _facts(source), source.dir if isinstance(source, Run) else source
    content = text.as_markdown(facts, data, where)
    if out is None:
        return content, []
    path = Path(out)
    if path.suffix in (".md", ".tex") and not path.is_dir():
        markdown, tex = (path, None) if path.suffix == ".md" else (None, path)
        bib = path.with_suffix(".bib") if tex else None
    elif path.suffix and not path.is_dir():
        raise InputError(f"ends in {path.suffix}", where=path, hint="name a .md or .tex file, or a folder")
    else:
        path.mkdir(parents=True, exist_ok=True)
        markdown, tex, bib = path / "methods.md", path / "methods.tex", path / "references.bib"
    latex, entries = text.as_latex(facts, data, where)
    made = []
    for file, words in ((markdown, content), (tex, latex), (bib, entries)):
        if file is not None:
            write_atomically(file, words.encode())
            made.append(file)
    return content, made


def _facts(source: Run | str | Path) -> Any:
    from xai_compare.report.manuscript.sentences import Facts

    if (
        not isinstance(source, Run)
        and not (Path(source) / "study.yaml").is_file()
        and (Path(source) / "tables").is_dir()
    ):
        provenance = json.loads((Path(source) / "provenance.json").read_bytes())
        return Facts(_reader(Path(source)), provenance)
    run = source if isinstance(source, Run) else Run.open(source)

    def read(name: str) -> Any:
        import pandas as pd

        table, written = run.table(name), run.dir / "tables" / f"{name}.csv"
        # Some tables are the report's, which writes them as CSV only.
        return pd.read_csv(written) if table.empty and name == "recognition" and written.is_file() else table

    return Facts(read, run.provenance, run.study)
