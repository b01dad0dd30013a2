"""`xai-compare figures`: the figures of a report by themselves, for a manuscript."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import RequiredOut, app, check_exists, echo


class Format(StrEnum):
    """What a figure is written as."""

    pdf = "pdf"
    svg = "svg"
    png = "png"


@app.command()
def figures(
    run_dir: Annotated[Path, typer.Argument(help="A run directory, or what compare wrote.", metavar="RUN")],
    out: RequiredOut,
    kinds: Annotated[
        list[Format] | None, typer.Option("--format", help="pdf, svg or png (600 dpi); may be given again.")
    ] = None,
    columns: Annotated[int, typer.Option(min=1, max=2, help="1: 85 mm wide; 2: 180 mm.")] = 2,
    width: Annotated[float | None, typer.Option(help="Width in mm instead of --columns, 60 to 400.")] = None,
    names: Annotated[
        list[str] | None,
        typer.Option("--figure", help="A figure or a section of the report; may be given again; default all."),
    ] = None,
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--sources",
            help="Show these only, together: names or patterns ('*/lime'), networks, explainers, with commas between.",
        ),
    ] = None,
    expressions: Annotated[
        list[str] | None, typer.Option("--expressions", help="Show these only, with commas between.")
    ] = None,
    style: Annotated[str | None, typer.Option(help="A matplotlib style, or a .mplstyle file.")] = None,
) -> None:
    """Write each figure of the report at its printed size, with its caption beside it as text."""
    check_exists(run_dir, folder=True)
    from xai_compare import api
    from xai_compare.report.manuscript.layout import COLUMNS

    made, high = api.write_figures(
        run_dir,
        out,
        names=_parts(names),
        formats=[kind.value for kind in kinds or [Format.pdf]],
        sources=_parts(sources),
        expressions=_parts(expressions),
        width_mm=width or COLUMNS[columns],
        style=style,
    )
    for line in high:
        echo(line)
    echo(f"{len(made)} file{'' if len(made) == 1 else 's'} and their captions: {out}")


def _parts(given: list[str] | None) -> list[str]:
    return [part.strip() for text in given or () for part in text.split(",") if part.strip()]
