"""The mean face: of all usable pictures where they are few, else of a sample that is spread over all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from xai_compare.analysis.heatmaps import FACES_IN_MEAN, mean_face
from xai_compare.faces import CANONICAL, SHAPE
from xai_compare.runs.face_cache import FaceCache


class Shades:
    """FaceCache of one shade each, the standard face in its own place; every third cannot be used."""

    def __init__(self) -> None:
        self.cut: list[int] = []

    def sha256(self, image: str) -> str:
        return "known"

    def reason(self, image: str) -> str:
        return "no face found" if int(image) % 3 == 2 else ""

    def crop(self, image: str) -> Any:
        self.cut.append(int(image))
        shade = np.full((*SHAPE, 3), int(image) % 200, np.uint8)
        return SimpleNamespace(image=shade, landmarks=CANONICAL[:68])


@pytest.mark.parametrize("count", [1, 7, 3 * FACES_IN_MEAN])
def test_the_mean_face_is_of_pictures_spread_over_all(count: int) -> None:
    pictures = Shades()
    face = mean_face(cast(FaceCache, pictures), [str(k) for k in range(count)])
    usable = [k for k in range(count) if k % 3 != 2]
    assert len(pictures.cut) == min(len(usable), FACES_IN_MEAN)
    assert {usable[0], usable[-1]} <= set(pictures.cut)
    assert np.diff(pictures.cut).max(initial=0) <= 8
    inside = face[SHAPE[0] // 2, SHAPE[1] // 2]
    np.testing.assert_allclose(inside, np.mean([k % 200 for k in pictures.cut]), atol=1)


def test_without_a_usable_picture_there_is_no_face() -> None:
    assert not mean_face(cast(FaceCache, Shades()), ["2", "5"]).any()
