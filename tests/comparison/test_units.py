"""Which things are drawn: coverage where images and people are both samples, and rsatoolbox's correction."""

from __future__ import annotations

import numpy as np
import pytest

from xai_compare.comparison.resampling.units import UNIT_COLUMNS, Factor, crossed_variance, unit_intervals
from xai_compare.errors import InputError


def sample(rng: np.random.Generator, images: int, people: int) -> np.ndarray:
    """Simulated scores of images by people: both differ at random, and there is noise; the population's mean is 0."""
    return rng.normal(0, 1, (images, 1)) + rng.normal(0, 1, (1, people)) + rng.normal(0, 2, (images, people))


def mean_of(table: np.ndarray):  # type: ignore[no-untyped-def]
    def score(image: np.ndarray, person: np.ndarray) -> float:
        return float(image @ table @ person / image.sum() / person.sum())

    return score


def test_each_unit_is_named_with_its_own_error() -> None:
    table = sample(np.random.default_rng(0), 40, 15)
    found = unit_intervals(mean_of(table), (Factor("images", 40), Factor("participants", 15)), n=3000).set_index("unit")
    assert ["unit", *found.columns] == list(UNIT_COLUMNS)
    assert list(found.index) == ["images", "participants", "images x participants"]
    np.testing.assert_allclose(found["value"], table.mean())
    plain = {"images": table.mean(1).std(ddof=1) / np.sqrt(40), "participants": table.mean(0).std(ddof=1) / np.sqrt(15)}
    for name, error in plain.items():
        assert found.loc[name, "error"] == pytest.approx(error, rel=0.06)
    assert found["n"].tolist() == [40, 15, 15]
    assert found.loc["images x participants", "error"] > max(plain.values())


@pytest.mark.slow
def test_the_crossed_interval_covers_and_the_plain_ones_do_not() -> None:
    held: dict[str, list[bool]] = {}
    for study in range(250):
        table = sample(np.random.default_rng([1, study]), 25, 12)
        found = unit_intervals(mean_of(table), (Factor("images", 25), Factor("participants", 12)), n=200, seed=study)
        for _, row in found.iterrows():
            held.setdefault(row["unit"], []).append(bool(row["ci_low"] <= 0 <= row["ci_high"]))
    assert np.mean(held["images x participants"]) > 0.92
    assert np.mean(held["images"]) < 0.85
    assert np.mean(held["participants"]) < np.mean(held["images x participants"])


def test_the_correction_is_rsatoolboxs() -> None:
    dual = pytest.importorskip("rsatoolbox.util.inference_util")._dual_bootstrap
    rng = np.random.default_rng(2)
    for _ in range(50):
        first, second = rng.uniform(0.1, 1, 2)
        both = max(first, second) + rng.uniform(0, 1.5)
        sizes = int(rng.integers(3, 40)), int(rng.integers(3, 40))
        expected = dual(np.array([both, first, second]), *sizes)
        assert crossed_variance(first, second, both, sizes) == pytest.approx(float(expected))


def test_factors_of_two_levels_have_no_interval() -> None:
    table = sample(np.random.default_rng(3), 20, 2)
    found = unit_intervals(mean_of(table), (Factor("images", 20), Factor("participants", 2)), n=50).set_index("unit")
    assert np.isfinite(found.loc["images", "ci_low"])
    assert found.loc["participants", "note"] == "2 participants are too few"
    assert found.loc["images x participants", "note"] == "one factor has too few levels"
    assert np.isnan(found.loc["images x participants", "ci_low"])
    with pytest.raises(InputError, match="two factors"):
        unit_intervals(mean_of(table), (Factor("images", 20), Factor("images", 2)))
