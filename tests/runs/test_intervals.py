"""The run's bootstrap against one that draws, averages and scores in plain loops."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xai_compare import ekman
from xai_compare.comparison import otsu_scores
from xai_compare.faces import SHAPE
from xai_compare.runs.intervals import intervals
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
    masks = {"anger": ekman.mask("anger")}
    found = intervals(
        stores,
        masks,
        ["anger"],
        scaling="none",
        replicates=replicates,
        seed=seed,
        dice_threshold=50,
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
    return {name: np.percentile(values, [2.5, 97.5]) for name, values in found.items()}


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
