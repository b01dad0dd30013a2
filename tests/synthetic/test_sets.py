"""Sets of simulated faces: labels only where they belong, files that say they are simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xai_compare.errors import InputError
from xai_compare.human import read_clicks
from xai_compare.images.manifest import read_manifest
from xai_compare.study import Study
from xai_compare.synthetic import clicks, default_study, faces, known_answer, render, write_dataset
from xai_compare.synthetic.sets import ANTAGONISTS, _people

SMALL = (64, 64)


def test_faces_show_every_expression_of_every_identity() -> None:
    data = faces(("happy", "neutral"), 3, 1, SMALL)
    assert data.labels == ("happiness", "neutral") * 3
    assert len(set(data.subjects)) == 3
    assert data.images.shape == (6, *SMALL, 3)
    assert data.regions.shape == (6, *SMALL)
    assert not data.regions[1].any(), "a neutral face has no region"
    assert set(data.action_units[0]) == {6, 12}


def test_equal_seeds_give_equal_sets() -> None:
    first, again, other = (faces(("anger",), 2, seed, SMALL) for seed in (1, 1, 2))
    assert (first.images == again.images).all()
    assert (first.images != other.images).any()


def test_distractors_do_not_depend_on_the_label() -> None:
    data = known_answer({"happiness": [12], "sadness": [1]}, 70, 3, (32, 32), distraction=0.4)
    happy = np.array(data.labels) == "happiness"
    distractors = sorted({u for units in data.action_units for u in units} - {1, 12})
    assert len(distractors) > 8
    for unit in distractors:
        moves = np.array([unit in units for units in data.action_units])
        # The difference of two shares of 70 has a spread of 0.083.
        assert abs(moves[happy].mean() - moves[~happy].mean()) < 0.28
    assert [tuple(units) for units in data.carriers] == [(12,), (1,)] * 70


def test_no_distractor_fights_a_carrier_or_another() -> None:
    data = known_answer({"happiness": [12], "surprise": [26]}, 40, 4, (32, 32), distraction=0.8)
    for units in data.action_units:
        assert not [pair for pair in ANTAGONISTS if set(pair) <= set(units)]
        assert not set(units) & {15, 27, 17}


def test_the_known_answer_is_all_that_the_carriers_change() -> None:
    data = known_answer({"happiness": [12], "neutral": []}, 2, 5, (96, 96))
    assert data.regions[0].any()
    assert not data.regions[1].any()
    rows = np.flatnonzero(data.regions[0].any(1))
    assert rows.min() > data.landmarks[0, 36:48, 1].min(), "a smile changes nothing above the eyes"
    rest, smile = (render(_people(2, 5)[0], units, size=(96, 96)) for units in ({}, {12: 0.9}))
    assert (rest.image != smile.image).any()


@pytest.mark.parametrize("classes", [{"anger": [4]}, {"anger": [4], "fear": [4]}, {"anger": [4], "fear": [3]}])
def test_classes_that_cannot_be_told_apart_are_refused(classes: dict[str, list[int]]) -> None:
    with pytest.raises(InputError):
        known_answer(classes, 1, 0, SMALL)


def test_simulated_clicks_prefer_what_expresses() -> None:
    data = faces(("surprise",), 2, 6, (128, 128))
    table = clicks(data, ["a.png", "b.png"], n_observers=30, seed=1)
    assert table["simulated"].all()
    assert (table.groupby(["participant", "image"])["order"].min() == 1).all()
    assert table[["x", "y"]].min().min() >= 0
    assert table[["x", "y"]].max().max() <= 127
    x, y = (table.loc[table["image"] == "a.png", c].round().astype(int) for c in "xy")
    assert data.regions[0][y, x].mean() > 3 * data.regions[0].mean()
    assert table.equals(clicks(data, ["a.png", "b.png"], n_observers=30, seed=1))


def test_a_dataset_says_that_it_is_simulated(tmp_path: Path) -> None:
    data = faces(("anger", "happiness"), 2, 1, SMALL)
    folder = write_dataset(tmp_path / "set", data, n_observers=2)
    manifest = read_manifest(folder / "labels.csv")
    assert len(manifest.rows) == 4
    assert not manifest.skipped
    assert set(manifest.rows["dataset"]) == {"simulated"}
    assert all("simulated" in name for name in manifest.rows["image"])
    mask = np.asarray(Image.open(folder / manifest.rows["region"][0]))
    assert ((mask == 255) == data.regions[0]).all()
    points = pd.read_csv(folder / "landmarks.csv")
    assert points[["x", "y"]].to_numpy().reshape(4, 68, 2) == pytest.approx(data.landmarks, abs=1e-3)
    assert points["simulated"].all()
    assert pd.read_csv(folder / "action_units.csv")["simulated"].all()
    assert set(read_clicks(folder / "clicks.csv")["image"]) == set(manifest.rows["image"])


def test_the_default_study_is_valid_and_small(tmp_path: Path) -> None:
    study = Study.load(default_study(tmp_path, n_identities=2))
    assert study.seed == 7
    assert [model.bundled for model in study.models] == ["compact", "residual", "photographic"]
    assert [model.split for model in study.models] == [None, None, "photograph"]
    assert study.human[0].simulated
    assert study.images.manifest is not None
    rows = read_manifest(study.images.manifest, study.images.root).rows
    assert len(rows) == 13
    photograph = rows[rows["dataset"] == "photograph"]
    assert photograph["expression"].tolist() == ["happiness"]
    assert set(rows["split"]) == {"simulated", "photograph"}
    assert photograph["split"].tolist() == ["photograph"]
    assert photograph["region"].tolist() == [""]
