"""`xai-compare explore`: a page to play with, of a run or of ready-made heatmaps."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import app, check_exists, echo


@app.command()
def explore(
    source: Annotated[
        Path, typer.Argument(help="A run directory, or a folder of grey heatmaps.", metavar="RUN|HEATMAPS")
    ],
    no_open: Annotated[bool, typer.Option("--no-open", help="Write the page; do not open it in the browser.")] = False,
    with_pictures: Annotated[
        bool, typer.Option("--with-pictures", help="Put photographs into the page; rendered faces always are.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="The file to write; by default explore.html in the run, or here for heatmaps."),
    ] = None,
    masks: Annotated[str, typer.Option(help="Of heatmaps: folder of mask pictures, or 'ekman'.")] = "ekman",
    masks_name: Annotated[str, typer.Option(help="Of heatmaps: what the tables call the masks.")] = "ekman",
    pattern: Annotated[
        str, typer.Option(help="Of heatmaps: how files are named, with {model}, {expression} and perhaps {fold}.")
    ] = "{model}_{expression}_heatmap.png",
    landmarks: Annotated[
        Path | None, typer.Option(help="Of heatmaps: CSV (landmark, x, y) of the face that they show.")
    ] = None,
) -> None:
    """Write a page to explore maps, people and numbers in the browser, and open it; it works offline."""
    check_exists(source, folder=True)
    from xai_compare import api

    page = api.explore(
        source,
        out,
        with_pictures=with_pictures,
        masks=masks,
        masks_name=masks_name,
        pattern=pattern,
        landmarks=landmarks,
    )
    echo(f"Page: {page} ({page.stat().st_size / 1e6:.1f} MB)")
    if not no_open:
        webbrowser.open(page.resolve().as_uri())
