"""Alignment and crop: every pixel where arithmetic says it must be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xai_compare.faces import CANONICAL
from xai_compare.images import Crop, align
from xai_compare.images.crop import MAX_SIDE

FACE = CANONICAL[:68] - CANONICAL[:68].min(0)
LEFT, RIGHT = slice(42, 48), slice(36, 42)


def face(centre: tuple[float, float], extent: float, angle: float = 0.0) -> np.ndarray:
    """Landmarks whose upright box is centred at ``centre`` and spans ``extent``; turned by ``angle`` degrees."""
    upright = level(FACE)
    upright = (upright - (upright.min(0) + upright.max(0)) / 2) * extent / np.ptp(upright, 0).max()
    turn = np.deg2rad(angle)
    return upright @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]) + centre


def level(points: np.ndarray) -> np.ndarray:
    dx, dy = points[LEFT].mean(0) - points[RIGHT].mean(0)
    angle = np.arctan2(dy, dx)
    return points @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def ramp(height: int, width: int, x: float = 1.0, y: float = 0.0, start: float = 0.0) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (start + x * columns + y * rows).astype(np.uint8)[..., None].repeat(3, 2)


@settings(max_examples=40, deadline=None)
@given(
    angle=st.floats(-170, 170),
    extent=st.floats(5, 900),
    x=st.floats(-50, 150),
    y=st.floats(-50, 150),
    margin=st.floats(0.5, 3),
)
def test_the_eye_line_is_level_and_the_face_is_in_the_middle(
    angle: float, extent: float, x: float, y: float, margin: float
) -> None:
    crop = align(ramp(60, 80), face((x, y), extent, angle), margin)
    side = crop.image.shape[0]
    assert crop.image.shape == (side, side, 3)
    assert abs(side - max(min(margin * extent, MAX_SIDE), 1)) <= 0.5 + 1e-6
    right, left = crop.landmarks[RIGHT].mean(0), crop.landmarks[LEFT].mean(0)
    assert abs(right[1] - left[1]) < 1e-6 * side
    assert left[0] > right[0]
    low, high = crop.landmarks.min(0), crop.landmarks.max(0)
    np.testing.assert_allclose((low + high) / 2, (side - 1) / 2, atol=1e-6 * side)
    np.testing.assert_allclose((high - low).max(), side / margin, rtol=1e-6, atol=1e-6 * side)


@settings(max_examples=20, deadline=None)
@given(angle=st.floats(-60, 60), extent=st.floats(20, 200))
def test_points_of_the_picture_go_where_the_landmarks_go(angle: float, extent: float) -> None:
    points = face((70, 60), extent, angle)
    crop = align(ramp(100, 120), points)
    np.testing.assert_allclose(crop.points(points), crop.landmarks, atol=1e-9)
    distances = np.linalg.norm(crop.points(points[:5]) - crop.points(points[5:10]), axis=1)
    scale = crop.image.shape[0] / max(1.3 * extent, 1)
    np.testing.assert_allclose(distances, scale * np.linalg.norm(points[:5] - points[5:10], axis=1), rtol=1e-6)


def upright_crop(image: np.ndarray) -> Crop:
    """31 pixels a side around pixel (20, 18): no turn, no scale, pixels on pixels."""
    return align(image, face((20, 18), 31, 0), 1.0)


def test_an_upright_crop_at_scale_one_copies_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 45, 3), dtype=np.uint8)
    crop = upright_crop(image)
    np.testing.assert_allclose(crop.matrix, [[1, 0, -5], [0, 1, -3]], atol=1e-9)
    np.testing.assert_array_equal(crop.image, image[3:34, 5:36])


def test_what_comes_out_may_be_written_into() -> None:
    crop = upright_crop(ramp(50, 45))
    for array in (crop.image, crop.resized((9, 9))[0], crop.cut(np.ones((50, 45)))):
        assert array.flags.writeable


def test_beyond_the_border_the_border_goes_on() -> None:
    image = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    crop = align(image, face((5, 6), 31), 1.0)
    left, top = 10, 9
    expected = np.pad(image, ((top, 31 - 12 - top), (left, 31 - 10 - left), (0, 0)), mode="edge")
    np.testing.assert_array_equal(crop.image, expected)


@pytest.mark.parametrize(
    ("centre", "expected"), [((500, 6), 9), ((-500, 6), 0), ((5, 900), None)], ids=["right", "left", "below"]
)
def test_a_face_wholly_outside_sees_the_border(centre: tuple[float, float], expected: int | None) -> None:
    crop = align(ramp(12, 10), face(centre, 20))
    if expected is None:
        assert (crop.image[..., 0].std(0) == 0).all()
    else:
        assert (crop.image == expected).all()


@pytest.mark.parametrize("angle", [0.0, 7.5, -20.0, 45.0, 90.0, 180.0])
@pytest.mark.parametrize("extent", [30.0, 47.3, 100.0])
def test_a_ramp_stays_the_ramp_it_is(angle: float, extent: float) -> None:
    rows, columns = np.mgrid[:200, :240]
    values = 0.5 * columns + 0.25 * rows
    crop = align(values.astype(np.uint8)[..., None].repeat(3, 2), face((120, 100), extent, angle), 1.0)
    back = np.linalg.inv(np.vstack([crop.matrix, [0, 0, 1]]))
    rows, columns = np.mgrid[: crop.image.shape[0], : crop.image.shape[1]]
    x, y = (back @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)]))[:2]
    expected = (0.5 * x + 0.25 * y).reshape(rows.shape)
    np.testing.assert_allclose(crop.cut(values), expected, atol=0.01)
    # Whole levels were cut off when the ramp was made, and once more by the resampling.
    assert (crop.image[..., 0] - expected).min() > -2
    assert (crop.image[..., 0] - expected).max() < 0.5


def test_a_large_face_is_scaled_down_to_the_limit_and_antialiased() -> None:
    image = np.zeros((1500, 1500, 3), np.uint8)
    image[:, ::2] = 200
    crop = align(image, face((750, 750), 1200), 1.0)
    assert crop.image.shape == (MAX_SIDE, MAX_SIDE, 3)
    assert np.abs(crop.image.astype(int) - 100).max() <= 25


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1)], ids=str)
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    crop = align(np.full((*shape, 3), 77, np.uint8), face((0, 0), 20, 10))
    assert (crop.image == 77).all()


def test_landmarks_at_one_point() -> None:
    crop = align(ramp(20, 20), np.full((68, 2), 9.0))
    assert crop.image.shape == (1, 1, 3)
    assert crop.image[0, 0, 0] == 9


@pytest.mark.parametrize("angle", [0.0, 12.0, -33.0])
def test_a_map_is_cut_as_the_picture_was(angle: float) -> None:
    rows, columns = np.mgrid[:120, :140]
    bump = 250 * np.exp(-((columns - 75) ** 2 + (rows - 62) ** 2) / 300)
    crop = align(np.rint(bump).astype(np.uint8)[..., None].repeat(3, 2), face((70, 60), 40, angle))
    cut = crop.cut(bump)
    assert cut.dtype == np.float32
    assert cut.shape == crop.image.shape[:2]
    assert np.abs(cut - crop.image[..., 0]).max() < 2
    peak = np.unravel_index(cut.argmax(), cut.shape)[::-1]
    assert np.linalg.norm(crop.points(np.array([[75.0, 62.0]]))[0] - peak) < 1.0


def test_a_map_is_nothing_beyond_the_picture() -> None:
    crop = align(ramp(12, 10), face((5, 6), 31), 1.0)
    cut = crop.cut(np.ones((12, 10)))
    assert cut.sum() == 120
    assert cut[9:21, 10:20].min() == 1


def test_a_map_may_hold_nan_and_negative_values() -> None:
    crop = upright_crop(ramp(50, 45))
    assert np.isnan(crop.cut(np.full((50, 45), np.nan))).all()
    np.testing.assert_array_equal(crop.cut(np.full((50, 45), -3.5)), -3.5)


@pytest.mark.parametrize("size", [(31, 31), (62, 62), (20, 45), (7, 7)], ids=str)
def test_resized_takes_the_landmarks_along(size: tuple[int, int]) -> None:
    crop = upright_crop(ramp(50, 45, x=5))
    picture, landmarks = crop.resized(size)
    assert picture.shape == (*size, 3)
    assert picture.dtype == np.uint8
    share = (landmarks + 0.5) / (size[1], size[0])
    np.testing.assert_allclose(share, (crop.landmarks + 0.5) / 31, atol=1e-12)
    middle = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    inner = np.abs(landmarks - middle).max(1) < 0.35 * min(size)
    x, y = np.rint(landmarks[inner]).astype(int).T
    where = (landmarks[inner, 0] + 0.5) / size[1] * 31 - 0.5 + 5
    assert np.abs(picture[y, x, 0] - 5 * where).max() <= 5 * 31 / size[1] / 2 + 2
