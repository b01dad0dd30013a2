"""`xai-compare init`: a study file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import Overwrite, app, echo


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Folder to write the study into.")],
    images: Annotated[Path, typer.Option(help="A folder of pictures, a manifest (CSV), or a pattern in quotes.")],
    model: Annotated[list[str] | None, typer.Option(help="A bundled network, or a file. Repeatable.")] = None,
    arch: Annotated[
        str | None, typer.Option(help="Architecture of a file of weights: one of timm, or torchvision:NAME.")
    ] = None,
    classes: Annotated[
        str | None, typer.Option(metavar="A,B,...", help="A file's expressions in the order of its outputs.")
    ] = None,
    explainer: Annotated[list[str] | None, typer.Option(help="An explainer, by name. Repeatable.")] = None,
    clicks: Annotated[Path | None, typer.Option(help="Where people clicked.")] = None,
    gaze: Annotated[Path | None, typer.Option(help="A recording of gaze.")] = None,
    pixels_per_degree: Annotated[
        float | None, typer.Option(help="Pixels of the pictures in one degree of visual angle.")
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a commented study about some pictures, to be edited and run."""
    from xai_compare.api.quick import network, quick_study, write_study
    from xai_compare.study import Study

    names = [name.strip() for name in (classes or "").split(",") if name.strip()]
    study = quick_study(
        images,
        models=[network(name, arch, names) for name in model or ()],
        explainers=explainer or (),
        clicks=clicks,
        gaze=gaze,
        pixels_per_degree=pixels_per_degree,
        at_most=None,
    )
    Study.parse(study, where=images)
    place = write_study(study, directory, overwrite=overwrite)
    echo(f"{place}: edit it, then xai-compare run {place}")
