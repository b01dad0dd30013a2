"""Which order of classes suits the labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import optimize

from xai_compare.models.checking.hearing import Heard, likelihood, preference, sure_of

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

FREE = "free"
SURE_OF_ORDER = 0.9
"""Standard errors by which labels must prefer a usual order: the true one is ahead of every other by far."""
SURE = 3.5
"""The same for an order of no dataset that is much like the one given."""
GAIN = 0.05
"""Nats per picture by which they must prefer it."""

Row = tuple[str, str, float, str]
"""A finding: check, words, confidence, line of the study."""


def judge_order(base: Heard, truth: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, Row]:
    """Which output each class should be read from, and the finding."""
    n = len(classes)
    same = np.arange(n)
    own = likelihood(base.logs, truth)
    candidates: dict[str, np.ndarray] = {}
    for name, order in ORDERS.items():
        usual = [one for one in order if one in classes]
        candidates[name] = np.array([usual.index(one) for one in classes])
    candidates[FREE] = _assigned(base.logs, truth, n)
    scored = []
    for name, outputs in candidates.items():
        if (outputs == same).all():
            continue
        reached = likelihood(base.logs, outputs[truth])
        if name == FREE:
            reached = _crossed(base.logs, truth, n)
        gain, sure = preference(own, reached)
        scored.append((gain, sure, name, outputs))
    listed = [one for one in scored if one[2] != FREE]
    free = next((one for one in scored if one[2] == FREE), (0.0, -np.inf, FREE, same))
    chosen = max(listed, default=(0.0, -np.inf, "", same), key=lambda one: one[0])
    if chosen[1] >= SURE_OF_ORDER and chosen[0] >= 2 * GAIN:
        # A usual order may be nearer the truth than the one given, and still not be it.
        better = preference(likelihood(base.logs, chosen[3][truth]), _crossed(base.logs, truth, n))
        chosen = free if better[1] >= 2.0 and better[0] >= 2 * GAIN else chosen
    else:
        rank = _rank(base.logs, truth, n)
        # By far not the order, hardly the order, or an order that is much like it but plainly worse.
        far = rank > 0.03 and free[1] >= 0.6
        hardly = rank > 0.006 and free[1] >= 2.0 and free[0] >= 6 * GAIN
        near = free[1] >= SURE and free[0] >= 6 * GAIN
        if not (far or hardly or near):
            return same, ("class order", "as the labels say", 1 - rank, "")
        chosen = free
    _, sure, name, outputs = chosen
    by_output = [classes[int(np.flatnonzero(outputs == k)[0])] for k in range(n)]
    said = "another order" if name == FREE else f"{name} order"
    line = f"classes: [{', '.join(by_output)}]"
    return outputs, ("class order", f"wrong: the outputs are in {said}", sure_of(sure), line)


def _assigned(logs: np.ndarray, truth: np.ndarray, n: int) -> np.ndarray:
    """The output that suits each class best, each output used once; classes without pictures take what is left."""
    mean = np.full((n, n), 0.0)
    for k in set(truth):
        mean[k] = np.clip(logs[truth == k], -8, 0).sum(0)
    # Classes without pictures prefer their own output a little.
    mean += 1e-6 * np.eye(n)
    rows, columns = optimize.linear_sum_assignment(-mean)
    found = np.empty(n, int)
    found[rows] = columns
    return found


def _rank(logs: np.ndarray, truth: np.ndarray, n: int) -> float:
    """Share of random orders that suit the labels as well as the given one: nearly none where it is right."""
    rng = np.random.default_rng(0)
    clipped = np.clip(logs, -8, 0)
    here = clipped[np.arange(len(truth)), truth].mean()
    orders = np.array([rng.permutation(n) for _ in range(1000)])
    others = clipped[np.arange(len(truth)), orders[:, truth]].mean(1)
    return float(np.mean(others >= here))


def _crossed(logs: np.ndarray, truth: np.ndarray, n: int) -> np.ndarray:
    """Each picture's log-probability under an assignment that was found without it (ten parts)."""
    out = np.empty(len(truth))
    part = np.argsort(np.argsort(truth, kind="stable")) % 10
    for k in range(10):
        held = part == k
        if held.any():
            outputs = _assigned(logs[~held], truth[~held], n)
            out[held] = np.clip(likelihood(logs, outputs[truth])[held], -8, 0)
    return out
