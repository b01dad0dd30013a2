"""Small files after what people met with other tools: what `human` reads of each is the right value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xai_compare.errors import InputError
from xai_compare.human import Placement, Screen
from xai_compare.human.experiment import Experiment, Reading, read_experiment
from xai_compare.human.units import Units
from xai_compare.report.human import HumanOptions, write


@pytest.fixture(scope="session")
def reports(shared: Path) -> Path:
    if not (shared / "reports").is_dir():
        pytest.skip("the reported files are not here")
    return shared / "reports"


def read(files: Path | list[Path], clock: str | None = None, format: str = "auto") -> Experiment:
    screen = Screen(resolution=(1024, 768), pixels_per_degree=30.0)
    placement = None if format in ("clicks", "jspsych") else Placement(262, 134, 500, 500)
    return read_experiment(files, Reading(format, screen, placement, units=Units(None, clock)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("01/offvar.asc", (438, 466)),
        ("01/offset.asc", (700, 600)),
        ("02/before.asc", (700, 600)),
        ("02/plain.asc", (700, 600)),
        ("28/onset_text.asc", (438, 466)),
    ],
)
def test_one_fixation_a_trial_from_the_onset_on(reports: Path, name: str, place: tuple[int, int]) -> None:
    points = read(reports / name).points
    assert len(points) == 4
    np.testing.assert_allclose(points[["x", "y"]], [place] * 4, atol=0.1)
    assert points["duration"].tolist() == [1000.0] * 4
    assert set(points["image"].astype(str)) == {"001_neutral.jpg"}


@pytest.mark.parametrize("name", ["mono", "bino", "input", "remote", "velres"])
def test_more_columns_of_eyelink(reports: Path, name: str) -> None:
    own, plain = (read(reports / "28" / f"{file}.asc").points for file in (name, "mono"))
    assert len(own) == 8
    np.testing.assert_allclose(own[["x", "y"]], plain[["x", "y"]], atol=0.1)


@pytest.mark.parametrize("name", ["blink", "dash", "saccade"])
def test_an_eye_that_is_lost_is_not_in_the_corner(reports: Path, name: str) -> None:
    experiment = read(reports / "04" / f"left_lost_{name}.txt")
    assert experiment.points[["x", "y"]].to_numpy().min() > 200
    assert experiment.trials["lost"].mean() == pytest.approx(0.09, abs=0.002)


@pytest.mark.parametrize(
    ("name", "clock"),
    [("zeros", None), ("minus1", None), ("dots", None), ("semicolon_comma", None), ("micro", "us"), ("seconds", "s")],
)
def test_lost_samples_and_clocks(reports: Path, name: str, clock: str | None) -> None:
    own, right = read(reports / "05" / f"{name}.csv", clock), read(reports / "05" / "nan.csv")
    columns = ["participant", "image", "x", "y", "duration"]
    left, expected = (one.points[columns].astype({"participant": str, "image": str}) for one in (own, right))
    pd.testing.assert_frame_equal(left, expected, rtol=1e-6)
    assert own.trials["lost"].mean() == pytest.approx(0.08, abs=0.002)


@pytest.mark.parametrize(
    ("name", "unit"),
    [("05/micro.csv", "us"), ("05/seconds.csv", "s"), ("09/height.csv", "height"), ("09/pix.csv", "pix")],
)
def test_another_unit_is_named_with_its_key(reports: Path, name: str, unit: str) -> None:
    with pytest.raises(InputError, match=rf"give (clock|units): {unit} "):
        read(reports / name, format="clicks" if name.startswith("09") else "auto")


@pytest.mark.parametrize("name", ["msg_gap", "msg_device", "msg_device_start", "msg_zero", "two", "start_list"])
def test_bids(reports: Path, name: str) -> None:
    experiment = read(sorted((reports / "10" / name).glob("*_physio.tsv.gz")), format="bids")
    assert experiment.trials["image"].astype(str).nunique() == 4
    assert experiment.trials["trial"].tolist() == [1, 2, 3, 4]
    assert experiment.points["duration"].tolist() == [1000.0] * 4


@pytest.mark.parametrize("name", ["jatos.txt", "jatos.json"])
def test_json_lines(reports: Path, name: str) -> None:
    assert read(reports / "07" / name, format="jspsych").trials["participant"].nunique() > 1


@pytest.mark.parametrize("name", ["excel.csv", "excel_sep.csv", "excel_utf16.csv"])
def test_tables_of_a_spreadsheet(reports: Path, name: str) -> None:
    points = read(reports / "29" / name, format="clicks").points
    assert len(points) > 18
    assert points[["x", "y"]].iloc[0].tolist() == [240.5, 200.5]


def test_percent_is_no_pixels_where_only_the_size_of_pictures_is_said(reports: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give units: percent "):
        write(reports / "09" / "percent.csv", tmp_path / "out", HumanOptions(Reading("clicks"), size=(500, 500)))
