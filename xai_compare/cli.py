"""The command line: `xai-compare run`, `compare`, `explain`, `report`, `status`, `verify`, `doctor`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

os.environ.setdefault("KERAS_BACKEND", "torch")
# Threads that wait for work by spinning make a run forty times slower on a machine that others use too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from xai_compare import __version__
from xai_compare.errors import InputError

app = typer.Typer(
    help="When a network reads a facial expression, does it look where people look?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console() if sys.stdout.isatty() else Console(width=140)
Out = Annotated[Path | None, typer.Option("--out", help="Directory to write into.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Keep = Literal["maps", "heatmaps"]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what the directory holds.")]


class _Screen:
    """Progress bars on a terminal; a line per stage where there is none."""

    def __init__(self) -> None:
        self._bars = Bars(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> _Screen:
        self._bars.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        task = self._bars.add_task(title, total=total, rate="")

        def advance(steps: int) -> None:
            self._bars.advance(task, steps)
            speed = self._bars.tasks[self._bars.task_ids.index(task)].speed
            self._bars.update(task, rate=f"{speed:.1f}/s" if speed else "")

        yield advance
        state = self._bars.tasks[self._bars.task_ids.index(task)]
        self._bars.update(task, total=state.total or 1, completed=state.total or 1)
        if not console.is_terminal:
            console.print(f"{title}: done in {state.elapsed or 0:.1f} s", highlight=False, markup=False)

    def say(self, message: str) -> None:
        console.print(message, markup=False, highlight=False)


@app.command()
def run(
    study: Annotated[Path | None, typer.Argument(help="Study file (YAML); the bundled default without one.")] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    seed: Annotated[int | None, typer.Option(help="Use this seed instead of the study's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of a local Dask cluster.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a Dask scheduler that runs already.")] = None,
    keep: Annotated[Keep, typer.Option(help="Keep the maps of single pictures, or only the heatmaps.")] = "maps",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done and what it costs.")] = False,
) -> None:
    """Explain pictures with networks, compare with people and anatomy, and write a report."""
    from xai_compare import runs
    from xai_compare.study import Study

    if study is None:
        out = out or Path("runs/default")
        asked = runs.default_study(out)
    else:
        asked = Study.load(study)
    if seed is not None:
        asked = Study.parse({**asked.model_dump(mode="json"), "seed": seed}, where="--seed")
    if dry_run:
        from xai_compare.runs.estimate import estimate

        _print(estimate(asked, device), "What the study costs")
        return
    with _Screen() as screen:
        finished = runs.run(
            asked,
            out,
            overwrite=overwrite,
            progress=screen,
            device=device,
            workers=workers,
            scheduler=scheduler,
            keep=keep,
        )
    _summary(finished)


@app.command()
def compare(
    heatmaps: Annotated[Path, typer.Argument(help="Folder of grey heatmaps.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write into.")],
    masks: Annotated[
        str, typer.Option(help="Folder of mask pictures, or 'ekman' for the masks of the package.")
    ] = "ekman",
    masks_name: Annotated[str, typer.Option(help="What the tables call the masks.")] = "ekman",
    pattern: Annotated[
        str, typer.Option(help="How the files are named: {model}, {expression}, {fold}.")
    ] = "{model}_{expression}_heatmap.png",
    overwrite: Overwrite = False,
) -> None:
    """Compare ready-made heatmaps, from any tool, with masks and with one another."""
    from xai_compare.runs.ready_made import compare_heatmaps

    scores, page = compare_heatmaps(heatmaps, masks, out, pattern=pattern, masks_name=masks_name, overwrite=overwrite)
    from xai_compare.comparison import wide

    table = wide(scores, "iou", b=masks_name)
    _print(table.reset_index(names="model"), "IoU of the thresholded mean map with the mask", digits=4)
    console.print(f"Report: {page}", soft_wrap=True, markup=False)


@app.command()
def explain(
    images: Annotated[list[Path], typer.Argument(help="Pictures of faces.")],
    out: Annotated[Path, typer.Option("--out", help="Directory to write into.")],
    model: Annotated[str, typer.Option(help="A bundled network's name, or a study file's model as FILE.yaml:NAME.")],
    explainer: Annotated[list[str], typer.Option(help="An explainer's name; may be repeated.")],
    target: Annotated[str, typer.Option(help="The expression explained; the predicted one by default.")] = "predicted",
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the explainers that draw.")] = 0,
) -> None:
    """Explain a few pictures: maps as arrays, and figures with picture, map and overlay."""
    from xai_compare.runs.few import explain_pictures

    rows = explain_pictures(images, model, explainer, out, target=target, device=device, seed=seed)
    _print(rows, "Explained")
    skipped = rows[rows["reason"] != ""]
    if len(rows) and len(skipped) == len(rows):
        raise InputError(f"no picture could be explained ({rows['reason'].iloc[0]})")


@app.command()
def report(run_dir: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Build figures and report again from what a run has stored."""
    from xai_compare import report as pages
    from xai_compare.runs import Run

    console.print(f"Report: {pages.build(Run.open(run_dir))}", soft_wrap=True, markup=False)


@app.command()
def status(run_dir: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Say how far a run is: maps done and missing, time left."""
    from xai_compare.runs.inspection import status as progress_of

    _print(progress_of(run_dir), str(run_dir), digits=1)


@app.command()
def verify(run_dir: Annotated[Path, typer.Argument(help="A run directory.")]) -> None:
    """Check every checksum and every count of a run; damage ends in exit code 1."""
    from xai_compare.runs.inspection import verify as problems_of

    problems = problems_of(run_dir)
    if len(problems):
        _print(problems, "Damaged or missing; `xai-compare run` makes these again")
        raise typer.Exit(1)
    console.print("Every chunk is whole.")


@app.command()
def doctor() -> None:
    """Say what is installed, what will be used, and what to do about what is missing."""
    from xai_compare.runs.doctor import examine

    findings = examine()
    table = Table(title=f"xai-compare {__version__}")
    for column in ("", "what", "finding", "what to do"):
        table.add_column(column, overflow="fold")
    for finding in findings:
        table.add_row("[green]ok[/]" if finding.fine else "[red]no[/]", finding.what, finding.found, finding.mend)
    console.print(table)
    if not all(finding.fine for finding in findings):
        raise typer.Exit(2)


def _print(frame: Any, title: str, digits: int = 3) -> None:
    table = Table(title=title)
    for column in frame.columns:
        table.add_column(str(column), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*[f"{value:.{digits}f}" if isinstance(value, float) else str(value) for value in row])
    console.print(table)


def _summary(finished: Any) -> None:
    from xai_compare.runs.scoring import headline

    kinds = dict(zip(finished.heatmaps.source.values.tolist(), finished.heatmaps.kind.values.tolist(), strict=True))
    table = headline(finished.scores, kinds)
    if len(table):
        _print(table.reset_index(names="source"), "Means over expressions")
    else:  # Nobody but people: they are compared with one another.
        pairs = finished.scores[finished.scores["expression"] == "all"]
        _print(pairs[["metric", "a", "b", "value", "n", "ci_low", "ci_high"]], "People with people")
    skipped = finished.skipped
    if len(skipped):
        console.print(f"{len(skipped)} images skipped:", highlight=False)
        for image, reason in list(zip(skipped["image"], skipped["reason"], strict=True))[:5]:
            console.print(f"  {image}: {reason}", markup=False, highlight=False, soft_wrap=True)
        if len(skipped) > 5:
            console.print(
                f"  ... all of them in {finished.dir / 'tables' / 'skipped.csv'}", markup=False, soft_wrap=True
            )
    if finished.simulated:
        console.print(f"Simulated data: {', '.join(sorted(finished.simulated))}", markup=False, soft_wrap=True)
    console.print(f"Report: {finished.dir / 'report.html'}", markup=False, soft_wrap=True)


def main() -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.strerror is None:
            raise
        place = error.filename or "the file system"
        print(f"error: {place}: {error.strerror}; what was done before is kept", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("stopped; what is done is kept, and the same command continues", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
