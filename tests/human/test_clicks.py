"""Click-to-reveal and mouse tracks: what was planted in a simulated experiment is found again."""

import json

import experiment
import numpy as np
import pandas as pd
import pytest

from xai_compare.errors import InputError
from xai_compare.human import read_clicks, recognise
from xai_compare.human.clicks import answers, discs, tracks
from xai_compare.human.readers import read_points


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    return read_points(experiment.write_json(tmp_path_factory.mktemp("simulated") / "simulated.json"))


@pytest.fixture(scope="module")
def kept(points):
    return answers.exclude(answers.trial_table(points))


def test_json_and_csv_alike(tmp_path):
    one = read_points(experiment.write_json(tmp_path / "a.json", n_observers=2, careless=False, skipped=False))
    path = experiment.write_csv(tmp_path / "a.csv", n_observers=2, careless=False, skipped=False)
    assert recognise(path)[0].name == "jspsych"
    other = read_points(path)
    columns = ["participant", "image", "x", "y", "time", "order", "response", "label", "false_label", "rt"]
    pd.testing.assert_frame_equal(one[columns], other[columns], check_dtype=False)


def test_exclusions_are_named(kept):
    out = kept[~kept["kept"]].groupby("participant")["reason"].first()
    assert sorted(out.index) == ["careless", "skipped"]
    assert "SD below the mean of all" in out["careless"]
    assert out["skipped"] == "skipped block 3"
    assert kept[kept["kept"]]["participant"].nunique() == 22


def test_a_skipped_block_without_a_column_of_blocks(points):
    found = answers.exclude(answers.trial_table(points.drop(columns="block")))
    reasons = found[~found["kept"]].groupby("participant")["reason"].first()
    assert reasons["skipped"] == "210 trials where others have 280"


def test_pairs_recover_what_was_planted(kept):
    matrices = answers.pair_matrices(kept)
    hard = pd.DataFrame(
        [
            [experiment.difficulty(a, b) if a != b else np.nan for b in matrices["accuracy"]]
            for a in matrices["accuracy"]
        ]
    ).to_numpy()
    pairs = np.isfinite(hard)
    assert np.isnan(matrices["accuracy"].to_numpy()[~pairs]).all()
    np.testing.assert_allclose(matrices["accuracy"].to_numpy()[pairs], 0.98 - 0.33 * hard[pairs], atol=0.11)
    np.testing.assert_allclose(matrices["clicks"].to_numpy()[pairs], 3 + 4 * hard[pairs], atol=0.7)
    found = answers.pair_correlations(matrices).set_index(["a", "b"])["r"]
    assert found["clicks", "time"] > 0.9
    assert found["accuracy", "clicks"] < -0.5
    assert found["accuracy", "time"] < -0.5


def test_confusion(kept):
    table = answers.confusion(kept)
    np.testing.assert_allclose(table.sum(axis=1), 1)
    right = kept[kept["kept"]]
    assert np.diag(table).mean() == pytest.approx(right["correct"].astype(float).mean(), abs=1e-9)


def test_order_of_clicks(points):
    image = experiment.pictures()["image"].iloc[0]
    own = points[points["image"].str.endswith(image) & (points["participant"] != "careless")]
    colours, share = discs.order_map(own, experiment.SHAPE, 12)
    left, right, mouth = (
        colours[int(y), int(x)] for x, y in (experiment.LEFT_EYE, experiment.RIGHT_EYE, experiment.MOUTH)
    )
    assert right[1] < mouth[1]  # The mouth comes later, and is more yellow.
    assert share[int(experiment.RIGHT_EYE[1]), int(experiment.RIGHT_EYE[0])] > 0.8
    assert share[5, 5] == 0
    assert (colours[5, 5] == 0).all()
    assert left[0] == pytest.approx(1)


def test_discs_by_hand():
    seen = discs.uncovered(np.array([5.0]), np.array([4.0]), (10, 12), 2.0)
    assert seen.sum() == 13
    assert seen[4, 7]
    assert not seen[5, 7]
    assert not discs.uncovered(np.array([-9.0]), np.array([4.0]), (10, 12), 2.0).any()
    edge = discs.uncovered(np.array([0.0, 11.0]), np.array([0.0, 9.0]), (10, 12), 1.0)
    assert edge.sum() == 6


def test_disc_maps_are_shares_of_people():
    clicks = pd.DataFrame(
        {
            "participant": ["a", "a", "a", "b"],
            "image": "one",
            "x": [5.0, 5.0, 5.0, 15.0],
            "y": 5.0,
        }
    )
    one, none = discs.disc_maps(clicks, {"one": (20, 20), "two": (20, 20)}, 2.0)
    values = np.unique(one.map)
    assert len(values) == 2  # Three clicks of one person count no more than one of another.
    assert one.map.sum() == pytest.approx(1, rel=1e-5)
    assert (one.n_participants, one.n_points) == (2, 4)
    assert np.isnan(none.map).all()
    assert none.reason == "nobody attended to it"


def test_revealed():
    image = np.zeros((60, 60, 3), np.uint8)
    image[:, 30:] = (200, 0, 0)
    out = discs.revealed(image, np.array([40.0]), np.array([30.0]), 5, blur=10)
    assert out[30, 40].tolist() == [200, 0, 0]
    assert len(set(out[5, 50].tolist())) == 1


def track(n, **columns):
    table = {"participant": "p", "image": "a", "time": np.arange(n) * 10.0, "x": np.arange(n) * 2.0, "y": 0.0}
    return pd.DataFrame(table | columns)


def test_velocity_and_dwell_by_hand():
    moved = tracks.kinematics(track(60, rt=640.0))
    assert moved["dwell"].tolist() == [10.0] * 59 + [50.0]
    np.testing.assert_allclose(moved["velocity"][1:], 200)
    np.testing.assert_allclose(moved["acceleration"][2:], 0, atol=1e-6)
    assert moved["acceleration"][:2].isna().all()
    found = tracks.usable_tracks(moved, answers.trial_table(moved))
    assert found.loc[0, ["path", "clicks"]].tolist() == [118, 60]


@pytest.mark.parametrize(
    ("points", "says"),
    [
        (track(49), "fewer than 50 points"),
        (track(60, time=np.r_[np.arange(59) * 10.0, 5.0]), "the clock runs backwards"),
    ],
)
def test_tracks_that_are_not_kept(points, says):
    moved = tracks.kinematics(points)
    assert tracks.usable_tracks(moved, answers.trial_table(moved))["reason"].tolist() == [says]


def test_mouse_tracks_are_told_from_clicks(tmp_path):
    path = tmp_path / "a.csv"
    track(100).to_csv(path, index=False)
    assert recognise(path)[0].name == "mouse"
    track(100, time=np.arange(100) * 600).to_csv(path, index=False)
    assert recognise(path)[0].name == "clicks"


def test_mouse_tracking_of_jspsych(tmp_path):
    data = [{"x": 110 + k, "y": 55, "t": 10 * k, "event": "mousemove"} for k in range(5)]
    data.append({"x": 120, "y": 60, "t": 60, "event": "mousedown"})
    targets = {"#i": {"left": 100, "top": 50, "width": 300}}
    trial = {
        "trial_type": "image",
        "trial_index": 3,
        "subject": "p",
        "stimulus": "<img src='f/a.png'>",
        "mouse_tracking_data": data,
        "mouse_tracking_targets": targets,
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps([[trial]]))
    assert recognise(path)[0].name == "mouse"
    moves = read_points(path)
    assert moves[["x", "y"]].to_numpy().tolist() == [[10.0 + k, 5.0] for k in range(5)]
    assert moves["image"].unique().tolist() == ["f/a.png"]
    assert read_clicks(path, format="jspsych")[["x", "y"]].to_numpy().tolist() == [[20.0, 10.0]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('[{"trial_type": "a", "trial_index": 1,', "is not jsPsych's JSON or CSV"),
        ('[{"trial_type": "a", "trial_index": 1}]', "no trial has clicks"),
        ('["trial_type trial_index"]', "is not a list of trials"),
        ('[{"trial_type": "a", "trial_index": 1, "image": "a.png", "clicks": 3}]', "'clicks' is not a list of points"),
        ('[{"trial_type": "a", "trial_index": 1, "image": "a.png", "clicks": [{"y": 3}]}]', "has no x and y"),
    ],
)
def test_refuses_jspsych(tmp_path, content, says):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InputError, match=says):
        read_clicks(path, format="jspsych")


def test_labels_are_needed():
    with pytest.raises(InputError, match="the trials have no 'label'"):
        answers.pair_matrices(answers.trial_table(track(3)))
