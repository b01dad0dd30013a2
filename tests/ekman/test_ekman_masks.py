"""The masks: against the published ones, and on other faces."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage.draw import polygon2mask

from xai_compare import ekman
from xai_compare.ekman.definitions import data_folder
from xai_compare.ekman.rendering import render
from xai_compare.errors import InputError
from xai_compare.faces import CANONICAL, SHAPE

names = st.sampled_from(ekman.EXPRESSIONS)
units = st.sampled_from(sorted(ekman.ACTION_UNITS))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return (a & b).sum() / (a | b).sum()


@pytest.mark.parametrize("name", ekman.EXPRESSIONS)
def test_masks_agree_with_the_published(shared, name):
    published = ekman.read_masks(shared / "ekman_expressions" / "ground_truth")[name]
    assert iou(ekman.mask(name), published) >= 0.99


def test_recorded_agreement_is_what_is_measured(shared):
    published = ekman.read_masks(shared / "ekman_expressions" / "ground_truth")
    with (data_folder() / "agreement.csv").open(encoding="utf-8") as file:
        rows = {row["expression"]: row for row in csv.DictReader(file)}
    for name, theirs in published.items():
        assert float(rows[name]["iou_mask_published"]) == pytest.approx(iou(ekman.mask(name), theirs), abs=6e-5)
        assert float(rows[name]["iou_union_published"]) == pytest.approx(iou(ekman.union(name), theirs), abs=6e-5)


@pytest.mark.parametrize("name", ekman.EXPRESSIONS)
def test_rendered_pictures_are_the_masks(name):
    picture = Image.open(data_folder() / f"{name}.png")
    assert picture.mode == "L"
    assert np.array_equal(np.asarray(picture), np.where(ekman.mask(name), 255, 0))


def test_masks_have_the_canonical_shape():
    masks = ekman.masks()
    assert tuple(masks) == ekman.EXPRESSIONS
    assert all(mask.shape == SHAPE and mask.dtype == bool and mask.any() for mask in masks.values())


@pytest.mark.parametrize("au", sorted(ekman.ACTION_UNITS), ids=lambda au: f"au{au}")
def test_regions_are_roughly_symmetric(au):
    region = ekman.region(au)
    assert 0.002 < region.mean() < 0.25
    mirrored = region[:, ::-1]
    assert iou(region, mirrored) > 0.6


def test_union_is_the_union_of_regions():
    assert np.array_equal(ekman.union("happy"), ekman.region(6) | ekman.region(12))


def test_aliases():
    assert np.array_equal(ekman.mask("Angry"), ekman.mask("anger"))


def test_outline_belongs_and_matches_plain_filling_inside():
    square = (((0, 1.0),), ((1, 1.0),), ((2, 1.0),), ((3, 1.0),))
    points = np.array([(2, 1), (6, 1), (6, 4), (2, 4)], float)
    drawn = render([square], points, (7, 9))
    expected = np.zeros((7, 9), bool)
    expected[1:5, 2:7] = True
    assert np.array_equal(drawn, expected)
    moved = render([square], points + 0.4, (7, 9))
    assert np.array_equal(moved, expected)


@settings(max_examples=25, deadline=None)
@given(corners=st.lists(st.tuples(st.floats(-10, 40), st.floats(-10, 30)), min_size=3, max_size=7))
def test_rendering_adds_at_most_the_outline(corners):
    """The slow rule, edge points sampled densely, bounds the fast one from both sides."""
    points, shape = np.array(corners, float), (17, 29)
    drawn = render([tuple(((i, 1.0),) for i in range(len(points)))], points, shape)
    inside = polygon2mask(shape, points[:, ::-1])
    t = np.linspace(0, 1, 400)[:, None]
    edges = [a + t * (b - a) for a, b in zip(points, np.roll(points, -1, axis=0), strict=True)]
    y, x = np.mgrid[: shape[0], : shape[1]]
    pixels = np.stack([x, y], axis=-1)[:, :, None]
    distance = np.min([np.abs(pixels - edge).max(axis=-1).min(axis=-1) for edge in edges], axis=0)
    assert not (inside & ~drawn).any()
    assert not (drawn & ~inside & (distance > 0.6)).any()
    assert drawn[distance < 0.2].all()


@settings(max_examples=25, deadline=None)
@given(name=names, dx=st.integers(-60, 60), dy=st.integers(-60, 60))
def test_moving_the_face_moves_the_mask(name, dx, dy):
    moved = ekman.mask(name, CANONICAL + np.array([dx + 60, dy + 60]), (400, 350))
    still = ekman.mask(name, CANONICAL + 60, (400, 350))
    expected = np.zeros_like(still)
    expected[60 + dy : 60 + dy + 276, 60 + dx : 60 + dx + 225] = still[60:336, 60:285]
    assert np.array_equal(moved, expected)


@settings(max_examples=25, deadline=None)
@given(au=units, sx=st.floats(0.6, 3), sy=st.floats(0.6, 3))
def test_scaling_the_face_scales_the_region(au, sx, sy):
    shape = (int(275 * sy) + 1, int(224 * sx) + 1)
    scaled = ekman.region(au, CANONICAL * (sx, sy), shape)
    assert scaled.shape == shape
    still = ekman.region(au)
    # The outline adds about half a pixel on each side at either scale.
    y, x = np.nonzero(still)
    rows, columns = np.nonzero(scaled)
    assert columns.min() == pytest.approx(x.min() * sx, abs=2 + sx)
    assert columns.max() == pytest.approx(x.max() * sx, abs=2 + sx)
    assert rows.min() == pytest.approx(y.min() * sy, abs=2 + sy)
    assert rows.max() == pytest.approx(y.max() * sy, abs=2 + sy)
    assert scaled.sum() == pytest.approx(still.sum() * sx * sy, rel=0.2)


@settings(max_examples=25, deadline=None)
@given(name=names, height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 2**32 - 1))
def test_any_face_gives_a_mask_of_the_asked_shape(name, height, width, seed):
    landmarks = np.random.default_rng(seed).uniform(-200, 200, (68, 2))
    mask = ekman.mask(name, landmarks, (height, width))
    assert mask.shape == (height, width)
    assert mask.dtype == bool


def test_68_landmarks_are_completed():
    assert np.array_equal(ekman.mask("sadness", CANONICAL[:68], SHAPE), ekman.mask("sadness"))


def test_89_landmarks_tell_the_shape():
    assert np.array_equal(ekman.mask("fear", CANONICAL), ekman.mask("fear"))


def test_a_shape_alone_cuts_the_canonical_face():
    assert np.array_equal(ekman.mask("fear", shape=(100, 150)), ekman.mask("fear")[:100, :150])


@pytest.mark.parametrize("name", ["neutral", "contempt", "calm"])
def test_expressions_without_mask(name):
    with pytest.raises(InputError, match=r"no Ekman mask .* anger, disgust, fear, happiness, sadness, surprise"):
        ekman.mask(name)
    with pytest.raises(InputError, match="no Ekman mask"):
        ekman.action_units(name)


def test_unknown_names():
    with pytest.raises(InputError, match="unknown expression 'angger'; did you mean 'anger'"):
        ekman.mask("angger")
    with pytest.raises(InputError, match="no region for action unit 3; regions exist for 1, 2, 4"):
        ekman.region(3)


@pytest.mark.parametrize(
    ("landmarks", "shape", "complaint"),
    [
        (CANONICAL[:67], SHAPE, r"not \(67, 2\)"),
        (CANONICAL[:, :1], SHAPE, r"not \(89, 1\)"),
        (np.full((68, 2), np.nan), SHAPE, "finite"),
        (CANONICAL[:68], None, "give shape="),
        (None, (0, 5), "positive"),
        (None, (5.5, 5), "positive"),
        (CANONICAL * -1, None, "positive"),
    ],
    ids=["67 points", "one column", "nan", "no size", "no height", "half a pixel", "turned corner"],
)
def test_bad_landmarks_and_shapes(landmarks, shape, complaint):
    with pytest.raises(InputError, match=complaint):
        ekman.mask("anger", landmarks, shape)
