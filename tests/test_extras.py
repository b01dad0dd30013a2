"""What the base install lacks is asked for in one line, and nothing that it offers by default needs it."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import recordings

import xai_compare as xc
from xai_compare import extras
from xai_compare.cli.doctor import examine
from xai_compare.errors import InputError
from xai_compare.human.gaze.detectors import detect
from xai_compare.human.scanpaths import multimatch
from xai_compare.models.training import Training, train

TOP = Path(__file__).parents[1]
OPTIONAL = [package for packages in extras.EXTRAS.values() for package in packages]
# As if they were not installed: they can neither be imported nor be found.
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({[name.replace('-', '_') for name in OPTIONAL]}))"
# Subclasses of Lightning's, and functions on ONNX's graphs: imported by functions that ask first.
NEED_THEIR_PACKAGE = {
    "xai_compare.emotion.learner",
    "xai_compare.models.onnx_file",
    "xai_compare.models.training.checkpointing",
    "xai_compare.models.training.classifier",
}


@pytest.fixture
def absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for package in OPTIONAL:
        monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)


def in_base_install(code: str, folder: Path) -> str:
    """What a program prints where no optional package can be imported."""
    environment = os.environ | {"PYTHONPATH": str(TOP), "MPLBACKEND": "Agg"}
    run = subprocess.run(
        [sys.executable, "-c", f"{BLOCK}\n{code}"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Names of the hard requirements and of those of each extra, as setup.cfg lists them."""
    setup = configparser.ConfigParser()
    setup.read(TOP / "setup.cfg", "utf-8")
    extra = {name: lines.split("\n") for name, lines in setup["options.extras_require"].items()}
    return (
        [_name(line) for line in setup["options"]["install_requires"].split()],
        {name: [_name(line) for line in lines if line] for name, lines in extra.items()},
    )


def _name(requirement: str) -> str:
    return re.split("[<>=!~;]", requirement, maxsplit=1)[0]


def test_extras_are_those_of_setup_cfg() -> None:
    hard, extra = requirements()
    assert len(hard) <= 32
    assert not set(hard) & set(OPTIONAL)
    named = {name: sorted(packages) for name, packages in extra.items() if name not in ("all", "test")}
    assert named == {name: sorted(packages) for name, packages in extras.EXTRAS.items()}
    assert extra["all"] == [f"xai-compare[{','.join(sorted(extras.EXTRAS))}]"]
    assert extra["test"][0] == "xai-compare[all]"


@pytest.mark.parametrize("package", OPTIONAL)
def test_one_line_with_the_command(absent: None, package: str) -> None:
    extra = next(name for name, packages in extras.EXTRAS.items() if package in packages)
    assert not extras.installed(package)
    with pytest.raises(InputError) as caught:
        extras.require("numpy", package, where="here")
    assert str(caught.value) == f"here: {package} is not installed; pip install 'xai-compare[{extra}]'"


def from_file(source: str, name: str) -> Callable[[Path], object]:
    def load(folder: Path) -> object:
        (folder / name).write_bytes(b"")
        return xc.models.load({source: str(folder / name), "classes": ["anger", "fear"], "input": {"range": [0, 1]}})

    return load


def training(folder: Path) -> object:
    config = Training.model_validate(
        {"name": "t", "network": {"bundled": "compact"}, "data": [{"manifest": "labels.csv"}], "folds": 2}
    )
    return train(config, folder / "out")


@pytest.mark.parametrize(
    ("use", "package", "extra"),
    [
        pytest.param(from_file("keras", "m.h5"), "keras", "keras", id="keras"),
        pytest.param(from_file("onnx", "m.onnx"), "onnx", "onnx", id="onnx"),
        pytest.param(from_file("hf", "m"), "transformers", "hf", id="hf"),
        pytest.param(training, "lightning", "train", id="train"),
        pytest.param(lambda _: detect("remodnav", None, None, 500.0), "remodnav", "gaze", id="gaze-remodnav"),
        pytest.param(lambda _: multimatch(None, {}), "multimatch-gaze", "gaze", id="gaze-multimatch"),
    ],
)
def test_every_use_asks_first(
    absent: None, tmp_path: Path, use: Callable[[Path], object], package: str, extra: str
) -> None:
    with pytest.raises(InputError, match=re.escape(f"{package} is not installed; pip install 'xai-compare[{extra}]'")):
        use(tmp_path)


def test_every_module_imports_in_a_base_install(tmp_path: Path) -> None:
    code = """
import importlib, pkgutil, xai_compare
from xai_compare.errors import InputError
for module in pkgutil.walk_packages(xai_compare.__path__, "xai_compare."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ModuleNotFoundError as error:
        print(module.name)
"""
    assert set(in_base_install(code, tmp_path).split()) == NEED_THEIR_PACKAGE


def test_doctor_lists_the_extras(absent: None) -> None:
    listed = {finding.what: finding for finding in examine() if finding.what.startswith("extra ")}
    assert list(listed) == [f"extra {name}" for name in extras.EXTRAS]
    for name, packages in extras.EXTRAS.items():
        finding = listed[f"extra {name}"]
        assert finding.fine
        assert finding.found == f"not installed: {', '.join(packages)}"
        assert finding.hint == f"pip install 'xai-compare[{name}]'"


@pytest.mark.slow
def test_the_base_install_runs_explains_compares_and_reads_people(tmp_path: Path) -> None:
    recordings.tobii_studio(tmp_path / "gaze.tsv")
    code = """
import sys
from pathlib import Path
import numpy as np, yaml
from PIL import Image
from xai_compare import synthetic
from xai_compare.cli import main

def call(*words):
    sys.argv = ["xai-compare", *words]
    try:
        main()
    except SystemExit as end:
        assert not end.code, words

Path("faces").mkdir()
drawn = synthetic.faces(["anger", "happiness"], 1, seed=3, size=(112, 104))
for name, image in zip(("a.png", "h.png"), drawn.images):
    Image.fromarray(image).save(f"faces/{name}")
Path("faces/labels.csv").write_text("image,expression,dataset\\na.png,anger,simulated\\nh.png,happiness,simulated\\n")
ZOO = {"name": "alexnet", "zoo": "alexnet", "weights": "random", "seed": 0, "classes": ["anger", "happiness"]}
study = {"name": "toy", "images": {"manifest": "faces/labels.csv"}, "masks": "ekman", "faithfulness": True,
         "models": [{"name": "compact", "bundled": "compact"}, ZOO],
         "explainers": ["grad_cam", {"lime": {"n_segments": 4, "n_samples": 20}}], "compare": {"bootstrap": 20}}
Path("study.yaml").write_text(yaml.safe_dump(study))
call("run", "--dry-run")
call("run", "study.yaml", "--out", "run")
call("explain", "faces/a.png", "--model", "compact", "--explainer", "grad_cam", "--out", "explained")
Path("maps").mkdir()
values = np.zeros((275, 224), np.uint8)
values[60:180, 40:180] = np.random.default_rng(0).integers(100, 255, (120, 140))
for name in ("VGG16_Anger_heatmap", "VGG16_Fear_heatmap"):
    Image.fromarray(values).save(f"maps/{name}.png")
call("compare", "maps", "--masks", "ekman", "--out", "compared")
call("human", "gaze.tsv", "--out", "people", "--screen-cm", "38,30.4", "--distance-cm", "60")
"""
    in_base_install(code, tmp_path)
    for made in ("run/report.html", "explained", "compared/tables/scores.csv", "people/tables/fixations.csv"):
        assert (tmp_path / made).exists(), made
