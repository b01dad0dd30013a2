"""`xai-compare check-model`: whether a network is fed and read as it was trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xai_compare.cli.app import AllowCode, Device, RequiredOut, app, show, tell
from xai_compare.errors import InputError, nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models import Model

MARGINS = (1.0, 1.3, 1.7, 2.2)
"""Crops that are tried beside the study's own."""
SIDE = 160


@app.command("check-model")
def check_model(
    model: Annotated[str, typer.Argument(help="A study's network as STUDY.yaml:NAME, or a bundled network's name.")],
    manifest: Annotated[Path, typer.Option(help="About forty labelled pictures: a CSV with image and expression.")],
    out: RequiredOut,
    root: Annotated[Path | None, typer.Option(help="What image paths are relative to; the manifest's folder.")] = None,
    most: Annotated[int, typer.Option(min=10, help="How many pictures are looked at, drawn by seed.")] = 120,
    seed: Annotated[int, typer.Option(help="Of the draw, and of the bootstrap.")] = 0,
    device: Device = "auto",
    allow_code: AllowCode = False,
) -> None:
    """Find a wrong class order, channel order, range, normalization, crop, or colour where grey was trained.

    Writes findings.csv: check, finding, confidence, line; the line is the one of the study that fixes it.
    """
    table = findings(model, manifest, root=root, most=most, seed=seed, device=device, allow_code=allow_code)
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "findings.csv", index=False)
    show(table, f"Is {model} loaded as it was trained?")
    wrong = table[table["line"] != ""]
    for line in wrong["line"]:
        tell(f"fix the study: {line}")
    if wrong.empty:
        tell("Nothing was found to be wrong.")


def findings(
    model: str,
    manifest: Path,
    *,
    root: Path | None = None,
    most: int = 120,
    seed: int = 0,
    device: str = "auto",
    allow_code: bool = False,
) -> pd.DataFrame:
    """What is wrong with the way a network is loaded; see `xai_compare.models.checking.check_model`.

    Raises:
        InputError: if the network, the manifest or too many of the pictures cannot be used.
    """
    import numpy as np

    from xai_compare import models
    from xai_compare.images import read_manifest
    from xai_compare.models.checking import check_model as check

    network, cutter = find_network(model, allow_code=allow_code)
    network.to(models.torch_device(device))
    rows = read_manifest(manifest, root).rows
    rows = rows[rows["expression"].isin(network.classes)]
    if rows.empty:
        raise InputError("no picture shows an expression that the network knows", where=manifest)
    rng = np.random.default_rng(seed)
    chosen = rows.iloc[np.sort(rng.permutation(len(rows))[:most])]
    crops, labels, given = _crops(list(chosen["path"]), list(chosen["face"]), list(chosen["expression"]), cutter)
    return check(network, crops, labels, given, seed=seed)


def find_network(model: str, *, allow_code: bool = False) -> tuple[Model, FaceCropper]:
    """A network, and how the faces of its study are cut.

    Raises:
        InputError: if it is neither bundled nor in the study.
    """
    from xai_compare import models
    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models.bundled import NAMES
    from xai_compare.study import Study

    if model in NAMES:
        return models.load({"bundled": model}), FaceCropper()
    file, _, name = model.rpartition(":")
    if not file:
        hint = f"{nearest(model, NAMES)} or STUDY.yaml:NAME"
        raise InputError(f"no bundled network is called {model!r}", hint=hint)
    study = Study.load(file)
    for spec in study.models:
        if name in (spec.name, spec.label):
            images = study.images
            return models.load(spec.loading(), allow_code=allow_code), FaceCropper(
                images.margin, images.predictor, images.max_pixels
            )
    raise InputError(f"no model {name!r}", where=file, hint=nearest(name, [spec.label for spec in study.models]))


def _crops(
    paths: Sequence[str], faces: Sequence[str], labels: Sequence[str], cutter: FaceCropper
) -> tuple[dict[str, np.ndarray], list[str], str]:
    """The same faces cut in several ways, by the line of the study that asks for it; their labels; the study's own."""
    import numpy as np

    given = f"images: {{margin: {cutter.margin:g}}}"
    others = {f"images: {{margin: {margin:g}}}": margin for margin in MARGINS if abs(margin - cutter.margin) > 0.12}
    found: dict[str, list[np.ndarray]] = {given: [], **{line: [] for line in others}}
    kept = []
    for path, face, label in zip(paths, faces, labels, strict=True):
        try:
            picture = cutter.read(path)
            landmarks = cutter.choose(picture, face).face.landmarks
        except InputError:
            continue
        for line, margin in {given: cutter.margin, **others}.items():
            found[line].append(replace(cutter, margin=margin).crop(picture, landmarks).resized((SIDE, SIDE))[0])
        kept.append(label)
    if not kept:
        raise InputError("no face was found in any of the pictures", where=paths[0])
    return {line: np.stack(images) for line, images in found.items()}, kept, given
