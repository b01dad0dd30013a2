"""Further tests of a run: each table against the same test made by hand from the run's own maps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.anova import AnovaRM
from statsmodels.stats.weightstats import ttost_paired
from toy_study import NETWORK, asked, maps_of, write_pictures

import xai_compare as xc
from xai_compare import ekman, synthetic
from xai_compare.analysis.inputs.observer_maps import GRID, ObserverMaps
from xai_compare.analysis.tests.stage import OF_PICTURES
from xai_compare.analysis.tests.tables import COLUMNS
from xai_compare.comparison import iou, otsu_masks, pearson
from xai_compare.errors import InputError
from xai_compare.report.data import from_run
from xai_compare.report.section import render_sections
from xai_compare.runs.store import Plan

ASKED = {"permutations": 40, "studies": 50, "sizes": [5, 20], "pairs": [["toy/grad_cam", "other/random"]]}


@pytest.fixture(scope="module")
def tested(drawn: synthetic.SimulatedFaces, tmp_path_factory: pytest.TempPathFactory) -> xc.Run:
    """Two networks, two explainers and five simulated people."""
    place = tmp_path_factory.mktemp("tested")
    folder = write_pictures(drawn, place / "faces")
    images = pd.read_csv(folder / "labels.csv")["image"]
    draws = np.random.default_rng(0)
    clicks = pd.DataFrame({"participant": np.tile(list("pqrst"), 45), "image": np.repeat(images, 25)})
    clicks = clicks.assign(x=draws.normal(55, 12, 225).clip(5, 95), y=draws.normal(60, 12, 225).clip(5, 100))
    clicks.to_csv(place / "clicks.csv", index=False)
    human = [{"name": "c", "file": str(place / "clicks.csv"), "format": "clicks", "pixels_per_degree": 6}]
    other = {**NETWORK, "name": "other", "options": {"seed": 8}}
    study = asked(folder, models=[NETWORK, other], explainers=["grad_cam", "random"], human=human, tests=ASKED)
    return xc.run(study, place / "run", report=False)


def ious(run: xc.Run) -> pd.DataFrame:
    """The IoU of each picture's map with its mask."""
    rows = []
    for network in ("toy", "other"):
        for explainer in ("grad_cam", "random"):
            for image, one in maps_of(run, f"{network}/{explainer}").items():
                expression = image.rstrip("0123456789.png")
                mask = GRID.reduce(ekman.masks()[expression]) > 0.5
                rows.append((image, explainer, network, float(iou(otsu_masks(GRID.reduce(one)), mask))))
    return pd.DataFrame(rows, columns=["image", "explainer", "network", "value"])


def test_the_tables_of_everything(tested: xc.Run) -> None:
    for name in OF_PICTURES:
        table = tested.table(f"tests_{name}")
        assert tuple(table.columns) == COLUMNS[name], name
        assert len(table), name
    assert set(tested.table("tests_anova")["metric"]) == {"iou", "pearson"}


def test_analyses_of_variance(tested: xc.Run) -> None:
    table = tested.table("tests_anova")
    mine = table[table["metric"] == "iou"].set_index("effect")
    assert set(mine.index) == {
        "expression",
        "explainer",
        "network",
        "explainer:network",
        "expression:explainer",
        "expression:network",
        "expression:explainer:network",
    }
    assert (mine["units"] == 9).all()
    # Three pictures of each expression: the effect is that of all pictures, its error less what expressions explain.
    plain = AnovaRM(ious(tested), "value", "image", within=["explainer", "network"]).fit().anova_table
    one, without = mine.loc["explainer"], plain.loc["explainer"]
    share = mine.loc["expression:explainer", "f"] * mine.loc["expression:explainer", "df"] / one["df_error"]
    assert one["f"] == pytest.approx(without["F Value"] * (1 + share) * one["df_error"] / without["Den DF"], rel=0.05)
    known = table["p_corrected"].notna().to_numpy()
    expected = stats.false_discovery_control(table.loc[known, "p_corrected"])
    np.testing.assert_allclose(table.loc[known, "p_adjusted"], expected)
    mixed = tested.table("tests_mixed")
    variances = mixed[(mixed["kind"] == "variance") & (mixed["metric"] == "pearson")]
    assert variances["effect"].tolist() == ["image", "participant", "rest"]
    assert len(tested.table("tests_tukey")) == 2


def test_equivalence_is_the_paired_test_of_single_pictures(tested: xc.Run) -> None:
    table = tested.table("tests_equivalence")
    row = table[(table["metric"] == "iou") & (table["a1"] == "toy/grad_cam") & (table["a2"] == "toy/random")].iloc[0]
    wide = ious(tested).pivot_table(index="image", columns=["network", "explainer"], values="value")
    one, other = wide["toy", "grad_cam"], wide["toy", "random"]
    assert row["difference"] == pytest.approx((one - other).mean(), abs=1e-3)
    assert row["p"] == pytest.approx(ttost_paired(one, other, -0.05, 0.05)[0], abs=0.02)
    assert row["n"] == 9


def test_decisions_and_geometry(tested: xc.Run) -> None:
    (row,) = tested.table("tests_decisions").itertuples()
    predictions = tested.predictions
    wide = predictions.pivot(index="image", columns="model", values="predicted")
    label = predictions.drop_duplicates("image").set_index("image")["label"]
    right = wide.eq(label, axis=0)
    assert row.n == 9
    assert row.observed == pytest.approx((right["toy"] == right["other"]).mean())
    geometry = tested.table("tests_geometry")
    assert len(geometry) == 10
    assert (geometry["note"] == "3 expressions are too few, at least 4 are needed").all()


def test_where_and_power_are_of_the_named_pair(tested: xc.Run) -> None:
    where = tested.table("tests_where")
    assert len(where) == np.prod(GRID.coarse)
    stacks = []
    for name in ("toy/grad_cam", "other/random"):
        maps = np.stack([GRID.reduce(one) for _, one in sorted(maps_of(tested, name).items())])
        stacks.append((maps - maps.mean((1, 2), keepdims=True)) / maps.std((1, 2), keepdims=True))
    np.testing.assert_allclose(where["t"], stats.ttest_rel(*stacks).statistic.ravel(), rtol=0.02, atol=0.05)
    assert where["p"].between(1 / 40, 1).all()
    power = tested.table("tests_power")
    assert set(power["metric"]) == {"iou", "pearson"}
    assert set(power.loc[power["metric"] == "pearson", "units"]) == {"5 people", "15 people"}
    assert (power["note"] == "from 9 pictures at hand").all()


def test_units_are_named(tested: xc.Run) -> None:
    table = tested.table("tests_units")
    assert table.groupby("unit").size().to_dict() == {"images": 4, "participants": 4, "images x participants": 4}
    store = next(s for s in Plan.demand(tested.dir).stores(tested.dir) if s.source.kind == "human")
    crowd = ObserverMaps.of(store)
    maps = maps_of(tested, "toy/grad_cam")
    low = {image: (one - one.min()) / np.ptp(one) for image, one in maps.items()}
    own = GRID.reduce(np.mean([low[image] for image in crowd.images], axis=0))
    people = np.mean([crowd.maps(image)[1].mean(0) for image in crowd.images], axis=0)
    row = table[table["a"] == "toy/grad_cam"].iloc[0]
    assert row["value"] == pytest.approx(float(pearson(own, people)), abs=0.02)
    wide = table.pivot_table(index="a", columns="unit", values="error")
    assert (wide["images x participants"] >= wide["participants"] * 0.9).all()


def test_what_is_not_known_of_an_explainers_noise_says_why(tested: xc.Run) -> None:
    table = tested.table("tests_noise").set_index("a")
    assert table["share"].isna().all()
    assert table.loc["toy/grad_cam", "note"].startswith("the explainer tells no standard errors")


def test_the_explainers_noise_from_its_own_errors_or_a_second_run(pictures: Path, tmp_path: Path) -> None:
    judged = {"images": 4, "steps": 4, "rectangles": 8, "controls": False}
    lime = {"lime": {"n_segments": 8, "n_samples": 40}}
    study = asked(pictures, explainers=["grad_cam", "random", lime], faithfulness=judged, tests=ASKED | {"pairs": []})
    table = xc.run(study, tmp_path / "run", report=False).table("tests_noise").set_index("a")
    assert table["known_from"].tolist() == ["explained again", "explained again", "standard errors"]
    assert table.loc["toy/grad_cam", "share"] == 0
    # All that tells one random map from another is chance.
    assert table.loc["toy/random", "share"] > 0.9
    assert 0 <= table.loc["toy/lime", "share"] <= 1
    assert 0 < table.loc["toy/lime", "repeatability"] <= 1


def test_unknown_pairs_are_told_before_any_work(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no source is called 'toy/gradcam'"):
        xc.run(asked(pictures, tests={"pairs": [["toy/gradcam", "toy/random"]]}), tmp_path / "run", report=False)


def test_one_source_without_people_has_what_can_be_had(pictures: Path, tmp_path: Path) -> None:
    study = asked(pictures, explainers=["grad_cam"], tests={**ASKED, "pairs": []})
    run = xc.run(study, tmp_path / "run", report=False)
    anova = run.table("tests_anova")
    assert anova["note"].tolist() == [
        "an analysis of repeated measures needs factors of at least two levels, in every combination"
    ]
    for name in ("equivalence", "where", "power", "units", "decisions"):
        assert run.table(f"tests_{name}").empty


def test_its_section(tested: xc.Run) -> None:
    (part,) = [part for part in render_sections(from_run(tested), []) if part.name == "tests"]
    assert [figure.name[:6] for figure in part.figures] == ["where_"]
    assert len(part.tables) >= 5
    assert part.findings
