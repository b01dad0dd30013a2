"""The multiverse of a run: each cell recomputed from the maps, and its section of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from toy_study import NETWORK, asked, maps_of, write_pictures

import xai_compare as xc
from xai_compare import ekman, synthetic
from xai_compare.analysis.inputs.observer_maps import GRID
from xai_compare.analysis.multiverse import COLUMNS, TABLE_OF_FACTORS
from xai_compare.comparison import iou, otsu_masks
from xai_compare.comparison.statistics.multiverse import cut_masks, multiverse_factors
from xai_compare.errors import InputError
from xai_compare.heatmaps import scale
from xai_compare.report.data import from_run
from xai_compare.report.section import render_sections


@pytest.fixture(scope="module")
def spread(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """Two networks, two explainers and people, under all choices."""
    place = tmp_path_factory.mktemp("multiverse")
    folder = write_pictures(drawn, place / "faces")
    images = pd.read_csv(folder / "labels.csv")["image"]
    draws = np.random.default_rng(0)
    clicks = pd.DataFrame({"participant": np.tile(list("pqrst"), 45), "image": np.repeat(images, 25)})
    clicks = clicks.assign(x=draws.normal(55, 12, 225).clip(5, 95), y=draws.normal(60, 12, 225).clip(5, 100))
    clicks.to_csv(place / "clicks.csv", index=False)
    human = [{"name": "c", "file": str(place / "clicks.csv"), "format": "clicks", "pixels_per_degree": 6}]
    other = {**NETWORK, "name": "other", "options": {"seed": 8}}
    study = asked(
        folder, models=[NETWORK, other], explainers=["cam", "grad_cam"], human=human, multiverse={"sigmas": [1, 2]}
    )
    return xc.run(study, place / "run", report=False)


def test_every_universe_has_every_network(spread: xc.Run) -> None:
    table = spread.table("multiverse")
    assert tuple(table.columns) == COLUMNS
    assert table.groupby("metric").size().to_dict() == {"iou": 2 * 2 * 3 * 3, "dice": 2 * 2 * 3 * 3 * 2}
    assert np.isfinite(table["value"]).all()
    assert (table["expressions"] == 3).all()
    factors = spread.table("multiverse_factors")
    assert tuple(factors.columns) == TABLE_OF_FACTORS
    assert factors["factor"].tolist() == ["explainer", "scaling", "cut", "explainer", "scaling", "cut", "sigma"]
    assert (factors["compared"] == "networks").all()
    masks = table[table["metric"] == "iou"]
    expected = multiverse_factors(masks, ["explainer", "scaling", "cut"], "model")
    pd.testing.assert_frame_equal(factors.iloc[:3][list(expected)].reset_index(drop=True), expected)
    own = masks[(masks["scaling"] == "min_max") & (masks["cut"] == "otsu")]
    assert (own["tau"] == 1).all()


@pytest.mark.parametrize("scaling", ["min_max", "positive_part"])
def test_a_cell_is_what_its_maps_say(spread: xc.Run, scaling: str) -> None:
    facts = pd.read_parquet(spread.dir / "tables" / "maps.parquet")
    facts = facts[facts["source"] == "toy/cam"].set_index("image")
    maps = maps_of(spread, "toy/cam")
    of = facts.loc[list(maps)]
    scaled = scale(np.stack(list(maps.values())), of["low"].to_numpy(), of["high"].to_numpy(), scaling)
    values = {"otsu": [], "equal_area": []}
    for expression in ("anger", "happiness", "surprise"):
        mean = GRID.reduce(scaled[(of["group"] == expression).to_numpy()].mean(0))
        mask = GRID.reduce(ekman.masks()[expression]) > 0.5
        values["otsu"].append(float(iou(otsu_masks(mean), mask)))
        values["equal_area"].append(float(iou(cut_masks(mean, "equal_area", area=mask.sum()), mask)))
    table = spread.table("multiverse")
    mine = table[(table["explainer"] == "cam") & (table["model"] == "toy") & (table["scaling"] == scaling)]
    mine = mine[mine["metric"] == "iou"].set_index("cut")["value"]
    for cut, some in values.items():
        assert mine[cut] == pytest.approx(np.mean(some), abs=0.01)


def test_wider_gaussians_are_wider_people(spread: xc.Run) -> None:
    table = spread.table("multiverse")
    people = table[(table["metric"] == "dice") & (table["cut"] == "level")]
    wide = people.pivot_table(index=["explainer", "scaling", "model"], columns="sigma", values="value")
    assert (wide[1.0] != wide[2.0]).all()
    assert wide.notna().all(axis=None)


def test_one_network_compares_explainers(pictures: Path, tmp_path: Path) -> None:
    study = asked(pictures, explainers=["cam", "random"], masks="ekman", multiverse={"cuts": ["otsu", "level"]})
    run = xc.run(study, tmp_path / "run", report=False)
    factors = run.table("multiverse_factors")
    assert factors["factor"].tolist() == ["scaling", "cut"]
    assert (factors["compared"] == "explainers").all()
    assert set(run.table("multiverse")["metric"]) == {"iou"}


def test_the_study_key(pictures: Path) -> None:
    assert asked(pictures).multiverse is None
    assert asked(pictures, multiverse=True).multiverse.sigmas == [0.5, 1.0, 2.0]
    with pytest.raises(InputError, match="cuts"):
        asked(pictures, multiverse={"cuts": ["otso"]})


def test_its_section_shows_every_universe(spread: xc.Run) -> None:
    (part,) = [part for part in render_sections(from_run(spread), []) if part.name == "multiverse"]
    assert [figure.name[:11] for figure in part.figures] == ["multiverse_"] * 2
    assert part.findings[0].endswith("The order of networks is the same for all choices.")
    assert len(part.tables[0].rows) == 7
