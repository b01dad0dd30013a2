"""Binary networks for all pairs of classes, as one classifier (Park & Wallraven 2022, 5.2; Galar et al. 2011)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn

from xai_compare.data_files import read_json
from xai_compare.errors import InputError
from xai_compare.expressions import canonical, ordered
from xai_compare.models.model import Model
from xai_compare.models.sources import runs_code

if TYPE_CHECKING:
    from xai_compare.models.request import Request

CARD = "card.json"
Vote = Literal["simple", "weighted"]
TIE = 1e-3
"""What all confidence together may add to a vote: it decides ties, and nothing else."""


def pairs_of(classes: tuple[str, ...]) -> list[tuple[str, str]]:
    """All pairs, in the order of the classes: 28 for eight.

    >>> pairs_of(("anger", "fear", "sadness"))
    [('anger', 'fear'), ('anger', 'sadness'), ('fear', 'sadness')]
    """
    return list(combinations(classes, 2))


class PairVotes(nn.Module):
    """Votes of binary networks, each for one of its two classes.

    ``simple``: each network gives one vote to the class that it answers. ``weighted``: it gives its largest output, as
    the paper does, taken before the softmax. Equal sums of votes are decided by the mean probability that the networks
    of a class give to it, and if even those are equal by the order of the classes.

    The output is ``(n, classes)``: for ``simple`` the logarithm of the shares of votes, so that a softmax gives the
    shares; for ``weighted`` the sums of weights. Votes are counted, so gradients flow through the confidence only: ask
    the binary networks themselves (`pair`) for gradients.
    """

    def __init__(self, classes: tuple[str, ...], networks: Mapping[tuple[str, str], Model], vote: Vote) -> None:
        super().__init__()
        self.classes, self.vote = tuple(classes), vote
        self.pairs = pairs_of(self.classes)
        # A buffer, so that the same networks under another vote are another model to the runs that remember answers.
        self.register_buffer("weighted", torch.tensor(vote == "weighted"))
        self.networks = nn.ModuleList(networks[pair].module for pair in self.pairs)
        self._probabilities = [networks[pair].output == "probabilities" for pair in self.pairs]

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """A prepared batch ``(n, c, h, w)`` to ``(n, classes)``."""
        outs = [network(batch) for network in self.networks]
        n, count = len(batch), len(self.classes)
        votes, confidence = outs[0].new_zeros(n, count), outs[0].new_zeros(n, count)
        for (first, second), out, given in zip(self.pairs, outs, self._probabilities, strict=True):
            share = out if given else out.softmax(1)
            winner = out.argmax(1, keepdim=True)
            weight = torch.ones_like(out[:, :1]) if self.vote == "simple" else out.gather(1, winner)
            vote = torch.zeros_like(out).scatter(1, winner, weight)
            for column, name in enumerate((first, second)):
                place = self.classes.index(name)
                votes[:, place] = votes[:, place] + vote[:, column]
                confidence[:, place] = confidence[:, place] + share[:, column] / (count - 1)
        # Confidence enters far below one vote: it orders classes with equal votes, as the paper asks, and cannot
        # overrule a majority. Without it the winner of a tie would be whichever class comes first.
        total = votes + TIE * confidence
        return (total / total.sum(1, keepdim=True)).log() if self.vote == "simple" else total


def pairwise(name: str, networks: Mapping[tuple[str, str], Model], vote: Vote = "simple") -> Model:
    """One model from a binary model for each pair of classes.

    Args:
        name: of the ensemble.
        networks: a model of two classes for each pair, in any order of the pair.
        vote: ``"simple"`` or ``"weighted"``.

    Raises:
        InputError: if a pair is missing, or a network has other classes or another input.

    >>> from xai_compare.models import load
    >>> def binary(pair):
    ...     return load({"bundled": "compact", "weights": "random", "seed": 0, "classes": list(pair)})
    >>> model = pairwise("all", {pair: binary(pair) for pair in pairs_of(("anger", "fear", "sadness"))})
    >>> model.predict(np.zeros((1, 64, 64, 3), np.uint8)).shape
    (1, 3)
    """
    if vote not in ("simple", "weighted"):
        raise InputError(f"unknown vote {vote!r}", where=f"model {name!r}", hint="simple or weighted")
    classes = tuple(ordered({one for pair in networks for one in pair}))
    by_set = {frozenset(pair): model for pair, model in networks.items()}
    ordered_networks: dict[tuple[str, str], Model] = {}
    for pair in pairs_of(classes):
        model = by_set.get(frozenset(pair))
        if model is None:
            raise InputError(f"the network for {pair[0]} against {pair[1]} is missing", where=f"model {name!r}")
        if set(model.classes) != set(pair):
            what = f"the network for {pair[0]} against {pair[1]} knows {', '.join(model.classes)}"
            raise InputError(what, where=f"model {name!r}")
        ordered_networks[pair] = model if model.classes == pair else _turned(model, pair)
    spec = next(iter(ordered_networks.values())).input
    if any(model.input != spec for model in ordered_networks.values()):
        raise InputError("its networks take different inputs", where=f"model {name!r}", hint="train them alike")
    ensemble = Model(name, classes, PairVotes(classes, ordered_networks, vote), spec, "logits")
    ensemble.source = {"kind": "ensemble", "vote": vote, "pairs": [f"{a} against {b}" for a, b in ordered_networks]}
    ensemble.batch_size = next(iter(ordered_networks.values())).batch_size
    return ensemble


def from_folder(request: Request) -> Model:
    """``ensemble: FOLDER``, the ``pairs`` of a fold, and ``vote: simple`` or ``weighted``.

    Architecture, classes and input come from the cards beside the weights. ``network`` names the architecture where
    the cards name code of one's own, which only the study may ask to run.

    Raises:
        InputError: if the folder holds no pairs, a pair is missing, or a network cannot be loaded.
    """
    from xai_compare.models.loading import load

    if not isinstance(request.value, (str, Path)) or not (place := request.base / request.value).is_dir():
        raise InputError(f"there is no folder {request.value}", where=request.where, hint="check the path")
    for key in ("classes", "input"):
        if request.spec.get(key) is not None:
            raise InputError(f"an ensemble has its own {key}", where=request.where, hint=f"leave `{key}` out")
    network = request.spec.get("network")
    networks: dict[tuple[str, str], Model] = {}
    for card_path in sorted(place.glob(f"*/{CARD}")):
        card = _card(card_path)
        source = network if network is not None else card["network"]
        if network is None and (code := runs_code(source)):
            what = f"its card asks to run code ({code})"
            raise InputError(what, where=card_path, hint="read that code, and write `network` in the study")
        spec = {
            **source,
            "classes": card["classes"],
            "weights": str(card_path.with_name(card["weights"])),
            "seed": None,
        }
        spec["name"] = f"{request.name} {' against '.join(card['classes'])}"
        # Code stands here only where the study itself names it, and then it was allowed or refused before.
        networks[tuple(card["classes"])] = load(spec, request.base, allow_code=True)
    if not networks:
        what = f"the folder {place} holds no binary networks"
        raise InputError(
            what, where=request.where, hint="name the folder `pairs` of a fold of a training with `pairs: true`"
        )
    vote = request.spec.get("vote")
    ensemble = pairwise(request.name, networks, "simple" if vote is None else vote)
    ensemble.source = {**ensemble.source, "folder": str(place)}
    return ensemble


def _card(path: Path) -> dict[str, Any]:
    try:
        card = read_json(path)
        classes = card["classes"]
        whole = (
            isinstance(card["network"], dict) and len(classes) == 2 and Path(card["weights"]).name == card["weights"]
        )
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise InputError("it is not the card of a binary network", where=path, hint="name the folder `pairs` of a fold")
    return dict(card)


def pair(model: Model, first: str, second: str) -> Model:
    """The binary network of an ensemble that tells ``first`` from ``second``, with the classes in that order.

    Raises:
        InputError: if the model is no pairwise ensemble, or has no such pair.
    """
    votes = model.module
    if not isinstance(votes, PairVotes):
        raise InputError("it is not an ensemble of pairs", where=f"model {model.name!r}")
    wanted = frozenset((first, second))
    for index, classes in enumerate(votes.pairs):
        if frozenset(classes) == wanted:
            output: Literal["logits", "probabilities"] = "probabilities" if votes._probabilities[index] else "logits"
            model_of_pair = Model(
                f"{model.name} {first} against {second}", classes, votes.networks[index], model.input, output
            )
            model_of_pair.batch_size = model.batch_size
            return model_of_pair if classes == (first, second) else _turned(model_of_pair, (first, second))
    raise InputError(
        f"it has no pair {first} and {second}",
        where=f"model {model.name!r}",
        hint=f"its classes are {', '.join(model.classes)}",
    )


def is_ensemble(model: Model) -> bool:
    """Whether ``model`` is an ensemble of pairs."""
    return isinstance(model.module, PairVotes)


def asks_pairs(targets: Any) -> bool:
    """Whether every target is a pair of classes; see `xai_compare.explainers.Explainer.explain`."""
    return _is_pair(targets) or (
        isinstance(targets, list) and bool(targets) and all(_is_pair(target) for target in targets)
    )


def by_pair(model: Model, targets: Any, count: int) -> list[tuple[np.ndarray, Model]]:
    """The binary networks that answer pairs of classes, and which pictures each answers for.

    Args:
        model: an ensemble of pairs.
        targets: a pair of class names or indices for all ``count`` pictures, or a list with one for each.

    Returns:
        Indices of pictures, and the network of their pair, whose classes are in the pair's order.

    Raises:
        InputError: for an unknown class, or a pair of equal classes.
    """
    each = [targets] * count if _is_pair(targets) else list(targets)
    named = [tuple(_class(model, name) for name in target) for target in each]
    return [
        (np.array([k for k, other in enumerate(named) if other == names]), pair(model, *names))
        for names in dict.fromkeys(named)
    ]


def _is_pair(target: Any) -> bool:
    return isinstance(target, tuple) and len(target) == 2


def _class(model: Model, target: str | int) -> str:
    return model.classes[model.indices([canonical(target)])[0]] if isinstance(target, str) else model.classes[target]


class _Turned(nn.Module):
    """A binary network with its two outputs exchanged."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return torch.as_tensor(self.module(batch).flip(1))


def _turned(model: Model, classes: tuple[str, str]) -> Model:
    turned = Model(model.name, classes, _Turned(model.module), model.input, model.output, model.activations)
    turned.batch_size = model.batch_size
    return turned
