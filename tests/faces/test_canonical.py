"""The canonical face is data, and agrees with where it is documented to come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xai_compare.errors import InputError
from xai_compare.faces import CANONICAL, SHAPE, TRIANGLES, complete, predictor_file


def test_the_published_landmarks(shared: Path) -> None:
    rows = np.genfromtxt(shared / "ekman_expressions" / "canonical_landmarks.csv", delimiter=",", names=True)
    published = np.column_stack([rows[name] for name in rows.dtype.names[-2:]])
    np.testing.assert_array_equal(CANONICAL[: len(published)], published)


def test_dlibs_mean_face_of_a_black_picture() -> None:
    import dlib

    predict = dlib.shape_predictor(str(predictor_file()))
    black = np.zeros((*SHAPE, 3), np.uint8)
    points = predict(black, dlib.rectangle(0, 0, 224, 250)).parts()
    np.testing.assert_array_equal(CANONICAL[:68], [(p.x, p.y) for p in points])


def test_89_points() -> None:
    assert CANONICAL.shape == (89, 2)
    assert CANONICAL.dtype == np.float64
    np.testing.assert_array_equal(CANONICAL[68:85, 0], CANONICAL[:17, 0])
    assert (CANONICAL[68:85, 1] == 0).all()
    assert {tuple(p) for p in CANONICAL[85:]} == {(0, 0), (0, 275), (224, 0), (224, 275)}


def test_the_triangles_tile_the_picture() -> None:
    a, b, c = CANONICAL[TRIANGLES].transpose(1, 0, 2)
    (ux, uy), (vx, vy) = (b - a).T, (c - a).T
    assert np.isclose(np.abs(ux * vy - uy * vx).sum() / 2, SHAPE[0] * SHAPE[1])
    assert set(TRIANGLES.ravel()) == set(range(89))


@pytest.mark.parametrize("constant", [CANONICAL, TRIANGLES], ids=["points", "triangles"])
def test_nobody_changes_it_by_accident(constant: np.ndarray) -> None:
    with pytest.raises(ValueError, match="read-only"):
        constant[0] = 0


def test_complete_works_on_batches() -> None:
    faces = np.random.default_rng(0).random((4, 68, 2))
    batch = complete(faces, (10, 20))
    assert batch.shape == (4, 89, 2)
    np.testing.assert_array_equal(batch[2], complete(faces[2], (10, 20)))


@pytest.mark.parametrize("points", [np.zeros((5, 2)), np.full((68, 2), np.nan), np.zeros(68)], ids=["5", "nan", "flat"])
def test_complete_refuses_what_are_no_landmarks(points: np.ndarray) -> None:
    with pytest.raises(InputError, match="landmarks"):
        complete(points, (10, 20))
