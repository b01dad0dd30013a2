"""`xai-compare init`: a study file to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import (
    Arch,
    Classes,
    Clicks,
    DistanceCm,
    Explainers,
    Gaze,
    Models,
    Overwrite,
    PixelsPerDegree,
    Resolution,
    ScreenCm,
    app,
    echo,
)


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(help="Folder to write the study into.")],
    images: Annotated[Path, typer.Option(help="A folder of pictures, a manifest (CSV), or a pattern in quotes.")],
    model: Models = None,
    arch: Arch = None,
    classes: Classes = None,
    explainer: Explainers = None,
    clicks: Clicks = None,
    gaze: Gaze = None,
    pixels_per_degree: PixelsPerDegree = None,
    resolution: Resolution = None,
    screen_cm: ScreenCm = None,
    distance_cm: DistanceCm = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a commented study about some pictures, to be edited and run."""
    from xai_compare.api.quick import write_study
    from xai_compare.cli.run import study_of_pictures
    from xai_compare.study import Study

    study = study_of_pictures(
        images,
        model=model or (),
        arch=arch,
        classes=classes or "",
        explainer=explainer or (),
        clicks=clicks,
        gaze=gaze,
        pixels_per_degree=pixels_per_degree,
        resolution=resolution,
        screen_cm=screen_cm,
        distance_cm=distance_cm,
        at_most=0,
    )
    Study.parse(study, where=images)
    place = write_study(study, directory, overwrite=overwrite)
    echo(f"{place}: edit it, then xai-compare run {place}")
