"""Areas of interest: against hand outlines, by hand arithmetic, and their tables."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xai_compare import faces
from xai_compare.errors import InputError
from xai_compare.human.areas import (
    NAMES,
    Areas,
    face_areas,
    from_masks,
    interocular,
    map_shares,
    point_shares,
    transitions,
)
from xai_compare.human.scanpaths import MEASURES, multimatch

LANDMARKS = faces.CANONICAL[:68]
HALVES = Areas(("left", "right"), np.repeat([[0, 0, 1, 1]], 4, axis=0).astype(np.uint8))


def test_every_landmark_of_an_area_lies_in_it():
    areas = face_areas(LANDMARKS, faces.SHAPE)
    for name, numbers in {"left eye": range(36, 42), "right eye": range(42, 48), "mouth": range(48, 68)}.items():
        points = LANDMARKS[list(numbers)]
        assert set(areas.at(points[:, 0], points[:, 1])) == {name}
    assert set(areas.at(np.array([-1.0, 0.0]), np.array([5.0, 274.0]))) == {"off picture", "rest"}
    assert sum(areas.mask(name).sum() for name in NAMES) == np.prod(faces.SHAPE)


@pytest.mark.parametrize("change", ["moved", "enlarged", "turned"])
def test_areas_go_with_the_face(change):
    shape = (700, 700)
    base = LANDMARKS + 120
    areas = face_areas(base, shape)
    size = {name: areas.mask(name).sum() for name in NAMES[:-1]}
    if change == "moved":
        other, factor = face_areas(base + np.array([37, 21]), shape), 1.0
    elif change == "enlarged":
        other, factor = face_areas(LANDMARKS * 1.5 + 120, shape), 2.25
    else:
        turn = np.array([[0.0, -1.0], [1.0, 0.0]])
        other, factor = face_areas((base - 300) @ turn.T + 300, shape), 1.0
    for name, pixels in size.items():
        assert other.mask(name).sum() == pytest.approx(pixels * factor, rel=0.04)


def test_margin_is_in_interocular_distances():
    without, with_ = (face_areas(LANDMARKS, faces.SHAPE, margin) for margin in (0, 0.1))
    rows = [np.flatnonzero(areas.mask("mouth").any(1)) for areas in (without, with_)]
    reach = 0.1 * interocular(LANDMARKS)
    assert rows[0][0] - rows[1][0] == pytest.approx(reach, abs=1)


def test_joined():
    joined = face_areas(LANDMARKS, faces.SHAPE).both_sides()
    assert joined.names == ("eyes", "brows", "nose", "mouth", "cheeks", "forehead", "rest")
    areas = face_areas(LANDMARKS, faces.SHAPE)
    np.testing.assert_array_equal(joined.mask("eyes"), areas.mask("left eye") | areas.mask("right eye"))


def test_masks_of_ones_own():
    first, second = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    first[:, :2], second[:, 1:3] = True, True
    areas = from_masks({"a": first, "b": second})
    assert areas.labels.tolist() == [[0, 0, 1, 2]] * 2
    with pytest.raises(InputError, match="masks of 2 sizes"):
        from_masks({"a": first, "b": second[:1]})


def test_shares_by_hand():
    points = pd.DataFrame(
        {
            "image": ["a", "a", "a", "b", "b"],
            "x": [0, 3, 3, 0, 9],
            "y": 1,
            "duration": [100, 300, 600, 50, 1],
        }
    )
    areas = {"a": HALVES, "b": HALVES, "c": HALVES}
    expressions = {"a": "fear", "b": "anger", "c": "sadness"}
    table = point_shares(points, areas, expressions).set_index(["expression", "area"])
    assert table["share"]["fear", "right"] == pytest.approx(2 / 3)
    assert table["share"]["anger", "left"] == 1  # The other point lies beside the picture.
    assert table["share"]["all", "left"] == pytest.approx(2 / 4)
    assert np.isnan(table["share"]["sadness", "left"])
    assert table["size"].eq(0.5).all()
    timed = point_shares(points, areas, expressions, weights="duration").set_index(["expression", "area"])
    assert timed["share"]["fear", "right"] == pytest.approx(0.9)


def test_shares_of_maps_by_hand():
    flat = np.ones((4, 4))
    left = np.repeat([[3.0, 3.0, -9.0, 2.0]], 4, axis=0)
    table = map_shares({"a": flat, "b": left}, HALVES, {"a": "fear", "b": "fear"}).set_index(["expression", "area"])
    assert table["share"]["fear", "left"] == pytest.approx((0.5 + 0.75) / 2)
    nothing = map_shares({"a": np.full((4, 4), np.nan)}, HALVES, {"a": "fear"})
    assert nothing["share"].isna().all()


def test_transitions_by_hand():
    fixations = pd.DataFrame(
        {
            "participant": ["p"] * 5 + ["q"] * 2,
            "image": "a",
            "order": [1, 2, 3, 4, 6, 1, 2],
            "x": [0, 3, 0, 1, 3, 0, 9],
            "y": 1,
        }
    )
    table = transitions(fixations, {"a": HALVES})
    # Left to right, right to left, left to left; not across the fixation that was removed, nor off the picture.
    assert table.loc["left"].tolist() == [0.5, 0.5]
    assert table.loc["right"].tolist() == [1.0, 0.0]


def test_multimatch():
    path = pd.DataFrame({"order": [1, 2, 3, 4], "x": [10.0, 60, 20, 80], "y": [10.0, 20, 70, 80], "duration": 200.0})
    rng = np.random.default_rng(0)
    other = path.assign(x=rng.uniform(0, 100, 4), y=rng.uniform(0, 100, 4))
    alike = pd.concat([path.assign(participant=p, image="same") for p in "ab"])
    unlike = pd.concat([path.assign(participant="a", image="other"), other.assign(participant="b", image="other")])
    alone = path.assign(participant="a", image="alone")
    shapes = dict.fromkeys(("same", "other", "alone"), (100, 100))
    table = multimatch(pd.concat([alike, unlike, alone]), shapes).set_index("image")
    np.testing.assert_allclose(table.loc["same", list(MEASURES)].astype(float), 1)
    assert table.loc["other", "position"] < 0.95
    assert table.loc["alone", "note"] == "fewer than two people with 3 fixations"


@pytest.mark.slow
def test_against_hand_outlines(shared):
    """Real faces with 189 points placed by hand; see `benchmarks/areas.py`."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    from areas import measure

    overlaps, errors = measure(shared / "london")
    iou = overlaps.groupby("area")["iou"].mean()
    assert iou[["left eye", "right eye", "nose", "mouth", "forehead"]].min() > 0.75
    assert iou[["left brow", "right brow"]].min() > 0.5
    assert errors["percent"].median() < 4.5
