"""`xai-compare check-model`: whether a network is fed and read as it was trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from xai_compare.cli.app import AllowCode, Device, RequiredOut, app, echo, show


@app.command("check-model")
def check_model(
    model: Annotated[str, typer.Argument(help="A study's network as STUDY.yaml:NAME, or a bundled network's name.")],
    manifest: Annotated[
        Path, typer.Option(help="CSV of about forty labelled pictures, with the columns image and expression.")
    ],
    out: RequiredOut,
    root: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pictures; by default `images.root` of the study, or else the manifest's folder."
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=10, help="Largest number of pictures to look at, drawn at random.")] = 120,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the draw and of the bootstrap.")] = 0,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Find a wrong class order, channel order, range, normalization or crop, or colour where grey was trained.

    Writes findings.csv: check, finding, confidence, line; the line is the one of the study that fixes it.
    """
    from xai_compare import api
    from xai_compare.files import refuse_links, write_csv
    from xai_compare.models.checking.class_orders import AT_CHANCE

    table = api.check_model(model, manifest, root=root, most=most, seed=seed, device=device, allow_code=allow_code)
    refuse_links(out)
    write_csv(table, out / "findings.csv")
    show(table, f"Is {model} loaded as it was trained?")
    wrong = table[table["line"] != ""]
    for line in wrong["line"]:
        echo(f"fix the study: {line}")
    texts = table["finding"].astype(str)
    if (texts == AT_CHANCE).all():
        echo("At chance: nothing can be told. Is the network trained, and on such faces?")
    elif not texts.str.startswith("wrong").any():
        echo("Nothing was found to be wrong.")
