"""`xai-compare human`: a directory with everything in it, and one clear line for what is wrong."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "human"))

import experiment
import recordings

from xai_compare.cli import main
from xai_compare.human import COLUMNS


def run(monkeypatch, capsys, *arguments):
    monkeypatch.setattr(sys, "argv", ["xai-compare", "human", *map(str, arguments)])
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    told = capsys.readouterr()
    return code, told.out, told.err


GAZE = ("--max-lost", "0.2", "--screen-cm", "38,30.4", "--distance-cm", "60")


def test_a_fixation_cross_shifts_what_follows(monkeypatch, capsys, tmp_path):
    """The first picture is taken for the cross: people look 40.3 and 85 pixels off in its second half."""
    recordings.tobii_studio(tmp_path / "a.tsv")
    anger = recordings.IMAGES[0]
    for out, more in (("plain", ()), ("shifted", ("--cross", f"{anger},100,60"))):
        assert run(monkeypatch, capsys, tmp_path / "a.tsv", "--out", tmp_path / out, *GAZE, *more)[0] == 0
    plain, shifted = (pd.read_csv(tmp_path / out / "tables" / "trials.csv") for out in ("plain", "shifted"))
    assert plain["image"].tolist() == list(recordings.IMAGES)
    assert shifted["image"].tolist() == [recordings.IMAGES[1]]
    assert shifted[["offset_x", "offset_y"]].abs().to_numpy().min() > 20


def test_a_cross_needs_its_place(monkeypatch, capsys, tmp_path):
    recordings.tobii_studio(tmp_path / "a.tsv")
    code, _, error = run(monkeypatch, capsys, tmp_path / "a.tsv", "--out", tmp_path / "o", *GAZE, "--cross", "cross")
    assert code == 2
    assert "--cross" in error
    assert "IMAGE,X,Y" in error


def test_gaze(monkeypatch, capsys, tmp_path):
    recordings.tobii_studio(tmp_path / "a.tsv")
    labels = tmp_path / "labels.csv"
    labels.write_text("image,expression\nanger.jpg,angry\nfear.jpg,fear\n")
    out = tmp_path / "out"
    code, told, error = run(
        monkeypatch, capsys, tmp_path / "*.tsv", "--out", out, *GAZE, "--labels", labels, "--face",
        "100,120,180,118,140,200", "--simulated",
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert "taken for tobii (its columns 'ParticipantName' and 'RecordingTimestamp')" in told
    assert "These data should not be used as they are" in told  # One person is too few.
    samples = pq.read_table(out / "tables" / "samples.parquet")
    assert samples.num_rows == 1200
    assert set(samples.column_names) <= set(COLUMNS["samples"])
    fixations = pd.read_csv(out / "tables" / "fixations.csv")
    assert set(fixations.columns) == {*COLUMNS["fixations"], "simulated"}
    assert set(pd.read_csv(out / "tables" / "saccades.csv").columns) == {*COLUMNS["saccades"], "simulated"}
    trials = pd.read_csv(out / "tables" / "trials.csv")
    assert trials["fixations"].tolist() == [4, 4]
    areas = pd.read_csv(out / "tables" / "areas.csv")
    assert set(areas.columns) == {*COLUMNS["areas"], "simulated"}
    assert set(areas["expression"]) == {"anger", "fear", "all"}
    np.testing.assert_allclose(areas.groupby(["expression", "measure"])["share"].sum().loc["anger", "map"], 1)
    assert (out / "figures" / "participants" / "P1.png").is_file()
    with np.load(out / "maps" / "standard.npz") as maps:
        assert maps["anger"].shape == (275, 224)
    page = (out / "summary.html").read_text("utf-8")
    assert "simulated data" in page
    assert "should not be used" in page


@pytest.mark.slow
def test_a_two_alternative_experiment_through_everything(monkeypatch, capsys, tmp_path):
    """22 observers, 280 pictures, 28 pairs; simulated, with what was planted found again in the tables."""
    source, out = experiment.write_json(tmp_path / "simulated.json"), tmp_path / "out"
    code, told, error = run(
        monkeypatch, capsys, source, "--out", out, "--picture-size", "200,200", "--face", "70,80,130,80,100,150",
        "--sigma-px", "10", "--radius-px", "12", "--kernel", "disc", "--only-correct", "--simulated",
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert "taken for jspsych" in told
    removed = pd.read_csv(out / "tables" / "removed.csv")
    assert set(removed["participant"]) == {"careless", "skipped"}
    related = pd.read_csv(out / "tables" / "pair_correlations.csv").set_index(["a", "b"])["r"]
    assert related["accuracy", "clicks"] < -0.5
    assert related["clicks", "time"] > 0.9
    areas = pd.read_csv(out / "tables" / "areas.csv").set_index(["expression", "area", "measure"])["share"]
    assert areas["all", "eyes", "clicks"] > 3 * areas["all", "mouth", "clicks"] > 0.3
    moves = pd.read_csv(out / "tables" / "transitions.csv", index_col="from")
    assert moves.loc["mouth", "eyes"] > 0.7
    assert (out / "figures" / "click_order.png").is_file()
    assert pd.read_csv(out / "tables" / "agreement.csv")["simulated"].all()


def test_a_directory_that_holds_something_is_left_alone(monkeypatch, capsys, tmp_path):
    source = recordings.tobii_studio(tmp_path / "a.tsv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    code, _, error = run(monkeypatch, capsys, source, "--out", tmp_path / "out", *GAZE)
    assert code == 2
    assert "the directory is not empty" in error
    code, _, error = run(monkeypatch, capsys, source, "--out", tmp_path / "out", *GAZE, "--overwrite")
    assert code == 2
    assert "'mine.txt'" in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--format", "tobi"), "did you mean 'tobii'"),
        (("--screen-cm", "38"), "--screen-cm: '38' is not 2 numbers; separate them by commas"),
        (("--detector", "ivtt"), "did you mean 'ivt'"),
        (("--kernel", "disc"), "discs have no radius"),
        (("--max-lost", "7"), "'max_lost' = 7"),
        (("--pictures", "nowhere"), "no such folder"),
    ],
)
def test_one_line_for_what_is_wrong(monkeypatch, capsys, tmp_path, arguments, says):
    source = recordings.tobii_studio(tmp_path / "a.tsv")
    code, _, error = run(monkeypatch, capsys, source, "--out", tmp_path / "out", *GAZE, *arguments)
    assert code == 2
    assert says in error
    assert error.count("\n") == 1


def test_an_unknown_file_is_said_to_be_so(monkeypatch, capsys, tmp_path):
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    code, _, error = run(monkeypatch, capsys, tmp_path / "a.csv", "--out", tmp_path / "out")
    assert code == 2
    assert "its format is not recognised; name it: " in error


def test_a_directory_left_by_a_failed_attempt_is_used_again(monkeypatch, capsys, tmp_path):
    source = recordings.tobii_studio(tmp_path / "a.tsv")
    out = tmp_path / "out"
    assert (
        run(monkeypatch, capsys, source, "--out", out, "--max-lost", "0.2")[0] == 2
    )  # Nothing tells the screen's size.
    assert run(monkeypatch, capsys, source, "--out", out, *GAZE)[0] == 0


def test_pictures_as_they_were_uncovered(monkeypatch, capsys, tmp_path):
    """With pictures at hand, discs show what one participant saw of each; the first clicks alone make the maps."""
    from PIL import Image

    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (200, 200), (200, 30, 30)).save(tmp_path / "pictures" / "anger.png")
    rows = [
        f"p{person},anger.png,{x},{y},{k}" for person in range(4) for k, (x, y) in enumerate([(70, 80), (130, 80)], 1)
    ]
    (tmp_path / "clicks.csv").write_text("\n".join(["participant,image,x,y,order", *rows]) + "\n")
    out = tmp_path / "out"
    code, _, error = run(
        monkeypatch, capsys, tmp_path / "clicks.csv", "--out", out, "--pictures", tmp_path / "pictures", "--kernel",
        "disc", "--radius-px", "10", "--sigma-px", "10", "--first", "1",
    )  # fmt: skip
    assert (code, error) == (0, "")
    seen = np.asarray(Image.open(out / "figures" / "uncovered" / "anger_p0.png"))
    assert seen[80, 70].tolist() == [200, 30, 30]
    assert len(set(seen[150, 20].tolist())) == 1
    with np.load(out / "maps" / "maps.npz") as maps:
        assert maps["anger.png"][80, 70] > 0
        assert maps["anger.png"][80, 130] == 0
