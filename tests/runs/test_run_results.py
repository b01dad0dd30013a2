"""What a run says is what its maps say: everything recomputed from the maps with a few lines of numpy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata
from toy_study import CLASSES, heatmap, maps_of, score

import xai_compare as xc
from xai_compare import ekman

SOURCES = [f"{model}/{explainer}" for explainer in ("cam", "grad_cam", "random") for model in ("toy", "other")]
EVERYBODY = [*SOURCES, "all models/cam", "all models/grad_cam", "all models/random", "known/region"]


JUDGED = {"images": 4, "steps": 4, "rectangles": 8}


def scaled_maps(run: xc.Run, source: str) -> tuple[np.ndarray, list[str]]:
    """A source's maps, each scaled by its range before the warp, and their groups."""
    table = pd.read_parquet(run.dir / "tables" / "maps.parquet")
    table = table[table["source"] == source].set_index("image")
    maps = maps_of(run, source)
    low, high = (table.loc[list(maps), key].to_numpy(float)[:, None, None] for key in ("low", "high"))
    stack = np.stack(list(maps.values())).astype(float)
    return (stack if source.startswith("known") else (stack - low) / (high - low)), table.loc[
        list(maps), "group"
    ].tolist()


def levels(one: np.ndarray) -> np.ndarray:
    return np.rint((one - one.min()) / (one.max() - one.min()) * 255).astype(int)


def above_otsu(one: np.ndarray) -> np.ndarray:
    grey = levels(one)
    best, cut = -1.0, 0
    for t in range(255):
        low, high = grey[grey <= t], grey[grey > t]
        if len(low) and len(high):
            between = len(low) * len(high) * (low.mean() - high.mean()) ** 2
            if between > best * (1 + 1e-12):
                best, cut = between, t
    return grey > cut


def test_the_tables_of_everything(finished: xc.Run) -> None:
    assert sorted(finished.heatmaps.source.values.tolist()) == sorted(EVERYBODY)
    assert finished.heatmaps.expression.values.tolist() == [*CLASSES, "all"]
    assert finished.heatmaps.fold.values.tolist() == ["all"]
    counts = finished.heatmaps["count"].sel(fold="all").to_pandas()
    assert (counts.loc[SOURCES, CLASSES] == 3).all(axis=None)
    assert (counts.loc[SOURCES, "all"] == 9).all()
    assert (counts.loc[["all models/cam"], CLASSES] == 6).all(axis=None)
    assert len(finished.predictions) == 18
    assert finished.predictions["selected"].all()
    assert len(finished.images) == 9
    assert len(finished.skipped) == 0
    assert finished.maps.sizes["item"] == 6 * 9 + 9
    assert finished.simulated == set(EVERYBODY)
    assert finished.heatmaps.mean_face.dtype == np.uint8
    assert list(finished.scores.columns) == [
        "metric", "a", "b", "expression", "fold", "value", "n", "ci_low", "ci_high", "note",
        "floor", "floor_kind", "ceiling_low", "ceiling_high", "p", "p_adjusted",
    ]  # fmt: skip
    assert set(finished.scores["metric"]) >= {"iou", "precision", "recall", "f1", "dice", "pearson", "uncentred"}


@pytest.mark.parametrize("name", ["scores", "merges", "predictions", "images", "skipped"])
def test_csv_and_parquet_say_the_same(finished: xc.Run, name: str) -> None:
    csv = pd.read_csv(finished.dir / "tables" / f"{name}.csv", keep_default_na=False, dtype=str)
    parquet = pd.read_parquet(finished.dir / "tables" / f"{name}.parquet")
    assert list(csv.columns) == list(parquet.columns)
    assert len(csv) == len(parquet)
    for column in csv.columns:
        if parquet[column].dtype.kind in "if":
            np.testing.assert_allclose(pd.to_numeric(csv[column]), parquet[column].to_numpy(float), rtol=1e-12)


def test_provenance_names_all_that_matters(finished: xc.Run) -> None:
    facts = finished.provenance
    assert facts["seed"] == 5
    assert facts["fingerprint"] == finished.study.fingerprint()
    assert {"python", "torch", "numpy", "xai-compare"} <= set(facts["versions"])
    assert set(facts["models"]) == {"toy", "other"}
    assert all(seconds >= 0 for seconds in facts["stages"].values())
    assert any(path.endswith("labels.csv") for path in facts["inputs"])
    assert facts["skipped"] == []


@pytest.mark.parametrize("source", [*SOURCES, "known/region"])
@pytest.mark.parametrize("expression", [*CLASSES, "all"])
def test_heatmaps_are_means_of_the_scaled_maps(finished: xc.Run, source: str, expression: str) -> None:
    maps, groups = scaled_maps(finished, source)
    members = maps[[expression in (group, "all") for group in groups]]
    np.testing.assert_allclose(heatmap(finished, source, expression), members.mean(0), atol=5e-5)


@pytest.mark.parametrize("explainer", ["cam", "grad_cam"])
def test_all_models_is_the_mean_over_their_maps(finished: xc.Run, explainer: str) -> None:
    both = [heatmap(finished, f"{model}/{explainer}", "anger") for model in ("toy", "other")]
    np.testing.assert_allclose(heatmap(finished, f"all models/{explainer}", "anger"), np.mean(both, 0), atol=1e-5)


@pytest.mark.parametrize("source", ["toy/cam", "other/random", "all models/grad_cam"])
def test_scores_against_the_ekman_mask(finished: xc.Run, source: str) -> None:
    for expression in CLASSES:
        found, mask = above_otsu(heatmap(finished, source, expression)), ekman.mask(expression)
        hits = (found & mask).sum()
        expected = {
            "iou": hits / (found | mask).sum(),
            "precision": hits / found.sum(),
            "recall": hits / mask.sum(),
            "f1": 2 * hits / (found.sum() + mask.sum()),
        }
        for metric, value in expected.items():
            assert score(finished, metric, source, "ekman", expression).value == pytest.approx(value, abs=1e-9)


@pytest.mark.parametrize("pair", [("toy/cam", "other/cam"), ("toy/random", "known/region")], ids="|".join)
@pytest.mark.parametrize("expression", ["anger", "all"])
def test_scores_between_sources(finished: xc.Run, pair: tuple[str, str], expression: str) -> None:
    a, b = sorted(pair, key=finished.heatmaps.source.values.tolist().index)
    rows = finished.scores[(finished.scores.metric == "pearson") & (finished.scores.expression == expression)]
    if not ((rows.a == a) & (rows.b == b)).any():
        a, b = b, a
    first, second = heatmap(finished, a, expression), heatmap(finished, b, expression)
    one, two = levels(first) > 50, levels(second) > 50
    assert score(finished, "dice", a, b, expression).value == pytest.approx(
        2 * (one & two).sum() / (one.sum() + two.sum())
    )
    pearson = np.corrcoef(first.ravel(), second.ravel())[0, 1]
    assert score(finished, "pearson", a, b, expression).value == pytest.approx(pearson, abs=1e-6)
    uncentred = (first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum())
    assert score(finished, "uncentred", a, b, expression).value == pytest.approx(uncentred, abs=1e-6)


def test_how_well_the_known_region_is_found(finished: xc.Run) -> None:
    maps, groups = scaled_maps(finished, "toy/cam")
    truth, _ = scaled_maps(finished, "known/region")
    regions = dict(zip(maps_of(finished, "known/region"), truth > 0.5, strict=True))
    aucs = []
    for image, one, group in zip(maps_of(finished, "toy/cam"), maps, groups, strict=True):
        if group == "anger":
            inside = regions[image].ravel()
            ranks, n = rankdata(one.ravel())[inside].sum(), inside.sum()
            aucs.append((ranks - n * (n + 1) / 2) / (n * (inside.size - n)))
    row = score(finished, "known_auc", "toy/cam", "known/region", "anger")
    assert row.n == 3
    assert row.value == pytest.approx(np.mean(aucs), abs=2e-4)


def test_intervals_bracket_what_can_be_bracketed(finished: xc.Run) -> None:
    rows = finished.scores[finished.scores.metric.isin(["pearson", "uncentred", "known_energy"])]
    rows = rows[rows.ci_low.notna()]
    assert len(rows) > 20
    assert (rows.ci_low <= rows.ci_high).all()
    # Means of three pictures: the score of all lies within its own interval but for the bootstrap's skew.
    assert ((rows.ci_low - 0.05 <= rows.value) & (rows.value <= rows.ci_high + 0.05)).mean() > 0.9


def test_merges_are_average_linkage(finished: xc.Run) -> None:
    for (_, _form), steps in finished.merges.groupby(["expression", "form"]):
        assert steps["height"].is_monotonic_increasing
        assert len(steps) == len(EVERYBODY) - 3 - 1
