"""The warp onto the canonical face: against scikit-image, and on faces no anatomist has seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from skimage.transform import PiecewiseAffineTransform, warp

from xai_compare.errors import InputError
from xai_compare.faces import CANONICAL, SHAPE, TRIANGLES, complete, standardize, to_standard
from xai_compare.faces.warp import origins, weights

FACE = CANONICAL[:68]


def placed(shape: tuple[int, int], seed: int = 0, jitter: float = 0.01) -> np.ndarray:
    """A plausible face in a picture of ``shape``: the canonical one, stretched and shaken, (68, 2)."""
    height, width = shape
    points = FACE / (SHAPE[1], SHAPE[0]) * (0.8 * width, 0.75 * height) + (0.1 * width, 0.2 * height)
    return points + np.random.default_rng(seed).normal(0, jitter * min(shape), points.shape)


def picture(shape: tuple[int, ...], seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random(shape)


@pytest.mark.filterwarnings("ignore:.estimate. is deprecated:FutureWarning")
@pytest.mark.parametrize("shape", [(90, 150), (200, 61), (64, 64)], ids=str)
def test_agrees_with_scikit_image(shape: tuple[int, int]) -> None:
    one, points = picture(shape), placed(shape, seed=3)
    theirs = PiecewiseAffineTransform()
    theirs.estimate(CANONICAL, complete(points, shape))
    expected = warp(one, theirs, output_shape=SHAPE, mode="edge", order=1)
    assert np.abs(standardize(one, points) - expected).max() < 1e-6


def test_the_canonical_face_is_left_alone() -> None:
    one = picture(SHAPE)
    assert np.abs(standardize(one, FACE) - one).max() < 1e-6
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    np.testing.assert_allclose(origins(FACE, SHAPE), np.stack([x, y], -1), atol=1e-9)


def test_every_pixel_has_three_weights_that_add_up_to_one() -> None:
    table = weights().toarray()
    np.testing.assert_allclose(table.sum(1), 1, atol=1e-12)
    assert table.min() > -1e-9
    assert (table != 0).sum(1).max() <= 3


def test_a_landmark_comes_from_where_the_landmark_lies() -> None:
    shape = (120, 170)
    points = placed(shape)
    y, x = np.round(FACE[30]).astype(int)[::-1]
    assert np.linalg.norm(origins(points, shape)[y, x] - points[30]) < 2


def odd_faces() -> dict[str, np.ndarray]:
    shape, rng = (80, 100), np.random.default_rng(0)
    fine = placed(shape)
    folded = fine.copy()
    folded[[36, 45]] = folded[[45, 36]]
    return {
        "all one point": np.tile(fine[:1], (68, 1)),
        "eyes repeated": np.where(np.isin(np.arange(68), range(36, 48))[:, None], fine[36], fine),
        "folded": folded,
        "mirrored": fine * (-1, 1) + (99, 0),
        "shuffled": rng.permutation(fine),
        "on a line": np.column_stack([np.linspace(0, 99, 68), np.full(68, 40.0)]),
        "partly outside": fine + np.array([60, -30]),
        "wholly outside": fine + 1000,
        "far outside": fine * 1e6,
    }


@pytest.mark.parametrize("kind", odd_faces())
def test_odd_landmarks_give_finite_maps(kind: str) -> None:
    one = picture((80, 100))
    out = standardize(one, odd_faces()[kind])
    assert out.shape == SHAPE
    assert np.isfinite(out).all()
    assert one.min() - 1e-6 <= out.min()
    assert out.max() <= one.max() + 1e-6


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (9, 1), (2, 2), (3, 500)], ids=str)
def test_tiny_pictures(shape: tuple[int, int]) -> None:
    one = picture(shape)
    out = standardize(one, placed((max(shape), max(shape))))
    assert np.isfinite(out).all()
    assert one.min() - 1e-6 <= out.min()
    assert out.max() <= one.max() + 1e-6


def test_beyond_the_border_the_border_goes_on() -> None:
    one = np.zeros((50, 60))
    one[:, -1] = 5
    assert (standardize(one, placed((50, 60)) + np.array([1000, 0]))[100:175, 60:160] == 5).all()


def test_nan_stays_nan_and_stays_where_it_is() -> None:
    assert np.isnan(standardize(np.full((40, 50), np.nan), placed((40, 50)))).all()
    one = np.zeros((100, 100))
    one[:5] = np.nan
    out = standardize(one, placed((100, 100)))
    assert np.isnan(out[0]).all()
    assert np.isfinite(out[150:]).all()


def test_channels_are_warped_alone_and_alike() -> None:
    maps, points = picture((2, 40, 70, 3)), np.stack([placed((40, 70), seed=s) for s in (1, 2)])
    together = standardize(maps, points)
    assert together.shape == (2, *SHAPE, 3)
    for channel in range(3):
        np.testing.assert_array_equal(together[..., channel], standardize(maps[..., channel], points))


def test_one_map_equals_a_batch_of_one() -> None:
    one, points = picture((40, 70)), placed((40, 70))
    batch = standardize(np.stack([one, one[::-1]]), np.stack([points, points]))
    np.testing.assert_array_equal(standardize(one, points), batch[0])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float16, np.float32, np.float64])
def test_any_real_dtype_becomes_float32(dtype: type) -> None:
    one = (picture((30, 30)) * 2).astype(dtype)
    out = standardize(one, placed((30, 30)))
    assert out.dtype == np.float32
    # float32 is sampled in float32, which places a pixel to within 0.00002 pixels of these pictures.
    atol = 2e-5 if dtype is np.float32 else 1e-6
    np.testing.assert_allclose(out, standardize(one.astype(np.float64), placed((30, 30))), atol=atol)


def test_no_map_gives_no_map() -> None:
    assert standardize(np.zeros((0, 20, 30)), np.zeros((0, 68, 2))).shape == (0, *SHAPE)


@settings(max_examples=15, deadline=None)
@given(value=st.floats(-1e3, 1e3, width=32), height=st.integers(1, 60), width=st.integers(1, 60))
def test_constants_stay_constant(value: float, height: int, width: int) -> None:
    out = standardize(np.full((height, width), value), placed((height, width)))
    np.testing.assert_allclose(out, np.float32(value), rtol=1e-6)


@settings(max_examples=15, deadline=None)
@given(
    pair=arrays(np.float64, (2, 17, 23), elements=st.floats(-10, 10)),
    a=st.floats(-3, 3),
    b=st.floats(-3, 3),
    seed=st.integers(0, 99),
)
def test_linear(pair: np.ndarray, a: float, b: float, seed: int) -> None:
    points = placed((17, 23), seed, jitter=0.05)
    first, second = standardize(pair, np.stack([points, points]))
    np.testing.assert_allclose(standardize(a * pair[0] + b * pair[1], points), a * first + b * second, atol=1e-4)


def inside() -> np.ndarray:
    """The canonical pixels of the face itself, whose triangles do not touch the picture's border."""
    inner = [triangle for triangle in TRIANGLES if triangle.max() < 68]
    used = np.zeros(SHAPE, bool)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    pixels = np.stack([x, y], -1).reshape(-1, 2).astype(float)
    for triangle in inner:
        a, b, c = CANONICAL[triangle]
        uv = np.linalg.solve(np.stack([b - a, c - a], 1), (pixels - a).T)
        used |= ((uv.min(0) > 0.01) & (uv.sum(0) < 0.99)).reshape(SHAPE)
    return used


def smooth(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.sin(x / 17) + np.cos(y / 23)


def test_moving_and_scaling_picture_and_landmarks_together_changes_nothing() -> None:
    y, x = np.mgrid[:200, :150].astype(float)
    points = placed((200, 150))
    plain = standardize(smooth(x, y), points)
    y, x = np.mgrid[:500, :420].astype(float)
    shift = np.array([40.0, 25.0])
    moved = standardize(smooth((x - shift[0]) / 2, (y - shift[1]) / 2), points * 2 + shift)
    where = inside()
    assert where.mean() > 0.3
    assert np.abs(plain - moved)[where].max() < 2e-3


@pytest.mark.parametrize(
    ("maps", "landmarks"),
    [
        (np.zeros((2, 9, 9)), np.zeros((3, 68, 2))),
        (np.zeros((9, 9)), np.zeros((1, 68, 2))),
        (np.zeros((1, 9, 9)), np.zeros((1, 67, 2))),
        (np.zeros((1, 9, 9)), np.zeros((1, 68, 3))),
        (np.zeros((1, 9, 9)), np.full((1, 68, 2), np.nan)),
        (np.zeros((1, 9, 9)), np.full((1, 68, 2), np.inf)),
        (np.zeros(9), np.zeros((68, 2))),
        (np.zeros((1, 1, 9, 9, 3)), np.zeros((1, 68, 2))),
    ],
    ids=["counts", "dimensions", "67 points", "3 coordinates", "nan", "inf", "a row", "5 axes"],
)
def test_what_does_not_go_together_is_refused(maps: np.ndarray, landmarks: np.ndarray) -> None:
    with pytest.raises(InputError) as error:
        standardize(maps, landmarks)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("shape", [(90, 150), (200, 61), (512, 512)], ids=str)
def test_points_go_where_the_map_goes(shape: tuple[int, int]) -> None:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for jitter, unfolded in ((0.0, 1.0), (0.002, 0.99)):
        points = placed(shape, seed=4, jitter=jitter)
        there = to_standard(origins(points, shape).reshape(-1, 2), points, shape).reshape(*SHAPE, 2)
        off = np.abs(there - np.stack([x, y], -1)).max(-1)
        # Shaken landmarks fold a few slivers of the face over others, and there a point has two places, side by side.
        assert (off < 1e-6).mean() >= unfolded
        assert off.max() < 2


def test_a_bright_spot_and_its_point_meet_on_the_standard_face() -> None:
    shape, spot = (300, 260), (140, 171)
    points = placed(shape, seed=5)
    y, x = np.mgrid[: shape[0], : shape[1]]
    blob = np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / 18)
    row, column = np.unravel_index(standardize(blob, points).argmax(), SHAPE)
    assert np.abs(to_standard(np.array([spot]), points, shape)[0] - (column, row)).max() < 1


def test_points_outside_the_picture_have_no_place() -> None:
    points = placed((90, 80))
    there = to_standard(np.array([[-5.0, 10], [200, 10], [40, 40], [np.nan, 3]]), points, (90, 80))
    assert np.isnan(there).any(1).tolist() == [True, True, False, True]
    flat = np.tile(points[:1], (68, 1))
    assert to_standard(np.array([[40.0, 40.0]]), flat, (90, 80)).shape == (1, 2)
    assert to_standard(np.empty((0, 2)), points, (90, 80)).shape == (0, 2)
    with pytest.raises(InputError, match="points are"):
        to_standard(np.zeros(2), points, (90, 80))
