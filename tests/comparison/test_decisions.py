"""Error consistency and confusion matrices, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from xai_compare.agreement import confusion, confusion_correlation
from xai_compare.comparison.statistics.decisions import error_consistency, kappas
from xai_compare.errors import InputError


def test_it_is_cohens_kappa_of_right_and_wrong() -> None:
    rng = np.random.default_rng(0)
    a = rng.random(200) < 0.7
    b = np.where(rng.random(200) < 0.6, a, rng.random(200) < 0.7)
    found = error_consistency(a, b)
    assert found.kappa == pytest.approx(cohen_kappa_score(a, b))
    assert found.observed == pytest.approx((a == b).mean())
    assert found.low < found.kappa < found.high
    assert found.n == 200
    assert error_consistency(a, a).kappa == 1


@pytest.mark.slow
def test_its_interval_covers() -> None:
    # Half of the trials are easy: right in 90 % and 40 % of cases, both deciders alike but independent.
    truth = ((0.82 + 0.52) / 2 - (0.65**2 + 0.35**2)) / (1 - (0.65**2 + 0.35**2))
    rng, held = np.random.default_rng(1), []
    for study in range(300):
        easy = rng.random(120) < 0.5
        a, b = (np.where(easy, rng.random(120) < 0.9, rng.random(120) < 0.4) for _ in range(2))
        found = error_consistency(a, b, n=400, seed=study)
        held.append(found.low <= truth <= found.high)
    assert np.mean(held) > 0.9


def test_the_always_right_have_no_consistency_of_errors() -> None:
    found = error_consistency([True] * 9, [True] * 9)
    assert np.isnan(found.kappa)
    assert np.isnan(found.low)
    assert np.isnan(error_consistency([], []).kappa)
    with pytest.raises(InputError, match="every trial"):
        error_consistency([True], [True, False])


def test_confusions_and_their_correlation() -> None:
    rng = np.random.default_rng(2)
    names = ["anger", "fear", "joy"]
    labels = rng.choice(names, 90).tolist()
    answers = [label if rng.random() < 0.6 else str(rng.choice(names)) for label in labels]
    found = confusion(labels, answers, names)
    np.testing.assert_allclose(found, confusion_matrix(labels, answers, labels=names, normalize="true"))
    other = np.array([[0.8, 0.15, 0.05], [0.05, 0.8, 0.15], [0.15, 0.05, 0.8]])
    turned = np.array([[0.8, 0.05, 0.15], [0.15, 0.8, 0.05], [0.05, 0.15, 0.8]])
    # Opposite mistakes look alike until the diagonal is left out.
    assert confusion_correlation(other, turned) > 0.9
    assert confusion_correlation(other, turned, diagonal=False) == pytest.approx(-1)
    absent = confusion([*labels, "gone"], [*answers, "joy"], [*names, "sad"])
    assert np.isnan(absent[3]).all()
    assert confusion_correlation(absent, absent) == pytest.approx(1)
    assert np.isnan(confusion_correlation(np.eye(3), np.eye(3), diagonal=False))
    with pytest.raises(InputError, match="square"):
        confusion_correlation(np.eye(3), np.eye(4))


def test_kappas_of_several_people() -> None:
    rng = np.random.default_rng(4)
    images = [str(i) for i in range(40)]
    network = rng.choice(["anger", "fear", "joy"], 40)
    trials = {}
    for name, like in (("ann", 0.8), ("bob", 0.3)):
        theirs = np.where(rng.random(40) < like, network, rng.choice(["anger", "fear", "joy"], 40))
        trials[name] = (images, network.tolist(), theirs.tolist())
    found = kappas(trials, n=300, seed=1)
    for name, (_, one, other) in trials.items():
        assert found[name].kappa == pytest.approx(cohen_kappa_score(one, other))
        assert found[name].low < found[name].kappa < found[name].high
    pairs = [[*trials["ann"][i], *trials["bob"][i]] for i in (1, 2)]
    assert found["pooled"].kappa == pytest.approx(cohen_kappa_score(*pairs))
    assert found["pooled"].n == 80
    assert found["mean"].kappa == pytest.approx((found["ann"].kappa + found["bob"].kappa) / 2)
    # The interval is over images: trials of one image are no independent evidence.
    twice = {"ann": trials["ann"], "again": trials["ann"]}
    assert kappas(twice, n=300, seed=1)["pooled"].low == pytest.approx(kappas(twice, n=300, seed=1)["ann"].low)


def test_kappas_without_a_ground() -> None:
    two = kappas({"ann": (["1", "2"], ["right", "wrong"], ["right", "wrong"])})
    assert two["ann"].kappa == 1
    assert np.isnan(two["ann"].low)
    same = kappas({"ann": (list("1234"), ["right"] * 4, ["right"] * 4)})
    assert np.isnan(same["mean"].kappa)
    assert kappas({}) == {}
    with pytest.raises(InputError, match="as a summary is"):
        kappas({"mean": (["1"], ["right"], ["right"])})
