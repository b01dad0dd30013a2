"""The renderer: repeatable, its landmarks in order and in place, its regions complete."""

from __future__ import annotations

import numpy as np
import pytest

from xai_compare.errors import InputError
from xai_compare.faces.detection import Landmarker
from xai_compare.synthetic import ACTION_UNITS, Identity, faces, render
from xai_compare.synthetic.anatomy import rest
from xai_compare.synthetic.paint import Canvas, Profile, monotone, nearest_on
from xai_compare.synthetic.render import changed
from xai_compare.synthetic.sets import units_of

SURPRISE = {1: 0.9, 2: 0.9, 5: 0.9, 26: 0.9}
SEEDS = range(4)


def eyes_apart(landmarks: np.ndarray) -> float:
    return float(np.linalg.norm(landmarks[45] - landmarks[36]))


def test_equal_seeds_give_equal_faces_and_others_do_not() -> None:
    first, again, other = (render(Identity.random(seed), SURPRISE) for seed in (3, 3, 4))
    assert (first.image == again.image).all()
    assert (first.landmarks == again.landmarks).all()
    assert first.image.dtype == np.uint8
    assert changed(first.image, other.image).mean() > 0.2


@pytest.mark.parametrize("size", [(224, 224), (180, 240), (240, 160)], ids=["square", "wide", "tall"])
def test_landmarks_lie_inside_the_picture_in_ibug_order(size: tuple[int, int]) -> None:
    for seed in SEEDS:
        face = render(Identity.random(seed), SURPRISE, size=size, regions=False)
        assert face.image.shape == (*size, 3)
        p = face.landmarks
        assert p.shape == (68, 2)
        assert (p >= 0).all()
        assert (p < (size[1], size[0])).all()
        jaw, brows, bridge, mouth = p[:17], p[17:27], p[27:31], p[48:68]
        assert (np.diff(jaw[2:15, 0]) > 0).all(), "the jaw runs from the picture's left to its right"
        assert (np.diff(jaw[:9, 1]) > 0).all()
        assert (np.diff(jaw[8:, 1]) < 0).all()
        assert jaw[:, 1].argmax() == 8
        assert (np.diff(brows[:, 0]) > 0).all()
        assert (np.diff(bridge[:, 1]) > 0).all()
        assert brows[:, 1].max() < p[36:48, 1].min() < p[30, 1] < mouth[:, 1].min()
        for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46), (61, 67), (62, 66), (63, 65), (51, 57)):
            assert p[upper, 1] < p[lower, 1]


def test_a_face_at_rest_without_asymmetry_is_its_own_mirror() -> None:
    points = rest(Identity.random(5))
    assert points[36] == pytest.approx(points[45] * (-1, 1))
    assert points[48:60].sum(0)[0] == pytest.approx(0)


@pytest.mark.parametrize("unit", ACTION_UNITS)
def test_a_region_holds_every_pixel_its_action_unit_changes(unit: int) -> None:
    identity, others = Identity.random(unit), {4: 0.4, 25: 0.5}
    units = {**others, unit: 0.8}
    face = render(identity, units, size=(160, 160), visible=1)
    without = render(identity, {u: i for u, i in units.items() if u != unit}, size=(160, 160), regions=False)
    assert set(face.regions) == set(units)
    region = face.regions[unit]
    assert region.shape == (160, 160)
    assert region.dtype == bool
    assert (face.image[~region] == without.image[~region]).all()
    assert 0.002 < region.mean() < 0.3, "an action unit changes a part of the face, not the picture"
    assert not region[:10].any(), "no action unit reaches the top of the hair"


def test_visible_regions_are_parts_of_complete_ones() -> None:
    identity = Identity.random(1)
    every, seen = (render(identity, SURPRISE, size=(128, 128), visible=level).regions for level in (1, 3))
    for unit in SURPRISE:
        assert (every[unit] | ~seen[unit]).all()
        assert seen[unit].sum() > 20


@pytest.mark.parametrize(
    ("unit", "landmark", "axis", "sign"),
    [
        (1, 22, 1, -1),
        (2, 25, 1, -1),
        (4, 22, 1, 1),
        (5, 43, 1, -1),
        (7, 46, 1, -1),
        (12, 54, 1, -1),
        (12, 54, 0, 1),
        (15, 54, 1, 1),
        (20, 54, 0, 1),
        (26, 8, 1, 1),
        (26, 66, 1, 1),
        (23, 57, 1, -1),
    ],
)
def test_action_units_move_landmarks_as_muscles_do(unit: int, landmark: int, axis: int, sign: int) -> None:
    identity = Identity.random(2)
    moved = render(identity, {unit: 0.8}, regions=False).landmarks - render(identity, {}, regions=False).landmarks
    assert sign * moved[landmark, axis] > 0.5


def test_zoom_shift_and_roll_move_the_landmarks_alike() -> None:
    identity = Identity.random(2)
    plain = render(identity, {}, regions=False).landmarks
    turned = render(identity, {}, regions=False, zoom=0.8, shift=(0.05, -0.05), roll=10).landmarks
    eyes = turned[45] - turned[36]
    assert np.degrees(np.arctan2(eyes[1], eyes[0])) == pytest.approx(10)
    assert eyes_apart(turned) == pytest.approx(0.8 * eyes_apart(plain))


@pytest.mark.parametrize(
    ("units", "size"), [({99: 0.5}, (64, 64)), ({1: 1.5}, (64, 64)), ({1: float("nan")}, (64, 64)), ({}, (8, 64))]
)
def test_bad_input_is_refused(units: dict[int, float], size: tuple[int, int]) -> None:
    with pytest.raises(InputError):
        render(Identity.random(0), units, size=size)


def test_every_identity_can_be_drawn_with_everything_at_once() -> None:
    for seed in range(12):
        face = render(Identity.random(seed), dict.fromkeys(ACTION_UNITS, 1.0), size=(96, 96), regions=False)
        assert np.isfinite(face.landmarks).all()


def test_distance_to_a_line_is_exact() -> None:
    u, v = np.array([[0.5, 2.0]]), np.array([[1.0, 0.0]])
    distance, along = nearest_on(np.array([[0.0, 0.0], [1.0, 0.0]]), u, v)
    assert distance[0] == pytest.approx([1, 1])
    assert along[0] == pytest.approx([0.5, 1])


def test_monotone_agrees_with_scipy() -> None:
    from scipy.interpolate import PchipInterpolator

    x, y, at = np.array([0.0, 1, 2.5, 3, 5]), np.array([0.0, 2, 2.5, 1, 4]), np.linspace(1, 3, 50)
    assert monotone(x, y, at) == pytest.approx(PchipInterpolator(x, y)(at))
    assert Profile(np.stack([x, y], 1))(np.float32(2.5)) == pytest.approx(2.5, abs=0.02)


def test_face_coordinates_and_pixels_agree() -> None:
    canvas = Canvas(60, 80, (41.0, 22.0), 15.0, roll=0.2)
    pixel = canvas.to_pixels(np.array([[canvas.u[10, 30], canvas.v[10, 30]]]))
    assert pixel[0] == pytest.approx([30, 10], abs=1e-4)


@pytest.mark.slow
def test_dlib_finds_the_faces_and_their_landmarks() -> None:
    landmarker = Landmarker()
    data = faces(("neutral", "anger", "disgust", "fear", "happiness", "sadness", "surprise"), 8, 20, (224, 224))
    errors = []
    for image, exact in zip(data.images, data.landmarks, strict=True):
        found = landmarker.faces(image)
        if found:
            errors.append(np.linalg.norm(found[0].landmarks - exact, axis=1).mean() / eyes_apart(exact))
    assert len(errors) >= 0.98 * len(data)
    assert np.mean(errors) < 0.05


def test_expressions_have_their_emfacs_action_units() -> None:
    assert units_of("fearful") == (1, 2, 4, 5, 7, 20, 26)
    assert units_of("neutral") == ()
    assert {u for name in ("anger", "disgust", "happiness") for u in units_of(name)} <= set(ACTION_UNITS)
