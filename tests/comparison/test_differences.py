"""Differences between two sources: paired, on the images both have, with fair p values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter
from statsmodels.stats.multitest import multipletests

from xai_compare.comparison import METRICS, Pool, References, iou, otsu_masks, pearson
from xai_compare.comparison.statistics.differences import (
    DIFFERENCE_COLUMNS,
    SWAPS,
    Difference,
    DifferenceKey,
    difference_table,
    holm,
    image_differences,
    pool_differences,
)

SHAPE = (16, 12)
MASK = np.zeros(SHAPE, bool)
MASK[4:11, 2:8] = True


def maps_of(n: int, strength: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return strength * MASK + 8 * np.stack([gaussian_filter(rng.standard_normal(SHAPE), 1.5) for _ in range(n)])


def compared(sources: dict[str, np.ndarray], images: dict[str, list[str]], metric: str = "iou", against: str = "ekman"):  # type: ignore[no-untyped-def]
    names = [name for name in sources if name != against]
    return pool_differences(
        Pool.of(sources, images),
        "fear",
        [METRICS.get(metric)],
        References({"fear": MASK}),
        sources=names,
        against=[against],
        n=200,
        seed=1,
    )


def test_it_is_the_difference_on_shared_images() -> None:
    a, b = maps_of(12, 2, 1), maps_of(9, 0.3, 2)
    images = {"a": [str(i) for i in range(12)], "b": [str(i) for i in range(4, 13)]}
    found = compared({"a": a, "b": b}, images)
    one = found[DifferenceKey("iou", "a", "b", "ekman", "fear")]
    plain = float(iou(otsu_masks(a[4:].mean(0)), MASK)) - float(iou(otsu_masks(b[:8].mean(0)), MASK))
    assert one.value == pytest.approx(plain, abs=1e-6)
    assert one.n == 8
    row = difference_table(found).iloc[0]
    assert row["ci_low"] < row["difference"] < row["ci_high"]
    assert row["ci_high"] - row["difference"] == pytest.approx(stats.t.ppf(0.975, 7) * one.error)
    assert row["note"] == "8 images are few: the interval may be too narrow"


def test_what_is_compared_with_keeps_all_its_images() -> None:
    a, b, people = maps_of(6, 1, 1), maps_of(6, 0.2, 2), maps_of(9, 1, 3)
    images = {"a": list("uvwxyz"), "b": list("uvwxyz"), "people": list("uvwxyz123")}
    found = compared({"a": a, "b": b, "people": people}, images, "pearson", "people")
    one = found[DifferenceKey("pearson", "a", "b", "people", "fear")]
    plain = float(pearson(a.mean(0), people.mean(0))) - float(pearson(b.mean(0), people.mean(0)))
    assert one.value == pytest.approx(plain, abs=1e-5)
    assert len(found) == 1


def test_a_clear_difference_is_found_and_identical_maps_have_none() -> None:
    a, b = 50 + maps_of(24, 2, 1), 50 + maps_of(24, -0.5, 2)  # Not signed: all of each map counts.
    images = {name: [str(i) for i in range(24)] for name in "abc"}
    table = difference_table(compared({"a": a, "b": b, "c": a.copy()}, images)).set_index(["a1", "a2"])
    assert table.loc[("a", "b"), "p_adjusted"] < 0.01
    assert table.loc[("a", "c"), "difference"] == 0
    assert np.isnan(table.loc[("a", "c"), "p"])
    assert table.loc[("a", "c"), "note"] == "every resample gives the same difference"


@pytest.mark.parametrize("metric", ["iou", "pearson"])
def test_the_spread_is_that_of_all_swaps(metric: str) -> None:
    """Every swap by itself, both ways round, on the same grid."""
    a, b, people = maps_of(5, 1, 1), maps_of(5, 0.4, 2), maps_of(5, 1, 3)
    images = {name: list("vwxyz") for name in ("a", "b", "people")}
    against = "ekman" if metric == "iou" else "people"
    sources = {"a": a, "b": b} | ({} if metric == "iou" else {"people": people})
    one = compared(sources, images, metric, against)[DifferenceKey(metric, "a", "b", against, "fear")]
    coins = np.random.default_rng([1, 22]).random((SWAPS // 2, 5)) < 0.5
    away = []
    for coin in [*coins, *~coins]:
        sides = np.where(coin[:, None, None], b, a).sum(0), np.where(coin[:, None, None], a, b).sum(0)
        if metric == "iou":
            one_side, other = (float(iou(otsu_masks(side), MASK)) for side in sides)
        else:
            one_side, other = (float(pearson(side, people.sum(0))) for side in sides)
        away.append(one_side - other)
    assert one.swapped is not None
    assert one.swapped[1] == pytest.approx(np.sqrt(np.mean(np.square(away))))


def test_sources_that_share_no_images_say_so() -> None:
    images = {"a": [str(i) for i in range(6)], "b": [str(i) for i in range(5, 11)]}
    found = compared({"a": maps_of(6, 1, 1), "b": maps_of(6, 1, 2)}, images)
    assert found == {}
    table = difference_table(found, [DifferenceKey("iou", "a", "b", "ekman", "fear")])
    assert list(table.columns) == list(DIFFERENCE_COLUMNS)
    assert table["note"].tolist() == ["the two sources share fewer than three images"]
    assert np.isnan(table[["difference", "ci_low", "p", "p_adjusted"]].to_numpy(float)).all()


@pytest.mark.slow
def test_p_values_of_sources_that_do_not_differ_are_fair() -> None:
    hits, runs = 0, 200
    for run in range(runs):
        both = [maps_of(30, 0.6, 2 * run), maps_of(30, 0.6, 2 * run + 1)]
        images = {name: [str(i) for i in range(30)] for name in "ab"}
        table = difference_table(compared(dict(zip("ab", both, strict=True)), images), mean=False)
        hits += bool(table["p"].iloc[0] <= 0.05)
    assert 0.01 <= hits / runs <= 0.09


def test_known_regions_are_compared_picture_by_picture() -> None:
    one, other = {"p": 0.8, "q": 0.7, "r": 0.9, "s": np.nan}, {"p": 0.6, "q": 0.65, "r": 0.5, "t": 0.1}
    found = image_differences({("known_auc", "a", "r", "fear"): one, ("known_auc", "b", "r", "fear"): other})
    row = difference_table(found).iloc[0]
    expected = stats.ttest_rel([0.8, 0.7, 0.9], [0.6, 0.65, 0.5])
    assert row["p"] == pytest.approx(expected.pvalue)
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(expected.confidence_interval()))


def test_the_mean_over_expressions_adds_variances() -> None:
    found = {
        DifferenceKey("iou", "a", "b", "ekman", "fear"): Difference(0.2, 0.1, 30),
        DifferenceKey("iou", "a", "b", "ekman", "anger"): Difference(0.0, 0.2, 30),
    }
    row = difference_table(found).set_index("expression").loc["all"]
    error, df = np.sqrt(0.05) / 2, 0.05**2 / ((0.1**4 + 0.2**4) / 29)
    assert row["difference"] == pytest.approx(0.1)
    assert row["ci_high"] == pytest.approx(0.1 + stats.t.ppf(0.975, df) * error)
    assert row["p"] == pytest.approx(2 * stats.t.sf(0.1 / error, df))
    assert row["n"] == 60


@pytest.mark.parametrize("n", [3, 12, 40])
def test_swapping_plain_numbers_is_a_paired_t_test(n: int) -> None:
    x = np.random.default_rng(n).normal(0.5, 1, n)
    swapped = float(x.mean()), float(np.sqrt((x**2).sum()) / n)
    found = {DifferenceKey("iou", "a", "b", "ekman", "fear"): Difference(float(x.mean()), 0.3, n, swapped=swapped)}
    expected = max(stats.ttest_1samp(x, 0).pvalue, 2.0 ** (1 - n))
    assert difference_table(found)["p"].iloc[0] == pytest.approx(expected)


def test_few_images_can_give_no_small_p() -> None:
    found = {DifferenceKey("iou", "a", "b", "ekman", "fear"): Difference(0.3, 0.1, 4, swapped=(0.3, 0.1))}
    assert difference_table(found)["p"].iloc[0] == 1 / 8


def test_holm_is_statsmodels_() -> None:
    p = np.random.default_rng(0).random(17) ** 3
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1])
