"""Votes of binary networks, against counting by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.expressions import EXPRESSIONS
from xai_compare.models import InputSpec, Model
from xai_compare.models.ensembles import PairVotes, Vote, pair, pairs_of, pairwise

CLASSES = ("anger", "fear", "happiness")
SPEC = InputSpec((4, 4), "grey", (0.0, 255.0))


class Says(nn.Module):
    """Logits that are a linear function of the mean grey level."""

    def __init__(self, offset: tuple[float, float], slope: tuple[float, float] = (0.0, 0.0)) -> None:
        super().__init__()
        self.offset, self.slope = (nn.Parameter(torch.tensor(v, dtype=torch.float32)) for v in (offset, slope))

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.offset + batch.mean((1, 2, 3))[:, None] * self.slope


def networks(logits: dict[tuple[str, str], tuple[float, float]]) -> dict[tuple[str, str], Model]:
    return {names: Model("pair", names, Says(values), SPEC) for names, values in logits.items()}


def vote(logits: dict[tuple[str, str], tuple[float, float]], how: Vote) -> np.ndarray:
    return pairwise("all", networks(logits), how).predict(np.zeros((1, 4, 4, 3), np.uint8))[0]


def test_eight_classes_make_twenty_eight_pairs() -> None:
    assert len(pairs_of(EXPRESSIONS)) == 28


def test_simple_votes_are_counted() -> None:
    shares = vote({("anger", "fear"): (0, 1), ("anger", "happiness"): (3, 1), ("fear", "happiness"): (2, 1)}, "simple")
    assert shares.argmax() == 1
    np.testing.assert_allclose(shares, [1 / 3, 2 / 3, 0], atol=2e-3)
    assert shares.sum() == pytest.approx(1, abs=1e-6)


def test_weighted_votes_are_the_largest_outputs() -> None:
    logits = {("anger", "fear"): (0.0, 1.0), ("anger", "happiness"): (5.0, 1.0), ("fear", "happiness"): (2.0, 1.0)}
    assert vote(logits, "simple").argmax() == 1  # fear wins two of three
    assert vote(logits, "weighted").argmax() == 0  # but anger's one vote weighs 5 against 1 + 2


@pytest.mark.parametrize("how", ["simple", "weighted"])
def test_a_tie_goes_to_the_more_confident(how: Vote) -> None:
    circle = {("anger", "fear"): (2.0, 0.0), ("fear", "happiness"): (2.0, -4.0), ("anger", "happiness"): (1.0, 2.0)}
    shares = vote(circle, how)  # each class wins once, with the same largest output
    confidence = {name: [] for name in CLASSES}
    for names, values in circle.items():
        for name, p in zip(names, torch.tensor(values).softmax(0).tolist(), strict=True):
            confidence[name].append(p)
    assert CLASSES[int(shares.argmax())] == max(CLASSES, key=lambda name: np.mean(confidence[name]))


def test_a_tie_of_confidence_goes_to_the_first_class() -> None:
    circle = {("anger", "fear"): (1.0, 0.0), ("fear", "happiness"): (1.0, 0.0), ("anger", "happiness"): (0.0, 1.0)}
    assert vote(circle, "simple").argmax() == 0


def test_votes_agree_with_counting_on_random_networks() -> None:
    rng = np.random.default_rng(0)
    classes = EXPRESSIONS[:5]
    made = {
        names: Model("pair", names, Says(tuple(rng.normal(size=2)), tuple(rng.normal(0, 0.02, 2))), SPEC)
        for names in combinations(classes, 2)
    }
    images = np.broadcast_to(rng.integers(0, 256, (40, 1, 1, 1), np.uint8), (40, 4, 4, 3))
    found = pairwise("all", made, "simple").predict(images)
    counts = np.zeros((40, 5))
    for names, model in made.items():
        for k, answer in enumerate(model.predict(images).argmax(1)):
            counts[k, classes.index(names[answer])] += 1
    np.testing.assert_allclose(found, counts / 10, atol=2e-3)
    clear = np.sort(counts, 1)[:, -1] > np.sort(counts, 1)[:, -2]
    assert clear.sum() > 3
    np.testing.assert_array_equal(found.argmax(1)[clear], counts.argmax(1)[clear])


def test_networks_may_come_in_any_order_of_their_classes() -> None:
    logits = {("fear", "anger"): (1.0, 0.0), ("happiness", "anger"): (1.0, 3.0), ("happiness", "fear"): (1.0, 2.0)}
    straight = {names[::-1]: values[::-1] for names, values in logits.items()}
    np.testing.assert_allclose(vote(logits, "simple"), vote(straight, "simple"))


def test_a_pair_is_explained_by_its_own_network() -> None:
    made = networks({("anger", "fear"): (0.0, 1.0), ("anger", "happiness"): (3.0, 1.0), ("fear", "happiness"): (2, 1)})
    whole = pairwise("all", made)
    asked = pair(whole, "happiness", "anger")
    assert asked.classes == ("happiness", "anger")
    image = np.zeros((1, 4, 4, 3), np.uint8)
    np.testing.assert_allclose(asked.predict(image)[0], made["anger", "happiness"].predict(image)[0][::-1])
    assert isinstance(whole.module, PairVotes)


@pytest.mark.parametrize(
    ("names", "message"),
    [((("anger", "fear"), ("fear", "happiness")), "anger against happiness is missing")],
    ids=["a pair is missing"],
)
def test_incomplete_ensembles_are_refused(names: tuple[tuple[str, str], ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pairwise("all", networks(dict.fromkeys(names, (0.0, 1.0))))


def test_what_is_no_ensemble_has_no_pairs() -> None:
    with pytest.raises(InputError, match="not an ensemble of pairs"):
        pair(Model("plain", ("anger", "fear"), Says((0, 1)), SPEC), "anger", "fear")
