"""What `ekman_masks/` says, and how its notation is read."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from xai_compare import ekman
from xai_compare.ekman.definitions import data_folder, load, parse_point
from xai_compare.errors import InputError

TABLE_2 = {
    "anger": (4, 5, 7, 23),
    "disgust": (9, 15),
    "fear": (1, 2, 4, 5, 7, 20, 26),
    "happiness": (6, 12),
    "sadness": (1, 4, 15),
    "surprise": (1, 2, 5, 26),
}

# dlib's landmarks seen in a mirror, counted from 1.
MIRROR = {i: 18 - i for i in range(1, 18)} | {i: 45 - i for i in range(18, 28)} | {i: i for i in range(28, 32)}
MIRROR |= {i: 68 - i for i in range(32, 37)}
MIRROR |= dict(zip(range(37, 49), (46, 45, 44, 43, 48, 47, 40, 39, 38, 37, 42, 41), strict=True))
MIRROR |= dict(zip(range(49, 61), (55, 54, 53, 52, 51, 50, 49, 60, 59, 58, 57, 56), strict=True))
MIRROR |= dict(zip(range(61, 69), (65, 64, 63, 62, 61, 68, 67, 66), strict=True))
MIRROR |= {i: 154 - i for i in range(69, 86)} | {86: 88, 88: 86, 87: 89, 89: 87}


def test_table_2():
    assert {name: ekman.action_units(name) for name in ekman.EXPRESSIONS} == TABLE_2


def test_every_action_unit_of_table_2_has_a_name_muscles_and_a_region():
    for number in {number for units in TABLE_2.values() for number in units}:
        unit = ekman.ACTION_UNITS[number]
        assert unit.number == number
        assert unit.name
        assert unit.muscles
        assert unit.polygons


@pytest.mark.parametrize("entry", [*ekman.ACTION_UNITS.values()], ids=lambda unit: f"au{unit.number}")
def test_action_units_are_symmetric(entry):
    assert _corners(entry.polygons) == {MIRROR[landmark] for landmark in _corners(entry.polygons)}


@pytest.mark.parametrize("name", ekman.EXPRESSIONS)
def test_expressions_use_mirrored_landmarks(name):
    polygons = load(data_folder())[1][name].polygons
    # The points on the top border lie between other points on the left than on the right.
    used = {landmark for landmark in _corners(polygons) if landmark <= 68}
    assert used == {MIRROR[landmark] for landmark in used}


def _corners(polygons):
    return {index + 1 for polygon in polygons for corner in polygon for index, _ in corner if index < 68}


@pytest.mark.parametrize(
    ("text", "weights"),
    [
        ("37", {36: 1}),
        ("0.5*5 + 0.5*49", {4: 0.5, 48: 0.5}),
        ("37 + 2*(31 - 30)", {36: 1, 30: 2, 29: -2}),
        ("37 - 2*(31 - 30)", {36: 1, 30: -2, 29: 2}),
        ("19+.25*(20-19)", {18: 0.75, 19: 0.25}),
    ],
)
def test_points_are_sums_of_landmarks(text, weights):
    assert dict(parse_point(text)) == pytest.approx(weights)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("0.5*5", "sum to 0.5"),
        ("90", "outside 1..89"),
        ("0", "outside 1..89"),
        ("5 49", "sum of landmarks|outside"),
        ("nose", "sum of landmarks"),
        ("37 + (31)", "sum of landmarks"),
        ("", "sum to 0"),
    ],
)
def test_points_that_cannot_be_read(text, complaint):
    with pytest.raises(InputError, match=complaint):
        parse_point(text)


def test_unknown_points_and_units_are_named(tmp_path: Path):
    for file in data_folder().glob("*.yaml"):
        shutil.copy(file, tmp_path)
    text = (tmp_path / "expressions.yaml").read_text("utf-8")
    (tmp_path / "expressions.yaml").write_text(text.replace("[9, 15]", "[9, 99]"), "utf-8")
    with pytest.raises(InputError, match="disgust: unknown action unit 99"):
        load(tmp_path)
    (tmp_path / "expressions.yaml").write_text(text.replace("temple_left,", "temple_lef,"), "utf-8")
    with pytest.raises(InputError, match="sadness: unknown point 'temple_lef'; did you mean 'temple_left'"):
        load(tmp_path)


def test_definitions_cannot_be_changed_by_accident():
    with pytest.raises(TypeError):
        ekman.ACTION_UNITS[1] = None  # type: ignore[index]
    first = ekman.mask("anger")
    first[:] = False
    assert np.count_nonzero(ekman.mask("anger"))
