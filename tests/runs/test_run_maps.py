"""Maps from elsewhere, a file for each picture: the same scores as an explainer that makes the same maps."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from captum.attr import LayerAttribution, LayerGradCam
from PIL import Image
from toy_study import CLASSES, asked

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.runs.worker import Worker


def write_own(study: xc.Study, folder: Path, images: list[str]) -> None:
    """Our own Grad-CAM and captum's of the pictures, at the network's input size, each in a file."""
    worker = Worker(study, "cpu", allow_code=True)
    model = worker.model(0)
    for image in images:
        pictures, _ = worker.inputs(0, [image])
        target = str(worker.pictures.rows.at[image, "expression"])
        own = xc.explainers.create("grad_cam")(model, pictures, [target])[0]
        theirs = LayerGradCam(model.module, model.module.features[1])
        batch = model.prepare(pictures).requires_grad_()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = theirs.attribute(batch, target=CLASSES.index(target), relu_attributions=True)
        captum = LayerAttribution.interpolate(found, tuple(model.input.size), "bilinear")[0, 0].detach().numpy()
        for name, one in (("own", own), ("captum", captum)):
            (folder / name).mkdir(parents=True, exist_ok=True)
            np.save(folder / name / f"{Path(image).stem}.npy", one)


def test_the_same_maps_have_the_same_scores(pictures: Path, tmp_path: Path) -> None:
    study = asked(pictures, explainers=["grad_cam"], compare={"bootstrap": 0})
    write_own(study, tmp_path / "toy", [path.name for path in pictures.glob("[!r]*.png")])
    more = asked(
        pictures,
        explainers=["grad_cam"],
        compare={"bootstrap": 0},
        maps={"files": str(tmp_path / "{model}" / "{explainer}" / "{image}.npy"), "of": "crop"},
    )
    run = xc.run(more, tmp_path / "run", report=False)
    scores = run.scores[run.scores["b"] == "ekman"].set_index(["metric", "expression", "a"])["value"].unstack("a")
    assert len(scores) > 6
    for name in ("toy/own", "toy/captum"):
        np.testing.assert_allclose(scores[name], scores["toy/grad_cam"], atol=1e-4)
    assert scores["toy/grad_cam"].notna().any()
    assert str(tmp_path / "toy" / "own" / "anger0.npy") in run.provenance["inputs"]


def test_maps_of_pytorch_grad_cam_have_the_same_scores(pictures: Path, tmp_path: Path) -> None:
    """Of the package grad-cam, where it is installed; its maps are scaled to 0..1, which changes no score."""
    library = pytest.importorskip("pytorch_grad_cam")
    targets = pytest.importorskip("pytorch_grad_cam.utils.model_targets")
    study = asked(pictures, explainers=["grad_cam"], compare={"bootstrap": 0})
    worker = Worker(study, "cpu", allow_code=True)
    model = worker.model(0)
    folder = tmp_path / "toy" / "theirs"
    folder.mkdir(parents=True)
    for path in pictures.glob("[!r]*.png"):
        prepared, _ = worker.inputs(0, [path.name])
        wanted = CLASSES.index(str(worker.pictures.rows.at[path.name, "expression"]))
        with library.GradCAM(model.module, [model.module.features[1]]) as cam:
            made = cam(model.prepare(prepared), targets=[targets.ClassifierOutputTarget(wanted)])
        np.save(folder / f"{path.stem}.npy", made[0])
    files = {"files": str(tmp_path / "{model}" / "{explainer}" / "{image}.npy"), "of": "crop"}
    more = asked(pictures, explainers=["grad_cam"], compare={"bootstrap": 0}, maps=files)
    run = xc.run(more, tmp_path / "run", report=False)
    scores = run.scores[run.scores["b"] == "ekman"].set_index(["metric", "expression", "a"])["value"].unstack("a")
    np.testing.assert_allclose(scores["toy/theirs"], scores["toy/grad_cam"], atol=1e-4)


def test_maps_of_whole_pictures_by_label(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "maps").mkdir()
    for path in pictures.glob("[!r]*.png"):
        region = Image.open(pictures / f"region_{path.name}").convert("L")
        region.resize((52, 56)).save(tmp_path / "maps" / path.name)
    study = asked(
        pictures, models=[], explainers=[], maps=str(tmp_path / "maps" / "{image}.png"), compare={"bootstrap": 0}
    )
    run = xc.run(study, tmp_path / "run", report=False)
    assert run.heatmaps.source.values.tolist() == ["elsewhere/maps"]
    assert run.heatmaps["count"].sel(expression="anger", fold="all").values.tolist() == [3]
    np.testing.assert_allclose(run.maps["map"].values.max(), 255, atol=1)


@pytest.mark.parametrize(
    ("maps", "message"),
    [
        ("nowhere/{image}.npy", "no such folder of maps"),
        ("faces/{imag}.npy", "did you mean 'image'"),
        ("faces/{image}.txt", "must end in"),
        ("faces/x_{image}.png", "no file is named"),
        ({"files": "faces/region_{image}.png", "of": "crop"}, "the map is 112 x 104 .*say `of: crop`"),
        ({"files": "faces/region_{image}.png", "model": "toy", "explainer": "random"}, "its own maps"),
    ],
)
def test_mistakes(pictures: Path, tmp_path: Path, maps: object, message: str) -> None:
    def ask() -> None:
        xc.run(asked(pictures, explainers=["random"], maps=_placed(maps, tmp_path)), tmp_path / "run", report=False)

    with pytest.raises(InputError, match=message):
        ask()


def _placed(maps: object, folder: Path) -> object:
    if isinstance(maps, str):
        return str(folder / maps)
    return {**maps, "files": str(folder / maps["files"])}  # type: ignore[dict-item, index]
