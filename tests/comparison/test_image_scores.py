"""Scores taken picture by picture: trainings are no pictures, and chance is that of the row's own pictures."""

from __future__ import annotations

import numpy as np
import pytest

from xai_compare.comparison import ImageScore, ImageScores, bootstrap


def table(pictures: list[ImageScore], metric: str = "known_energy", **options: int):
    found = ImageScores()
    for one in pictures:
        found.add(metric, "net/cam", one)
    return found.table("known/region", **options).set_index("expression")


def test_trainings_of_a_picture_count_as_one() -> None:
    draws = np.random.default_rng(0)
    values, areas = draws.random(8), draws.uniform(0.1, 0.4, 8)
    once = [ImageScore(f"{i}.png", "fear", v, a) for i, (v, a) in enumerate(zip(values, areas, strict=True))]
    spread = [one._replace(value=one.value + step) for one in once for step in (-0.01, 0.0, 0.01)]
    single, trainings = (table(rows, replicates=300, seed=4) for rows in (once, spread))
    assert single.loc["fear", "n"] == trainings.loc["fear", "n"] == 8
    for column in ("value", "ci_low", "ci_high", "floor"):
        assert trainings.loc["fear", column] == pytest.approx(single.loc["fear", column])
    plain = bootstrap(np.mean, values, 300, 4, images=[f"{i}.png" for i in range(8)], bounds=(0, 1))
    assert (single.loc["fear", "ci_low"], single.loc["fear", "ci_high"]) == pytest.approx((plain.low, plain.high))
    # One picture more often than others must not pull the mean towards itself.
    more = table([*once, *([once[0]] * 5)])
    assert more.loc["fear", "value"] == pytest.approx(values.mean())


def test_chance_is_that_of_the_expression() -> None:
    rows = table(
        [ImageScore("a", "fear", 0.5, 0.1), ImageScore("b", "anger", 0.5, 0.3), ImageScore("c", "anger", 0.5, 0.4)]
    )
    assert rows["floor"].to_dict() == pytest.approx({"fear": 0.1, "anger": 0.35, "all": 0.8 / 3})
    assert set(rows["floor_kind"]) == {"chance"}
    assert table([ImageScore("a", "fear", 0.7, 0.1)], "known_auc")["floor"].tolist() == [0.5, 0.5]


def test_undefined_pictures_are_left_out_and_said_so() -> None:
    rows = table([ImageScore("a", "fear", np.nan, 0.1), ImageScore("b", "fear", 0.4, 0.3)])
    assert rows.loc["fear", "value"] == 0.4
    assert rows.loc["fear", "n"] == 1
    assert rows.loc["fear", "floor"] == 0.3
    assert "undefined in 1 images: the map has no positive values" in rows.loc["fear", "note"]
    nothing = table([ImageScore("a", "fear", np.nan, 0.1)], replicates=10)
    assert np.isnan(nothing.loc["fear", ["value", "ci_low"]].astype(float)).all()


def test_bins_of_many_pictures_give_the_same_interval() -> None:
    values = np.random.default_rng(1).random(1500)
    rows = [ImageScore(f"{i}.png", "fear", v, 0.2) for i, v in enumerate(values)]
    found = table(rows, replicates=2000).loc["fear"]
    half = 1.96 * values.std() / np.sqrt(1500)
    assert found["ci_high"] - found["ci_low"] == pytest.approx(2 * half, rel=0.1)
    assert found["ci_low"] < found["value"] < found["ci_high"]
