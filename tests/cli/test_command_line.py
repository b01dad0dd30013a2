"""The command line as a stranger meets it: one line and exit code 2 for what they must fix, never a traceback."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cli_studies import one_line, study
from PIL import Image

import xai_compare as xc
from xai_compare import comparison, ekman
from xai_compare.expressions import BASIC
from xai_compare.faces import CANONICAL


def test_a_mistake_in_a_process_of_its_own(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(xc.__file__).parents[1])}
    command = [sys.executable, "-m", "xai_compare.cli", "run", "no.yaml"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)
    one_line(done.returncode, done.stderr, "no.yaml: the study cannot be read")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"explaners": ["cam"]}, ["unknown key 'explaners'", "did you mean 'explainers'?"]),
        ({"explainers": ["lyme"]}, ["unknown explainer 'lyme'", "did you mean 'lime'?"]),
        ({"model": {"classes": ["anger", "fear", "sadness"]}}, ["model 'net'", "outputs for 3 classes"]),
        ({"model": {"factory": "cli_networks:sick"}}, ["model 'net'", "not finite"]),
        ({"images": {"manifest": "no.csv"}}, ["no.csv: no such manifest"]),
        ({"masks": "no masks"}, ["no masks"]),
    ],
    ids=["misspelt key", "unknown explainer", "class count", "NaN", "no manifest", "no masks"],
)
def test_mistakes_in_a_study(place: Path, tmp_path: Path, call, changes: dict, says: list[str]) -> None:  # type: ignore[no-untyped-def, type-arg]
    code, out, err = call("run", study(place, tmp_path / "s.yaml", **changes), "--out", tmp_path / "run")
    one_line(code, err, *says)
    assert "Traceback" not in out


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--seed", "-1"], "seed"),
        (["--seed", "99999999999"], "seed"),
        (["--device", "tpu"], "unknown device 'tpu'"),
        (["--device", "cuda:99"], "no device"),
    ],
    ids=["negative seed", "seed too large", "unknown device", "no such GPU"],
)
def test_mistakes_in_options(place: Path, tmp_path: Path, call, options: list[str], says: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("run", study(place, tmp_path / "s.yaml"), "--out", tmp_path / "run", *options)
    one_line(code, err, says)


@pytest.mark.parametrize(
    "arguments", [["rum"], ["run", "--ouput", "x"], ["run", "--seed", "seven"], ["compare"]], ids=str
)
def test_usage_errors(call, arguments: list[str]) -> None:  # type: ignore[no-untyped-def]
    code, out, err = call(*arguments)
    assert code == 2
    assert "Usage" in out + err
    assert "Traceback" not in out + err


def test_another_runs_directory(place: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("xai_compare.report.build", lambda run, **_: run.dir / "report.html")
    first = study(place, tmp_path / "s.yaml")
    code, out, err = call("run", first, "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    assert "net/random" in out
    assert str(tmp_path / "run" / "report.html") in out.replace("\n", "")
    assert "Simulated data" in out
    code, out, err = call("run", first, "--out", tmp_path / "run")
    assert code == 0
    assert "were there already" in out
    code, _, err = call("run", first, "--out", tmp_path / "run", "--seed", 3)
    one_line(code, err, "holds another study's run", "--overwrite")
    code, _, err = call("run", first, "--out", tmp_path / "run", "--seed", 3, "--overwrite")
    assert (code, err) == (0, "")
    assert xc.Run.open(tmp_path / "run").study.seed == 3


@pytest.mark.slow
def test_a_run_with_its_report(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("run", study(place, tmp_path / "s.yaml"), "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    page = tmp_path / "run" / "report.html"
    text = page.read_text("utf-8")
    assert "simulated" in text.lower()
    assert 'src="http' not in text
    assert list((tmp_path / "run" / "figures").rglob("*.svg"))
    explored = tmp_path / "run" / "explore.html"
    made = explored.read_bytes()
    explored.unlink()
    code, out, err = call("explore", tmp_path / "run", "--no-open")
    assert (code, err) == (0, "")
    assert str(explored) in out.replace("\n", "")
    assert explored.read_bytes() == made
    page.unlink()
    code, out, err = call("report", tmp_path / "run")
    assert (code, err) == (0, "")
    assert page.is_file()
    assert str(page) in out.replace("\n", "")


def test_dry_run_writes_nothing(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, out, err = call("run", study(place, tmp_path / "s.yaml"), "--out", tmp_path / "run", "--dry-run")
    assert (code, err) == (0, "")
    assert "forward passes" in out
    for step in ("scores and intervals", "figures and page", "under a minute"):
        assert step in out
    assert not (tmp_path / "run").exists()


def test_report_of_what_is_no_run(tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("report", tmp_path)
    one_line(code, err, "no run is here")


def test_doctor(call) -> None:  # type: ignore[no-untyped-def]
    code, out, err = call("doctor")
    assert code == 0, out
    for word in ("torch", "device", "landmark model", "Ekman masks", "bundled networks"):
        assert word in out
    assert err == ""


def test_doctor_for_a_report(call) -> None:  # type: ignore[no-untyped-def]
    code, out, _ = call("doctor", "--json")
    told = json.loads(out)
    assert code == 0
    assert told["xai-compare"] == xc.__version__
    assert {"torch", "numpy", "device", "extra keras"} <= {finding["what"] for finding in told["findings"]}


def test_doctor_names_what_a_study_needs(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    asked = study(place, tmp_path / "s.yaml")
    code, out, _ = call("doctor", asked)
    assert code == 2
    assert "say --allow-code" in " ".join(out.split())
    code, out, err = call("doctor", asked, "--allow-code")
    assert (code, err) == (0, ""), out
    said = " ".join(out.split())
    for words in ("images", "explainer 'random'", "network 'net'", "loads; 2 classes", "metrics"):
        assert words in said
    broken = yaml.safe_load(asked.read_text())
    broken["images"]["manifest"] = "gone.csv"
    broken["explainers"] = ["limes"]
    asked.write_text(yaml.safe_dump(broken))
    code, out, _ = call("doctor", asked)
    said = " ".join(out.replace("│", " ").split())
    assert code == 2
    for words in ("no such manifest", "unknown explainer"):
        assert words in said, said


def test_doctor_says_what_to_do_about_a_missing_landmark_model(call, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr("xai_compare.faces.detection.predictor_file", _missing)
    code, out, _ = call("doctor")
    assert code == 2
    assert "pip install face_recognition_models" in " ".join(out.split())


def _missing(named: object = None) -> Path:
    raise xc.errors.InputError("it is not installed", hint="pip install face_recognition_models")


@pytest.fixture
def heatmaps(tmp_path: Path) -> Path:
    folder = tmp_path / "maps"
    folder.mkdir()
    y, x = np.mgrid[:55, :45]
    for shift, model in enumerate(("one", "two")):
        for number, expression in enumerate(BASIC):
            values = 250 * np.exp(-((y - 20 - 3 * number) ** 2 + (x - 20 - 4 * shift) ** 2) / 90)
            Image.fromarray(values.astype(np.uint8)).save(folder / f"{model}_{expression}_heatmap.png")
            mask = np.zeros((55, 45), np.uint8)
            mask[10:40, 10:35] = 255
            (tmp_path / "masks").mkdir(exist_ok=True)
            Image.fromarray(mask).save(tmp_path / "masks" / f"{expression}.png")
    return folder


def test_explore_heatmaps(heatmaps: Path, tmp_path: Path, call, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    shown: list[str] = []
    monkeypatch.setattr("webbrowser.open", shown.append)
    code, _, err = call("explore", heatmaps, "--masks", tmp_path / "masks")
    assert (code, err) == (0, "")
    assert shown == [(tmp_path / "explore.html").as_uri()]
    (tmp_path / "notes.html").write_text("mine")
    code, _, err = call("explore", heatmaps, "--masks", tmp_path / "masks", "--out", tmp_path / "notes.html")
    one_line(code, err, "holds something else")
    code, _, err = call("explore", heatmaps, "--masks", tmp_path / "masks", "--out", tmp_path)
    one_line(code, err, "is a folder")
    call("compare", heatmaps, "--masks", tmp_path / "masks", "--masks-name", "drawn", "--out", tmp_path / "out")
    code, _, err = call("explore", tmp_path / "out", "--no-open")
    assert (code, err) == (0, "")
    assert '"name":"drawn"' in (tmp_path / "out" / "explore.html").read_text("utf-8")


def test_compare(heatmaps: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, out, err = call("compare", heatmaps, "--masks", tmp_path / "masks", "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    scores = pd.read_csv(tmp_path / "out" / "tables" / "scores.csv")
    assert len(scores[scores.metric == "iou"]) == 12
    (row,) = scores[(scores.metric == "iou") & (scores.a == "one") & (scores.expression == "anger")].iloc
    assert f"{row.value:.4f}" in out
    assert (tmp_path / "out" / "report.html").is_file()
    code, _, err = call("compare", heatmaps, "--masks", tmp_path / "masks", "--out", tmp_path / "out")
    one_line(code, err, "not an empty directory", "--overwrite")
    code, _, err = call("compare", heatmaps, "--masks", tmp_path / "masks", "--out", tmp_path / "out", "--overwrite")
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nowhere", "--masks", "masks"], "nowhere"),
        (["maps", "--masks", "nowhere"], "nowhere"),
        (["maps", "--masks", "ekman"], "55"),
        (["maps", "--masks", "masks", "--pattern", "{model}.png"], "expression"),
        (["maps", "--masks", "masks", "--pattern", "{model}_{expression}_map.png"], "no file is named"),
    ],
    ids=["no folder", "no masks", "other size", "bad pattern", "no match"],
)
def test_mistakes_in_compare(heatmaps: Path, call, arguments: list[str], says: str) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("compare", *arguments, "--out", "out")
    one_line(code, err, says)


def test_heatmaps_of_another_face_are_moved_onto_the_standard_face(heatmaps: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    points = CANONICAL[:68] * [44 / 223, 54 / 274]
    table = tmp_path / "landmarks.csv"
    pd.DataFrame({"landmark": range(68), "x": points[:, 0], "y": points[:, 1]}).to_csv(table, index=False)
    code, _, err = call("compare", heatmaps, "--landmarks", table, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    scores = pd.read_csv(tmp_path / "out" / "tables" / "scores.csv")
    (row,) = scores[(scores.metric == "iou") & (scores.a == "one") & (scores.expression == "anger")].iloc
    grey = np.asarray(Image.open(heatmaps / "one_anger_heatmap.png"), np.float32)
    plain = np.asarray(Image.fromarray(grey).resize((224, 275), Image.Resampling.BILINEAR))
    expected = float(comparison.iou(comparison.otsu_masks(plain), ekman.mask("anger")))
    assert row.value == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param("landmark,x,y\n0,1,1\n", "no table of 68 landmarks", id="too few"),
        pytest.param("a,b\n1,2\n", "no table of 68 landmarks", id="other columns"),
        pytest.param(
            "landmark,x,y\n" + "".join(f"{i},{900 + i},{900 - i}\n" for i in range(68)), "lies outside", id="far"
        ),
        pytest.param("landmark,x,y\n" + "".join(f"{i},,3\n" for i in range(68)), "each of the 68", id="missing"),
    ],
)
def test_landmarks_that_cannot_be_used(heatmaps: Path, tmp_path: Path, call, text: str, says: str) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "landmarks.csv").write_text(text)
    code, _, err = call("compare", heatmaps, "--landmarks", tmp_path / "landmarks.csv", "--out", tmp_path / "out")
    one_line(code, err, says)


@pytest.mark.filterwarnings("error:The given NumPy array:UserWarning")
def test_explain(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.png").write_bytes(b"")
    file = study(place, tmp_path / "s.yaml")
    code, out, err = call(
        "explain",
        place / "a.png",
        tmp_path / "bad.png",
        "--model",
        f"{file}:net",
        "--explainer",
        "grad_cam",
        "--explainer",
        "random",
        "--out",
        tmp_path / "out",
    )
    assert (code, err) == (0, "")
    assert "the file is empty" in out
    with np.load(tmp_path / "out" / "maps.npz") as kept:
        assert kept["a--grad_cam"].shape == (24, 24)
        assert kept["a--random--standardized"].shape == (275, 224)
    for explainer in ("grad_cam", "random"):
        for kind in ("map", "overlay"):
            assert list((tmp_path / "out").glob(f"a*{explainer}*{kind}.png"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--model", "no_such", "--explainer", "cam"], "no bundled network is called 'no_such'"),
        (["--model", "s.yaml:other", "--explainer", "cam"], "no model 'other'"),
        (["--model", "s.yaml:net", "--explainer", "kam"], "did you mean 'cam'?"),
        (["--model", "s.yaml:net", "--explainer", "cam", "--target", "rage"], "unknown expression 'rage'"),
        (["--model", "s.yaml:net", "--explainer", "cam", "--target", "fear"], "has no class fear"),
    ],
    ids=["model", "model of a study", "explainer", "expression", "class"],
)
def test_mistakes_in_explain(place: Path, tmp_path: Path, call, options: list[str], says: str) -> None:  # type: ignore[no-untyped-def]
    study(place, tmp_path / "s.yaml")
    code, _, err = call("explain", place / "a.png", "--out", "out", *options)
    one_line(code, err, says)


def test_explain_with_bad_pictures_only(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "bad.png").write_bytes(b"")
    study(place, tmp_path / "s.yaml")
    code, _, err = call("explain", "bad.png", "none.png", "--model", "s.yaml:net", "--explainer", "cam", "--out", "out")
    one_line(code, err, "no picture could be explained")


def test_explain_into_a_file(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    study(place, tmp_path / "s.yaml")
    (tmp_path / "file").write_text("x")
    code, _, err = call("explain", place / "a.png", "--model", "s.yaml:net", "--explainer", "cam", "--out", "file")
    one_line(code, err, "file")


def test_code_must_be_allowed(place: Path, tmp_path: Path, call) -> None:  # type: ignore[no-untyped-def]
    code, _, err = call("run", study(place, tmp_path / "s.yaml"), "--out", tmp_path / "run", allow_code=False)
    one_line(code, err, "asks to run code", "cli_networks:good", "--allow-code")


@pytest.mark.parametrize(
    ("program", "absent"),
    [
        ("sys.argv = ['xai-compare', '--help']; from xai_compare.cli import main; main()", "pandas torch scipy"),
        ("import xai_compare.runs.inspection", "torch captum keras"),
    ],
    ids=["help", "status"],
)
def test_a_door_opens_without_what_it_does_not_need(program: str, absent: str) -> None:
    check = f"import atexit, sys; atexit.register(lambda: print('found', *set('{absent}'.split()) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", f"{check}; {program}"], capture_output=True, text=True, timeout=120)
    assert done.stdout.rstrip().endswith("found"), done.stdout[-200:]
