"""`xai-compare verify`: whether a run is whole."""

from __future__ import annotations

import typer

from xai_compare.cli.app import RunDirectory, app, console, show


@app.command()
def verify(run_dir: RunDirectory) -> None:
    """Check every checksum and every count of a run; damage ends in exit code 1."""
    from xai_compare.runs.inspection import verify as problems_of

    problems = problems_of(run_dir)
    if len(problems):
        show(problems, "Damaged or missing; `xai-compare run` makes these again")
        raise typer.Exit(1)
    console.print("Every chunk is whole.")
