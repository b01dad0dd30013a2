"""Scores of single pictures against people, and people's own ceilings."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xai_compare.comparison import nss, pearson, similarity
from xai_compare.comparison.observers import (
    IMAGE_METRICS,
    Observers,
    ceilings,
    image_scores,
    left_out_scores,
    reliability,
    upper_ceiling,
)

SHAPE = (14, 11)


def crowd(people: int, noise: float = 1.0, seed: int = 0) -> Observers:
    rng = np.random.default_rng(seed)
    truth = np.random.default_rng(99).random(SHAPE)
    maps = truth + noise * rng.random((people, *SHAPE))
    maps /= maps.sum((1, 2), keepdims=True)
    points = np.stack([rng.integers(0, SHAPE[1], 4 * people), rng.integers(0, SHAPE[0], 4 * people)], 1).astype(float)
    return Observers(maps, points, np.repeat(np.arange(people), 4), points[:5] + 0.0, np.ones(SHAPE))


def test_a_picture_s_scores_are_the_plain_metrics() -> None:
    people, one = crowd(5), np.random.default_rng(3).random(SHAPE)
    found = {score.metric: score.value for score in image_scores(one, people)}
    assert list(found) == list(IMAGE_METRICS)
    mean = people.maps.mean(0)
    assert found["pearson"] == pytest.approx(float(pearson(one, mean)))
    assert found["spearman"] == pytest.approx(stats.spearmanr(one.ravel(), mean.ravel()).statistic)
    assert found["similarity"] == pytest.approx(float(similarity(one, mean)))
    assert found["nss"] == pytest.approx(float(nss(one, people.points)))
    constant = {score.metric: score for score in image_scores(np.ones(SHAPE), people)}
    assert np.isnan(constant["pearson"].value)
    assert constant["pearson"].note == "a map is constant or missing"


def test_a_person_left_out_meets_the_others_alone() -> None:
    people = crowd(4)
    found = {score.metric: score.value for score in left_out_scores(people)}
    rest = [np.delete(people.maps, i, 0).mean(0) for i in range(4)]
    plain = np.mean([float(pearson(one, other)) for one, other in zip(people.maps, rest, strict=True)])
    assert found["pearson"] == pytest.approx(plain)
    points = [people.points[people.whose != i] for i in range(4)]
    assert found["nss"] == pytest.approx(np.mean([float(nss(o, p)) for o, p in zip(people.maps, points, strict=True)]))
    alone = left_out_scores(crowd(1))
    assert {score.note for score in alone} == {"fewer than two people attended to it"}
    assert all(np.isnan(score.value) for score in alone)


def test_the_upper_ceiling_is_what_the_truth_reaches() -> None:
    truth = np.random.default_rng(99).random(SHAPE)
    reached, told = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        maps = truth + 0.6 * rng.standard_normal((8, *SHAPE))
        reached.append(float(pearson(truth, maps.mean(0))))
        told.append(upper_ceiling(maps).value)
    assert np.mean(told) == pytest.approx(np.mean(reached), abs=0.01)
    assert np.mean(np.square(told)) < np.mean(reached) - 0.05  # The reliability itself is too low a bound.


def test_people_who_do_not_agree_keep_their_negative_reliability() -> None:
    maps = np.random.default_rng(0).standard_normal((6, *SHAPE))
    maps -= maps.mean(0) * 0.999
    assert reliability(maps) < 0
    assert upper_ceiling(maps).note.startswith("people do not agree: the reliability is -")
    assert np.isnan(reliability(maps[:1]))
    assert np.isnan(ceilings("dice", maps[:2])).all()


@pytest.mark.parametrize("metric", ["pearson", "uncentred", "dice"])
def test_the_lower_ceiling_is_below_the_upper(metric: str) -> None:
    low, high = ceilings(metric, crowd(12, 2.0).maps)
    assert 0 < low < high <= 1


def test_reliability_agrees_with_spearman_brown_over_all_halves() -> None:
    maps = crowd(10, 3.0, seed=2).maps
    rng = np.random.default_rng(0)
    halves = []
    for _ in range(3000):
        order = rng.permutation(10)
        r = float(pearson(maps[order[:5]].mean(0), maps[order[5:]].mean(0)))
        halves.append(2 * r / (1 + r))
    assert reliability(maps) == pytest.approx(np.mean(halves), abs=0.02)
