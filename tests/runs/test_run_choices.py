"""What a study asks is what a run does: pictures, trainings, pairs, people, scalings and metrics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import f_oneway
from toy_study import CLASSES, NETWORK, asked, heatmap, maps_of, score

import xai_compare as xc
from xai_compare import comparison
from xai_compare.analysis.scores.tables import headline
from xai_compare.errors import InputError
from xai_compare.explainers import create
from xai_compare.expressions import ordered
from xai_compare.faces.cropping import FaceCropper
from xai_compare.models.ensembles import pairs_of
from xai_compare.models.training import cards

JUDGED = {"images": 4, "steps": 4, "rectangles": 8}


@pytest.mark.parametrize("choose_by", ["label", "predicted"])
def test_how_pictures_are_chosen(pictures: Path, tmp_path: Path, choose_by: str) -> None:
    fickle = {**NETWORK, "factory": "toy_networks:fickle"}
    images = {"manifest": pictures / "labels.csv", "choose_by": choose_by, "per_expression": 2}
    run = xc.run(asked(pictures, images=images, models=[fickle], explainers=["random"]), tmp_path / "run", report=False)
    chosen = run.predictions[run.predictions.selected]
    assert chosen.predicted.nunique() > 1
    by = "label" if choose_by == "label" else "predicted"
    assert chosen[by].value_counts().max() == 2
    table = pd.read_parquet(run.dir / "tables" / "maps.parquet").set_index("image")
    assert (table.loc[chosen.image, "group"].to_numpy() == chosen[by].to_numpy()).all()
    counts = run.heatmaps["count"].sel(source="toy/random", fold="all").to_pandas()
    assert counts.drop("all").to_dict() == {name: int((chosen[by] == name).sum()) for name in counts.drop("all").index}


def test_trainings_of_one_network_are_folds(pictures: Path, tmp_path: Path) -> None:
    table = pd.read_csv(pictures / "labels.csv")
    table.assign(split=[1 if i < 3 else 2 for i in range(9)]).to_csv(pictures / "labels.csv", index=False)
    models = [{**NETWORK, "fold": f, "split": f, "options": {"seed": f}} for f in (1, 2)]
    run = xc.run(asked(pictures, models=models, explainers=["grad_cam"]), tmp_path / "run", report=False)
    assert run.heatmaps.fold.values.tolist() == ["all", "1", "2"]
    counts = run.heatmaps["count"].sel(source="toy/grad_cam").to_pandas()
    assert counts["all"].to_dict() == {"all": 9, "1": 3, "2": 6}
    one, two, everything = (heatmap(run, "toy/grad_cam", "all", fold) for fold in ("1", "2", "all"))
    np.testing.assert_allclose(everything, (3 * one + 6 * two) / 9, atol=1e-5)
    scores = run.scores[(run.scores.metric == "iou") & (run.scores.expression == "anger")].set_index("fold")
    assert set(scores.index) == {"all", "1", "2", "mean of folds"}
    assert scores.value["mean of folds"] == pytest.approx((scores.value["1"] + scores.value["2"]) / 2)
    assert scores.note["mean of folds"] != scores.note["all"]
    assert set(run.predictions.model) == {"toy (fold 1)", "toy (fold 2)"}


def test_pairs_of_two_alternative_studies(pictures: Path, tmp_path: Path) -> None:
    table = pd.read_csv(pictures / "labels.csv")
    others = {"anger": "happiness", "happiness": "anger", "surprise": "anger"}
    table.assign(false_label=table["expression"].map(others)).to_csv(pictures / "labels.csv", index=False)
    images = {"manifest": pictures / "labels.csv", "choose_by": "label", "pairs": True}
    run = xc.run(asked(pictures, images=images, explainers=["grad_cam"]), tmp_path / "run", report=False)
    assert run.heatmaps.expression.values.tolist() == ["anger-happiness", "anger-surprise", "all"]
    counts = run.heatmaps["count"].sel(source="toy/grad_cam", fold="all").values.tolist()
    assert counts == [6, 3, 9]
    assert "iou" not in set(run.scores.metric)


def test_each_pair_is_explained_by_its_own_network_of_an_ensemble(pictures: Path, tmp_path: Path) -> None:
    table = pd.read_csv(pictures / "labels.csv")
    others = {"anger": "happiness", "happiness": "anger", "surprise": "anger"}
    table.assign(false_label=table["expression"].map(others)).to_csv(pictures / "labels.csv", index=False)
    network = {key: NETWORK[key] for key in ("factory", "folder", "input")}
    binary = {}
    for seed, names in enumerate(pairs_of(tuple(CLASSES))):
        spec = {**network, "classes": list(names), "options": {"seed": seed, "classes": 2}}
        binary[names] = xc.models.load(spec, allow_code=True)
        cards.write(binary[names], tmp_path / "pairs" / "_".join(names), {"network": {"factory": "forgotten:here"}})
    images = {"manifest": pictures / "labels.csv", "choose_by": "label", "pairs": True}
    voters = {"name": "voters", "ensemble": tmp_path / "pairs", "vote": "weighted"}
    voters["network"] = {**network, "options": {"classes": 2}}
    study = asked(pictures, images=images, models=[voters], explainers=["grad_cam", "random"], faithfulness=JUDGED)
    run = xc.run(study, tmp_path / "run", report=False)
    explained = maps_of(run, "voters/grad_cam")
    assert len(explained) == 9
    cutter = FaceCropper(study.images.margin)
    for image, label in zip(table["image"], table["expression"], strict=True):
        other = others[label]
        picture = cutter.read(pictures / image)
        crop = cutter.crop(picture, cutter.choose(picture, "").face.landmarks)
        shown, landmarks = crop.resized((32, 32))
        own = binary[tuple(ordered([label, other]))]
        wanted = xc.faces.standardize(create("grad_cam")(own, shown[None], (label, other)), landmarks[None])
        np.testing.assert_allclose(explained[image], wanted[0], atol=1e-5)
    assert np.isfinite(run.faithfulness.loc[run.faithfulness["explainer"] == "grad_cam", "mean"]).all()


def test_the_order_of_the_manifest_changes_no_map(pictures: Path, tmp_path: Path) -> None:
    study = asked(pictures, models=[{**NETWORK}], explainers=["grad_cam", "random"])
    first = xc.run(study, tmp_path / "a", report=False)
    table = pd.read_csv(pictures / "labels.csv")
    table.iloc[::-1].drop(index=0).to_csv(pictures / "labels.csv", index=False)
    second = xc.run(study, tmp_path / "b", report=False)
    for source in ("toy/grad_cam", "toy/random"):
        before, after = maps_of(first, source), maps_of(second, source)
        assert len(after) == len(before) - 1
        for image, one in after.items():
            np.testing.assert_array_equal(one, before[image])


def test_the_seed_changes_what_draws_and_nothing_else(pictures: Path, tmp_path: Path) -> None:
    runs = [xc.run(asked(pictures, seed=s), tmp_path / str(s), report=False) for s in (5, 6)]
    first, second = (maps_of(run, "toy/grad_cam") for run in runs)
    assert all((one == second[image]).all() for image, one in first.items())
    first, second = (maps_of(run, "toy/random") for run in runs)
    assert all((one != second[image]).any() for image, one in first.items())


def test_cam_is_left_out_where_it_cannot_be_had(pictures: Path, tmp_path: Path) -> None:
    fickle = {**NETWORK, "factory": "toy_networks:fickle"}
    run = xc.run(asked(pictures, models=[fickle], explainers=["cam", "random"]), tmp_path / "run", report=False)
    assert run.heatmaps.source.values.tolist() == ["toy/random"]
    (refused,) = run.provenance["refused"]
    assert refused["source"] == "toy/cam"
    assert "grad_cam" in refused["reason"].lower().replace("-", "_")


def test_people_are_a_source(pictures: Path, tmp_path: Path) -> None:
    names = pd.read_csv(pictures / "labels.csv")["image"]
    clicks = pd.DataFrame({"participant": "p", "image": names.repeat(3), "x": 60.0, "y": 70.0})
    clicks = clicks.iloc[:-3]
    clicks.to_csv(tmp_path / "clicks.csv", index=False)
    human = [
        {
            "name": "c",
            "file": str(tmp_path / "clicks.csv"),
            "format": "clicks",
            "pixels_per_degree": 6,
            "simulated": True,
        }
    ]
    run = xc.run(asked(pictures, human=human, explainers=["random"]), tmp_path / "run", report=False)
    assert int(run.heatmaps["count"].sel(source="human/c", fold="all", expression="all")) == 8
    assert str(run.heatmaps.kind.sel(source="human/c").values) == "human"
    assert "human/c" in run.simulated
    y, x = np.unravel_index(heatmap(run, "human/c", "all").argmax(), (275, 224))
    assert 40 < x < 184
    assert 60 < y < 250
    assert {"dice", "pearson"} <= set(run.scores[(run.scores.a == "human/c") | (run.scores.b == "human/c")].metric)


def test_people_alone_are_a_study(pictures: Path, tmp_path: Path) -> None:
    pd.DataFrame({"participant": ["p"], "image": ["anger0.png"], "x": [60], "y": [70]}).to_csv(
        tmp_path / "c.csv", index=False
    )
    human = [{"name": "c", "file": str(tmp_path / "c.csv"), "format": "clicks", "pixels_per_degree": 6}]
    run = xc.run(asked(pictures, human=human, models=[], explainers=[]), tmp_path / "run", report=False)
    assert run.heatmaps.source.values.tolist() == ["human/c"]
    assert run.simulated == set()
    assert len(run.predictions) == 0


def test_undefined_maps_are_left_out_with_their_reason(pictures: Path, tmp_path: Path) -> None:
    dark = {**NETWORK, "factory": "toy_networks:dark"}
    run = xc.run(asked(pictures, models=[dark], explainers=["grad_cam"]), tmp_path / "run", report=False)
    counts = run.heatmaps["count"].sel(source="toy/grad_cam", fold="all").to_pandas()
    assert counts.to_dict() == {"anger": 0, "happiness": 3, "surprise": 3, "all": 6}
    assert np.isnan(heatmap(run, "toy/grad_cam", "anger")).all()
    assert np.isfinite(heatmap(run, "toy/grad_cam", "all")).all()
    table = pd.read_parquet(run.dir / "tables" / "maps.parquet")
    undefined = table[table["group"] == "anger"]
    assert (undefined["reason"].astype(bool) | (undefined["low"] == undefined["high"])).all()
    assert not ((run.scores.expression == "anger") & run.scores.value.notna()).any()


@pytest.mark.parametrize("scaling", ["positive", "none"])
def test_other_scalings(pictures: Path, tmp_path: Path, scaling: str) -> None:
    compare = {"scaling": scaling, "bootstrap": 0}
    run = xc.run(asked(pictures, explainers=["cam"], compare=compare), tmp_path / "run", report=False)
    maps = np.stack(list(maps_of(run, "toy/cam").values())).astype(float)
    if scaling == "positive":
        table = pd.read_parquet(run.dir / "tables" / "maps.parquet").set_index("image")
        high = table.loc[list(maps_of(run, "toy/cam")), "high"].to_numpy()[:, None, None]
        maps = (np.maximum(maps, 0) / high)[high.ravel() > 0]
    if len(maps):
        np.testing.assert_allclose(heatmap(run, "toy/cam", "all"), maps.mean(0), atol=1e-4)
    assert int(run.heatmaps["count"].sel(source="toy/cam", expression="all", fold="all")) == len(maps)
    assert run.scores.ci_low.isna().all()


def test_every_metric_can_be_asked_for(pictures: Path, tmp_path: Path) -> None:
    table = pd.read_csv(pictures / "labels.csv")
    table.assign(region="region_" + table["image"]).to_csv(pictures / "labels.csv", index=False)
    draws = np.random.default_rng(0)
    clicks = pd.DataFrame({"participant": np.tile(list("pqrst"), 45), "image": np.repeat(table["image"], 25)})
    clicks = clicks.assign(x=draws.normal(55, 12, 225).clip(5, 95), y=draws.normal(60, 12, 225).clip(5, 100))
    clicks.to_csv(tmp_path / "clicks.csv", index=False)
    human = [{"name": "c", "file": str(tmp_path / "clicks.csv"), "format": "clicks", "pixels_per_degree": 6}]
    names = list(comparison.METRICS.all())
    wanted = {"metrics": names, "bootstrap": 6, "baseline": "mean"}
    tests = {"permutations": 20, "studies": 50, "sizes": [10]}
    study = asked(pictures, human=human, compare=wanted, explainers=["grad_cam", "random"], tests=tests)
    run = xc.run(study, tmp_path / "run", report=False)
    scores = run.scores
    assert set(scores["metric"]) == set(names)
    assert len(names) >= 18
    points = pd.read_parquet(run.dir / "points" / "human--c.parquet")
    assert list(points.columns) == ["participant", "image", "x", "y", "weight", "sigma"]
    anger = points.loc[points["image"].str.startswith("anger"), ["x", "y"]].to_numpy()
    row = score(run, "nss", "toy/grad_cam", "human/c", "anger")
    mean = heatmap(run, "toy/grad_cam", "anger")
    assert row.value == pytest.approx(comparison.nss(mean, anger))
    assert row.ci_low < row.ci_high
    nulls = run.table("nulls")
    mine = nulls[(nulls.metric == "nss") & (nulls.a == row.a) & (nulls.b == row.b) & (nulls.expression == "anger")]
    assert row.floor == pytest.approx(mine.set_index("null").at[row.floor_kind, "mean"])
    assert row.floor >= 0  # What guessing gets is the least of the floors.
    others = points.loc[~points["image"].str.startswith("anger"), ["x", "y"]].to_numpy()
    row = score(run, "auc_shuffled", "toy/grad_cam", "human/c", "anger")
    assert row.value == pytest.approx(comparison.auc_shuffled(mean, anger, others))
    baseline = heatmap(run, "human/c", "all")
    row = score(run, "information_gain", "toy/grad_cam", "human/c", "anger")
    assert row.value == pytest.approx(comparison.information_gain(mean, anger, baseline), rel=1e-6)
    assert score(run, "auc_shuffled", "toy/grad_cam", "human/c", "all").note.endswith("no non-fixations")
    assert "human/c" not in set(scores.loc[(scores.metric == "nss"), "a"])
    both = scores[(scores.metric == "kl_divergence") & (scores.expression == "anger")]
    assert len(both) == 4 * 3
    tables = {name: pd.read_csv(run.dir / "tables" / f"{name}.csv") for name in ("ceiling", "anova", "tukey")}
    ceiling = tables["ceiling"]
    assert (ceiling["image"] == "mean").sum() == 4
    per_picture = ceiling[ceiling["image"] != "mean"]
    assert len(per_picture) == 9
    overall = ceiling[(ceiling["image"] == "mean") & (ceiling["expression"] == "all")].iloc[0]
    assert overall["reliability"] == pytest.approx(per_picture["reliability"].mean(), nan_ok=True)
    assert tables["anova"]["b"].tolist() == ["human/c"]
    assert tables["anova"]["explainers"].tolist() == [2]
    dice = scores[(scores.metric == "dice") & (scores.b == "human/c") & (scores.expression != "all")]
    dice = dice[dice["a"].isin(["toy/grad_cam", "toy/random"])]
    expected = f_oneway(*(rows["value"] for _, rows in dice.groupby("a")))
    assert tables["anova"]["f"][0] == pytest.approx(expected.statistic)
    assert tables["tukey"][["explainer_1", "explainer_2"]].to_numpy().tolist() == [["grad_cam", "random"]]


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"compare": {"metrics": ["ios"]}}, "unknown metric 'ios'"),
        ({"compare": {"metrics": ["nss"]}}, "name a source under human"),
        ({"tests": {"metric": "dise"}}, "did you mean 'dice'"),
    ],
    ids=["unknown", "no people", "unknown for the tests"],
)
def test_metrics_are_checked_before_any_work(pictures: Path, tmp_path: Path, wanted: dict, says: str) -> None:
    with pytest.raises(InputError, match=says):
        xc.run(asked(pictures, **wanted), tmp_path / "run", report=False)


def test_a_network_called_human_is_no_people(pictures: Path, tmp_path: Path) -> None:
    study = asked(pictures, models=[{**NETWORK, "name": "human"}], explainers=["grad_cam", "random"])
    run = xc.run(study, tmp_path / "run", report=False)
    kinds = dict(zip(run.heatmaps.source.values.tolist(), run.heatmaps.kind.values.tolist(), strict=True))
    assert set(kinds.values()) == {"model"}
    assert "Dice with people" not in headline(run.scores, kinds)
    assert not headline(run.scores, kinds).empty
    twin = {"name": "random", "file": "c.csv", "format": "clicks", "pixels_per_degree": 6}
    with pytest.raises(InputError, match="what tables call another source"):
        asked(pictures, models=[{**NETWORK, "name": "human"}], human=[twin])
