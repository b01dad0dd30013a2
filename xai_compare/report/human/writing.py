"""Everything an experiment came to, written into one directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xai_compare.errors import InputError
from xai_compare.files import write_csv
from xai_compare.human import COLUMNS
from xai_compare.human.areas import landmarks_from_centres
from xai_compare.human.data_quality import QualityNote, overall_quality
from xai_compare.human.experiment import Experiment, in_image_pixels, read_experiment, refuse_percent, removals
from xai_compare.human.gaze.events import Outcome
from xai_compare.human.gaze.recording import samples_of
from xai_compare.human.image_matching import match_images, unmatched_line
from xai_compare.human.readers import Paths
from xai_compare.inventory import staged
from xai_compare.report.builder import build_sections
from xai_compare.report.human.data import HumanData, HumanOptions
from xai_compare.report.page import write_page
from xai_compare.report.section import HUMAN_SECTIONS
from xai_compare.report.table import Table, text, whole
from xai_compare.version import VERSION

_ROW_GROUP = 1 << 20
_FOLDERS = ("tables", "maps", "figures")
Say = Callable[[str], None]


def write(
    sources: Paths,
    out: str | Path,
    options: HumanOptions | None = None,
    overwrite: bool = False,
    say: Say = lambda line: None,
) -> tuple[Experiment, list[QualityNote]]:
    """Read an experiment, clean it, and write tables, maps, figures and a page that says whether it is usable.

    Args:
        sources: a file, a pattern, or several of them.
        out: the directory: ``tables/``, ``maps/``, ``figures/``, ``summary.html``.
        options: what is made of it.
        overwrite: replace what the directory holds, once the new results are whole.
        say: is told what is done.

    Returns:
        The experiment, in pixels of the pictures, and what speaks for and against using it.

    Raises:
        InputError: if the files cannot be read, the directory holds something, or nothing is left.
    """
    out = Path(out)
    if not overwrite and out.exists() and any(file.is_file() for file in out.rglob("*")):
        raise InputError("the directory is not empty", where=out, hint="name another, or say --overwrite")
    with staged(out, overwrite=overwrite) as folder:
        for name in _FOLDERS:
            (folder / name).mkdir()
        return _write(sources, folder, options or HumanOptions(), say)


def _write(sources: Paths, out: Path, options: HumanOptions, say: Say) -> tuple[Experiment, list[QualityNote]]:
    with _Samples(out / "tables" / "samples.parquet") as samples:
        experiment = read_experiment(sources, options.reading, samples.add)
    for row in experiment.files.groupby(["format", "because"], sort=False).size().reset_index().itertuples(index=False):
        say(f"{row[2]} files taken for {row[0]} ({row[1]})" if row[2] > 1 else f"taken for {row[0]} ({row[1]})")
    if options.shapes:
        experiment = in_image_pixels(experiment, options.shapes)
    if experiment.unmatched:
        say(unmatched_line(experiment.unmatched))
    images = experiment.trials["image"].astype(str).unique()
    if options.size and not experiment.shapes:
        sizes = dict.fromkeys(images, options.size)
        refuse_percent(experiment, sizes)
        experiment.shapes = sizes
    options = replace(options, expressions=_named(options.expressions, images), landmarks=_faces(options, experiment))
    data, left_out = HumanData(experiment, options, out), list[str]()
    sections = build_sections(data, out, left_out, HUMAN_SECTIONS, lambda title: say(f"{title} ..."))
    _tables(experiment, out / "tables")
    write_page(
        out / "summary.html",
        "human/page.html",
        sections,
        title=options.title,
        kind=f"Human data, cleaned by xai-compare {VERSION}",
        notices=[],
        left_out=left_out,
        simulated=experiment.simulated,
        verdict=overall_quality(data.statements),
        statements=data.statements,
        read=_read(experiment),
        files=_files(experiment),
        written=_written(out, experiment.points["participant"].nunique()),
    )
    return experiment, data.statements


def _read(experiment: Experiment) -> str:
    trials = experiment.trials
    people, pictures = trials["participant"].nunique(), trials["image"].nunique()
    line = (
        f"{people} participants, {pictures} pictures, {len(trials):,} trials; "
        f"{len(experiment.points):,} {experiment.point_name} are kept"
    )
    if len(experiment.saccades):
        line += f" and {len(experiment.saccades):,} saccades"
    screen = experiment.screen
    if screen.known:
        across, down = screen.degrees_per_pixel()
        line += f". A degree of visual angle is {1 / across:.1f} pixels of the screen across and {1 / down:.1f} down"
        if screen.size_cm and screen.distance_cm:
            size = f"{screen.size_cm[0]:.1f} by {screen.size_cm[1]:.1f} cm"
            line += f" (a screen of {size} seen from {screen.distance_cm:.0f} cm)"
    return f"{line}."


def _files(experiment: Experiment) -> Table:
    """How many files were taken for which format, and why."""
    kinds = experiment.files.groupby(["format", "because"], sort=False).size().rename("files").reset_index()
    columns = [("files", "files", whole), ("format", "format", text), ("because", "recognised by", text)]
    return Table.from_frame("Files by format", kinds, columns)


def _written(out: Path, participants: int) -> list[str]:
    """What lies in the directory, for the page: a figure once, those of participants together."""
    files = sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
    people = [name for name in files if name.startswith("figures/participants/")]
    shown = [name for name in files if name not in people]
    whose = "each participant" if len(people) == participants else f"each of the first {len(people)} of {participants}"
    return shown + ([f"figures/participants/: {len(people)} figures, one for {whose}"] if people else [])


def _named(expressions: dict[str, str], images: Iterable[str]) -> dict[str, str]:
    """The expressions by the names that the experiment has for the pictures."""
    if not expressions:
        return {}
    found, _ = match_images(images, expressions)
    return {image: expressions[name] for image, name in found.items()}


def _faces(options: HumanOptions, experiment: Experiment) -> dict[str, np.ndarray]:
    if options.face is None:
        return options.landmarks
    landmarks = landmarks_from_centres(*np.reshape(options.face, (3, 2)))
    return dict.fromkeys(experiment.shapes, landmarks) | options.landmarks


class _Samples:
    """Writes samples as they come, a million rows at a time, so that memory stays flat."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def __enter__(self) -> _Samples:
        return self

    def __exit__(self, *problem: object) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()

    def add(self, outcome: Outcome) -> None:
        """Take in a trial."""
        table = pa.Table.from_pandas(samples_of(outcome), preserve_index=False).replace_schema_metadata()
        self._waiting.append(table)
        self._rows += table.num_rows
        if self._rows >= _ROW_GROUP:
            self._flush()

    def _flush(self) -> None:
        if not self._waiting:
            return
        table = pa.concat_tables(self._waiting, promote_options="permissive").unify_dictionaries()
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        # A later file may lack the exporter's labels, or have them where the first did not.
        names = self._writer.schema.names
        for name in set(names) - set(table.column_names):
            table = table.append_column(name, pa.nulls(len(table), self._writer.schema.field(name).type))
        self._writer.write_table(table.select(names).cast(self._writer.schema))
        self._waiting, self._rows = [], 0


def _tables(experiment: Experiment, folder: Path) -> None:
    points = {"fixations": "fixations", "clicks": "clicks", "points": "tracks"}[experiment.point_name]
    tables = {points: experiment.points, "trials": experiment.trials, "removed": removals(experiment)}
    if len(experiment.saccades):
        tables["saccades"] = experiment.saccades
    for name, table in tables.items():
        marked = table.assign(simulated=True) if experiment.simulated else table
        write_csv(marked, folder / f"{name}.csv")
    described = [(table, column, what) for table, columns in COLUMNS.items() for column, what in columns.items()]
    write_csv(pd.DataFrame(described, columns=["table", "column", "holds"]), folder / "columns.csv")
