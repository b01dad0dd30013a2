"""The run's bootstrap against one that draws, averages and scores in plain loops."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from plain_intervals import bootstrap_correlations, score_intervals
from scipy import stats

from xai_compare import ekman
from xai_compare.analysis.inputs.stored_maps import Entry, StoredMaps, intervals
from xai_compare.comparison import (
    DEFAULT_METRICS,
    METRICS,
    References,
    otsu_scores,
    pool_intervals,
)
from xai_compare.faces import SHAPE
from xai_compare.runs.store import MapStore, Source

N = 12


def blobs(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    centres = rng.normal((150, 112), (40, 30), (N, 2))
    return np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 1500) for a, b in centres]).astype(np.float32)


def stored(folder: Path, name: str, maps: np.ndarray) -> MapStore:
    items = [{"image": f"{i}.png", "group": "anger"} for i in range(len(maps))]
    store = MapStore(folder, Source("model", name, "cam"), items)
    store.prepare()
    for index, part in enumerate(store.chunks):
        low, high = (f(maps[part], (1, 2)).tolist() for f in (np.min, np.max))
        facts = {"low": low, "high": high, "reason": [""] * (part.stop - part.start)}
        store.write(index, maps[part], {"columns": facts})
    return store


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[MapStore], list[np.ndarray]]:
    folder, maps = tmp_path_factory.mktemp("stores"), [blobs(1), blobs(2)]
    return [stored(folder, name, one) for name, one in zip(("a", "b"), maps, strict=True)], maps


def computed(
    stores: list[MapStore], replicates: int = 400, seed: int = 0
) -> dict[tuple[str, ...], tuple[float, float]]:
    found, _ = intervals(
        StoredMaps(stores, "none"),
        ["anger"],
        DEFAULT_METRICS,
        References({"anger": ekman.mask("anger")}),
        {"dice": {"threshold": 50}},
        replicates=replicates,
        seed=seed,
        advance=lambda _: None,
    )
    return {tuple(key): value for key, value in found.items()}


def slow(maps: list[np.ndarray], replicates: int = 400) -> dict[str, np.ndarray]:
    rng, found = np.random.default_rng(99), {"pearson": [], "iou": []}
    for _ in range(replicates):
        drawn = rng.integers(0, N, N)
        first, second = (one[drawn].mean(0) for one in maps)
        found["pearson"].append(np.corrcoef(first.ravel(), second.ravel())[0, 1])
        found["iou"].append(float(otsu_scores(first, ekman.mask("anger"))["iou"]))
    first, second = (one.mean(0) for one in maps)
    sample = {
        "pearson": np.corrcoef(first.ravel(), second.ravel())[0, 1],
        "iou": float(otsu_scores(first, ekman.mask("anger"))["iou"]),
    }
    ends = {}
    for name, values in found.items():
        error = np.sqrt(np.var(values) * N / (N - 1) + (np.mean(values) - sample[name]) ** 2)
        away = stats.t.ppf(0.975, N - 1) * error
        ends[name] = np.clip([sample[name] - away, sample[name] + away], -1, 1)
    return ends


def test_equal_to_a_slow_bootstrap_up_to_the_luck_of_the_draw(two: tuple[list[MapStore], list[np.ndarray]]) -> None:
    found, expected = computed(two[0]), slow(two[1])
    for key, name in (
        (("pearson", "a/cam", "b/cam", "anger", "all"), "pearson"),
        (("iou", "a/cam", "ekman", "anger", "all"), "iou"),
    ):
        width = np.ptp(expected[name])
        assert width > 0.01
        assert np.abs(np.array(found[key]) - expected[name]).max() < 0.25 * width


def test_the_seed_decides(two: tuple[list[MapStore], list[np.ndarray]]) -> None:
    assert computed(two[0], 30) == computed(two[0], 30)
    assert computed(two[0], 30) != computed(two[0], 30, seed=1)


def test_no_replicates_no_intervals(two: tuple[list[MapStore], list[np.ndarray]]) -> None:
    assert computed(two[0], 0) == {}


def test_equal_sources_stay_equal(tmp_path: Path) -> None:
    maps = blobs(3)
    stores = [stored(tmp_path, name, maps) for name in ("a", "b")]
    low, high = computed(stores, 30)["pearson", "a/cam", "b/cam", "anger", "all"]
    assert low == pytest.approx(1, abs=1e-6)
    assert high == pytest.approx(1, abs=1e-6)


class Held(StoredMaps):
    """Stands for stores on disk: the maps of sources, held in memory."""

    def __init__(self, maps: dict[str, np.ndarray], images: dict[str, list[str]]) -> None:
        sources = {name: Source("model", name, "cam") for name in maps}
        self.stores = {source.slug: SimpleNamespace(source=source) for source in sources.values()}
        self.maps = {sources[name].slug: stack for name, stack in maps.items()}
        self.entries = {
            sources[name].slug: [Entry(0, i, image, "anger") for i, image in enumerate(images[name])] for name in maps
        }

    def stream(self, slug: str, expression: str = "all") -> Iterator[tuple[Entry, np.ndarray]]:
        return zip(self.entries[slug], self.maps[slug], strict=True)


def test_bins_of_very_many_images_give_the_same_interval(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The variance of a mean over bins is that over images; with a few hundred images the ends agree closely."""
    draws = np.random.default_rng(0)
    smooth = draws.random((300, 12, 10)).astype(np.float32)
    shape = (12, 10)
    monkeypatch.setattr("xai_compare.analysis.inputs.stored_maps.SHAPE", shape)
    monkeypatch.setattr("xai_compare.analysis.inputs.stored_maps.BINS", 100)
    monkeypatch.setattr(
        "xai_compare.analysis.inputs.stored_maps.bin_of", lambda image: int(image.split()[1]) * 7919 % 100
    )
    mask = np.zeros(shape, bool)
    mask[:6] = True
    smooth[:, :6] += 0.05
    maps = Held({"a": smooth}, {"a": [f"image {n}" for n in range(300)]})
    ends = []
    for many in (1000, 10):
        monkeypatch.setattr("xai_compare.analysis.inputs.stored_maps.MANY", many)
        pool = maps.pool("anger", tmp_path)
        assert pool is not None
        assert len(pool.maps) == (300 if many == 1000 else 100)
        data, images = pool.maps, pool.images["a/cam"]
        ends.append(score_intervals({"a": data}, {"a": images}, "anger", mask=mask, n=2000, seed=1))
    (plain, binned) = ends
    assert plain
    for key in plain:
        assert np.ptp(binned[key]) == pytest.approx(np.ptp(plain[key]), rel=0.35)
        assert binned[key] == pytest.approx(plain[key], abs=0.06)


@pytest.mark.parametrize("limit", [2**30, 1000], ids=["in memory", "in a file"])
def test_each_map_is_held_once_and_all_networks_share_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: int
) -> None:
    monkeypatch.setattr("xai_compare.analysis.inputs.stored_maps.SHAPE", (9, 6))
    monkeypatch.setattr("xai_compare.analysis.inputs.stored_maps._POOL", limit)
    maps = {name: np.random.default_rng(i).random((5, 9, 6)).astype(np.float32) for i, name in enumerate("ab")}
    images = {name: [f"{i}.png" for i in range(5)] for name in "ab"}
    pool = Held(maps, images).pool("anger", tmp_path)
    assert pool is not None
    assert isinstance(pool.maps, np.memmap) == (limit == 1000)
    assert pool.maps.shape == (10, 9, 6)
    assert list(pool.rows) == ["a/cam", "b/cam", "all models/cam"]
    both = np.concatenate([maps["a"], maps["b"]])
    np.testing.assert_array_equal(pool.maps[pool.rows["all models/cam"]], both)
    found, _ = pool_intervals(pool, "anger", "all", [METRICS.get("pearson")], References(), n=60, seed=3)
    sources = {"a/cam": maps["a"], "b/cam": maps["b"], "all models/cam": both}
    names = {"a/cam": images["a"], "b/cam": images["b"], "all models/cam": images["a"] + images["b"]}
    plain = bootstrap_correlations(sources, names, True, 60, 3)
    for (a, b), expected in plain.items():
        assert found["pearson", a, b, "anger", "all"] == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_a_store_s_maps_come_in_order_and_scaled(two: tuple[list[MapStore], list[np.ndarray]]) -> None:
    stores, maps = two
    held = StoredMaps(stores, "min_max")
    stack = np.stack([one for _, one in held.stream(stores[0].source.slug)])
    expected = (maps[0] - maps[0].min((1, 2), keepdims=True)) / np.ptp(maps[0], axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(stack, expected, atol=2e-5)
    assert list(held.stream(stores[0].source.slug, "fear")) == []
