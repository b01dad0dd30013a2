"""The tidy table: Table 3 from published heatmaps, folds never mixed, undefined scores with their reasons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xai_compare import ekman
from xai_compare.comparison import (
    COLUMNS,
    ImageScore,
    ImageScores,
    dice,
    iou,
    mask_scores,
    otsu_masks,
    pair_scores,
    pearson,
    pointing,
    read_heatmaps,
    region_auc,
    region_energy,
    uncentred,
    wide,
    with_mean_maps,
)
from xai_compare.errors import InputError

SHAPE = (11, 7)
MASK = np.zeros(SHAPE, bool)
MASK[3:6, 2:] = True


def random_maps(*keys: tuple[str, str, str]) -> dict[tuple[str, str, str], np.ndarray]:
    generator = np.random.default_rng(0)
    return {key: generator.gamma(2, 30, SHAPE).clip(0, 255).astype(np.uint8) for key in keys}


def test_table_3_of_the_paper(shared: Path) -> None:
    folder = shared / "ekman_expressions"
    scores = mask_scores(read_heatmaps(folder / "heatmaps_by_net"), ekman.read_masks(folder / "ground_truth"))
    assert tuple(scores.columns) == COLUMNS
    assert len(scores) == 72 * 4
    assert set(scores["note"]) == {"score of the mean map"}
    assert scores[["n", "ci_low", "ci_high"]].isna().all(axis=None)
    ours = wide(scores, "iou")
    printed = pd.read_csv(folder / "table3_iou.csv", index_col="network")
    same = ours.loc[printed.index, printed.columns].round(4) == printed
    assert int(same.to_numpy().sum()) == 66
    assert list(same.index[~same.all(axis=1)]) == ["SilNet"]
    assert ours.loc["SilNet", "anger"] == pytest.approx(0.2443, abs=5e-5)


def test_a_fold_and_the_mean_of_folds_are_not_the_mean_map() -> None:
    maps = with_mean_maps(random_maps(*[("net", "fear", fold) for fold in ("1", "2", "3")]))
    counts = {("net", "fear", fold): n for fold, n in {"1": 10, "2": 20, "3": 5, "all": 35}.items()}
    scores = mask_scores(maps, {"fear": MASK}, counts=counts).query("metric == 'iou'").set_index("fold")
    folds = [float(iou(otsu_masks(maps["net", "fear", fold]), MASK)) for fold in ("1", "2", "3")]
    mean_map = np.mean([maps["net", "fear", fold].astype(float) for fold in ("1", "2", "3")], axis=0)
    assert list(scores.index) == ["1", "2", "3", "all", "mean of folds"]
    np.testing.assert_allclose(scores["value"][:3], folds)
    assert scores.loc["all", "value"] == iou(otsu_masks(mean_map), MASK)
    assert scores.loc["mean of folds", "value"] == pytest.approx(np.mean(folds))
    assert scores.loc["all", "value"] != pytest.approx(np.mean(folds))
    assert list(scores["n"]) == [10, 20, 5, 35, 35]
    assert set(scores["note"][:4]) == {"score of the mean map"}
    assert scores.loc["mean of folds", "note"] == "mean of the fold scores"


def test_undefined_scores_have_their_reason() -> None:
    maps = random_maps(("a", "fear", "1"), ("a", "fear", "2"), ("b", "fear", "1"))
    maps["a", "fear", "2"][:] = 9
    scores = mask_scores(maps, {"fear": MASK}).set_index(["metric", "a", "fold"])
    assert np.isnan(scores.loc[("precision", "a", "2"), "value"])
    assert scores.loc[("precision", "a", "2"), "note"] == (
        "score of the mean map; undefined: no Otsu threshold, the map is constant, nowhere positive or missing"
    )
    assert scores.loc[("iou", "a", "mean of folds"), "note"] == "mean of the fold scores; undefined in 1 of 2 folds"
    assert scores.loc[("iou", "a", "mean of folds"), "value"] == scores.loc[("iou", "a", "1"), "value"]
    empty = mask_scores(random_maps(("a", "fear", "all")), {"fear": np.zeros(SHAPE, bool)}).set_index("metric")
    assert empty.loc["recall", "note"].endswith("undefined: the second mask is empty")
    assert empty.loc["iou", "value"] == 0


def test_pairs_are_the_plain_metrics_each_pair_once() -> None:
    maps = random_maps(*[(a, e, "all") for e in ("fear", "anger") for a in ("x", "y", "z")], ("x", "neutral", "all"))
    maps["z", "fear", "all"] = np.zeros(SHAPE)
    scores = pair_scores(maps, intervals={("dice", "x", "y", "fear", "all"): (0.1, 0.9)})
    assert list(dict.fromkeys(scores["metric"])) == ["dice", "pearson", "uncentred"]
    assert list(scores["expression"][:6]) == ["anger"] * 3 + ["fear"] * 3
    assert len(scores) == 3 * 2 * 3
    for row in scores.itertuples():
        plain = {"dice": dice, "pearson": pearson, "uncentred": uncentred}[row.metric]
        expected = plain(maps[row.a, row.expression, "all"], maps[row.b, row.expression, "all"])
        np.testing.assert_allclose(row.value, expected, rtol=1e-12)
        assert ("undefined" in row.note) == (row.expression == "fear" and row.b == "z")
    with_interval = scores[scores["ci_low"].notna()]
    assert with_interval[["a", "b", "ci_low", "ci_high"]].to_numpy().tolist() == [["x", "y", 0.1, 0.9]]


def test_known_regions() -> None:
    functions = {"known_auc": region_auc, "known_energy": region_energy, "known_pointing": pointing}
    found = ImageScores()
    for expression, heatmap in (("fear", MASK.astype(float)), ("anger", 1.0 - MASK)):
        for name, function in functions.items():
            value = float(function(heatmap, MASK))
            found.add(name, "cam", ImageScore(f"{expression}.png", expression, value, MASK.mean()))
    scores = found.table("known")
    table = scores.set_index(["metric", "expression"])["value"]
    assert table["known_auc", "fear"] == table["known_energy", "fear"] == table["known_pointing", "fear"] == 1
    assert table["known_auc", "anger"] == table["known_energy", "anger"] == table["known_pointing", "anger"] == 0
    assert table["known_auc", "all"] == 0.5
    assert set(scores["b"]) == {"known"}
    assert scores.set_index("expression")["n"]["all"].tolist() == [2, 2, 2]
    floors = scores.set_index(["metric", "expression"])["floor"]
    assert floors["known_auc", "fear"] == 0.5
    assert floors["known_energy", "fear"] == floors["known_pointing", "anger"] == MASK.mean()
    assert set(scores["floor_kind"]) == {"chance"}


def test_no_maps_give_an_empty_table() -> None:
    for table in (mask_scores({}, {"fear": MASK}), pair_scores({}), ImageScores().table("known")):
        assert tuple(table.columns) == COLUMNS
        assert table.empty


def test_table_survives_csv_and_parquet(tmp_path: Path) -> None:
    scores = mask_scores(random_maps(("a", "fear", "all")), {"fear": MASK}, counts={("a", "fear", "all"): 3})
    scores.to_parquet(tmp_path / "scores.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "scores.parquet"), scores)
    scores.to_csv(tmp_path / "scores.csv", index=False)
    assert pd.read_csv(tmp_path / "scores.csv")["n"].tolist() == [3] * 4


def test_bad_input_is_named() -> None:
    maps = random_maps(("net", "fear", "1"))
    with pytest.raises(InputError, match="no map has a mask: maps of fear; masks of anger"):
        mask_scores(maps, {"anger": MASK})
    with pytest.raises(InputError, match="the map of net, fear, fold 1 has 11 x 7 pixels, the mask of fear 7 x 11"):
        mask_scores(maps, {"fear": MASK.T})
    with pytest.raises(InputError, match="did you mean 'pearson'"):
        pair_scores(maps, metrics=["person"])
