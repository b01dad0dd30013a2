"""Agreement among people: against maps drawn one by one, and on simulated crowds with a known answer."""

import numpy as np
import pandas as pd
import pytest

from xai_compare.human import attention_map, human_maps, leave_one_out, split_half

SHAPE = (40, 60)
IMAGES = {"face.png": SHAPE}


def crowd(n_people, seed, n_clicks=4, prefix="s"):
    """Simulated observers of one taste: each clicks near one of three places."""
    rng = np.random.default_rng(seed)
    places = np.array([[20.0, 15.0], [40.0, 15.0], [30.0, 30.0]])[rng.integers(0, 3, n_people * n_clicks)]
    x, y = (places + rng.normal(0, 3, places.shape)).T.clip(0, 39)
    people = np.repeat([f"{prefix}{i}" for i in range(n_people)], n_clicks)
    return pd.DataFrame(
        {"participant": people, "image": "face", "x": x, "y": y, "duration": rng.uniform(50, 500, x.size)}
    )


@pytest.mark.parametrize("weights", [None, "duration"])
def test_leave_one_out_equals_drawing_every_map(weights):
    frame = crowd(6, 0)
    maps = []
    for _, one in frame.groupby("participant"):
        drawn = attention_map(one.x, one.y, SHAPE, 4.0, one[weights] if weights else None).astype(float).ravel()
        maps.append(drawn / drawn.sum())
    maps = np.array(maps)
    r = [np.corrcoef(maps[i], np.delete(maps, i, 0).mean(0))[0, 1] for i in range(6)]
    row = leave_one_out(frame, IMAGES, 4.0, weights=weights).iloc[0]
    assert row.n_participants == 6
    assert (row.one_vs_rest, row.lowest, row.highest) == pytest.approx((np.mean(r), min(r), max(r)), abs=1e-5)


def test_two_people_have_one_half_each():
    frame = crowd(2, 1)
    a, b = (next(human_maps(one, IMAGES, 4.0)).map.ravel() for _, one in frame.groupby("participant"))
    row = split_half(frame, IMAGES, 4.0).iloc[0]
    r = np.corrcoef(a, b)[0, 1]
    assert row.half == pytest.approx(r, abs=1e-5)
    assert row.reliability == pytest.approx(2 * r / (1 + r), abs=1e-5)


def test_reliability_foretells_how_a_second_crowd_agrees():
    crowds = [crowd(16, seed) for seed in range(60)]
    maps = [next(human_maps(one, IMAGES, 4.0)).map.ravel() for one in crowds]
    truth = np.corrcoef(maps)[np.triu_indices(len(maps), 1)].mean()
    tables = [split_half(one, IMAGES, 4.0) for one in crowds]
    assert np.mean([table.reliability[0] for table in tables]) == pytest.approx(truth, abs=0.015)
    assert np.mean([table.half[0] for table in tables]) < truth - 0.03


def test_people_of_one_mind():
    one = crowd(1, 0)
    frame = pd.concat([one.assign(participant=name) for name in "abc"])
    row = split_half(frame, IMAGES, 4.0).iloc[0]
    assert (row.half, row.reliability) == pytest.approx((1, 1))
    assert leave_one_out(frame, IMAGES, 4.0).lowest[0] == pytest.approx(1)


def test_the_reliability_of_people_who_never_meet_is_kept():
    frame = pd.DataFrame({"participant": ["a", "b"], "image": "face", "x": [5.0, 55.0], "y": [5.0, 35.0]})
    row = split_half(frame, IMAGES, 2.0).iloc[0]
    assert row.half < 0
    assert row.reliability == pytest.approx(2 * row.half / (1 + row.half))
    assert row.reliability < 0
    assert row.note == "the halves do not agree"


def test_reliability_is_centred_on_zero_where_nobody_agrees():
    rng = np.random.default_rng(4)
    tables = []
    for _ in range(200):
        x, y = rng.uniform(0, 59, 8), rng.uniform(0, 39, 8)
        frame = pd.DataFrame({"participant": list("abcdefgh"), "image": "face", "x": x, "y": y})
        tables.append(split_half(frame, IMAGES, 3.0, n_splits=20))
    found = np.array([table.half[0] for table in tables])
    assert abs(found.mean()) < 3 * found.std() / np.sqrt(len(found)) + 0.02
    reliable = np.array([table.reliability[0] for table in tables])
    assert (reliable < 0).sum() > 50
    assert np.isfinite(reliable).all()


def test_undefined_is_nan_with_a_reason():
    images = {"face": SHAPE, "dot": (1, 1), "unseen": SHAPE}
    frame = pd.DataFrame({"participant": ["a", "b", "a"], "image": ["dot", "dot", "face"], "x": 0.0, "y": 0.0})
    for table, column in ((split_half(frame, images, 3.0), "half"), (leave_one_out(frame, images, 3.0), "one_vs_rest")):
        assert list(table.image) == list(images)
        assert list(table.n_participants) == [1, 2, 0]
        assert table[column].isna().all()
        few = "fewer than two people attended to it"
        assert list(table.note) == [few, "a map has no variance", few]


def test_same_seed_same_halves():
    frame = crowd(7, 3)
    pd.testing.assert_frame_equal(split_half(frame, IMAGES, 4.0, seed=1), split_half(frame, IMAGES, 4.0, seed=1))
    assert split_half(frame, IMAGES, 4.0, seed=1).half[0] != split_half(frame, IMAGES, 4.0, seed=2).half[0]
