"""Small valid files of people's data in every format, each with the call that reads them. All are simulated."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.io import savemat

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "human"))
import recordings

OUT = "OUT"
"""Stands in a call for the directory of results."""
_HUMAN = ["--resolution", "1280,1024", "--pixels-per-degree", "30", "--overwrite", "--out", OUT]
_PLACED = ["--placement", "440,262,400,500"]
_SIZE = ["--picture-size", "400,500"]
_HUMAN_OPTIONS = (
    "--sigma-px", "--radius-px", "--distance-cm", "--pixels-per-degree", "--resolution", "--screen-cm", "--placement",
    "--picture-size", "--face", "--max-lost", "--min-fixation-ms", "--first", "--between-ms", "--cross", "--detector",
    "--kernel", "--seed", "--units", "--clock", "--labels", "--format",
)  # fmt: skip


@dataclass
class Case:
    """A call of the command line, and the files and options of it that are damaged.

    Attributes:
        name: the command and what it reads.
        call: its arguments; files are relative to the folder.
        files: patterns of the files that are damaged.
        options: options to which an odd value is given.
        make: writes the valid files into a folder.
        renamed: whether the first of the call's files may be renamed, and is then named so.
    """

    name: str
    call: list[str]
    files: tuple[str, ...]
    make: Callable[[Path], object]
    options: tuple[str, ...] = ()
    renamed: bool = False


def _points(folder: Path, *, duration: bool = False) -> None:
    rng = np.random.default_rng(0)
    rows = [
        {"participant": f"p{p}", "image": image, "x": 150.5 + 40 * rng.standard_normal(), "y": 200.5 + k, "order": k,
         "time": 300 * k, "response": "anger", "label": "anger", "rt": 900} | ({"duration": 250} if duration else {})
        for p in range(2) for image in ("a.jpg", "b.jpg") for k in range(4)
    ]  # fmt: skip
    pd.DataFrame(rows).to_csv(folder / "points.csv", index=False)


def _mouse(folder: Path) -> None:
    rows = [(f"p{p}", "a.jpg", 20 * k, 10 + k, 20 + (k % 7)) for p in range(2) for k in range(80)]
    pd.DataFrame(rows, columns=["participant", "image", "time", "x", "y"]).to_csv(folder / "points.csv", index=False)


def _jspsych(folder: Path) -> None:
    box = {"#jspsych-stimulus": {"x": 5, "y": 5, "width": 200, "height": 250, "left": 5, "top": 5}}
    trials = [
        {"trial_type": "click", "trial_index": k, "participant": "p1", "image": image, "choices": ["anger", "fear"],
         "response": 0, "label": "anger", "rt": 700, "clicks": [{"x": 20 + j, "y": 30, "t": 100 * j} for j in range(3)]}
        for k, image in enumerate(("a.jpg", "b.jpg"))
    ]  # fmt: skip
    moved = {
        "trial_type": "track",
        "trial_index": 2,
        "participant": "p1",
        "stimulus": "<img src='c.jpg'>",
        "mouse_tracking_data": [{"x": 30, "y": 40, "t": 5, "event": "mousedown"}],
        "mouse_tracking_targets": box,
    }
    (folder / "points.json").write_text(json.dumps([*trials, moved]))


def _bubbleview(folder: Path) -> None:
    stamps = np.array([["2020-01-01 10:00:00"], ["2020-01-01 10:00:02"]], object)
    seen = {"enc": np.array([[10.0, 20.0], [30.0, 40.0]]), "enc_time": stamps}
    people = np.array([(seen,), (seen,)], [("fixations", object)])
    bubble = np.array([("a.jpg", people), ("b.jpg", people)], [("filename", object), ("userdata", object)])
    savemat(folder / "points.mat", {"bubble": bubble})


def _samples(folder: Path) -> None:
    recordings.plain(folder / "plain.csv")
    pd.read_csv(folder / "plain.csv").to_parquet(folder / "points.parquet")


def people() -> list[Case]:
    made: dict[str, tuple[str, str, Callable[[Path], object], list[str]]] = {
        "tobii": ("tobii", "points.tsv", lambda f: recordings.tobii_studio(f / "points.tsv"), []),
        "tobii pro": ("tobii", "points.tsv", lambda f: recordings.tobii_pro(f / "points.tsv"), []),
        "eyelink": ("eyelink", "points.asc", lambda f: recordings.eyelink(f / "points.asc"), []),
        "gazepoint": ("gazepoint", "points.csv", lambda f: recordings.gazepoint(f / "points.csv"), _PLACED),
        "smi": ("smi", "points.txt", lambda f: recordings.smi(f / "points.txt"), _PLACED),
        "bids": ("bids", "sub-P1_task-faces_run-1_recording-eye1_physio.tsv.gz", recordings.bids, _PLACED),
        "bubbleview": ("bubbleview", "points.mat", _bubbleview, _SIZE),
        "jspsych": ("jspsych", "points.json", _jspsych, _SIZE),
        "mouse": ("mouse", "points.csv", _mouse, _SIZE),
        "clicks": ("clicks", "points.csv", _points, _SIZE),
        "fixations": ("fixations", "points.csv", lambda f: _points(f, duration=True), _SIZE),
        "samples": ("samples", "points.csv", lambda f: recordings.plain(f / "points.csv"), _SIZE),
        "samples, parquet": ("samples", "points.parquet", _samples, _SIZE),
    }
    return [
        Case(f"human {name}", ["human", file, "--format", format, *_HUMAN, *more], ("*",), make, _HUMAN_OPTIONS, True)
        for name, (format, file, make, more) in made.items()
    ]
