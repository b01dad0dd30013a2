"""`xai-compare explain`: a few pictures, explained at once, without a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from xai_compare.cli.app import AllowCode, Device, RequiredOut, app, show
from xai_compare.errors import InputError


@app.command()
def explain(
    images: Annotated[list[Path], typer.Argument(help="Pictures of faces.")],
    out: RequiredOut,
    model: Annotated[str, typer.Option(help="A bundled network's name, or a study's network as STUDY.yaml:NAME.")],
    explainer: Annotated[
        list[str], typer.Option(help="An explainer, with options if wanted: lime:n_samples=200. Repeatable.")
    ],
    target: Annotated[str, typer.Option(help="The expression to explain; the predicted one by default.")] = "predicted",
    device: Device = "auto",
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Seed of the explainers that draw at random.")] = 0,
    allow_code: AllowCode = False,
) -> None:
    """Explain a few pictures: maps as arrays, and figures with picture, map and overlay.

    With a network of a study, faces are found and cropped as the study says (margin, predictor, max_pixels).
    """
    from xai_compare import api
    from xai_compare.cli.progress import TerminalProgress

    how: dict[str, Any] = {"target": target, "device": device, "seed": seed, "allow_code": allow_code}
    with TerminalProgress() as progress:
        rows = api.write_explanations(images, model, explainer, out, progress=progress, **how)
    show(rows, "Explained")
    if len(rows) and rows["reason"].ne("").all():
        raise InputError(f"no picture could be explained ({rows['reason'].iloc[0]})")
