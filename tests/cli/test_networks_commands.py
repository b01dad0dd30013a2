"""The commands `train`, `dataset` and `check-model`, as a stranger meets them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

from xai_compare import cli, synthetic
from xai_compare.expressions import BASIC

FACTORY = """
from torch import nn

def tiny():
    return nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, 2))
"""


def run(*words: object, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command line in this process; its exit code."""
    monkeypatch.setattr(sys, "argv", ["xai-compare", *map(str, words)])
    try:
        cli.main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def task(tmp_path: Path) -> Path:
    """Pictures of two classes by eight people, cut out already, and a training of a tiny network."""
    rng = np.random.default_rng(0)
    rows = []
    for person in range(8):
        for k, name in enumerate(("anger", "happiness")):
            image = rng.integers(0, 90, (24, 24, 3), np.uint8)
            image[12 * k : 12 * k + 12] += 120
            Image.fromarray(image).save(tmp_path / f"{person}_{name}.png")
            rows.append((f"{person}_{name}.png", name, f"p{person}"))
    pd.DataFrame(rows, columns=["image", "expression", "subject"]).to_csv(tmp_path / "labels.csv", index=False)
    (tmp_path / "tiny_factory.py").write_text(FACTORY, "utf-8")
    asked = {
        "name": "tiny",
        "network": {"factory": "tiny_factory:tiny", "input": {"size": 20, "channels": "grey", "range": [0, 1]}},
        "data": {"manifest": "labels.csv", "cropped": True},
        "folds": 2,
        "epochs": 1,
        "accelerator": "cpu",
    }
    (tmp_path / "train.yaml").write_text(yaml.safe_dump(asked), "utf-8")
    return tmp_path


def test_train_writes_weights_card_metrics_and_folds(
    task: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("train", task / "train.yaml", "--out", task / "out", "--allow-code", monkeypatch=monkeypatch) == 0
    for name in ("weights.safetensors", "card.json", "metrics.csv", "folds.csv", "figures/curves.png"):
        assert (task / "out" / name).is_file(), name
    assert "fold 1: 8 pictures" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epoch": 2}, "unknown key 'epoch'"),
        ({"folds": 20}, "8 people for 20 folds"),
        ({"data": {"manifest": "gone.csv"}}, "no such manifest"),
        ({"optimizer": {"name": "sgd", "lr": 1e30}, "epochs": 3}, "the loss is not finite"),
    ],
    ids=["misspelt", "too many folds", "no manifest", "NaN loss"],
)
def test_train_refuses_in_one_line(
    task: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, object],
    message: str,
) -> None:
    asked = yaml.safe_load((task / "train.yaml").read_text("utf-8")) | change
    (task / "train.yaml").write_text(yaml.safe_dump(asked), "utf-8")
    assert run("train", task / "train.yaml", "--out", task / "out", "--allow-code", monkeypatch=monkeypatch) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.strip().splitlines()) == 1
    assert not (task / "out" / "weights.safetensors").exists()


def test_dataset_writes_a_manifest_that_a_study_can_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jaffe").mkdir()
    for name in ("KA.AN1.39.tiff", "KA.HA1.29.tiff", "notes.tiff"):
        Image.new("L", (4, 4)).save(tmp_path / "jaffe" / name)
    out = tmp_path / "jaffe.csv"
    assert run("dataset", "JAFFE", tmp_path / "jaffe", "--out", out, monkeypatch=monkeypatch) == 0
    table = pd.read_csv(out)
    assert list(table.columns) == ["image", "expression", "subject", "dataset", "split"]
    assert list(table["expression"]) == ["anger", "happiness"]
    assert pd.read_csv(tmp_path / "jaffe_left_out.csv")["image"].tolist() == ["notes.tiff"]
    assert "2 pictures, 1 people" in capsys.readouterr().out


def test_dataset_refuses_the_wrong_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("dataset", "kdef", tmp_path, "--out", tmp_path / "m.csv", monkeypatch=monkeypatch) == 2
    assert "does not look like KDEF" in capsys.readouterr().err
    assert not (tmp_path / "m.csv").exists()


@pytest.mark.slow
def test_check_model_names_the_line_that_mends_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = synthetic.faces(BASIC, 4, seed=5, size=(160, 150))
    rows = []
    for k, image in enumerate(drawn.images):
        Image.fromarray(image).save(tmp_path / f"{k}.png")
        rows.append((f"{k}.png", drawn.labels[k]))
    pd.DataFrame(rows, columns=["image", "expression"]).to_csv(tmp_path / "labels.csv", index=False)
    words = ("--manifest", tmp_path / "labels.csv", "--out", tmp_path / "out")
    assert run("check-model", "compact", *words, monkeypatch=monkeypatch) == 0
    assert "Nothing was found to be wrong." in capsys.readouterr().out
    study = {
        "name": "wide",
        "images": {"manifest": "labels.csv", "margin": 2.2},
        "explainers": ["random"],
        "models": [{"name": "net", "bundled": "compact"}],
    }
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), "utf-8")
    assert run("check-model", f"{tmp_path / 'study.yaml'}:net", *words, monkeypatch=monkeypatch) == 0
    table = pd.read_csv(tmp_path / "out" / "findings.csv").set_index("check")
    assert list(table.columns) == ["finding", "confidence", "line"]
    assert str(table.loc["crop", "line"]).startswith("images: {margin: 1")
