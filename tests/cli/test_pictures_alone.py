"""`run` on pictures without a study, `init` and `schema`."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
import yaml
from cli_studies import one_line
from PIL import Image

import xai_compare as xc
from xai_compare import synthetic
from xai_compare.api.quick import network, quick_study, study_text

EXPRESSIONS = ("anger", "happiness", "surprise")


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six simulated faces, in a folder for each expression."""
    folder = tmp_path_factory.mktemp("pictures") / "my faces"
    drawn = synthetic.faces(list(EXPRESSIONS), 2, seed=5, size=(112, 104))
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / label / f"{number}.png")
    rows = [(f"p{p}", f"{n}.png", 50 + n, 40 + p) for p in range(3) for n in range(6) for _ in range(3)]
    frame = pd.DataFrame(rows, columns=["participant", "image", "x", "y"])
    frame.to_csv(folder.parent / "clicks.csv", index=False)
    return folder


def test_from_a_folder_to_the_page_and_on(faces: Path, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    asked = ["--model", "compact", "--explainer", "Grad-CAM", "--clicks", faces.parent / "clicks.csv", "--at-most", 5]
    code, out, err = call("run", faces, "--out", "a", *asked, allow_code=False)
    assert code == 0, err
    assert "5 of 6 pictures are used, drawn by the seed" in out + err
    assert "each counts as a Gaussian of 5.2 pixels, 5% of the median width" in out
    assert (tmp_path / "a" / "report.html").is_file()
    run = xc.Run.open(tmp_path / "a")
    assert set(run.heatmaps.source.values) >= {"compact/grad_cam", "human/clicks"}
    code, out, err = call("run", "a/study_to_edit.yaml", "--out", "a", allow_code=False)
    assert code == 0, err
    assert "Nothing is to be done" in out + err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["study.yaml", "--model", "compact"], "--model: goes with pictures, not with a study file"),
        (["study.yaml", "--per-expression", "3"], "--per-expression: goes with pictures"),
        (["FACES", "--model", "no.pth"], "--model no.pth: no such file or folder"),
        (["FACES", "--model", "weights.pth"], "--model weights.pth: weights need an architecture; add --arch"),
        (["FACES", "--model", "weights.pth", "--arch", "resnet18"], "its classes are not known; add --classes"),
        (["FACES", "--gaze", "weights.pth"], "the visual angle of gaze is not known; give --pixels-per-degree"),
        (["FACES", "--explainer", "lyme"], "unknown explainer 'lyme'; did you mean 'lime'?"),
        (["FACES", "--model", "photografic"], "did you mean 'photographic'?"),
        (["nothing/*.png"], "no picture found"),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_what_must_be_fixed_names_flags(faces: Path, call, tmp_path: Path, arguments: list[str], line: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "weights.pth").write_bytes(b"x")
    (tmp_path / "study.yaml").write_text("name: a\nimages: {folder: x}\n")
    code, _, err = call(
        "run", *[faces if part == "FACES" else part for part in arguments], "--out", "a", allow_code=False
    )
    one_line(code, err, line)


def test_a_study_to_begin_with_is_valid_by_the_schema(faces: Path, call, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    code, out, err = call("init", "project", "--images", faces, "--model", "compact", "--explainer", "LIME")
    assert code == 0, err
    assert "xai-compare run project/study.yaml" in out
    text = (tmp_path / "project" / "study.yaml").read_text()
    assert text.splitlines()[0] == "# yaml-language-server: $schema=study.schema.json"
    schema = json.loads((tmp_path / "project" / "study.schema.json").read_text())
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(yaml.safe_load(text), schema)
    assert xc.Study.load(tmp_path / "project" / "study.yaml").explainers[0].name == "lime"
    code, _, err = call("init", "project", "--images", faces)
    one_line(code, err, "is there already")


def test_the_schema_refuses_what_a_study_refuses(call) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call("schema")
    assert code == 0
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(json.loads(out))
    good = {"name": "a", "images": {"folder": "x"}, "models": ["photographic"], "explainers": [{"lime": {}}, "cam"]}
    assert not list(validator.iter_errors({**good, "faithfulness": True, "tests": {}}))
    for wrong in ({"imges": 1}, {"seed": -1}, {"images": {"foldr": "x"}}, {"faithfulness": {"step": 1}}):
        assert list(validator.iter_errors({**good, **wrong})), wrong


def test_the_bundled_study_keeps_to_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    from xai_compare.study.schema import schema

    study = Path(synthetic.__file__).parent / "default_study.yaml"
    jsonschema.validate(yaml.safe_load(study.read_text()), schema())


def test_paths_below_the_file_are_relative(faces: Path) -> None:
    text = study_text(quick_study(faces), beside=faces.parent)
    assert yaml.safe_load(text)["images"]["folder"] == "my faces"


def test_networks_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.safetensors").write_bytes(b"x")
    (tmp_path / "n.onnx").write_bytes(b"x")
    names = ["anger", "fear"]
    place = str(tmp_path / "w.safetensors")
    assert network("w.safetensors", "resnet18", names) == {
        "name": "w",
        "classes": names,
        "timm": "resnet18",
        "weights": place,
    }
    assert network("w.safetensors", "torchvision:vgg16", names) == {
        "name": "w",
        "classes": names,
        "torchvision": "vgg16",
        "weights": place,
    }
    assert network("n.onnx", None, names) == {"name": "n", "classes": names, "onnx": str(tmp_path / "n.onnx")}
