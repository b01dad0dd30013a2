"""Check whether a network is fed and read as it was trained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from xai_compare.api.networks import find_network, pictures_root
from xai_compare.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models import Model

MARGINS = (1.0, 1.3, 1.7, 2.2)
"""Crops that are tried beside the study's own."""
SIDE = 160


def check_model(
    model: Model | str,
    manifest: str | Path,
    *,
    root: str | Path | None = None,
    most: int = 120,
    seed: int = 0,
    device: str = "auto",
    allow_code: bool = False,
) -> pd.DataFrame:
    """Find a wrong class order, channel order, range, normalization or crop, or colour where grey was trained.

    Args:
        model: a bundled network's name, ``STUDY.yaml:NAME`` for a network of a study, or a loaded `Model`.
        manifest: a CSV of about forty labelled pictures: image, expression.
        root: the folder of the pictures; by default ``images.root`` of the study, or else the manifest's folder.
        most: how many pictures are looked at, drawn by ``seed``.
        seed: of the draw, and of the bootstrap.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        allow_code: whether a factory, TorchScript or `torch.export` file of the study may run.

    Returns:
        One row for each check: check, finding, confidence, and ``line``, the line of the study that fixes it.

    Raises:
        InputError: if the network, the manifest or too many of the pictures cannot be used.
    """
    import numpy as np

    from xai_compare.images import read_manifest
    from xai_compare.models.checking import check_model as check

    network, cropper = find_network(model, device=device, allow_code=allow_code)
    place = pictures_root(model) if root is None else Path(root)
    rows = read_manifest(Path(manifest), place).rows
    rows = rows[rows["expression"].isin(network.classes)]
    if rows.empty:
        raise InputError("no picture shows an expression that the network knows", where=manifest)
    rng = np.random.default_rng(seed)
    drawn = rows.iloc[np.sort(rng.permutation(len(rows))[:most])]
    margins = {_line(cropper.margin): cropper.margin}
    margins |= {_line(margin): margin for margin in MARGINS if abs(margin - cropper.margin) > 0.12}
    crops, labels = _crops(zip(drawn["path"], drawn["face"], drawn["expression"], strict=True), cropper, margins)
    if not labels:
        raise InputError("no face was found in any of the pictures", where=drawn["path"].iloc[0])
    return check(network, crops, labels, _line(cropper.margin), seed=seed)


def _line(margin: float) -> str:
    """The line of a study that asks for a margin."""
    return f"images: {{margin: {margin:g}}}"


def _crops(
    rows: Iterable[tuple[str, str, str]], cropper: FaceCropper, margins: dict[str, float]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """The same faces cut with each margin, by its line; and their labels."""
    import numpy as np

    crops: dict[str, list[np.ndarray]] = {line: [] for line in margins}
    labels = []
    for path, face, label in rows:
        try:
            picture = cropper.read(path)
            landmarks = cropper.choose(picture, face).face.landmarks
        except InputError:
            continue
        for line, margin in margins.items():
            crops[line].append(replace(cropper, margin=margin).crop(picture, landmarks).resized((SIDE, SIDE))[0])
        labels.append(label)
    return {line: np.stack(images) for line, images in crops.items() if images}, labels
