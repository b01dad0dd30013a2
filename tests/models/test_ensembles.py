"""Votes of binary networks, against counting by hand."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.explainers import create
from xai_compare.expressions import EXPRESSIONS
from xai_compare.models import InputSpec, Model, describe, load
from xai_compare.models.ensembles import PairVotes, Vote, pair, pairs_of, pairwise
from xai_compare.models.training import cards

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


def written(folder: Path, network: dict[str, Any]) -> dict[tuple[str, str], Model]:
    """Binary networks of the zoo's smallest, as training writes them."""
    made = {}
    for seed, names in enumerate(pairs_of(CLASSES)):
        made[names] = load({**network, "classes": list(names), "weights": "random", "seed": seed})
        cards.write(made[names], folder / "_".join(names), {"network": network})
    return made


@pytest.mark.parametrize("how", ["simple", "weighted"])
def test_a_study_names_the_folder_of_its_pairs(how: Vote, tmp_path: Path) -> None:
    made = written(tmp_path / "pairs", {"zoo": "weinet"})
    images = np.random.default_rng(0).integers(0, 256, (3, 64, 64, 3), np.uint8)
    found = load({"name": "voters", "ensemble": "pairs", "vote": how}, tmp_path)
    assert found.classes == CLASSES
    np.testing.assert_allclose(found.predict(images), pairwise("all", made, how).predict(images), atol=1e-6)
    other = load({"ensemble": "pairs", "vote": "simple" if how == "weighted" else "weighted"}, tmp_path)
    assert describe(found)["state_sha256"] != describe(other)["state_sha256"]


def test_explainers_see_the_network_of_the_pair(tmp_path: Path) -> None:
    made = written(tmp_path / "pairs", {"zoo": "weinet"})
    whole, images = load({"ensemble": "pairs"}, tmp_path), np.zeros((3, 64, 64, 3), np.uint8)
    images[:, 20:40, 10:50] = np.random.default_rng(1).integers(0, 256, (3, 20, 40, 3))
    targets = [("happiness", "anger"), ("anger", "fear"), ("happiness", "anger")]
    for name in ("grad_cam", "captum:Saliency"):
        explainer = create(name)
        found = explainer(whole, images, targets)
        np.testing.assert_allclose(
            found[1], explainer(made["anger", "fear"], images[1:2], ("anger", "fear"))[0], atol=1e-6
        )
        others = explainer(made["anger", "happiness"], images[::2], ("happiness", "anger"))
        np.testing.assert_allclose(found[::2], others, atol=1e-6)
        with pytest.raises(InputError, match="pair by pair"):
            explainer(whole, images, "predicted")


def test_architectures_of_the_package_take_other_weights(tmp_path: Path) -> None:
    made = written(tmp_path / "pairs", {"bundled": "compact"})
    found = load({"ensemble": "pairs"}, tmp_path)
    images = np.random.default_rng(2).integers(0, 256, (2, 64, 64, 3), np.uint8)
    asked = pair(found, "anger", "fear").predict(images)
    np.testing.assert_allclose(asked, made["anger", "fear"].predict(images), atol=1e-6)
    with pytest.raises(InputError, match="its own weights"):
        load({"bundled": "compact", "seed": 1})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ensemble": "none"}, "no folder"),
        ({"ensemble": "."}, "holds no binary networks"),
        ({"vote": "loud"}, "unknown vote"),
        ({"classes": ["anger", "fear"]}, "leave `classes` out"),
    ],
)
def test_what_is_no_ensemble_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    written(tmp_path / "pairs", {"zoo": "weinet"})
    with pytest.raises(InputError, match=message):
        load({"name": "voters", "ensemble": "pairs", **change}, tmp_path)


def test_a_card_may_not_ask_for_code(tmp_path: Path) -> None:
    written(tmp_path / "pairs", {"zoo": "weinet"})
    card = tmp_path / "pairs" / "anger_fear" / "card.json"
    card.write_text(card.read_text("utf-8").replace('"zoo": "weinet"', '"factory": "mine.py:network"'), "utf-8")
    with pytest.raises(InputError, match="its card asks to run code"):
        load({"ensemble": "pairs"}, tmp_path, allow_code=True)
    with pytest.raises(InputError, match="not allowed"):
        load({"ensemble": "pairs", "network": {"factory": "mine.py:network"}}, tmp_path)
