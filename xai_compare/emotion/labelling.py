"""Labels from several raters: Dawid and Skene's reliabilities, and fused ratings.

Liu et al. (2024, section III-B2) fuse the labels of a network and four experts by reliabilities found by expectation
maximization: for classes that is the model of Dawid and Skene (1979), for ratings a weighted mean.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from xai_compare.errors import InputError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Consensus:
    """The classes that raters agree on, and how often each rater is right.

    Attributes:
        posterior: float64 ``(items, classes)``, how probable each class is.
        labels: int ``(items,)``, the most probable; -1 for items that nobody rated.
        confusion: float64 ``(raters, classes, classes)``: of items of a class (row), how often a rater says each.
        prevalence: float64 ``(classes,)``.
        log_likelihood: of the ratings, after each round; it never falls.
    """

    posterior: Floats
    labels: npt.NDArray[np.intp]
    confusion: Floats
    prevalence: Floats
    log_likelihood: Floats

    @property
    def reliability(self) -> Floats:
        """How often each rater names an item's class, over the classes' prevalence: ``(raters,)`` in [0, 1]."""
        return np.einsum("rcc,c->r", self.confusion, self.prevalence)


def dawid_skene(ratings: npt.ArrayLike, classes: int, rounds: int = 500, tolerance: float = 1e-10) -> Consensus:
    """Find items' classes and raters' confusions by expectation maximization (Dawid & Skene 1979), from the majority.

    Args:
        ratings: int ``(items, raters)``, class indices; negative where a rater did not rate.
        classes: how many there are.
        rounds: at most.
        tolerance: it ends when the log likelihood of a rating grows by less.

    Raises:
        InputError: if a rating is no class, or nobody rated anything.

    >>> consensus = dawid_skene([[0, 0, 1], [1, 1, 1], [0, 0, 0], [1, 1, 0]], 2)
    >>> consensus.labels.tolist(), consensus.reliability.round(2).tolist()
    ([0, 1, 0, 1], [1.0, 1.0, 0.5])
    """
    array = np.asarray(ratings, int)
    if array.ndim != 2 or (array >= classes).any():
        raise InputError(f"ratings must be (items, raters) of class indices below {classes}, got shape {array.shape}")
    rated = array >= 0
    if not rated.any():
        raise InputError("nobody rated anything")
    votes = np.zeros((*array.shape, classes))
    votes[rated] = np.eye(classes)[array[rated]]
    # From the majority, so that classes keep their names: any permutation of them fits the ratings as well, and from a
    # random start a rater who is always wrong could become the truth.
    posterior = _normalised(votes.sum(1))
    history: list[float] = []
    while True:
        # M step: how often classes occur and raters confuse them, if the posterior is right.
        prevalence = posterior[rated.any(1)].mean(0)
        confusion = _normalised(np.einsum("ic,irk->rck", posterior, votes))
        # E step: the posterior, if those are right. Sums of logarithms, for products of many raters vanish.
        with np.errstate(divide="ignore"):
            joint = np.log(prevalence) + np.einsum("irk,rck->ic", votes, np.log(np.maximum(confusion, 1e-300)))
        top = joint.max(1, keepdims=True)
        likelihood = np.exp(joint - top)
        history.append(float((top[:, 0] + np.log(likelihood.sum(1)))[rated.any(1)].sum()))
        posterior = likelihood / likelihood.sum(1, keepdims=True)
        if len(history) >= rounds or (len(history) > 1 and history[-1] - history[-2] < tolerance * rated.sum()):
            break
    labels = np.where(rated.any(1), posterior.argmax(1), -1)
    return Consensus(posterior, labels, confusion, prevalence, np.array(history))


@dataclass(frozen=True)
class Fused:
    """Ratings of several raters as one.

    Attributes:
        values: float64 ``(items,)``; NaN for items that nobody rated.
        weights: float64 ``(raters,)``, which sum to 1.
        bias, spread: float64 ``(raters,)``, mean and standard deviation of a rater's error.
    """

    values: Floats
    weights: Floats
    bias: Floats
    spread: Floats


def fuse_ratings(ratings: npt.ArrayLike, rounds: int = 500, tolerance: float = 1e-9) -> Fused:
    """Fuse ratings ``(items, raters)``, NaN for none, into means weighted by reliability (the paper's f_j).

    The model: a rater's rating is the item's value, plus the rater's bias, plus Gaussian noise of the rater's own
    spread; nothing is assumed of the values. Expectation maximization finds spreads, and the fused rating weighs
    raters by their inverse variance. Biases are found relative to one another only, so that they average 0.

    Raises:
        InputError: with fewer than three raters, among whom nobody can say who errs.
    """
    array = np.asarray(ratings, float)
    if array.ndim != 2 or array.shape[1] < 3:
        raise InputError(f"reliabilities need ratings of three raters or more, got shape {array.shape}")
    known = np.isfinite(array)
    filled = np.where(known, array, 0.0)
    bias, variance = np.zeros(array.shape[1]), np.full(array.shape[1], np.nanvar(array))
    values = np.full(len(array), np.nan)
    for _ in range(rounds):
        precision = known / variance
        with np.errstate(invalid="ignore", divide="ignore"):
            new = ((filled - bias) * precision).sum(1) / precision.sum(1)
            left = np.where(known, (1 / precision.sum(1))[:, None], np.nan)
        error = np.where(known, array - new[:, None], np.nan)
        bias = np.nanmean(error, 0) - np.nanmean(error, 0).mean()
        # The fused value is itself uncertain, which the E-step adds: without, one rater would become the truth.
        variance = np.maximum(np.nanmean((error - bias) ** 2 + left, 0), np.finfo(float).eps)
        done = np.allclose(new, values, rtol=0, atol=tolerance, equal_nan=True)
        values = new
        if done:
            break
    weights = (1 / variance) / (1 / variance).sum()
    return Fused(values, weights, bias, np.sqrt(variance))


def active_labels(
    self_report: npt.ArrayLike, machine: npt.ArrayLike, experts: npt.ArrayLike, classes: int
) -> Consensus:
    """The paper's annotation: machine labels that equal the self-report stay, the others go to the experts and EM.

    Args:
        self_report, machine: int ``(items,)``.
        experts: int ``(items, experts)``; only those of items that disagree are used.
        classes: how many.

    Returns:
        The consensus; labels that were kept are the machine's. See `xai_compare.emotion.gap.FILTER_NOTE` for what this
        filter does to the gap.
    """
    report, named = np.asarray(self_report, int), np.asarray(machine, int)
    kept = report == named
    ratings = np.column_stack([named, np.where(kept[:, None], -1, np.asarray(experts, int))])
    consensus = dawid_skene(ratings, classes)
    posterior = consensus.posterior.copy()
    posterior[kept] = np.eye(classes)[named[kept]]
    return replace(consensus, posterior=posterior, labels=np.where(kept, named, consensus.labels))


def _normalised(values: Floats) -> Floats:
    total = values.sum(-1, keepdims=True)
    return np.where(total > 0, values / np.where(total > 0, total, 1), 1 / values.shape[-1])
