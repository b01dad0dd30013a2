"""Floors and nulls: the published heatmaps' figures, surrogates that keep what they should, p values that are fair."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from xai_compare import ekman
from xai_compare.comparison import (
    DEFAULT_METRICS,
    ImageScore,
    ImageScores,
    NullModels,
    References,
    Surrogates,
    dice,
    image_nulls,
    iou,
    mask_scores,
    null_table,
    otsu_masks,
    pair_scores,
    pearson,
    read_heatmaps,
    with_nulls,
)
from xai_compare.comparison.nulls.surrogates import Grid
from xai_compare.faces import face_prior

SHAPE = (24, 20)
EXPRESSIONS = ("anger", "fear", "happiness", "surprise")


def smooth(seed: int, shape: tuple[int, int] = SHAPE, sigma: float = 3) -> np.ndarray:
    return gaussian_filter(np.random.default_rng(seed).standard_normal(shape), sigma)


def some_maps() -> dict[tuple[str, str, str], np.ndarray]:
    return {(a, e, "all"): smooth(10 * i + j) for i, a in enumerate("xyz") for j, e in enumerate(EXPRESSIONS)}


def some_masks() -> dict[str, np.ndarray]:
    return {e: otsu_masks(smooth(100 + i)) for i, e in enumerate(EXPRESSIONS)}


@pytest.fixture(scope="module")
def published(shared: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and nulls of the 72 published heatmaps."""
    folder = shared / "ekman_expressions"
    maps = read_heatmaps(folder / "heatmaps_by_net")
    masks = ekman.read_masks(folder / "ground_truth")
    networks = list(dict.fromkeys(key.a for key in maps))
    null_models = NullModels(face_prior(), networks, n=199)
    nulls = null_table(maps, ["iou"], References(masks), None, null_models)
    return with_nulls(mask_scores(maps, masks), nulls), nulls


@pytest.mark.slow
def test_nulls_of_the_published_heatmaps(published: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    scores, nulls = published
    scores = scores[scores["metric"] == "iou"]
    cells = nulls[nulls["expression"] != "all"].groupby("null")["mean"].mean()
    assert scores["value"].mean() == pytest.approx(0.269, abs=0.0005)
    assert cells["other"] == pytest.approx(0.262, abs=0.0005)
    assert cells["whole"] == pytest.approx(0.257, abs=0.0005)
    assert cells["other_map"] == pytest.approx(0.333, abs=0.0005)
    permuted = nulls[(nulls["a"] == "all models") & (nulls["null"] == "permuted")].iloc[0]
    assert (permuted["p"], permuted["n"]) == (pytest.approx(0.393, abs=0.0005), 720)
    assert nulls[(nulls["a"] == "all models") & (nulls["null"] == "other")]["n"].item() == 265
    # A Gaussian at the middle of the face agrees better with the masks than the networks do on average.
    assert cells["prior"] > scores["value"].mean()


@pytest.mark.slow
def test_few_published_heatmaps_beat_smooth_random_maps(published: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    scores, nulls = published
    scores = scores[scores["metric"] == "iou"].set_index(["a", "expression"])
    tail = nulls[nulls["null"] == "surrogate"].set_index(["a", "expression"])["q95"]
    assert 20 <= (scores["value"] > tail.reindex(scores.index)).sum() <= 30
    # Of smooth maps that share nothing with a network's but that they are smooth, thresholds included.
    fields = np.stack([smooth(i, (275, 224), 28) for i in range(120)])
    fields -= fields.min((1, 2), keepdims=True)  # Of a map with negative values only the positive part would count.
    fewer = 0
    for expression, mask in ekman.masks().items():
        null = np.quantile(iou(otsu_masks(fields), mask), 0.95)
        fewer += int((scores.xs(expression, level="expression")["value"] > null).sum())
    assert 10 <= fewer <= 19
    assert (scores["p_adjusted"] >= scores["p"]).all()


def test_single_nulls_are_plain_scores() -> None:
    maps, masks, prior = some_maps(), some_masks(), face_prior(SHAPE)
    nulls = null_table(maps, DEFAULT_METRICS, References(masks), None, NullModels(prior, "xyz", n=0))
    table = nulls.set_index(["metric", "a", "b", "expression", "null"])["mean"]
    mask = masks["fear"]
    others = np.mean([maps["x", e, "all"] for e in EXPRESSIONS if e != "fear"], axis=0)
    for null, one in (("whole", np.ones(SHAPE, bool)), ("prior", otsu_masks(prior)), ("other_map", otsu_masks(others))):
        assert table["iou", "x", "ekman", "fear", null] == pytest.approx(float(iou(one, mask)), abs=1e-6)
    own = otsu_masks(maps["x", "fear", "all"])
    wrong = np.mean([float(iou(own, masks[e])) for e in EXPRESSIONS if e != "fear"])
    assert table["iou", "x", "ekman", "fear", "other"] == pytest.approx(wrong, abs=1e-6)
    there = maps["y", "fear", "all"]
    assert table["pearson", "x", "y", "fear", "prior"] == pytest.approx(float(pearson(prior, there)), abs=1e-6)
    assert table["pearson", "x", "y", "fear", "other_map"] == pytest.approx(float(pearson(others, there)), abs=1e-6)
    assert table["dice", "x", "y", "fear", "whole"] == pytest.approx(float(dice(np.ones(SHAPE, bool), there)), abs=1e-6)
    assert ("pearson", "x", "y", "fear", "whole") not in table.index  # A uniform map has no correlation.


def test_permutations_are_the_plain_ones() -> None:
    maps, masks = some_maps(), some_masks()
    nulls = null_table(maps, ["iou"], References(masks), None, NullModels(models="xyz", n=0))
    square = np.array(
        [[float(iou(otsu_masks(maps["x", e, "all"]), masks[o])) for o in EXPRESSIONS] for e in EXPRESSIONS]
    )
    means = [np.mean([square[i, j] for i, j in enumerate(order)]) for order in permutations(range(4))]
    wrong = [
        np.mean([square[i, j] for i, j in enumerate(order)])
        for order in permutations(range(4))
        if all(i != j for i, j in enumerate(order))
    ]
    row = nulls[(nulls["a"] == "x") & (nulls["null"] == "permuted")].iloc[0]
    assert row["p"] == pytest.approx(np.mean(np.array(means) >= means[0] - 1e-9))
    assert row["mean"] == pytest.approx(np.mean(means), abs=1e-6)
    deranged = nulls[(nulls["a"] == "x") & (nulls["null"] == "other") & (nulls["expression"] == "all")].iloc[0]
    assert (deranged["n"], deranged["mean"]) == (len(wrong), pytest.approx(np.mean(wrong), abs=1e-6))
    assert np.isnan(deranged["p"])  # Wrong orders alone are no fair sample; all orders are.


def test_surrogates_keep_values_and_autocorrelation_but_no_place() -> None:
    one = smooth(1, (60, 48), 4)
    made = Surrogates(one.shape, 200, seed=3)(one)
    np.testing.assert_array_equal(
        np.sort(made.reshape(200, -1), 1), np.tile(np.sort(one.ravel()), (200, 1)).astype("f")
    )

    def lagged(maps: np.ndarray) -> float:
        return float(np.mean([np.corrcoef(m[:, :-6].ravel(), m[:, 6:].ravel())[0, 1] for m in maps]))

    assert lagged(made) == pytest.approx(lagged(one[None]), abs=0.12)
    assert abs(made.mean(0)).max() < 0.35 * abs(one).max()
    np.testing.assert_array_equal(made, Surrogates(one.shape, 200, seed=3)(one))


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["pearson", "iou", "dice"])
def test_surrogates_reject_unrelated_smooth_maps_as_often_as_they_say(metric: str) -> None:
    hits, runs = 0, 250
    drawn = 39
    for run in range(runs):
        maps = {("x", "fear", "all"): smooth(2 * run), ("y", "fear", "all"): smooth(2 * run + 1)}
        masks = {"fear": otsu_masks(maps["y", "fear", "all"])}
        nulls = null_table(maps, [metric], References(masks), None, NullModels(n=drawn, seed=run))
        p = nulls[(nulls["null"] == "surrogate") & (nulls["a"] == "x")]["p"].item()
        hits += p <= 0.05
    assert 0.01 <= hits / runs <= 0.09  # 5 % within three standard errors.


def test_too_few_expressions_and_undefined_maps_say_so() -> None:
    maps = {key: one for key, one in some_maps().items() if key[1] in ("anger", "fear")}
    maps["z", "fear", "all"] = np.full(SHAPE, np.nan)
    maps["y", "fear", "all"] = np.zeros(SHAPE)
    nulls = null_table(maps, ["iou"], References(some_masks()), None, NullModels(n=9))
    permuted = nulls[nulls["null"] == "permuted"].set_index("a")
    assert permuted.loc["x", "note"] == "2 expressions have every score: too few to permute"
    assert np.isnan(permuted.loc["x", "p"])
    assert not ((nulls["a"] == "y") & (nulls["expression"] == "fear") & (nulls["null"] == "surrogate")).any()
    assert null_table({}, ["iou"], References()).empty


def test_floors_are_the_best_null_and_p_is_adjusted_over_a_metric() -> None:
    maps, masks = some_maps(), some_masks()
    nulls = null_table(maps, ["iou", "pearson"], References(masks), None, NullModels(face_prior(SHAPE), "xyz", n=99))
    scores = pd.concat([mask_scores(maps, masks), pair_scores(maps, ["pearson"])], ignore_index=True)
    table = with_nulls(scores, nulls)
    row = table[(table["metric"] == "iou") & (table["a"] == "x") & (table["expression"] == "fear")].iloc[0]
    mine = nulls[(nulls["metric"] == "iou") & (nulls["a"] == "x") & (nulls["expression"] == "fear")]
    assert row["floor"] == mine["mean"].max()
    assert row["floor_kind"] == mine.loc[mine["mean"].idxmax(), "null"]
    assert row["p"] == mine[mine["null"] == "surrogate"]["p"].item()
    assert table[table["metric"] == "precision"]["p"].isna().all()  # It was not among the nulls.
    pd.testing.assert_frame_equal(table[scores.columns[:10]], scores[scores.columns[:10]])


def test_known_regions_are_tested_against_the_prior_picture_by_picture() -> None:
    found = ImageScores()
    for i, value in enumerate((0.8, 0.9, 0.7, 0.95)):
        found.add("known_auc", "net/cam", ImageScore(f"{i}.png", "fear", value, 0.1))
    guesses = {("known_auc", "", "prior"): {f"{i}.png": 0.7 for i in range(4)}}
    nulls = image_nulls(found, "known/region", guesses)
    table = with_nulls(found.table("known/region"), nulls)
    row = table[table["expression"] == "fear"].iloc[0]
    assert (row["floor"], row["floor_kind"]) == (pytest.approx(0.7), "prior")
    from scipy import stats

    expected = stats.ttest_rel([0.8, 0.9, 0.7, 0.95], [0.7] * 4, alternative="greater").pvalue
    assert row["p"] == pytest.approx(expected)


def test_a_coarser_grid_keeps_means_and_points() -> None:
    grid = Grid.of((275, 224))
    assert grid.coarse == (69, 56)
    assert Grid.of((24, 20)).coarse == (24, 20)
    ones = np.add.outer(np.arange(275.0), np.zeros(224))
    assert grid.reduce(ones)[:, 0].tolist() == [*(1.5 + 4 * np.arange(68)), 273.0]
    assert grid.points(np.array([[223.0, 274.0], [3.4, 3.6]])).tolist() == [[55, 68], [0, 1]]
