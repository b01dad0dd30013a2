"""Clustering of maps, by hand and on published heatmaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from xai_compare.comparison import linkage, merges, merges_table, read_heatmaps
from xai_compare.errors import InputError

FOUR = np.array([[[1.0, 0.0, 0.0, 0.0]], [[0.9, 0.1, 0.0, 0.0]], [[0.0, 0.0, 1.0, 0.0]], [[0.0, 0.0, 0.9, 0.3]]])


@pytest.mark.parametrize("centred", [True, False])
def test_average_linkage_by_hand(centred: bool) -> None:
    steps = merges(FOUR, ["a", "b", "c", "d"], centred)
    rows = FOUR.reshape(4, -1) - (FOUR.reshape(4, -1).mean(1, keepdims=True) if centred else 0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    distance = 1 - rows @ rows.T
    assert [step.members for step in steps] == [("a", "b"), ("c", "d"), ("a", "b", "c", "d")]
    heights = [distance[0, 1], distance[2, 3], distance[:2, 2:].mean()]
    np.testing.assert_allclose([step.height for step in steps], heights, atol=1e-12)
    assert linkage(FOUR, centred).shape == (3, 4)


def test_identical_maps_join_at_zero() -> None:
    assert linkage(np.stack([FOUR[0], FOUR[0]]))[0, 2] == pytest.approx(0, abs=1e-12)


def test_what_cannot_be_clustered() -> None:
    with pytest.raises(InputError, match="two maps or more"):
        linkage(FOUR[:1])
    with pytest.raises(InputError, match=r"map 1 .* constant"):
        linkage(np.stack([FOUR[0], np.ones((1, 4)), FOUR[2]]))
    with pytest.raises(InputError, match="3 names for 4 maps"):
        merges(FOUR, ["a", "b", "c"])


def test_table_leaves_out_undefined_maps_and_says_so() -> None:
    maps = {(name, "fear", "all"): FOUR[i] for i, name in enumerate("abcd")}
    maps["flat", "fear", "all"] = np.ones((1, 4))
    maps["a", "anger", "all"] = FOUR[0]
    maps["a", "fear", "1"] = FOUR[2]
    table = merges_table(maps)
    assert table.attrs["left_out"] == {("fear", "pearson"): ["flat"]}
    assert list(table["form"]) == ["pearson"] * 3 + ["uncentred"] * 4
    assert set(table["expression"]) == {"fear"}
    assert table["members"].iloc[2] == "a + b + c + d"
    assert list(table["step"][:3]) == [1, 2, 3]


@pytest.mark.parametrize(
    ("expression", "form", "top"),
    [
        ("anger", "pearson", [0.4122, 0.5548, 0.8687]),
        ("happiness", "pearson", [0.1466, 0.1891, 0.3609]),
        ("surprise", "pearson", [0.3693, 0.4547, 0.5774]),
        ("anger", "uncentred", [0.3460]),
    ],
)
def test_published_heatmaps_give_the_published_dendrograms(
    shared: Path, expression: str, form: str, top: list[float]
) -> None:
    maps = read_heatmaps(shared / "ekman_expressions" / "heatmaps_by_net")
    table = merges_table({key: value for key, value in maps.items() if key.expression == expression})
    heights = table.loc[table["form"] == form, "height"].to_numpy()
    assert len(heights) == 11
    np.testing.assert_array_equal(heights[-len(top) :].round(4), top)
