"""`xai-compare compare`: ready-made heatmaps, from any tool, compared with masks and with one another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import Overwrite, RequiredOut, app, check_exists, echo, show


@app.command()
def compare(
    heatmaps: Annotated[Path, typer.Argument(help="Folder of grey heatmaps.")],
    out: RequiredOut,
    masks: Annotated[
        str, typer.Option(help="Folder of mask pictures, or 'ekman' for the masks of the package.")
    ] = "ekman",
    masks_name: Annotated[str, typer.Option(help="What the tables call the masks.")] = "ekman",
    pattern: Annotated[
        str, typer.Option(help="How the files are named, with {model}, {expression} and perhaps {fold}.")
    ] = "{model}_{expression}_heatmap.png",
    landmarks: Annotated[
        Path | None,
        typer.Option(
            help="CSV (landmark from 0 to 67, x, y) of the face that the heatmaps show, if that is not the standard "
            "face: they are warped onto it."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Compare ready-made heatmaps, from any tool, with masks and with one another."""
    check_exists(heatmaps, folder=True)
    from xai_compare import api
    from xai_compare.comparison import wide

    scores, page = api.write_comparison(
        heatmaps, masks, out, pattern=pattern, masks_name=masks_name, landmarks=landmarks, overwrite=overwrite
    )
    table = wide(scores, "iou", b=masks_name)
    show(table.reset_index(names="model"), "IoU of the thresholded mean map with the mask", digits=4)
    echo(f"Report: {page}")
