"""What a metric is applied to follows from what it needs, also for a metric that nobody here has heard of."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import EntryPoint

import numpy as np
import pytest
from plain_intervals import score_intervals

from xai_compare import registry as registries
from xai_compare.comparison import METRICS, Pool, References, pool_intervals, register, score_table
from xai_compare.comparison.dispatch import comparisons
from xai_compare.errors import InputError

SHAPE = (11, 7)
MASK = np.zeros(SHAPE, bool)
MASK[3:6, 2:] = True
SOURCES = ["net", "other", "crowd"]


def maps(expressions: tuple[str, ...] = ("anger", "fear")) -> dict[tuple[str, str, str], np.ndarray]:
    draws = np.random.default_rng(1)
    return {(a, e, "all"): draws.random(SHAPE) for e in expressions for a in SOURCES}


def references() -> References:
    draws = np.random.default_rng(2)
    points = {e: draws.uniform(0, 6, (9, 2)) for e in ("anger", "fear")}
    return References({"anger": MASK}, "ekman", {"crowd": points}, {})


@pytest.fixture
def known() -> Iterator[None]:
    """Whatever a test registers is forgotten again."""
    before = dict(METRICS.all())
    yield
    METRICS._things.clear()
    METRICS._things.update(before)


def test_pairs_once_or_in_both_orders() -> None:
    for name, expected in (("dice", 3), ("similarity", 3), ("kl_divergence", 6)):
        found = list(comparisons(METRICS.get(name), SOURCES, "anger", references(), SHAPE))
        assert len({(one.a, one.b) for one in found}) == len(found) == expected


def test_masks_points_and_what_goes_with_points() -> None:
    given = references()
    assert [one.b for one in comparisons(METRICS.get("iou"), SOURCES, "anger", given, SHAPE)] == ["ekman"] * 3
    assert list(comparisons(METRICS.get("iou"), SOURCES, "fear", given, SHAPE)) == []
    found = list(comparisons(METRICS.get("auc_shuffled"), SOURCES, "anger", given, SHAPE))
    assert [(one.a, one.b) for one in found] == [("net", "crowd"), ("other", "crowd")]
    np.testing.assert_array_equal(found[0].others[0], given.points["crowd"]["anger"])
    np.testing.assert_array_equal(found[0].others[1], given.points["crowd"]["fear"])
    (one, _) = comparisons(METRICS.get("information_gain"), SOURCES, "all", given, SHAPE)
    assert one.others[0].shape == (18, 2)
    assert np.ptp(one.others[1]) == 0
    assert list(comparisons(METRICS.get("known_auc"), SOURCES, "anger", given, SHAPE)) == []


def test_a_new_metric_is_one_function(known: None) -> None:
    @register("peak_gap", title="Gap", needs=("map", "map"), source="made up", undefined="never", range=(0, 9))
    def peak_gap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.abs(a.max((-2, -1)) - b.max((-2, -1)))

    @register("mass_in", title="Mass", needs=("map", "mask"), source="made up", undefined="never", range=(0, 999))
    def mass_in(a: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return (a * mask).sum((-2, -1))

    heatmaps = maps()
    table = score_table(heatmaps, ["peak_gap", "mass_in"], references())
    rows = table.set_index(["metric", "a", "b", "expression"])["value"]
    assert rows["mass_in", "net", "ekman", "anger"] == heatmaps["net", "anger", "all"][MASK].sum()
    a, b = (heatmaps[name, "fear", "all"].max() for name in ("net", "crowd"))
    assert rows["peak_gap", "net", "crowd", "fear"] == abs(a - b)
    assert len(table) == 2 * 3 + 3
    stacks = {name: np.random.default_rng(i).random((6, *SHAPE)) for i, name in enumerate("ab")}
    images = {name: [str(i) for i in range(6)] for name in "ab"}
    wanted = [METRICS.get(name) for name in ("peak_gap", "mass_in")]
    found, _ = pool_intervals(Pool.of(stacks, images), "anger", "all", wanted, references(), n=40)
    assert {tuple(key[:3]) for key in found} == {
        ("peak_gap", "a", "b"),
        ("mass_in", "a", "ekman"),
        ("mass_in", "b", "ekman"),
    }
    low, high = found["mass_in", "a", "ekman", "anger", "all"]
    assert low < stacks["a"].mean(0)[MASK].sum() < high


def test_a_metric_that_returns_nonsense_is_named(known: None) -> None:
    @register("nonsense", title="N", needs=("map", "mask"), source="made up", undefined="never")
    def nonsense(a: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.zeros(3)

    with pytest.raises(InputError, match="'nonsense' gave"):
        score_table(maps(), ["nonsense"], references())


def test_a_metric_of_another_package_is_an_entry_point(known: None, monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "xai_compare.comparison.metrics.maps:similarity", "xai_compare.metrics")
    monkeypatch.setattr(registries, "entry_points", lambda group: [point])
    with pytest.raises(InputError, match="is not a metric"):
        METRICS.get("theirs")


@pytest.mark.parametrize("needs", [("points", "map"), ("map",), ("map", "nonfixations"), ("map", "map", "baseline")])
def test_needs_that_nothing_fits_are_refused(needs: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="cannot need"):
        register("x", title="x", needs=needs, source="x", undefined="x")


def test_intervals_do_not_depend_on_the_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    stacks = {name: np.random.default_rng(i).random((7, *SHAPE)).astype(np.float32) for i, name in enumerate("abc")}
    images = {name: [str(i) for i in range(7)] for name in "abc"}
    found = []
    for number in (1, 3):
        monkeypatch.setattr("xai_compare.comparison.resampling.replicates.threads", lambda number=number: number)
        found.append(score_intervals(stacks, images, "anger", mask=MASK, n=100))
    assert found[0] == found[1]
