"""A set of simulated faces as a folder of files, and the study that comes with the package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd
import skimage.data
import yaml
from PIL import Image

from xai_compare.expressions import BASIC
from xai_compare.models.bundled import BUNDLED as BUNDLED
from xai_compare.models.bundled import bundled as bundled
from xai_compare.runs.directory import disk_errors
from xai_compare.study import Study
from xai_compare.synthetic.observers import clicks
from xai_compare.synthetic.sets import SimulatedFaces, faces


def write_dataset(folder: str | Path, data: SimulatedFaces, *, n_observers: int = 12, seed: int = 0) -> Path:
    """Write simulated faces as files, and return the folder.

    ``folder`` receives ``images/*.png``, ``regions/*.png`` (white where the label-carrying action units changed the
    picture), ``labels.csv`` (image, expression, subject, dataset, region), ``landmarks.csv`` (image, landmark from 0
    to 67, x, y, simulated), ``action_units.csv`` (image, action_unit, intensity, carries_label, simulated) and
    ``clicks.csv`` (see :func:`xai_compare.synthetic.clicks`). Every file and row says that it is simulated.

    Args:
        folder: made if absent; files of the same names are replaced.
        data: the faces.
        n_observers: how many simulated observers click on every face; with 0 no ``clicks.csv`` is written.
        seed: of the observers.
    """
    folder = Path(folder)
    for name in ("images", "regions"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    stems = [f"simulated_{label}_{subject}" for label, subject in zip(data.labels, data.subjects, strict=True)]
    images = [f"images/{stem}.png" for stem in stems]
    masks = [f"regions/{stem}_region.png" for stem in stems]
    for k in range(len(data)):
        Image.fromarray(data.images[k]).save(folder / images[k])
        Image.fromarray(np.where(data.regions[k], 255, 0).astype(np.uint8)).save(folder / masks[k], optimize=True)
    labels = pd.DataFrame(
        {"image": images, "expression": data.labels, "subject": data.subjects, "dataset": "simulated", "region": masks}
    )
    labels.to_csv(folder / "labels.csv", index=False)
    _landmarks(data, images).to_csv(folder / "landmarks.csv", index=False)
    _units(data, images).to_csv(folder / "action_units.csv", index=False)
    if n_observers:
        clicks(data, images, n_observers, seed).to_csv(folder / "clicks.csv", index=False)
    return folder


def bundled_study(directory: str | Path) -> Study:
    """The study that comes with the package; its inputs are rendered into ``directory/inputs`` if they are not there.

    Raises:
        InputError: if the directory cannot be written.
    """
    directory = Path(directory)
    path = directory / "inputs" / "study.yaml"
    with disk_errors(directory):
        if not path.is_file():
            path = default_study(directory / "inputs")
    return Study.load(path)


def default_study(folder: str | Path, seed: int = 7, n_identities: int = 6) -> Path:
    """Write the inputs of the bundled default study, and return its study file.

    Rendered faces of six expressions (see :func:`write_dataset`), scikit-image's public-domain photograph of an
    astronaut, who smiles, and ``study.yaml``. Clicks are as if observers saw faces 170 pixels high at seven degrees of
    visual angle: 24 pixels per degree.

    Args:
        folder: made if absent.
        seed: of faces, observers and the study.
        n_identities: how many simulated people show the six expressions.
    """
    data = faces(BASIC, n_identities, seed, (256, 256), intensity=(0.75, 1.0))
    folder = write_dataset(folder, data, seed=seed)
    Image.fromarray(skimage.data.astronaut()).save(folder / "images" / "astronaut.png")
    labels = pd.read_csv(folder / "labels.csv")
    astronaut = ["images/astronaut.png", "happiness", "astronaut", "photograph"]
    photograph = pd.DataFrame([astronaut], columns=["image", "expression", "subject", "dataset"])
    rows = pd.concat([labels, photograph])
    # The network of photographs explains the photograph alone: what it says of drawn faces would mean nothing.
    rows.assign(split=rows["dataset"]).to_csv(folder / "labels.csv", index=False)
    study = yaml.safe_load(files("xai_compare.synthetic").joinpath("default_study.yaml").read_text("utf-8"))
    file = folder / "study.yaml"
    file.write_text(yaml.safe_dump(study | {"seed": seed}, sort_keys=False, width=100), "utf-8")
    return file


def _landmarks(data: SimulatedFaces, images: list[str]) -> pd.DataFrame:
    xy = data.landmarks.reshape(-1, 2).round(3)
    points = np.tile(np.arange(68), len(data))
    return pd.DataFrame(
        {"image": np.repeat(images, 68), "landmark": points, "x": xy[:, 0], "y": xy[:, 1], "simulated": True}
    )


def _units(data: SimulatedFaces, images: list[str]) -> pd.DataFrame:
    rows = [
        (image, unit, round(intensity, 4), unit in carriers, True)
        for image, units, carriers in zip(images, data.action_units, data.carriers, strict=True)
        for unit, intensity in sorted(units.items())
    ]
    return pd.DataFrame(rows, columns=["image", "action_unit", "intensity", "carries_label", "simulated"])
