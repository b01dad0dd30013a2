"""`xai-compare run`: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xai_compare.cli.app import AllowCode, BatchSize, Device, Out, Overwrite, app, echo, show
from xai_compare.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from xai_compare.runs import Run
    from xai_compare.study import Study

Keep = Literal["maps", "heatmaps"]


@app.command()
def run(
    study: Annotated[Path | None, typer.Argument(help="Study file (YAML); the bundled default if left out.")] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    batch_size: BatchSize = 32,
    seed: Annotated[int | None, typer.Option(help="Seed to use instead of the study's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes of a local Dask cluster.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a running Dask scheduler.")] = None,
    tls: Annotated[
        tuple[Path, Path, Path] | None,
        typer.Option(
            help="Certificate authority, certificate and key (PEM) of a scheduler at tls://.", metavar="CA CERT KEY"
        ),
    ] = None,
    keep: Annotated[Keep, typer.Option(help="Keep the maps of single pictures, or only the heatmaps.")] = "maps",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what the study would cost; run nothing.")] = False,
    allow_code: AllowCode = False,
) -> None:
    """Explain pictures with networks, compare with people and anatomy, and write a report."""
    from xai_compare.api.running import load_study
    from xai_compare.study import Study

    loaded, directory = load_study(study, out)
    if seed is not None:
        loaded = Study.parse({**loaded.model_dump(mode="json"), "seed": seed}, where="--seed")
    if dry_run:
        from xai_compare.runs.estimate import estimate

        _costs(estimate(loaded, device, batch_size, allow_code=allow_code))
        return
    settings = {"device": device, "batch_size": batch_size, "workers": workers, "scheduler": scheduler, "tls": tls}
    _summary(_run(loaded, directory, overwrite=overwrite, **settings, keep=keep, allow_code=allow_code))


def _run(study: Study, out: str | Path | None, **settings: Any) -> Run:
    from xai_compare import api
    from xai_compare.cli.progress import TerminalProgress
    from xai_compare.files import slug

    try:
        with TerminalProgress() as progress:
            return api.run(study, out, progress=progress, **settings)
    except KeyboardInterrupt:
        print(stopped(Path(out or Path("runs") / slug(study.name))), file=sys.stderr)
        raise typer.Exit(130) from None


def stopped(directory: Path) -> str:
    """What a run that was stopped has kept, and how it goes on."""
    from xai_compare.runs.inspection import status

    kept = "no map was made yet"
    try:
        rows = status(directory)
        done, planned = int(rows["done"].sum()), int(rows["maps"].sum())
        if planned:
            kept = f"{done:,} of {planned:,} maps are kept"
    except InputError:  # It had not come to planning.
        pass
    return f"stopped; {kept}, and the same command continues"


def _costs(frame: pd.DataFrame) -> None:
    """Print an estimate, and the rows of the manifest that cannot be used."""
    shown = frame.assign(minutes=["under a minute" if value < 1 else f"{value:.0f}" for value in frame["minutes"]])
    show(shown, "What the study costs, about", digits=1)
    _left_out(frame.attrs["skipped"], "")


def _left_out(skipped: Sequence[tuple[str, str]], rest: str) -> None:
    """Say which images are skipped, the first five by name."""
    if skipped:
        echo(f"{len(skipped)} images skipped:")
    for image, reason in skipped[:5]:
        echo(f"  {image}: {reason}")
    if len(skipped) > 5:
        echo(f"  ... and {len(skipped) - 5} more{rest}")


def _summary(finished: Run) -> None:
    from xai_compare.analysis.scores.tables import headline

    sources = finished.heatmaps
    kinds = dict(zip(sources.source.values.tolist(), sources.kind.values.tolist(), strict=True))
    table = headline(finished.scores, kinds)
    if len(table):
        show(table.reset_index(names="source"), "Means over expressions")
    else:  # Nobody but people: they are compared with one another.
        pairs = finished.scores[finished.scores["expression"] == "all"]
        show(pairs[["metric", "a", "b", "value", "n", "ci_low", "ci_high"]], "People with people")
    skipped = finished.skipped
    rows = list(zip(skipped["image"], skipped["reason"], strict=True))
    _left_out(rows, f", all of them in {finished.dir / 'tables' / 'skipped.csv'}")
    if finished.simulated:
        echo(f"Simulated data: {', '.join(sorted(finished.simulated))}")
    echo(f"Report: {finished.dir / 'report.html'}")
