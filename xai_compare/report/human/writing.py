"""Everything an experiment came to, written into one directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from xai_compare.errors import InputError
from xai_compare.human import COLUMNS
from xai_compare.human.areas import placed_face
from xai_compare.human.data_quality import QualityNote
from xai_compare.human.experiment import Experiment, Reading, in_image_pixels, read_experiment, removals
from xai_compare.human.experiment_maps import MapSettings
from xai_compare.human.gaze.events import Outcome
from xai_compare.human.gaze.recording import samples_of
from xai_compare.human.image_matching import match_images
from xai_compare.human.readers import Paths
from xai_compare.report import style
from xai_compare.report.figure_files import save_png
from xai_compare.report.human.page import Contents, render
from xai_compare.report.human.sections import SECTIONS, HumanData

_ROW_GROUP = 1 << 20
Say = Callable[[str], None]


@dataclass(frozen=True)
class HumanOptions:
    """What is made of an experiment.

    Attributes:
        reading: how its files are read.
        maps: how points become maps.
        shapes: height and width of each picture, where pictures are at hand.
        landmarks: float (68, 2) of the face in each picture.
        files: the picture files, by the same names.
        expressions: of each picture, whatever its folder and suffix.
        size: height and width of all pictures, where neither they nor the files tell.
        face: x and y of left eye, right eye and mouth on every picture, where faces are aligned and not at hand.
        fit_kernel: fit the kernel's width too.
        scanpaths: compare scanpaths by MultiMatch.
        title: of the page.
        seed: of every draw.
    """

    reading: Reading = field(default_factory=Reading)
    maps: MapSettings = field(default_factory=MapSettings)
    shapes: dict[str, tuple[int, int]] = field(default_factory=dict)
    landmarks: dict[str, np.ndarray] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    expressions: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] | None = None
    face: Sequence[float] | None = None
    fit_kernel: bool = True
    scanpaths: bool = False
    title: str = "Human data"
    seed: int = 0


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
        overwrite: replace what the directory holds.
        say: is told what is done.

    Returns:
        The experiment, in pixels of the pictures, and what speaks for and against using it.

    Raises:
        InputError: if the files cannot be read, the directory holds something, or nothing is left.
    """
    options, out = options or HumanOptions(), Path(out)
    _prepare(out, overwrite)
    with _Samples(out / "tables" / "samples.parquet") as samples:
        experiment = read_experiment(sources, options.reading, samples.add)
    for row in experiment.files.groupby(["format", "because"], sort=False).size().reset_index().itertuples(index=False):
        say(f"{row[2]} files taken for {row[0]} ({row[1]})" if row[2] > 1 else f"taken for {row[0]} ({row[1]})")
    if options.shapes:
        experiment = in_image_pixels(experiment, options.shapes)
    images = experiment.trials["image"].astype(str).unique()
    if options.size and not experiment.shapes:
        experiment.shapes = dict.fromkeys(images, options.size)
    options = replace(options, expressions=_named(options.expressions, images), landmarks=_faces(options, experiment))
    contents, data = Contents(), HumanData(experiment, options, out)
    for section in SECTIONS:
        say(f"{section.__name__.replace('_', ' ')} ...")
        try:
            with style.styled():
                section(data, contents)
        except InputError as error:
            contents.notes.append(f"{section.__doc__ or section.__name__} could not be made: {error}.")
    _tables(experiment, out / "tables")
    for name, figure in contents.figures.items():
        save_png(figure, out / "figures" / f"{name}.png")
    page = render(options.title, experiment, contents, _written(out))
    (out / "summary.html").write_text(page, "utf-8")
    return experiment, contents.statements


def _written(out: Path) -> list[str]:
    """What lies in the directory, for the page: a figure once, those of participants together."""
    files = sorted(str(file.relative_to(out)) for file in out.rglob("*") if file.is_file())
    people = [name for name in files if name.startswith("figures/participants/")]
    shown = [name for name in files if name not in people]
    return shown + ([f"figures/participants/: {len(people)} figures, one for each participant"] if people else [])


def _named(expressions: dict[str, str], images: Iterable[str]) -> dict[str, str]:
    """The expressions by the names that the experiment has for the pictures."""
    if not expressions:
        return {}
    found, _ = match_images(images, expressions)
    return {image: expressions[name] for image, name in found.items()}


def _faces(options: HumanOptions, experiment: Experiment) -> dict[str, np.ndarray]:
    if options.face is None:
        return options.landmarks
    landmarks = placed_face(*np.reshape(options.face, (3, 2)))
    return dict.fromkeys(experiment.shapes, landmarks) | options.landmarks


def _prepare(out: Path, overwrite: bool) -> None:
    if out.exists() and any(file.is_file() for file in out.rglob("*")):
        ours = {"tables", "maps", "figures", "summary.html"}
        strange = sorted(file.name for file in out.iterdir() if file.name not in ours)
        if not overwrite:
            raise InputError("the directory is not empty", where=out, hint="name another, or say --overwrite")
        if strange:
            raise InputError(
                f"the directory holds {strange[0]!r}, which is not of ours", where=out, hint="name another"
            )
        for file in out.iterdir():
            shutil.rmtree(file) if file.is_dir() else file.unlink()
    for name in ("tables", "maps", "figures"):
        (out / name).mkdir(parents=True, exist_ok=True)


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
    points = {"fixations": "fixations", "clicks": "clicks", "points": "tracks"}[experiment.noun]
    tables = {points: experiment.points, "trials": experiment.trials, "removed": removals(experiment)}
    if len(experiment.saccades):
        tables["saccades"] = experiment.saccades
    for name, table in tables.items():
        marked = table.assign(simulated=True) if experiment.simulated else table
        marked.to_csv(folder / f"{name}.csv", index=False)
    described = [(table, column, what) for table, columns in COLUMNS.items() for column, what in columns.items()]
    pd.DataFrame(described, columns=["table", "column", "holds"]).to_csv(folder / "columns.csv", index=False)
