"""Raw data of people in a study: samples of gaze become a source, and the report says what they are worth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from toy_study import asked

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.images import read_image

SHOWN = 3.0
"""Pictures were shown three times as large as they are."""


def recording(pictures: Path, path: Path, *, people: int = 4, lost: float = 0.0) -> Path:
    """Simulated: everyone looks at the same place of every picture for a second, then at another, at 250 Hz."""
    rng = np.random.default_rng(0)
    parts = []
    for person in range(people):
        for number, image in enumerate(pd.read_csv(pictures / "labels.csv")["image"]):
            height, width = read_image(pictures / image).shape[:2]
            places = np.repeat([[60.0, 70.0], [62.0, 74.0]], 250, axis=0) + rng.normal(0, 0.05, (500, 2))
            places[: int(lost * 500)] = np.nan
            frame = pd.DataFrame({
                "participant": f"p{person}", "image": image, "time": 5000.0 * number + np.arange(500) * 4.0,
                "screen_x": 99.5 + SHOWN * (places[:, 0] + 0.5), "screen_y": 49.5 + SHOWN * (places[:, 1] + 0.5),
                "left": 100, "top": 50, "width": SHOWN * width, "height": SHOWN * height, "pupil": 3.0,
            })  # fmt: skip
            parts.append(frame)
    pd.concat(parts).to_csv(path, index=False)
    return path


def heatmap(run: xc.Run, source: str) -> np.ndarray:
    return run.heatmaps.heatmap.sel(source=source, expression="all", fold="all").to_numpy().astype(float)


def source(path: Path, **changes: Any) -> list[dict[str, Any]]:
    screen = {"size_cm": [38, 30.4], "distance_cm": 60, "resolution": [1280, 1024]}
    return [{"name": "gaze", "file": str(path), "format": "auto", "screen": screen, "simulated": True, **changes}]


def test_samples_become_a_source(pictures: Path, tmp_path: Path) -> None:
    path = recording(pictures, tmp_path / "gaze.csv")
    run = xc.run(asked(pictures, human=source(path), models=[], explainers=[]), tmp_path / "run")
    assert run.heatmaps.source.values.tolist() == ["human/gaze"]
    clicks = pd.DataFrame(
        {"participant": "p", "image": pd.read_csv(pictures / "labels.csv")["image"], "x": 61, "y": 72}
    )
    clicks.to_csv(tmp_path / "clicks.csv", index=False)
    human = [{"name": "c", "file": str(tmp_path / "clicks.csv"), "format": "clicks", "pixels_per_degree": 35.3 / SHOWN}]
    same = xc.run(asked(pictures, human=human, models=[], explainers=[]), tmp_path / "other", report=False)
    one, other = heatmap(run, "human/gaze"), heatmap(same, "human/c")
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.995
    said = pd.read_csv(run.dir / "tables" / "human_data.csv")
    assert said["simulated"].all()
    assert "trials (100%) are kept" in said["line"].iloc[1]
    areas = pd.read_csv(run.dir / "tables" / "areas.csv")
    np.testing.assert_allclose(areas.groupby(["source", "expression"])["share"].sum(), 1)
    assert areas[areas["expression"] == "all"].set_index("area")["share"].idxmax() in {"nose", "eyes", "cheeks"}
    assert "data usable?" in (run.dir / "report.html").read_text("utf-8")


@pytest.mark.parametrize("kernel", ["dwell", "disc"])
def test_kernels_of_a_study(pictures: Path, tmp_path: Path, kernel: str) -> None:
    path = recording(pictures, tmp_path / "gaze.csv", people=2)
    study = asked(pictures, human=source(path, kernel=kernel, radius_px=6, first=1), models=[], explainers=[])
    run = xc.run(study, tmp_path / "run", report=False)
    values = heatmap(run, "human/gaze")
    assert np.isfinite(values).all()
    assert values.max() > 10 * np.median(values)


def test_a_study_without_a_trial_left(pictures: Path, tmp_path: Path) -> None:
    path = recording(pictures, tmp_path / "gaze.csv", people=1, lost=0.5)
    with pytest.raises(InputError, match="human source 'gaze': no trial is left; `xai-compare human` tells why"):
        xc.run(asked(pictures, human=source(path), models=[], explainers=[]), tmp_path / "run", report=False)


def test_discs_need_a_radius(pictures: Path) -> None:
    with pytest.raises(InputError, match="kernel: disc needs radius_px"):
        asked(pictures, human=source(Path("x.csv"), kernel="disc"))


def test_a_study_corrects_gaze_by_the_fixation_cross(pictures: Path, tmp_path: Path) -> None:
    path = recording(pictures, tmp_path / "gaze.csv")
    table = pd.read_csv(path)
    first = table["image"] == table["image"].iloc[0]
    table[~first].to_csv(tmp_path / "left.csv", index=False)
    off = table.assign(screen_x=table["screen_x"] + 12, image=table["image"].where(~first, "cross"))
    off.to_csv(tmp_path / "off.csv", index=False)
    # Both are in the pixels of the picture as shown, and the last place looked at was the cross.
    cross = {"image": "cross", "x": SHOWN * 62.5 - 0.5, "y": SHOWN * 74.5 - 0.5, "worst_degrees": 5}
    files = {"left": {}, "off": {}, "fixed": {"gaze": {"cross": cross}}}
    sources = [
        {**one, "name": name}
        for name, more in files.items()
        for one in source(tmp_path / ("left.csv" if name == "left" else "off.csv"), **more)
    ]
    run = xc.run(asked(pictures, human=sources, models=[], explainers=[]), tmp_path / "run", report=False)
    left, shifted, fixed = (heatmap(run, f"human/{name}").ravel() for name in files)
    assert np.corrcoef(left, fixed)[0, 1] > 0.999
    assert np.corrcoef(left, shifted)[0, 1] < 0.99
