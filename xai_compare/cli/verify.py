"""`xai-compare verify`: whether a folder of results is whole."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import app, check_exists, console, show

_AGAIN = "the same command makes again what is damaged or missing, and leaves files of others alone"


@app.command()
def verify(folder: Annotated[Path, typer.Argument(help="A run directory, or another folder of results.")]) -> None:
    """Check every file of a run, or of another folder of results, by its checksum; damage ends in exit code 1."""
    check_exists(folder, folder=True)
    from xai_compare.runs.inspection import verify as problems_of

    problems = problems_of(folder)
    if len(problems):
        show(problems, f"{len(problems)} not as written; {_AGAIN}")
        raise typer.Exit(1)
    console.print("Every file is as it was written.")
