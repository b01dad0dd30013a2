"""Which order of classes suits the labels."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import optimize
from scipy.special import expit, softmax

from xai_compare.models.checking.probe import Response

ORDERS: Mapping[str, tuple[str, ...]] = {
    "alphabetical": ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"),
    "FER2013": ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt"),
    "FER+": ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
    "AffectNet": ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt"),
    "RAF-DB": ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral", "contempt"),
    "CK+": ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"),
    "CK+ without neutral first": (
        "anger",
        "contempt",
        "disgust",
        "fear",
        "happiness",
        "sadness",
        "surprise",
        "neutral",
    ),
}
"""Orders of classes that datasets have made usual; classes that a network lacks are left out."""

BIAS, STRETCH = 3.0, 1.0
"""Standard deviations, before any picture is seen, of each output's bias and of the log of the temperature, in nats."""
NOISE = 0.1
"""Share of labels that are taken to be arbitrary."""
FLOOR = -8.0
"""Log-probabilities below this tell no more than this."""
LEARNT = 0.2
"""Nats per picture by which the outputs must tell of the labels, under the order that suits them best. A hundred random
networks reached 0.11 on 120 photographs, networks that were trained 0.67 and more."""
ODDS = 3.0
"""Nats by which another order must be ahead of that given, once there is paid for how many orders were tried."""


AT_CHANCE = "at chance: nothing can be told"


class Finding(NamedTuple):
    """What a check found: ``text`` in words, ``line`` of the study that fixes it (``""`` where nothing is wrong).

    ``strength`` compares findings of several checks; ``variant`` names the input that fits better.
    """

    check: str
    text: str
    confidence: float
    line: str
    strength: float = 0.0
    variant: str = ""


def find_class_order(base: Response, truth: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, Finding]:
    """Which output each class should be read from, and the finding.

    The labels' likelihood is compared between the order given, usual orders and the best of all orders. Under each, the
    outputs have a temperature and a bias of their own, fitted with a normal prior: a network that takes most neutral
    faces for sad ones has these two in their places as long as its sadness is higher for the sad faces still. The most
    likely of many orders is ahead by chance, so each kind pays the log of how many orders it has.
    """
    n = len(classes)
    same = np.arange(n)
    logs = np.clip(base.logs, FLOOR, 0)
    given, fit = _likelihood(logs, truth)
    usual: dict[tuple[int, ...], str] = {}
    for name, order in ORDERS.items():
        present = [label for label in order if label in classes]
        outputs = tuple(present.index(label) for label in classes)
        usual[outputs] = f"{usual[outputs]} and {name}" if outputs in usual else name
    reached = {outputs: _likelihood(logs, np.array(outputs)[truth])[0] for outputs in usual}
    reached |= _best_orders(logs, truth, n, fit)
    if max(reached.values()) - _likelihood(np.zeros_like(logs), truth)[0] < LEARNT * len(truth) + math.lgamma(n + 1):
        return same, Finding("class order", AT_CHANCE, float("nan"), "")
    scored = []
    for outputs, likelihood in reached.items():
        if any(outputs[k] != k for k in truth):
            paid = math.log(len(usual)) if outputs in usual else math.lgamma(n + 1)
            scored.append((likelihood - given - paid, outputs))
    ahead, chosen = max(scored)
    if ahead < ODDS:
        return same, Finding("class order", "as the labels say", float(expit(-ahead)), "")
    by_output = [classes[chosen.index(k)] for k in range(n)]
    name = f"the order of {usual[chosen]}" if chosen in usual else "another order"
    unseen = [classes[k] for k in range(n) if k not in truth and chosen[k] != k]
    if unseen:
        text = f"wrong: the outputs are in {name}; none is proposed, for no picture shows {', '.join(unseen)}"
        return same, Finding("class order", text, float(expit(ahead)), "")
    line = f"classes: [{', '.join(by_output)}]"
    return np.array(chosen), Finding("class order", f"wrong: the outputs are in {name}", float(expit(ahead)), line)


def _likelihood(logs: np.ndarray, outputs: np.ndarray) -> tuple[float, np.ndarray]:
    """Log-likelihood, with its priors, of labels that are read from ``outputs``, at the temperature and biases that
    suit best; and these: the log of the inverse temperature, then a bias for each output.
    """
    n = logs.shape[1]
    rows = np.arange(len(logs))

    def loss(fit: np.ndarray) -> tuple[float, np.ndarray]:
        scale = math.exp(fit[0])
        shares = softmax(logs * scale + fit[1:], axis=1)
        labelled = (1 - NOISE) * shares[rows, outputs] + NOISE / n
        value = np.log(labelled).sum() - (fit[1:] ** 2).sum() / (2 * BIAS**2) - fit[0] ** 2 / (2 * STRETCH**2)
        trust = (1 - NOISE) * shares[rows, outputs] / labelled
        slope = -shares * trust[:, None]
        slope[rows, outputs] += trust
        first = (slope * logs).sum() * scale - fit[0] / STRETCH**2
        return -float(value), -np.concatenate([[first], slope.sum(0) - fit[1:] / BIAS**2])

    best = optimize.minimize(loss, np.zeros(n + 1), jac=True, method="L-BFGS-B", bounds=[(-3.5, 0.7)] + [(-9, 9)] * n)
    return -float(best.fun), np.asarray(best.x)


def _best_orders(logs: np.ndarray, truth: np.ndarray, n: int, fit: np.ndarray) -> dict[tuple[int, ...], float]:
    """Orders that suit the labels best, and their likelihoods.

    The best order for a temperature and biases, and the best of these for an order, in turn, from several beginnings.
    """
    means = np.array([logs[truth == k].mean(0) for k in np.unique(truth)])
    even = np.concatenate([[0.0], means.mean() - means.mean(0)])
    found: dict[tuple[int, ...], float] = {}
    for begun in (fit, np.zeros(n + 1), even):
        outputs = _assigned(logs, truth, n, begun)
        while outputs not in found:
            found[outputs], here = _likelihood(logs, np.array(outputs)[truth])
            outputs = _assigned(logs, truth, n, here)
    return found


def _assigned(logs: np.ndarray, truth: np.ndarray, n: int, fit: np.ndarray) -> tuple[int, ...]:
    """The output for each class, each used once, that make the labels most likely."""
    fitting = np.log((1 - NOISE) * softmax(logs * math.exp(fit[0]) + fit[1:], axis=1) + NOISE / n)
    # Classes without pictures keep their own output if nobody else needs it.
    sums = 1e-6 * np.eye(n)
    np.add.at(sums, truth, fitting)
    return tuple(int(k) for k in optimize.linear_sum_assignment(-sums)[1])
