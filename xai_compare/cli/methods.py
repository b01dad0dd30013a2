"""`xai-compare methods`: the paragraphs for a manuscript."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import app, check_exists, echo


@app.command()
def methods(
    run_dir: Annotated[Path, typer.Argument(help="A run directory, or what compare wrote.", metavar="RUN")],
    out: Annotated[
        Path | None, typer.Option("--out", help="A .md or .tex file, or a folder for both; without it, printed.")
    ] = None,
) -> None:
    """Write the paragraphs for methods and results, each number with its table and row, and the papers to cite."""
    check_exists(run_dir, folder=True)
    from xai_compare import api

    text, made = api.write_methods(run_dir, out)
    if out is None:
        typer.echo(text, nl=False)
    for path in made:
        echo(str(path))
