"""Another package adds a metric, a stage, a section, a reader, a network source and an explainer: a file each."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image

import xai_compare as xc
from xai_compare.runs.inspection import status, verify

HERE = Path(__file__).parent
POINTS = """
[xai_compare.metrics]
overlap_of_peaks = toy_plugins.metric:overlap_of_peaks
[xai_compare.stages]
brightness = toy_plugins.stage:Brightness
[xai_compare.sections]
brightness = toy_plugins.section:BrightnessSection
[xai_compare.readers]
toy_clicks = toy_plugins.reader:toy_clicks
[xai_compare.networks]
toy_network = toy_plugins.network:ToyNetwork
[xai_compare.explainers]
edge_map = toy_plugins.explainer:EdgeMap
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for Python's path in which the toy package is installed, as far as entry points can tell."""
    place = tmp_path_factory.mktemp("site")
    info = place / "toy_plugins-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(POINTS)
    (place / "toy_plugins").symlink_to(HERE / "toy_plugins")
    return place


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of simulated faces that uses all six."""
    folder = tmp_path_factory.mktemp("toys")
    drawn = xc.synthetic.faces(["anger", "happiness"], 4, seed=3, size=(112, 104))
    rows, clicks = [], []
    for number, (image, label) in enumerate(zip(drawn.images, drawn.labels, strict=True)):
        Image.fromarray(image).save(folder / f"{label}{number}.png")
        rows.append({"image": f"{label}{number}.png", "expression": label, "dataset": "simulated"})
        clicks += [f"{who}@{label}{number}.png:{50 + 3 * who},{60 - who}" for who in range(3)]
    pd.DataFrame(rows).to_csv(folder / "labels.csv", index=False)
    (folder / "clicks.txt").write_text("\n".join(clicks))
    asked = {
        "name": "toys",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "toy", "toy_network": 4, "classes": ["anger", "happiness"], "scale": 2.0}],
        "explainers": ["edge_map", "grad_cam"],
        "human": [
            {"name": "taps", "file": "clicks.txt", "format": "toy_clicks", "pixels_per_degree": 6, "simulated": True}
        ],
        "compare": {"metrics": ["iou", "dice", "overlap_of_peaks"], "bootstrap": 8},
        "brightness": {"together": 3},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(asked))
    return folder / "study.yaml"


def start(study: Path, out: Path, installed: Path, *more: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(installed), str(Path(xc.__file__).parents[1])])
    command = [sys.executable, "-m", "xai_compare.cli", "run", str(study), "--out", str(out), *more]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out


@pytest.fixture(scope="module")
def unbroken(study: Path, installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("toys_run") / "run"
    finished(start(study, out, installed))
    return out


@pytest.mark.slow
def test_a_study_uses_all_six_and_the_report_shows_them(
    unbroken: Path, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(installed))
    run = xc.Run.open(unbroken)
    assert {"toy/edge_map", "toy/grad_cam", "human/taps"} == set(run.heatmaps.source.values.tolist())
    peaks = run.scores[run.scores["metric"] == "overlap_of_peaks"]
    assert {("toy/edge_map", "toy/grad_cam"), ("toy/edge_map", "human/taps")} <= set(
        zip(peaks["a"], peaks["b"], strict=True)
    )
    maps = run.heatmaps.heatmap.sel(fold="all", expression="anger")
    one, other = (maps.sel(source=name).to_numpy().ravel() for name in ("toy/edge_map", "toy/grad_cam"))
    shared = len(np.intersect1d(np.argsort(one)[-100:], np.argsort(other)[-100:])) / 100
    row = peaks[(peaks["a"] == "toy/edge_map") & (peaks["b"] == "toy/grad_cam") & (peaks["expression"] == "anger")]
    assert row["value"].item() == pytest.approx(shared)
    assert len(run.table("brightness")) == 8
    assert run.table("brightness")["brightness"].between(1, 254).all()
    assert run.provenance["models"]["toy"]["kind"] == "toy_network"
    page = (unbroken / "report.html").read_text("utf-8")
    for words in ("How bright the faces are", "edge_map", "taps", "The brightest"):
        assert words in page
    assert run.study.stage_options("brightness").together == 3
    assert (status(unbroken).set_index("source").loc["brightness", ["maps", "done"]] == 8).all()
    assert verify(unbroken).empty


@pytest.mark.slow
def test_all_six_survive_a_kill(unbroken: Path, study: Path, installed: Path, tmp_path: Path) -> None:
    process = start(study, tmp_path / "run", installed)
    records = tmp_path / "run" / "records" / "brightness.jsonl"
    while process.poll() is None and not records.is_file():
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (tmp_path / "run" / "report.html").exists()
    said = finished(start(study, tmp_path / "run", installed, "--workers", "2"))
    assert "there already" in said
    for name in ("scores", "brightness", "maps", "predictions"):
        assert (tmp_path / "run" / f"tables/{name}.csv").read_bytes() == (unbroken / f"tables/{name}.csv").read_bytes()


@pytest.mark.slow
def test_the_estimate_knows_the_study(study: Path, installed: Path, tmp_path: Path) -> None:
    said = finished(start(study, tmp_path / "run", installed, "--dry-run"))
    assert "edge_map" in said
    assert not (tmp_path / "run").exists()
