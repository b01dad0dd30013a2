"""The bootstrap: every fast path against the plain one, and what the draws promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_intervals import (
    bootstrap_correlation,
    bootstrap_correlations,
    bootstrap_mean_map,
    mean_maps,
    plain_intervals,
    score_intervals,
)
from scipy import stats

from xai_compare.comparison import (
    METRICS,
    Pool,
    References,
    ScoreKey,
    bootstrap,
    correlation,
    dice,
    iou,
    otsu_masks,
    otsu_scores,
    pearson,
    pool_intervals,
    region_energy,
    resample_counts,
    uncentred,
)
from xai_compare.comparison.dispatch import Comparison
from xai_compare.comparison.resampling.interval import interval
from xai_compare.comparison.resampling.resamples import jackknife_counts, jackknife_variance
from xai_compare.errors import InputError

SHAPE = (9, 6)
MASK = np.zeros(SHAPE, bool)
MASK[2:6, 1:4] = True


def some_maps(m: int, seed: int = 0, contrast: int = 2) -> np.ndarray:
    """Whole numbers, so that mean maps come out alike in any order of adding."""
    return np.random.default_rng(seed).poisson(3 + contrast * MASK, (m, *SHAPE)).astype(np.float64)


def test_bootstrap_of_a_mean_has_the_textbook_interval() -> None:
    values = np.random.default_rng(1).normal(5, 2, 400)
    result = bootstrap(np.mean, values, n=2000, seed=3)
    assert result.value == values.mean()
    half = 1.96 * values.std() / 20
    assert result.low == pytest.approx(values.mean() - half, abs=0.03)
    assert result.high == pytest.approx(values.mean() + half, abs=0.03)
    assert bootstrap(np.mean, values, n=50, seed=3) == bootstrap(np.mean, values, n=50, seed=3)
    assert bootstrap(np.mean, values, n=50, seed=4) != bootstrap(np.mean, values, n=50, seed=3)


def test_the_interval_holds_the_value_where_every_replicate_is_lower() -> None:
    a, b = some_maps(14, contrast=9), some_maps(14, seed=5, contrast=9)
    pairs = np.stack([a, b], 1)

    def correlate(sample: np.ndarray) -> float:
        return float(correlation(*sample.mean(0)))

    plain = bootstrap(correlate, pairs, n=200, kind="percentile")
    shifted = bootstrap(correlate, pairs, n=200, kind="recentred")
    usual = bootstrap(correlate, pairs, n=200)
    assert plain.high < plain.value
    wide = np.sqrt(np.var(usual.replicates) * 14 / 13 + (usual.replicates.mean() - usual.value) ** 2)
    assert usual.value - usual.low == pytest.approx(stats.t.ppf(0.975, 13) * wide)
    assert shifted.low < shifted.value < shifted.high
    assert shifted.high - shifted.low == pytest.approx(plain.high - plain.low)
    with pytest.raises(InputError, match="did you mean 'percentile'"):
        bootstrap(correlate, pairs, n=2, kind="percentil")  # type: ignore[arg-type]


@given(st.integers(1, 30), st.integers(1, 20), st.integers(0, 99))
@settings(deadline=None)
def test_every_resample_is_as_large_as_the_sample(images: int, n: int, seed: int) -> None:
    counts = resample_counts(images, n, seed)
    assert counts.shape == (n, images)
    assert (counts.sum(1) == images).all()
    assert (counts >= 0).all()


def test_draws_follow_the_images() -> None:
    names = [f"{i}.png" for i in range(12)]
    counts = resample_counts(names, 40, 7)
    shuffled = resample_counts(names[::-1], 40, 7)
    np.testing.assert_array_equal(counts, shuffled[:, ::-1])
    other = resample_counts([f"{name}x" for name in names], 40, 7)
    assert (counts != other).any()
    twice = resample_counts(names + names, 40, 7)
    np.testing.assert_array_equal(twice, np.hstack([counts, counts]))
    with pytest.raises(InputError, match="resamples of 0 images"):
        resample_counts([], 40, 7)


@pytest.mark.parametrize("chunk", [1, 4, 100])
@pytest.mark.parametrize("memory", [1, 1000, 2**20], ids=["one", "few", "all"])
def test_mean_maps_are_weighted_means(chunk: int, memory: int) -> None:
    maps = some_maps(11)
    weights = resample_counts(11, 7, 0)
    blocks = list(mean_maps(maps, weights, chunk, memory))
    expected = [np.average(maps, axis=0, weights=row) for row in weights]
    np.testing.assert_allclose(np.concatenate(blocks), expected, rtol=1e-12)
    assert len(blocks) == (1 if memory == 2**20 else 7 if memory == 1 else 4)
    assert next(mean_maps(maps.astype(np.uint8), weights)).dtype == np.float32


def test_maps_are_read_in_chunks() -> None:
    class Stored:
        """Stands for a store on disk: it only slices, and remembers how much was asked for at once."""

        def __init__(self, maps: np.ndarray) -> None:
            self.maps, self.shape, self.dtype, self.largest = maps, maps.shape, maps.dtype, 0

        def __getitem__(self, part: slice) -> np.ndarray:
            self.largest = max(self.largest, len(self.maps[part]))
            return self.maps[part]

    stored, weights = Stored(some_maps(20)), resample_counts(20, 5, 0)
    means = np.concatenate(list(mean_maps(stored, weights, chunk=6, memory=3000)))
    assert stored.largest == 6
    np.testing.assert_allclose(means, np.concatenate(list(mean_maps(stored.maps, weights))), rtol=1e-12)


@pytest.mark.parametrize("repeats", [1, 3], ids=["distinct", "repeated"])
def test_fast_otsu_bootstrap_is_the_plain_one(repeats: int) -> None:
    maps = some_maps(15)
    images = [str(i // repeats) for i in range(15)]
    fast = bootstrap_mean_map(lambda means: otsu_scores(means, MASK), maps, images, n=60, seed=2, chunk=4)

    def plain(sample: np.ndarray) -> float:
        return float(iou(otsu_masks(sample.mean(0)), MASK))

    slow = bootstrap(plain, maps, n=60, seed=2, images=images, bounds=(0, 1), shift=2)
    np.testing.assert_array_equal(fast["iou"].replicates, slow.replicates)
    assert fast["iou"] == slow
    assert fast["iou"].low < fast["iou"].high


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("paired", [True, False])
def test_gram_bootstrap_is_the_plain_one(centred: bool, paired: bool) -> None:
    a, b = some_maps(14), some_maps(14 if paired else 9, seed=5)
    fast = bootstrap_correlation(a, b, centred, paired, n=80, seed=4)
    names = [str(i) for i in range(14)]
    counts = [resample_counts(names, 80, 4), resample_counts(names if paired else [f"{i} b" for i in range(9)], 80, 4)]
    slow = [
        correlation(np.repeat(a, i, axis=0).mean(0), np.repeat(b, j, axis=0).mean(0), centred)
        for i, j in zip(*counts, strict=True)
    ]
    np.testing.assert_allclose(fast.replicates, slow, rtol=1e-9)
    assert fast.value == pytest.approx(correlation(a.mean(0), b.mean(0), centred))
    assert fast.low < fast.value <= fast.high
    if paired:
        both = bootstrap(
            lambda pairs: float(correlation(*pairs.mean(0), centred)), np.stack([a, b], 1), 80, 4, images=names
        )
        np.testing.assert_allclose(fast.replicates, both.replicates, rtol=1e-9)


def test_pairing_narrows_the_interval_of_a_source_with_itself() -> None:
    maps = some_maps(12)
    assert bootstrap_correlation(maps, maps, n=50).low == pytest.approx(1)
    assert bootstrap_correlation(maps, maps, paired=False, n=50).low < 0.999
    with pytest.raises(InputError, match="cannot be paired"):
        bootstrap_correlation(maps, maps[:4])


def test_all_pairs_are_single_pairs() -> None:
    names = [str(i) for i in range(8)]
    sources = {"a": some_maps(8), "b": some_maps(8, 1), "c": some_maps(5, 2)}
    images = {"a": names, "b": names, "c": names[:5]}
    results = bootstrap_correlations(sources, images, n=30)
    assert list(results) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert results["a", "b"] == bootstrap_correlation(sources["a"], sources["b"], n=30)


def test_intervals_of_a_whole_group_are_the_plain_ones() -> None:
    names = [str(i) for i in range(10)]
    sources = {"a": some_maps(10), "b": some_maps(10, 1)}
    found = score_intervals(sources, {"a": names, "b": names}, "fear", mask=MASK, region=MASK, n=70, seed=9)
    pairs = np.stack([sources["a"], sources["b"]], 1)
    metrics = {"dice": dice, "pearson": pearson, "uncentred": uncentred}
    for metric, function in metrics.items():
        plain = bootstrap(lambda s, f=function: float(f(*s.mean(0))), pairs, 70, 9, images=names)  # type: ignore[misc]
        if metric == "dice":
            without = np.array([float(dice(*np.delete(pairs, i, 0).mean(0))) for i in range(10)])
            plain = interval(plain.value, plain.replicates, images=10, left_out=without)
        ends = found[metric, "a", "b", "fear", "all"]
        np.testing.assert_allclose(ends, (plain.low, min(plain.high, 1)), rtol=1e-9)
    energy = bootstrap(lambda s: float(region_energy(s.mean(0), MASK)), sources["b"], 70, 9, images=names)
    np.testing.assert_allclose(found["known_energy", "b", "known", "fear", "all"], (energy.low, energy.high), rtol=1e-9)
    assert {key[0] for key in found} == {"iou", "precision", "recall", "f1", "known_energy", *metrics}


@pytest.mark.parametrize("few", [1, 2])
def test_one_or_two_images_have_no_interval(few: int) -> None:
    result = bootstrap_mean_map(lambda means: otsu_scores(means, MASK), some_maps(few), n=5)["iou"]
    assert np.isfinite(result.value)
    assert np.isnan([result.low, result.high]).all()
    assert score_intervals({"a": some_maps(few)}, {"a": ["x", "y"][:few]}, "fear", mask=MASK, n=5) == {}


def test_undefined_replicates_are_left_out() -> None:
    maps = np.stack([np.zeros(SHAPE), np.zeros(SHAPE), MASK * 1.0])
    result = bootstrap_mean_map(lambda means: otsu_scores(means, MASK), maps, n=40)["iou"]
    assert np.isnan(result.replicates).any()
    assert (result.low, result.high) == (1, 1)
    with pytest.raises(InputError, match="between 0 and 1"):
        bootstrap(np.mean, [1.0, 2.0], n=5, level=95)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n", [5, 100], ids=["one block", "many blocks"])
def test_a_table_s_intervals_are_the_plain_ones(dtype: type, n: int) -> None:
    sources = {
        name: some_maps(m, seed).astype(dtype) for seed, (name, m) in enumerate({"a": 9, "b": 9, "c": 6}.items())
    }
    sources["flat"] = np.ones((9, *SHAPE), dtype)
    images = {name: [f"{i}{'c' if name == 'c' else ''}" for i in range(len(maps))] for name, maps in sources.items()}
    expected = plain_intervals(sources, images, MASK, n, 5)
    found = {
        tuple(key[:3]): ends for key, ends in score_intervals(sources, images, "fear", mask=MASK, n=n, seed=5).items()
    }
    assert found.keys() == expected.keys()
    for key, ends in expected.items():
        assert found[key] == pytest.approx(ends, rel=1e-9, abs=1e-12), key


@pytest.mark.parametrize("masks", [2**28, 2000], ids=["all at once", "in parts"])
def test_equal_resamples_are_scored_once_and_trainings_are_drawn_together(
    masks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xai_compare.comparison.resampling.replicates._MASKS", masks)
    names = {"a": list("zyxw"), "two": list("wxyzwxyz"), "b": list("wxy"), "c": ["x", "z"]}
    sources = {name: some_maps(len(its), seed) for seed, (name, its) in enumerate(names.items())}
    expected = plain_intervals(sources, names, MASK, 300, 5)
    found = score_intervals(sources, names, "fear", mask=MASK, n=300, seed=5)
    assert {tuple(key[:3]) for key in found} == expected.keys()
    for key, ends in expected.items():
        assert found[ScoreKey(*key, "fear", "all")] == pytest.approx(ends, rel=1e-9, abs=1e-9), key


def test_every_other_metric_sees_the_same_resamples() -> None:
    """One that is symmetric and one that is not; single maps stay as they lie."""
    sources, images = (
        {name: some_maps(4, seed) for seed, name in enumerate("ab")},
        {name: list("wxyz") for name in "ab"},
    )
    metrics = [METRICS.get(name) for name in ("similarity", "kl_divergence", "iou")]
    single = Comparison(METRICS.get("known_energy"), "a", "known", others=(MASK,))
    found, _ = pool_intervals(
        Pool.of(sources, images), "fear", "all", metrics, References({"fear": MASK}), n=300, seed=5, more=[single]
    )
    counts = resample_counts(images["a"], 300, 5)
    means = {
        name: np.concatenate(list(mean_maps(maps, np.vstack([np.ones(4), counts])))) for name, maps in sources.items()
    }
    for name, a, b in (("similarity", "a", "b"), ("kl_divergence", "a", "b"), ("kl_divergence", "b", "a")):
        values = METRICS.get(name).function(means[a], means[b])
        ends = interval(values[0], values[1:], images=4, bounds=METRICS.get(name).range)
        assert found[ScoreKey(name, a, b, "fear", "all")] == pytest.approx((ends.low, ends.high))
    values = region_energy(means["a"], MASK)
    ends = interval(values[0], values[1:], images=4, bounds=(0, 1))
    assert found[ScoreKey("known_energy", "a", "known", "fear", "all")] == pytest.approx((ends.low, ends.high))


def test_draws_are_one_stream_however_they_are_made() -> None:
    """The draws of replicate r are the same in any number of replicates, and those of a plain loop."""
    generator = np.random.default_rng([7])
    loop = [np.bincount(generator.integers(2000, size=2000), minlength=2000) for _ in range(700)]
    np.testing.assert_array_equal(resample_counts(2000, 700, 7), loop)


def test_the_shift_of_cut_maps_counts_twice() -> None:
    replicates = np.random.default_rng(0).normal(0.4, 0.05, 300)
    spread = replicates.std() * np.sqrt(25 / 24)
    for metric, times in (("iou", 2), ("dice", 2), ("pearson", 1), ("known_auc", 1), ("known_energy", 1)):
        assert METRICS.get(metric).shift == times
        one = interval(0.5, replicates, images=25, shift=METRICS.get(metric).shift)
        away = stats.t.ppf(0.975, 24) * np.hypot(spread, times * (replicates.mean() - 0.5))
        assert (one.low, one.high) == pytest.approx((0.5 - away, 0.5 + away))


def test_a_jackknife_is_the_textbook_s_and_widens_only() -> None:
    values = np.random.default_rng(2).gamma(2, 1, 12)
    without = (values.sum() - values) / 11
    assert jackknife_variance(without[None])[0] == pytest.approx(values.var(ddof=1) / 12)
    assert jackknife_variance(np.append(without, np.nan)[None])[0] == pytest.approx(values.var(ddof=1) / 12)
    names = [str(i) for i in range(70)]
    groups = jackknife_counts(names[:40], names)
    assert groups.shape == (30, 40)
    assert ((groups == 0).sum(0) == 1).all()
    assert jackknife_counts(["a", "a"], ["a", "b"]).tolist() == [[1, 1], [1, 1]]
    tight = interval(0.5, np.random.default_rng(0).normal(0.5, 0.01, 300), images=12)
    wide = interval(0.5, tight.replicates, images=12, left_out=without)
    away = stats.t.ppf(0.975, 11) * np.sqrt(values.var(ddof=1) / 12 + (tight.replicates.mean() - 0.5) ** 2)
    assert wide.high - 0.5 == pytest.approx(away)
    narrow = interval(0.5, tight.replicates, images=12, left_out=np.full(12, 0.5))
    assert (narrow.low, narrow.high) == (tight.low, tight.high)


def test_scores_say_from_how_many_images_their_intervals_can_be_trusted() -> None:
    assert [METRICS.get(name).few() for name in ("pearson", "iou", "dice")] == [20, 20, 100]
    assert [METRICS.get(name).few(difference=True) for name in ("pearson", "iou", "dice")] == [20, 100, 100]
