"""Finding faces: one, none, several, small; and the landmark model, found without importing its package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from skimage import data

from xai_compare.errors import InputError
from xai_compare.faces import Face, Landmarker, detect, predictor_file
from xai_compare.synthetic import Identity, render


@pytest.fixture(scope="module")
def portrait() -> np.ndarray:
    return render(Identity.random(1), {12: 0.8}, size=(160, 160), regions=False).image


def test_the_astronaut() -> None:
    (face,) = detect(data.astronaut())
    left, top, right, bottom = face.box
    assert 140 < left < right < 310
    assert 20 < top < bottom < 220
    assert face.landmarks.shape == (68, 2)
    assert face.landmarks.dtype == np.float64
    eyes = face.landmarks[36:48].mean(0)
    assert np.linalg.norm(eyes - (222, 105)) < 20


@pytest.mark.parametrize("level", [0, 127, 255])
def test_nobody_in_a_blank_picture(level: int) -> None:
    assert detect(np.full((150, 150, 3), level, np.uint8)) == []


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 200, 3), (7, 5, 3)], ids=str)
def test_nobody_in_a_tiny_picture(shape: tuple[int, ...]) -> None:
    assert detect(np.zeros(shape, np.uint8)) == []


def test_landmarks_are_those_of_the_simulated_face() -> None:
    truth = render(Identity.random(1), {}, size=(200, 200), regions=False)
    (face,) = detect(truth.image)
    between_eyes = np.linalg.norm(truth.landmarks[36:42].mean(0) - truth.landmarks[42:48].mean(0))
    assert np.linalg.norm(face.landmarks - truth.landmarks, axis=1).mean() < 0.1 * between_eyes


def test_the_largest_comes_first(portrait: np.ndarray) -> None:
    small = render(Identity.random(2), {}, size=(110, 110), regions=False).image
    scene = np.full((160, 300, 3), 128, np.uint8)
    scene[20:130, :110] = small
    scene[:, 130:290] = portrait
    faces = detect(scene)
    assert len(faces) == 2
    assert faces[0].area > faces[1].area
    assert faces[0].box[0] > 130


def test_a_small_face_is_found_at_twice_the_size() -> None:
    small = render(Identity.random(1), {}, size=(64, 64), regions=False).image
    assert len(detect(small)) == 1


def test_area_counts_the_last_row_and_column() -> None:
    assert Face((2, 3, 4, 6), np.zeros((68, 2))).area == 12


def test_a_view_with_strides_is_as_good_as_a_copy(portrait: np.ndarray) -> None:
    doubled = np.repeat(np.repeat(portrait, 2, 0), 2, 1)
    assert detect(doubled[::2, ::2])[0].box == detect(portrait)[0].box


@pytest.mark.parametrize(
    "image",
    [np.zeros((9, 9)), np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9), np.uint8), "face.png"],
    ids=["grey", "float", "rgba", "grey uint8", "a path"],
)
def test_other_arrays_are_refused(image: object) -> None:
    with pytest.raises(InputError, match="uint8"):
        detect(image)  # type: ignore[arg-type]


def test_the_predictor_is_found_without_importing_its_package() -> None:
    code = (
        "import sys; from xai_compare.faces import predictor_file; assert predictor_file().is_file();"
        "assert 'face_recognition_models' not in sys.modules; assert 'pkg_resources' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_a_package_whose_import_fails_is_still_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "face_recognition_models"
    (package / "models").mkdir(parents=True)
    (package / "__init__.py").write_text("import no_such_module_at_all\n")
    file = package / "models" / "shape_predictor_68_face_landmarks.dat"
    file.write_bytes(b"x")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert predictor_file() == file


def test_without_the_package_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install face_recognition_models"):
        predictor_file()


def test_a_named_predictor(tmp_path: Path) -> None:
    real = predictor_file()
    assert predictor_file(real) == real
    with pytest.raises(InputError, match="no such landmark model"):
        predictor_file(tmp_path / "none.dat")


@pytest.mark.parametrize("content", [b"", b"not a predictor", b"\x00" * 4096], ids=["empty", "text", "zeros"])
def test_a_file_that_is_no_predictor(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "other.dat"
    file.write_bytes(content)
    with pytest.raises(InputError, match="not a dlib shape predictor"):
        Landmarker(file)
