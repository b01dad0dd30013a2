"""A network that was trained several times: trainings are drawn, and named in the table."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from toy_study import NETWORK, asked, write_pictures

import xai_compare as xc
from xai_compare import ekman, synthetic
from xai_compare.analysis.inputs.observer_maps import GRID
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.trainings import NESTED, TRAININGS_COLUMNS, _intervals, _Stack
from xai_compare.comparison import otsu_scores
from xai_compare.report.data import from_run
from xai_compare.report.section import render_sections
from xai_compare.runs.store import Plan

FOLDS = 3


@pytest.fixture(scope="module")
def trained(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """One network with three trainings, which all explain all pictures; and people."""
    place = tmp_path_factory.mktemp("trainings")
    folder = write_pictures(drawn, place / "faces")
    images = pd.read_csv(folder / "labels.csv")["image"]
    draws = np.random.default_rng(0)
    clicks = pd.DataFrame({"participant": np.tile(list("pqr"), len(images)), "image": np.repeat(images, 3)})
    clicks = clicks.assign(x=draws.normal(55, 12, len(clicks)).clip(5, 95), y=draws.normal(60, 9, len(clicks)))
    clicks.to_csv(place / "clicks.csv", index=False)
    models = [{**NETWORK, "fold": str(k), "options": {"seed": k}} for k in range(FOLDS)]
    human = [{"name": "c", "file": str(place / "clicks.csv"), "format": "clicks", "pixels_per_degree": 6}]
    study = asked(folder, models=models, explainers=["cam"], human=human, compare={"bootstrap": 300})
    return xc.run(study, place / "run", report=False)


def test_every_score_has_every_unit(trained: xc.Run) -> None:
    table = trained.table("trainings")
    assert tuple(table.columns) == TRAININGS_COLUMNS
    counts = table.groupby(["metric", "b"], sort=False)["expression"].nunique().to_dict()
    assert counts == {("iou", "ekman"): 3, ("dice", "human/c"): 4, ("pearson", "human/c"): 4}
    assert table["unit"].unique().tolist() == ["images", "trainings", "images x trainings"]
    assert (table[table["unit"] == "trainings"]["n"] == FOLDS).all()
    whole = table[(table["metric"] == "pearson") & (table["expression"] == "all")].set_index("unit")
    assert whole.loc["images", "n"] == 9
    assert whole["error"].idxmax() == "images x trainings"
    scores = trained.table("scores").set_index(["metric", "a", "b", "expression", "fold"])["value"]
    assert whole["value"].iloc[0] == pytest.approx(scores["pearson", "toy/cam", "human/c", "all", "all"], abs=0.02)


def test_a_training_s_error_is_that_of_every_way_to_draw_three(trained: xc.Run) -> None:
    stored = StoredMaps(Plan.demand(trained.dir).stores(trained.dir), "min_max")
    networks = [slug for slug, store in stored.stores.items() if store.source.kind == "model"]
    maps = [[GRID.reduce(one) for _, one in stored.stream(slug, "anger")] for slug in networks]
    means = np.mean(maps, axis=1)
    mask = GRID.reduce(ekman.masks()["anger"]) > 0.5
    score = lambda some: float(otsu_scores(np.mean(some, axis=0), mask)["iou"])  # noqa: E731
    every = np.array([score(means[list(drawn)]) for drawn in product(range(FOLDS), repeat=FOLDS)])
    value = score(means)
    # Of three trainings a resample spreads by two thirds; the shift of cut maps counts twice.
    error = np.sqrt(every.var() * 1.5 + (2 * (every.mean() - value)) ** 2)
    (row,) = trained.table("trainings").query("metric == 'iou' and expression == 'anger' and unit == 'trainings'").iloc
    assert row["value"] == pytest.approx(value)
    assert row["error"] == pytest.approx(error, rel=0.15)
    assert row["ci_high"] - row["value"] == pytest.approx(stats.t.ppf(0.975, 2) * row["error"])


def test_trainings_with_pictures_of_their_own_are_not_crossed() -> None:
    rng = np.random.default_rng(1)
    there = np.repeat(np.eye(3), 5, axis=1)
    stack = _Stack(
        rng.random((3, 15, int(np.prod(GRID.coarse))), np.float32) * there[:, :, None].astype(np.float32), there
    )
    found = _intervals(stack, lambda means: means[:, :10].mean((1, 2)), 1.0, 200, 0).set_index("unit")
    assert found.loc["images x trainings", "note"] == NESTED
    assert np.isnan(found.loc["images x trainings", "error"])
    assert found.loc["trainings", "ci_low"] < found.loc["trainings", "value"]
    two = _Stack(stack.maps[:2], np.ones((2, 15)))
    found = _intervals(two, lambda means: means[:, :10].mean((1, 2)), 1.0, 50, 0).set_index("unit")
    assert found.loc["trainings", "note"] == "2 trainings are too few"


def test_the_report_shows_them(trained: xc.Run) -> None:
    shown = next(one for one in render_sections(from_run(trained), []) if one.name == "trainings")
    assert "trainings" in shown.tables[0].title
    assert len(shown.tables[0].rows) == 3 * 2
