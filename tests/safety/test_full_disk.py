"""Where a file may not grow: one line that names the place and what to do, and no cut file under its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xai_compare import synthetic
from xai_compare.inventory import CHANGED, Inventory, walk
from xai_compare.runs.directory import unlisted

resource = pytest.importorskip("resource")

# Files may not grow beyond so many bytes in this process; without the signal's handler the process would die of it.
LIMITED = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]),) * 2)
sys.argv = ["xai-compare", *sys.argv[2:]]
from xai_compare.cli import script
script()
"""


def limited(size: int, *arguments: object) -> tuple[int, str]:
    """Exit code and standard error of a command whose files may have so many bytes."""
    command = [sys.executable, "-c", LIMITED, str(size), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, " ".join(done.stderr.split())


def human(folder: Path) -> list[object]:
    rows = [f"p1,a.jpg,{40 * k},{100 + 60 * (k // 20)},{90 + k % 2},3" for k in range(100)]
    (folder / "gaze.csv").write_text("\n".join(["participant,image,time,x,y,pupil", *rows]) + "\n")
    return ["human", folder / "gaze.csv", "--picture-size", "300,300", "--pixels-per-degree", "30"]


def explain(folder: Path) -> list[object]:
    Image.fromarray(synthetic.faces(("anger",), 1, seed=1, size=(160, 160)).images[0]).save(folder / "a.png")
    return ["explain", folder / "a.png", "--model", "compact", "--explainer", "cam"]


def compare(folder: Path) -> list[object]:
    (folder / "maps").mkdir()
    for name in ("anger", "happiness"):
        noise = np.random.default_rng(0).integers(0, 255, (275, 224), np.uint8)
        Image.fromarray(noise).save(folder / "maps" / f"net_{name}_heatmap.png")
    return ["compare", folder / "maps", "--masks", "ekman"]


def dataset(folder: Path) -> list[object]:
    place = folder / "fer"
    for usage in ("train", "test"):
        (place / usage / "happy").mkdir(parents=True)
        for k in range(40):
            Image.new("L", (48, 48), k).save(place / usage / "happy" / f"a_long_name_of_a_picture_{k}.jpg")
    return ["dataset", "fer2013", place]


@pytest.mark.parametrize("command", [human, explain, compare, dataset], ids=lambda command: command.__name__)
def test_a_file_that_cannot_grow_is_one_line_and_leaves_nothing_cut(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    arguments, out = command(tmp_path), tmp_path / "out"
    place = out.with_suffix(".csv") if command is dataset else out
    before = {path.name for path in tmp_path.iterdir()}
    code, err = limited(1000, *arguments, "--out", place)
    assert code == 2, err
    assert "the disk is full; make room and run the same command again" in err
    assert "Traceback" not in err
    assert str(place) in err
    assert {path.name for path in tmp_path.iterdir()} - before <= {"out"}
    assert not out.exists() or not list(walk(out))


@pytest.mark.slow
def test_a_run_keeps_what_is_whole_and_goes_on(tmp_path: Path) -> None:
    import yaml

    data = synthetic.faces(("anger", "happiness"), 1, seed=1, size=(160, 160))
    synthetic.write_dataset(tmp_path / "in", data, n_observers=2)
    asked = {
        "name": "full",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["cam"],
        "compare": {"bootstrap": 20},
    }
    (tmp_path / "in" / "study.yaml").write_text(yaml.safe_dump(asked))
    command = ["run", tmp_path / "in" / "study.yaml", "--out", tmp_path / "out"]
    for size in (1500, 20_000, 100_000):
        code, err = limited(size, *command)
        assert (code, "disk is full" in err, "Traceback" in err) == (2, True, False), err
        wrong = Inventory(tmp_path / "out", unlisted).problems()
        assert CHANGED not in wrong.values(), wrong
    assert limited(10**9, *command)[0] == 0
    assert limited(10**9, "verify", tmp_path / "out")[0] == 0
