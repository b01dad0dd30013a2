"""Masks read from a folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xai_compare import ekman
from xai_compare.errors import InputError


def save(path: Path, values=((0, 255, 127), (128, 0, 1)), mode: str = "L") -> Path:
    Image.fromarray(np.array(values, np.uint8)).convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_above_127_is_inside(tmp_path, mode):
    save(tmp_path / "Anger_gt.png", mode=mode)
    assert ekman.read_masks(tmp_path)["anger"].tolist() == [[False, True, False], [True, False, False]]


def test_bundled_pictures_read_back(tmp_path):
    for name, mask in ekman.masks().items():
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    read = ekman.read_masks(str(tmp_path))
    assert list(read) == list(ekman.EXPRESSIONS)
    assert all(np.array_equal(read[name], ekman.mask(name)) for name in read)


def test_names_whatever_their_case_and_form(tmp_path):
    for name in ("SAD_mask.PNG", "maskHappy.png", "surprise-GT.bmp", "neutral.png", "notes.txt", "overview.png"):
        (tmp_path / name).touch() if name.endswith("txt") else save(tmp_path / name)
    (tmp_path / "anger").mkdir()
    assert list(ekman.read_masks(tmp_path)) == ["happiness", "sadness", "surprise", "neutral"]


def test_a_pattern_chooses(tmp_path):
    save(tmp_path / "anger_gt.png")
    save(tmp_path / "anger_draft.png", [[0]])
    save(tmp_path / "other_gt.png")
    assert list(ekman.read_masks(tmp_path, "{expression}_GT.png")) == ["anger"]


@pytest.mark.parametrize(
    ("files", "pattern", "complaint"),
    [
        ([], None, "no mask of an expression"),
        (["face.png"], None, "no mask of an expression"),
        (["anger.png"], "{expression}_gt.png", "no mask of an expression"),
        (["anger.png"], "*_gt.png", "has no {expression}"),
        (["anger.png", "angry_gt.png"], None, "two masks for anger: anger.png and angry_gt.png"),
        (["anger_fear.png"], None, "the name holds anger and fear"),
    ],
)
def test_folders_that_cannot_be_read(tmp_path, files, pattern, complaint):
    for name in files:
        save(tmp_path / name)
    with pytest.raises(InputError, match=complaint):
        ekman.read_masks(tmp_path, pattern)


def test_sizes_must_agree(tmp_path):
    save(tmp_path / "anger_gt.png")
    save(tmp_path / "fear_gt.png", [[0, 0], [0, 0]])
    with pytest.raises(InputError, match=r"fear_gt.png: 2x2 pixels, but anger_gt.png has 3x2"):
        ekman.read_masks(tmp_path)


def test_unreadable_pictures(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        ekman.read_masks(tmp_path / "absent")
    (tmp_path / "fear.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"fear.png: cannot read this picture"):
        ekman.read_masks(tmp_path)
    whole = save(tmp_path / "fear.png", np.random.default_rng(0).integers(0, 255, (50, 50))).read_bytes()
    (tmp_path / "fear.png").write_bytes(whole[:500])
    with pytest.raises(InputError, match=r"fear.png: cannot read this picture"):
        ekman.read_masks(tmp_path)


def test_sixteen_bits_are_refused(tmp_path):
    Image.fromarray(np.array([[0, 40000]], np.uint16)).save(tmp_path / "fear.png")
    with pytest.raises(InputError, match="not an 8-bit picture"):
        ekman.read_masks(tmp_path)
